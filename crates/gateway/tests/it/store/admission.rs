//! What it costs to admit a request, with ten keys and with a hundred thousand.
//!
//! ```text
//! cargo nextest run --release -p roundelay --run-ignored only as_many_keys --no-capture
//! ```

use std::time::Instant;

use roundelay::auth::{KeyWish, Keys, Pepper};
use roundelay::billing::{Billing, Need, Unpriced};
use roundelay::store::{AccountRow, Store};
use roundelay_ledger::{
    AccountKind, Case, ExchangeId, Limits, ListCost, Money, Observed, Policy, Rate, Terms, Timestamp,
};
use tempfile::tempdir;

use super::account;

const MANY: usize = 100_000;
/// Admissions of which one time is taken.
const ROUND: usize = 50_000;
const KEYS_AN_ACCOUNT: usize = 10;

/// Nanoseconds for one admission where there are `count` keys: who asks, who pays, a hold, and its end. The middle of
/// five rounds, for each of these numbers of keys that ask.
fn measure<const N: usize>(count: usize, asking: [usize; N]) -> [u128; N] {
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
        };
        secrets.push(keys.create(wish, 0).unwrap().1);
    }
    drop(keys);

    // As after a start.
    let keys = Keys::load(store.clone(), Pepper::open(dir.path()).unwrap()).unwrap();
    let billing = Billing::load(&store, Rate::ONE).unwrap();
    let mut exchange = 0_u64;
    let mut round = |asking: usize| {
        let start = Instant::now();
        for _ in 0..ROUND {
            exchange += 1;
            // One after the other in no order, as callers come.
            let secret = &secrets[exchange as usize * 7_919 % asking];
            let caller = keys.authenticate(secret.expose(), 0).unwrap();
            admit(&billing, &caller, exchange);
        }
        start.elapsed().as_nanos() / ROUND as u128
    };
    asking.map(|asking| {
        round(asking);
        let mut rounds: [u128; 5] = std::array::from_fn(|_| round(asking));
        rounds.sort_unstable();
        rounds[2]
    })
}

fn admit(billing: &Billing, caller: &roundelay::auth::Caller, exchange: u64) {
    let payer = billing.payer(&caller.key, &caller.account, &caller.limits, Rate::ONE).unwrap();
    assert!(payer.spendable.is_some(), "money limits it");
    let need = Need {
        exchange: ExchangeId::from_u64(exchange),
        attempt: 1,
        quote: None,
        unpriced: Unpriced::Costs(ListCost::from_usd(Money::from_nano(1_000)).unwrap()),
        input: 1_000,
        asked: Some(500),
        output_max: Some(500),
        choices: 1,
        has_audio: false,
        is_streamed: true,
        rate: Rate::ONE,
        expires_at: Timestamp(i64::MAX),
    };
    let hold = billing.hold(&payer, &need).unwrap();
    let entries = hold.settle(Case::Complete, &Policy::default(), &Observed::default());
    assert_eq!(entries.len(), 1, "it was charged");
}

#[test]
#[ignore = "a measurement, of a minute"]
#[expect(clippy::print_stderr, reason = "a person reads the times")]
fn admission_costs_the_same_with_as_many_keys() {
    let [few] = measure(10, [10]);
    let [same, all] = measure(MANY, [10, MANY]);
    eprintln!("{few:>8} ns an admission with 10 keys");
    for (nanos, asking) in [(same, 10), (all, MANY)] {
        let ratio = nanos as f64 / few as f64;
        eprintln!("{nanos:>8} ns with {MANY} keys, of which {asking} ask: {ratio:.2} times as much");
    }
    assert!(same * 2 < few * 3 || cfg!(debug_assertions), "keys that ask nothing cost something");
    assert!(all < few * 5 || cfg!(debug_assertions), "more than memory that is further away explains");
}
