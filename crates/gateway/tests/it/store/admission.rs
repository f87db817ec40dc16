//! What it costs to admit a request, with ten keys and with a hundred thousand.
//!
//! ```text
//! cargo nextest run --release -p roundelay --run-ignored only as_many_keys --no-capture
//! ```

use std::time::Instant;

use roundelay::auth::{KeyWish, Keys, Pepper};
use roundelay::billing::{Advance, Billing, Need, Unpriced};
use roundelay::common::secret::Secret;
use roundelay::store::{AccountRow, Store};
use roundelay_ledger::{
    AccountKind, Case, ExchangeId, Limits, ListCost, Money, Observed, Policy, Rate, Terms, Timestamp, Units,
};
use tempfile::{TempDir, tempdir};

use super::account;

const MANY: usize = 100_000;
/// Admissions of which one time is taken.
const ROUND: usize = 50_000;
/// Of which the middle one counts.
const ROUNDS: usize = 7;
const KEYS_AN_ACCOUNT: usize = 10;

/// A gateway's memory with so many keys, as after a start.
struct Desk {
    _dir: TempDir,
    keys: Keys,
    billing: Billing,
    secrets: Vec<Secret>,
    exchange: u64,
}

impl Desk {
    fn with(count: usize) -> Self {
        let dir = tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let keys = Keys::load(store.clone(), Pepper::open(dir.path()).unwrap()).unwrap();
        let terms = Terms { credit_line: Money::MAX, ..Terms::new(AccountKind::Prepaid) };
        let mut secrets = Vec::new();
        for number in 0..count {
            let payer: AccountRow = account(&format!("a{}", number / KEYS_AN_ACCOUNT), None, terms.clone());
            if number % KEYS_AN_ACCOUNT == 0 {
                store.create_account(&payer).unwrap();
            }
            let wish = KeyWish {
                account: payer.account.id,
                name: String::new(),
                allowed: None,
                expires_at: None,
                limits: Limits::default(),
                on_disconnect: None,
                networks: None,
            };
            secrets.push(keys.create(wish, 0).unwrap().1);
        }
        let keys = Keys::load(store.clone(), Pepper::open(dir.path()).unwrap()).unwrap();
        let billing = Billing::load(&store, Rate::ONE).unwrap();
        Self { _dir: dir, keys, billing, secrets, exchange: 0 }
    }

    /// Nanoseconds for one admission, while so many of the keys ask: who asks, who pays, a hold, and its end.
    fn round(&mut self, asking: usize) -> u128 {
        let start = Instant::now();
        for _ in 0..ROUND {
            self.exchange += 1;
            // One after the other in no order, as callers come.
            let secret = &self.secrets[self.exchange as usize * 7_919 % asking];
            let caller = self.keys.authenticate(secret.expose(), 0).unwrap();
            admit(&self.billing, &caller, self.exchange);
        }
        start.elapsed().as_nanos() / ROUND as u128
    }
}

fn admit(billing: &Billing, caller: &roundelay::auth::Caller, exchange: u64) {
    let payer = billing.payer(&caller.key, &caller.account, &caller.limits, Rate::ONE).unwrap();
    assert!(payer.spendable.is_some(), "money limits it");
    let need = Need {
        exchange: ExchangeId::from_u64(exchange),
        attempt: 1,
        is_request: true,
        quote: None,
        unpriced: Unpriced::Costs(ListCost::from_usd(Money::from_nano(1_000)).unwrap()),
        input: 1_000,
        input_tokens: 1_000,
        asked: Some(500),
        output_max: Some(500),
        thought: 0,
        choices: 1,
        has_audio: false,
        keeps_long: false,
        advance: Advance::Beginning,
        is_fixed: false,
        units: Units::default(),
        rate: Rate::ONE,
        expires_at: Timestamp(i64::MAX),
    };
    let hold = billing.hold(&payer, &need).unwrap();
    let settled = hold.settle(Case::Complete, &Policy::default(), &Observed::default());
    assert_eq!(settled.entries.len(), 1, "it was charged");
}

#[test]
#[ignore = "a measurement, of a minute"]
fn admission_costs_the_same_with_as_many_keys() {
    let (mut few, mut many) = (Desk::with(10), Desk::with(MANY));
    // In turn, so that whatever else the machine does falls on each alike.
    let rounds: [[u128; 3]; ROUNDS] = std::array::from_fn(|_| [few.round(10), many.round(10), many.round(MANY)]);
    let [ten, same, all] = std::array::from_fn(|place| {
        let mut times = rounds.map(|round| round[place]);
        times.sort_unstable();
        times[ROUNDS / 2]
    });
    eprintln!("{ten:>8} ns an admission with 10 keys");
    for (nanos, asking) in [(same, 10), (all, MANY)] {
        let ratio = nanos as f64 / ten as f64;
        eprintln!("{nanos:>8} ns with {MANY} keys, of which {asking} ask: {ratio:.2} times as much");
    }
    assert!(same < ten * 2 || cfg!(debug_assertions), "keys that ask nothing cost something");
    assert!(all < ten * 8 || cfg!(debug_assertions), "more than memory that is further away explains");
}
