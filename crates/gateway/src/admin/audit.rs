//! All balances again, from the entries alone, compared to those that are stored, and so the sums by the hour.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

use roundelay_ledger::{
    AccountId, Audit, Currency, Entry, EntryKind, KeyId, Ledger, Limits, Money, NodeId, NodeName, Party, Sequence,
    Settings, System, Timestamp,
};
use serde_json::{Map, Value, json};

use super::{Fault, amount, books};
use crate::store::{AccountRow, SentRow, Still, Store, StoredEntry, UsageSum};

/// Counts every entry again, in order, up to the last one there is now.
///
/// The answer says whether all is `consistent`, and else the first `difference`; what of each currency came in, was
/// charged and was lost; and what is in doubt.
/// It reads for as long as there are entries, and remembers which exchanges it has seen: some 100 bytes an entry. `hear`
/// is told how far it is, often.
///
/// # Errors
/// When the store cannot be read.
pub fn audit(store: &Store, hear: &mut dyn FnMut(Progress)) -> Result<Value, Fault> {
    let still = store.still()?;
    let names = Names::of(store, &still.accounts)?;
    let mut audit = Audit::new();
    let mut sums = Sums::default();
    let mut difference = None;
    store.walk_entries(|stored| {
        if stored.sequence > still.last {
            return ControlFlow::Break(());
        }
        sums.add(stored);
        if stored.sequence.0.is_multiple_of(HEARD_EVERY) {
            hear(Progress { counted: stored.sequence.0, of: still.last.0 });
        }
        match names.entry(stored).and_then(|entry| audit.entry(&entry).map_err(|found| names.tell(&found))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(found) => {
                difference = Some(found);
                ControlFlow::Break(())
            }
        }
    })?;
    let difference = difference.or_else(|| names.compare(&audit, &still)).or_else(|| sums.compare(&still));
    let in_doubt: Vec<Value> = store.in_doubt()?.iter().map(describe_in_doubt).collect();
    Ok(json!({
        "consistent": difference.is_none(),
        "difference": difference,
        "entries": audit.sequence().0,
        "accounts": still.accounts.len(),
        "currencies": sums.describe(),
        "in_doubt": in_doubt,
    }))
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries that were counted.
    pub counted: u64,
    /// Entries that there are.
    pub of: u64,
}

/// Accounts and keys as an audit names them.
struct Names {
    ledger: Ledger,
    keys: HashMap<KeyId, NodeId>,
}

impl Names {
    fn of(store: &Store, accounts: &[AccountRow]) -> Result<Self, Fault> {
        let mut ledger = Ledger::new(Settings::default());
        for row in accounts {
            books::open(&mut ledger, row)?;
        }
        let mut keys = HashMap::new();
        for row in store.keys()? {
            // A key of an account that was made since has no entry yet.
            let Some(account) = ledger.account(&row.key.account) else { continue };
            let node = ledger.open_key(row.key.id.clone(), account, Limits::default(), Timestamp(0))?;
            keys.insert(row.key.id, node);
        }
        Ok(Self { ledger, keys })
    }

    fn account(&self, id: &AccountId, sequence: Sequence) -> Result<Party, Value> {
        let unknown = || difference(sequence, id.as_str(), format!("there is no account `{id}`"));
        self.ledger.account(id).map(Party::Account).ok_or_else(unknown)
    }

    /// A stored entry as the ledger has it, or what cannot be read of it.
    fn entry(&self, stored: &StoredEntry) -> Result<Entry, Value> {
        let row = &stored.row;
        let (house, other) = match row.kind {
            EntryKind::TopUp | EntryKind::Adjustment => (System::Treasury, None),
            EntryKind::Charge | EntryKind::Reversal => (System::Revenue, None),
            EntryKind::Loss => (System::Revenue, Some(Party::System(System::Loss))),
        };
        let party = match (&row.account, other) {
            (Some(account), _) => self.account(account, stored.sequence)?,
            (None, Some(loss)) => loss,
            (None, None) => return Err(difference(stored.sequence, "-", "it names no account".to_owned())),
        };
        // A loss is what the house gives; anything else tells by its sign who gives.
        let gives = row.change.is_negative() || row.account.is_none() || is_free_charge(stored);
        let (debit, credit) = if gives { (party, Party::System(house)) } else { (Party::System(house), party) };
        let node = match &row.key {
            None => None,
            Some(key) => Some(*self.keys.get(key).ok_or_else(|| {
                let account = row.account.as_ref().map_or("-", AccountId::as_str);
                difference(stored.sequence, account, format!("there is no key `{key}`"))
            })?),
        };
        Ok(Entry {
            sequence: stored.sequence,
            at: Timestamp(row.at_us),
            kind: row.kind,
            debit,
            credit,
            amount: Money::from_nano(row.change.nano().saturating_abs()),
            currency: row.currency,
            usd: row.usd,
            rate: row.rate,
            multiplier: row.multiplier,
            balance: stored.balance,
            exchange: row.exchange,
            attempt: row.attempt,
            node,
            price: row.price,
            held: row.held,
            overrun: row.overrun,
            is_estimated: row.is_estimated,
            reason: row.reason.as_deref().map(Arc::from),
            idempotency: row.idempotency.as_deref().map(Arc::from),
        })
    }

    /// The first account whose stored balance is not the sum of its entries.
    fn compare(&self, audit: &Audit, still: &Still) -> Option<Value> {
        if audit.sequence() != still.last {
            let what = format!("entry {} is the last, and {} was expected", audit.sequence(), still.last);
            return Some(difference(audit.sequence(), "-", what));
        }
        still.accounts.iter().find_map(|row| {
            let party = self.ledger.account(&row.account.id).map(Party::Account)?;
            let found = audit.claim(party, row.terms.currency, row.balance).err()?;
            Some(self.tell(&found))
        })
    }

    fn tell(&self, found: &roundelay_ledger::Difference) -> Value {
        let account = match found.account {
            Party::System(system) => system.label(),
            Party::Account(node) => match self.ledger.name(node) {
                NodeName::Account(account) => account.as_str(),
                NodeName::Key(key) => key.as_str(),
            },
        };
        difference(found.sequence, account, found.to_string())
    }
}

fn is_free_charge(stored: &StoredEntry) -> bool {
    stored.row.kind == EntryKind::Charge && stored.row.change == Money::ZERO
}

fn difference(sequence: Sequence, account: &str, message: String) -> Value {
    json!({ "sequence": sequence.0, "account": account, "message": message })
}

/// How much of each kind there is of each currency, in nano-units.
#[derive(Default)]
struct Sums {
    all: BTreeMap<(Currency, EntryKind), i128>,
    by_key: BTreeMap<String, BTreeMap<(Currency, EntryKind), i128>>,
}

impl Sums {
    fn add(&mut self, stored: &StoredEntry) {
        let row = &stored.row;
        // Charges and losses are told as what was paid; the others as what accounts got.
        let is_paid = matches!(row.kind, EntryKind::Charge | EntryKind::Loss);
        let nano = if is_paid { -i128::from(row.change.nano()) } else { row.change.nano().into() };
        let name = (row.currency, row.kind);
        *self.all.entry(name).or_default() += nano;
        if is_paid {
            let key = row.key.as_ref().map_or("", KeyId::as_str);
            let sums = match self.by_key.get_mut(key) {
                Some(sums) => sums,
                None => self.by_key.entry(key.to_owned()).or_default(),
            };
            *sums.entry(name).or_default() += nano;
        }
    }

    /// The first key of which usage by the hour, with which spend limits begin after a restart, has other charges or
    /// losses.
    fn compare(&self, still: &Still) -> Option<Value> {
        let used: BTreeMap<&str, &UsageSum> =
            still.used.iter().map(|sum| (sum.key.as_deref().unwrap_or_default(), sum)).collect();
        let keys: BTreeSet<&str> = self.by_key.keys().map(String::as_str).chain(used.keys().copied()).collect();
        let none = (BTreeMap::new(), UsageSum::default());
        keys.into_iter().find_map(|key| {
            let counted = self.by_key.get(key).unwrap_or(&none.0);
            let used = used.get(key).copied().unwrap_or(&none.1);
            let kept = [
                ("charged in usd", used.in_usd, Currency::Usd, EntryKind::Charge),
                ("charged in cny", used.in_cny, Currency::Cny, EntryKind::Charge),
                ("lost in usd", used.lost_usd, Currency::Usd, EntryKind::Loss),
            ];
            kept.into_iter().find_map(|(what, kept, currency, kind)| {
                let counted = of(counted, currency, kind);
                let message = format!("usage by the hour has {kept} {what} for key `{key}`, and the entries {counted}");
                (kept != counted).then(|| difference(still.last, "-", message))
            })
        })
    }

    fn describe(&self) -> Value {
        let mut shown = Map::new();
        for currency in Currency::ALL {
            let mut sums = Map::new();
            for (name, kind) in [
                ("top_ups", EntryKind::TopUp),
                ("charges", EntryKind::Charge),
                ("losses", EntryKind::Loss),
                ("reversals", EntryKind::Reversal),
                ("adjustments", EntryKind::Adjustment),
            ] {
                amount::show(&mut sums, name, Some(of(&self.all, currency, kind)));
            }
            shown.insert(currency.label().to_owned(), Value::Object(sums));
        }
        Value::Object(shown)
    }
}

/// A sum; beyond what one amount can be, the end of its range.
fn of(sums: &BTreeMap<(Currency, EntryKind), i128>, currency: Currency, kind: EntryKind) -> Money {
    let nano = sums.get(&(currency, kind)).copied().unwrap_or(0);
    let end = if nano < 0 { i64::MIN } else { i64::MAX };
    Money::from_nano(i64::try_from(nano).unwrap_or(end))
}

fn describe_in_doubt(sent: &SentRow) -> Value {
    let mut shown = Map::new();
    for (name, value) in [
        ("exchange", json!(sent.exchange.to_string())),
        ("attempt", json!(sent.attempt)),
        ("at_us", json!(sent.at_us)),
        ("key", json!(sent.key.as_str())),
        ("deployment", json!(sent.deployment)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    amount::show(&mut shown, "held_usd", Some(sent.held.usd()));
    Value::Object(shown)
}

const HEARD_EVERY: u64 = 1_000;
