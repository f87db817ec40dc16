//! Accounts above accounts: who pays, at which multiple, and what cannot be.

use roundelay_ledger::{
    AccountKind, BadTerms, Currency, Extension, Factor, KeyId, Ledger, Limits, ListCost, NodeId, NotExtended, Rate,
    Refused, Settings, Shortage, Span, SpendLimit, Terms,
};

use crate::world::{ask, at, bill, cost, named, nano, posting};

fn terms(kind: AccountKind) -> Terms {
    Terms::new(kind)
}

/// Accounts one below the other, and a key at the last.
fn chain(of: &[Terms]) -> (Ledger, Vec<NodeId>, NodeId) {
    let mut ledger = Ledger::new(Settings::default());
    let mut accounts: Vec<NodeId> = Vec::new();
    for (index, terms) in of.iter().enumerate() {
        let id = named(&format!("a{index}"));
        accounts.push(ledger.open_account(id, accounts.last().copied(), terms, at(0)).expect("good terms"));
    }
    let key = ledger.open_key(KeyId::new("key"), accounts[of.len() - 1], Limits::default(), at(0)).expect("a key");
    (ledger, accounts, key)
}

/// Of accounts one below the other, the one with that place pays for a key of the last.
#[track_caller]
fn check(kinds: &[AccountKind], payer: Option<usize>) {
    let of: Vec<_> = kinds.iter().copied().map(terms).collect();
    let (mut ledger, accounts, key) = chain(&of);
    assert_eq!(ledger.payer(key), payer.map(|index| accounts[index]));
    if payer.is_none() {
        let refused = Refused { node: key, shortage: Shortage::NoPayer };
        assert_eq!(ledger.authorise(key, &ask(1, 0), at(0)), Err(refused));
    }
}

#[test]
fn the_nearest_account_that_keeps_a_balance_pays() {
    use AccountKind::{Inherits, Postpaid, Prepaid};
    check(&[Prepaid], Some(0));
    check(&[Prepaid, Inherits], Some(0));
    check(&[Prepaid, Postpaid], Some(1));
    check(&[Postpaid, Prepaid, Inherits, Inherits], Some(1));
    check(&[Inherits], None);
}

#[test]
fn multipliers_of_a_path_come_together() {
    let times = |millionths| Terms { multiplier: Factor::from_millionths(millionths), ..terms(AccountKind::Postpaid) };
    let (mut ledger, accounts, key) = chain(&[times(800_000), times(900_000)]);
    let hold = ledger.authorise(key, &ask(1, 1_000), at(0)).expect("it pays later");
    // 0.8 × 0.9 = 0.72; changed meanwhile, but frozen with the hold.
    ledger.change_account(accounts[0], &times(2_000_000), at(0)).expect("good terms");
    let charge = ledger.settle(hold, &bill(1_000), at(0)).expect("it is open").charge;
    assert_eq!((charge.amount, charge.multiplier), (nano(720), Factor::from_millionths(720_000)));
    let hold = ledger.authorise(key, &ask(2, 1_000), at(0)).expect("it pays later");
    assert_eq!(ledger.settle(hold, &bill(1_000), at(0)).expect("it is open").charge.amount, nano(1_800));
    let too_much = ledger.change_account(accounts[0], &times(100_000_000), at(0));
    assert_eq!(too_much, Ok(()), "90 times in all");
    let too_much = ledger.change_account(accounts[0], &times(120_000_000), at(0));
    assert_eq!(too_much, Err(BadTerms::MultiplierTooLarge));
}

#[test]
fn what_cannot_be_is_refused() {
    let of = vec![terms(AccountKind::Inherits); 8];
    let (mut ledger, accounts, key) = chain(&of);
    let mut open = |name: &str, parent, terms: &Terms| ledger.open_account(named(name), parent, terms, at(0));
    let plain = terms(AccountKind::Prepaid);
    assert_eq!(open("deeper", Some(accounts[7]), &plain), Err(BadTerms::TooDeep));
    assert_eq!(open("below-a-key", Some(key), &plain), Err(BadTerms::NoParent));
    assert_eq!(open("a3", None, &plain), Err(BadTerms::Exists));
    let debtor = Terms { credit_line: nano(-1), ..plain.clone() };
    assert_eq!(open("debtor", None, &debtor), Err(BadTerms::Negative));
    let limit = |amount| SpendLimit { span: Span::Day, zone: roundelay_calendar::Zone::utc(), amount: nano(amount) };
    let twice = Limits { spend: vec![limit(1), limit(2)], ..Limits::default() };
    assert_eq!(open("twice", None, &Terms { limits: twice, ..plain.clone() }), Err(BadTerms::SpanTwice));
    let negative = Limits { spend: vec![limit(-1)], ..Limits::default() };
    assert_eq!(open("negative", None, &Terms { limits: negative, ..plain.clone() }), Err(BadTerms::Negative));
    let yuan = Terms { currency: Currency::Cny, ..terms(AccountKind::Inherits) };
    assert_eq!(ledger.change_account(accounts[2], &yuan, at(0)), Err(BadTerms::CurrencyIsFixed));
    assert_eq!(ledger.change_account(key, &plain, at(0)), Err(BadTerms::KeyIsNoAccount));
    assert_eq!(ledger.change_key(accounts[0], Limits::default(), true, at(0)), Err(BadTerms::KeyIsNoAccount));
}

#[test]
fn a_closed_account_closes_all_below_it_and_lets_what_is_open_end() {
    let (mut ledger, accounts, key) = chain(&[terms(AccountKind::Postpaid), terms(AccountKind::Inherits)]);
    let hold = ledger.authorise(key, &ask(1, 100), at(0)).expect("it is open");
    let closed = Terms { is_closed: true, ..terms(AccountKind::Postpaid) };
    ledger.change_account(accounts[0], &closed, at(0)).expect("good terms");
    let refused = Refused { node: accounts[0], shortage: Shortage::Closed };
    assert_eq!(ledger.authorise(key, &ask(2, 0), at(0)), Err(refused));
    let more = Extension { cost: cost(1), ..Extension::default() };
    assert_eq!(ledger.extend(hold, &more, at(0)), Err(NotExtended::Refused(refused)), "it ends with what it has");
    assert_eq!(ledger.spendable(key, Rate::ONE, at(0)), Some(ListCost::ZERO));
    assert_eq!(ledger.settle(hold, &bill(70), at(0)).map(|settlement| settlement.charge.amount), Ok(nano(70)));
    ledger.change_account(accounts[0], &terms(AccountKind::Postpaid), at(0)).expect("good terms");
    ledger.change_key(key, Limits::default(), true, at(0)).expect("good limits");
    let refused = Refused { node: key, shortage: Shortage::Closed };
    assert_eq!(ledger.authorise(key, &ask(3, 0), at(0)), Err(refused));
}

#[test]
fn a_credit_line_is_how_far_below_zero_a_balance_goes() {
    let (mut ledger, accounts, key) = chain(&[Terms { credit_line: nano(50), ..terms(AccountKind::Prepaid) }]);
    ledger.top_up(&posting(accounts[0], 100, "one"), at(0)).expect("it is prepaid");
    let hold = ledger.authorise(key, &ask(1, 150), at(0)).expect("100 and 50 more");
    let shortage = Shortage::Balance { needed: nano(1), left: nano(0), currency: Currency::Usd };
    assert_eq!(ledger.authorise(key, &ask(2, 1), at(0)), Err(Refused { node: accounts[0], shortage }));
    ledger.settle(hold, &bill(150), at(0)).expect("it is open");
    assert_eq!(ledger.standing(accounts[0]).balance, nano(-50));
}

#[test]
fn an_account_that_pays_later_owes_no_more_than_can_be_written() {
    let (mut ledger, accounts, key) = chain(&[terms(AccountKind::Postpaid)]);
    ledger.adjust(&posting(accounts[0], -i64::MAX, "old debts"), at(0)).expect("it can be written");
    ledger.authorise(key, &ask(1, 1), at(0)).expect("the last nano-dollar of the range");
    let refused = Refused { node: accounts[0], shortage: Shortage::TooLarge };
    assert_eq!(ledger.authorise(key, &ask(2, 1), at(0)), Err(refused));
    assert_eq!(ledger.spendable(key, Rate::ONE, at(0)), None, "nothing else limits it");
}
