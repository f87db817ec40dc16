//! Who pays what, in every case.

use roundelay_ledger::{Case, Observed, Payment, Policy, PriceList, Share, Tokens, Units};

use crate::price::tiered;
use crate::world::at;

fn tokens(input: u64, output: u64) -> Tokens {
    Tokens { input, output, ..Tokens::default() }
}

/// The provider says 100 and 50; 40 of the output had come; 500 had been asked for. Rows name input and output for
/// the caller and for the provider.
fn observed(is_told: bool) -> Observed {
    Observed { usage: is_told.then(|| tokens(100, 50)), delivered: tokens(110, 40), worst: tokens(110, 500), wasted: 0 }
}

#[track_caller]
fn check(case: Case, is_told: bool, caller: (u64, u64), upstream: (u64, u64)) {
    let payment = Payment::of(case, &Policy::default(), &observed(is_told));
    let counts = |tokens: Tokens| (tokens.input, tokens.output);
    assert_eq!((counts(payment.caller), counts(payment.upstream)), (caller, upstream));
    assert_eq!(payment.is_estimated, !is_told && upstream != (0, 0));
}

#[test]
fn each_case_has_its_payer() {
    let nobody = (0, 0);
    check(Case::Unbilled, true, nobody, nobody);
    check(Case::Unbilled, false, nobody, nobody);
    check(Case::Blank, true, nobody, (100, 50));
    check(Case::Blank, false, nobody, (110, 40));
    check(Case::Complete, true, (100, 50), (100, 50));
    check(Case::Complete, false, (110, 40), (110, 40));
    check(Case::Cancelled, true, (100, 40), (100, 50));
    check(Case::Cancelled, false, (110, 40), (110, 40));
    check(Case::CancelledRunning, true, (100, 50), (100, 50));
    // The provider may bill all that could have come; its caller pays what is known to have come.
    check(Case::CancelledRunning, false, (110, 40), (110, 500));
    check(Case::FailedMidStream, true, (0, 40), (100, 50));
    check(Case::FailedMidStream, false, (0, 40), (110, 40));
    check(Case::Superseded, true, nobody, (100, 50));
    check(Case::Superseded, false, nobody, (110, 40));
    check(Case::Crashed, true, (100, 40), (100, 50));
    check(Case::Crashed, false, (110, 40), (110, 40));
}

#[test]
fn zero_that_was_told_is_zero_and_not_unknown() {
    let observed = Observed { usage: Some(Tokens::default()), ..observed(true) };
    for case in Case::ALL {
        let payment = Payment::of(case, &Policy::default(), &observed);
        let expected = Payment { caller: Tokens::default(), upstream: Tokens::default(), is_estimated: false };
        assert_eq!(payment, expected, "{case:?}");
    }
}

#[test]
fn a_caller_never_pays_more_than_the_provider_bills() {
    let shares = [Share::Nothing, Share::Output, Share::Delivered, Share::Full];
    // Our own count of the output is above the provider's.
    let observed = Observed { delivered: tokens(110, 70), ..observed(true) };
    for (case, share) in Case::ALL.into_iter().flat_map(|case| shares.map(|share| (case, share))) {
        let policy = Policy {
            blank: share,
            cancelled: share,
            cancelled_running: share,
            failed: share,
            superseded: share,
            crashed: share,
        };
        let payment = Payment::of(case, &policy, &observed);
        let (caller, upstream) = (payment.caller, payment.upstream);
        assert!(caller.input <= upstream.input && caller.output <= upstream.output, "{case:?} {share:?}");
    }
}

#[test]
fn the_bill_of_a_part_goes_by_the_tier_of_the_whole() {
    // 200,001 tokens of input reach the tier: 22.5 dollars a million for the output that came.
    let observed = Observed { usage: None, delivered: tokens(200_001, 1_000), worst: Tokens::default(), wasted: 0 };
    let payment = Payment::of(Case::FailedMidStream, &Policy::default(), &observed);
    let bill = payment.bill(&PriceList::constant(tiered()).at(at(0).unix())).expect("an amount");
    assert_eq!(bill.caller.usd().to_string(), "0.0225");
    assert_eq!(bill.upstream.usd().to_string(), "1.222506"); // 200,001 × 6 = 1,200,006 besides
    assert_eq!((bill.tokens, bill.is_estimated), (201_001, true));
}

#[test]
fn what_was_said_twice_is_paid_once() {
    // Of 50 tokens of output that the provider counted, or about as many that came, 30 were what the caller had.
    let of = |case, is_told| {
        let observed = Observed { wasted: 30, delivered: tokens(110, 15), ..observed(is_told) };
        let Payment { caller, upstream, .. } = Payment::of(case, &Policy::default(), &observed);
        ((caller.input, caller.output), (upstream.input, upstream.output))
    };
    assert_eq!(of(Case::Complete, true), ((100, 20), (100, 50)));
    assert_eq!(of(Case::Complete, false), ((110, 15), (110, 45)));
    assert_eq!(of(Case::FailedMidStream, true), ((0, 15), (100, 50)));
    assert_eq!(of(Case::FailedMidStream, false), ((0, 15), (110, 45)));
    assert_eq!(of(Case::Cancelled, true), ((100, 15), (100, 50)));
    assert_eq!(of(Case::CancelledRunning, false), ((110, 15), (110, 500)));
    // A provider that counts less than what was repeated has given nothing new.
    let observed = Observed { wasted: 60, ..observed(true) };
    assert_eq!(Payment::of(Case::Complete, &Policy::default(), &observed).caller, tokens(100, 0));
}

#[test]
fn of_what_is_no_token_images_go_with_the_output_and_the_rest_with_the_input() {
    let units = |images| Units { images, audio_ms: 7, characters: 8, searches: 9 };
    let of = |images| Tokens { units: units(images), ..Tokens::default() };
    // Three were made, and two had come.
    let observed = Observed { usage: Some(of(3)), delivered: of(2), worst: Tokens::default(), wasted: 0 };
    let two = Units { images: 2, ..Units::default() };
    for (share, expected) in [
        (Share::Nothing, Units::default()),
        (Share::Output, two),
        (Share::Delivered, units(2)),
        (Share::Full, units(3)),
    ] {
        let policy = Policy { failed: share, ..Policy::default() };
        let payment = Payment::of(Case::FailedMidStream, &policy, &observed);
        assert_eq!((payment.caller.units, payment.upstream.units), (expected, units(3)), "{share:?}");
    }
}
