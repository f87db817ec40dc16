//! Money is exact: what was answered is charged as the provider counted it, once, and nobody spends what is not there.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod amounts;
mod bedrock;
mod bounds;
mod killed;
mod leaving;
mod limits;
mod short;
mod store_fails;
mod thoughts;

use std::ops::ControlFlow;
use std::path::Path;

use roundelay::store::{AccountRow, EntryRow, Store, StoredEntry};
use roundelay_ledger::{Account, AccountId, AccountKind, Currency, EntryKind, Factor, Money, Rate, Terms};
use serde_json::{Value, json};

use crate::support::{Request, TestGateway, Upstream};

/// A provider whose models have prices: a million tokens cost 1 USD of input, 0.10 from the cache, 1.25 into it, and 2 of
/// output, so that a token costs 1,000, 100, 1,250 and 2,000 nano-USD. It works on when its caller leaves.
fn config(bank: &Upstream) -> String {
    format!(
        "
[providers.bank]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-bank']
timeouts = {{ headers = '2s', first_content = '2s', idle = '500ms' }}
{}",
        bank.base_url(),
        [
            "words-20",
            "words-20-cached-4",
            "words-20-cache-written-4",
            "words-20-reasoning-10",
            "words-20-stall-after-20-300ms",
            "words-40-slow-words-5ms",
            "words-20-slow-headers-300ms",
            "zero-usage",
            "early-usage",
            "words-2000-deaf",
            "words-2000-slow-words-1ms",
            "silence",
            "words-20-no-usage",
            "503",
            "empty-200",
            "cut-after-5",
            "words-2000",
            "words-20-slow-words-1ms",
            "words-400-slow-words-20ms"
        ]
        .map(|scenario| format!(
            "[models.'{scenario}']\ndeployments = ['bank/rehearsal-{scenario}']\nattempts = 1\n\
                 price = {{ input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }}\n"
        ))
        .concat()
            + "[models.unpriced]\ndeployments = ['bank/rehearsal-words-5']\n"
            // Twice the price where the input is above five tokens.
            + "[models.tiered]\ndeployments = ['bank/rehearsal-words-20']\n\
               price = { input = 1.0, output = 2.0, tiers = [{ above_input = 5, input = 2.0, output = 4.0 }] }\n",
    )
}

/// A gateway with an account `team` that has paid so much in advance, and a key of it.
struct Team {
    gateway: TestGateway,
    key: String,
    bank: Upstream,
}

impl Team {
    fn with(balance: Money) -> Self {
        Self::configured(balance, |config| config)
    }

    fn configured(balance: Money, adapt: impl FnOnce(String) -> String) -> Self {
        let bank = Upstream::start();
        let folder = tempfile::tempdir().unwrap();
        open_account(&folder.path().join("data"), balance);
        let gateway = TestGateway::start_in(folder, &adapt(config(&bank)));
        let key = gateway.key_of("team");
        Self { gateway, key, bank }
    }

    fn ask(&self, body: &Value) -> Request {
        Request::post("/v1/chat/completions", body).bearer(&self.key)
    }

    fn held(&self) -> Money {
        self.gateway.gateway.billing.standing(&AccountId::new("team").unwrap()).unwrap().held
    }

    /// Stops the gateway, and reads its books.
    fn books(self) -> Vec<StoredEntry> {
        assert_eq!((self.held(), self.gateway.gateway.billing.open_holds()), (Money::ZERO, 0), "nothing stays held");
        let folder = self.gateway.stop();
        books(&Store::open(&folder.path().join("data")).unwrap())
    }
}

/// Makes the account `team` and fills it.
pub(crate) fn open_account(data: &Path, balance: Money) {
    let store = Store::open(data).unwrap();
    let id = AccountId::new("team").unwrap();
    let account = Account { id: id.clone(), name: "Team".into(), kind: AccountKind::Prepaid, created_at: 0 };
    let terms = Terms::new(AccountKind::Prepaid);
    store.create_account(&AccountRow { account, parent: None, terms, balance: Money::ZERO }).unwrap();
    let top_up = EntryRow {
        at_us: 0,
        kind: EntryKind::TopUp,
        account: Some(id),
        change: balance,
        currency: Currency::Usd,
        usd: balance,
        rate: Rate::ONE,
        multiplier: Factor::ONE,
        exchange: None,
        attempt: 0,
        key: None,
        price: None,
        held: Money::ZERO,
        overrun: None,
        is_estimated: false,
        reason: Some("paid".into()),
        idempotency: Some("first".into()),
    };
    store.post(&top_up).unwrap();
}

/// All entries, each looked at: numbered without a gap, its balance the sum of those before, and never below zero.
pub(crate) fn books(store: &Store) -> Vec<StoredEntry> {
    let mut entries: Vec<StoredEntry> = Vec::new();
    let mut balance = 0;
    store
        .walk_entries(|entry| {
            assert_eq!(entry.sequence.0, entries.len() as u64 + 1);
            if entry.row.account.is_some() {
                balance += entry.row.change.nano();
                assert_eq!(entry.balance.nano(), balance, "{entry:?}");
                assert!(balance >= 0, "more is spent than there is: {entry:?}");
            }
            assert_eq!(entry.row.overrun, None, "{entry:?}");
            entries.push(entry.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
    entries
}

/// What was taken from the account by entries of that kind, or lost by the house, in nano-USD.
pub(crate) fn sum(entries: &[StoredEntry], kind: EntryKind) -> i64 {
    entries.iter().filter(|entry| entry.row.kind == kind).map(|entry| -entry.row.change.nano()).sum()
}

fn question(model: &str, stream: bool) -> Value {
    // Ten words, which the provider counts as ten tokens.
    let content = "one two three four five six seven eight nine ten";
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": content }] })
}

/// The provider as it is configured.
fn works_on(config: String) -> String {
    config
}

/// The same, but it stops when its caller leaves.
fn stops(config: String) -> String {
    config.replace("flavour = 'openai'", "flavour = 'openai'\nstops_on_cancel = true")
}
