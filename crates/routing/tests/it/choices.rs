//! How each strategy scores what it is offered, and what it then takes.

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use roundelay_routing::{
    DeploymentId, Draw, DrawOption, DrawnOption, Importance, Offer, Rules, Settings, Strategy, Turn,
};

fn turn(strategy: Strategy) -> Turn {
    let measure = Settings::default().measure;
    let rules = Rules {
        importance: Importance::default(),
        near: measure.near,
        stay: measure.stay,
        failure: measure.failure.as_secs_f64(),
    };
    Turn { strategy, is_first: true, next: 0, may_explore: false, rules }
}

/// An open offer of weight 1 about which nothing is known.
fn plain() -> Offer {
    Offer {
        weight: 1.0,
        credit: 0.0,
        cost: None,
        seconds: None,
        failures: 0.0,
        ramp: 1.0,
        is_untried: false,
        is_stale: false,
        is_bound: false,
        score: 0.0,
    }
}

fn offer(cost: f64, seconds: f64, failures: f64) -> Offer {
    Offer { cost: Some(cost), seconds: Some(seconds), failures, ..plain() }
}

fn closed(offer: Offer) -> Offer {
    Offer { weight: 0.0, ..offer }
}

fn draw(turn: Turn, offers: &[Offer], dice: u64) -> (Option<usize>, Vec<f64>) {
    let option = |(id, &offer)| DrawOption { what: DrawnOption::Deployment(DeploymentId(id)), offer };
    Draw { turn, dice, options: (0..).zip(offers).map(option).collect(), chosen: None }.replay()
}

/// How many of a thousand draws take each.
fn taken(turn: Turn, offers: &[Offer]) -> Vec<u32> {
    let mut taken = vec![0; offers.len()];
    for dice in 0..1_000 {
        taken[draw(turn, offers, dice << 32).0.unwrap()] += 1;
    }
    taken
}

#[track_caller]
fn check_scores(turn: Turn, offers: &[Offer], expected: &[f64]) {
    let (_, scores) = draw(turn, offers, 0);
    let is_near = |(one, other): (&f64, &f64)| (one.is_infinite() && other.is_infinite()) || (one - other).abs() < 1e-9;
    assert!(scores.len() == expected.len() && scores.iter().zip(expected).all(is_near), "{scores:?}");
}

/// Within fifty of a thousand; exactly where it is all or nothing.
#[track_caller]
fn check_taken(turn: Turn, offers: &[Offer], expected: &[u32]) {
    let taken = taken(turn, offers);
    let is_near = |(&one, &other): (&u32, &u32)| {
        let slack = if other == 0 || other == 1_000 { 0 } else { 50 };
        one.abs_diff(other) <= slack
    };
    assert!(taken.iter().zip(expected).all(is_near), "{taken:?} instead of {expected:?}");
}

#[test]
fn cheapest_counts_a_second_attempt_as_often_as_one_fails() {
    let cheapest = turn(Strategy::Cheapest);
    check_scores(cheapest, &[offer(100.0, 1.0, 0.0), offer(200.0, 1.0, 0.0)], &[100.0, 200.0]);
    // The other of two is the second attempt, for the cheapest the next one.
    check_scores(cheapest, &[offer(100.0, 1.0, 0.5), offer(200.0, 1.0, 0.25)], &[200.0, 225.0]);
    let three = [offer(300.0, 1.0, 0.5), offer(100.0, 1.0, 0.5), offer(200.0, 1.0, 0.5)];
    check_scores(cheapest, &three, &[350.0, 200.0, 250.0]);
    check_scores(cheapest, &[offer(100.0, 1.0, 0.5)], &[150.0]);
    // The last of three is the second attempt of the first.
    let descending = [offer(100.0, 1.0, 0.5), offer(300.0, 1.0, 0.0), offer(200.0, 1.0, 0.0)];
    check_scores(cheapest, &descending, &[200.0, 300.0, 200.0]);
    // Who is closed is nobody's second attempt.
    check_scores(
        cheapest,
        &[offer(100.0, 1.0, 0.5), closed(offer(1.0, 1.0, 0.0)), offer(200.0, 1.0, 0.0)],
        &[200.0, 1.0, 200.0],
    );
    check_scores(cheapest, &[offer(100.0, 1.0, 0.5), plain()], &[150.0, f64::INFINITY]);
}

#[test]
fn cheapest_takes_the_least_score_and_shares_only_among_equals() {
    let cheapest = turn(Strategy::Cheapest);
    check_taken(cheapest, &[offer(200.0, 1.0, 0.0), offer(100.0, 9.0, 0.0)], &[0, 1_000]);
    check_taken(cheapest, &[offer(100.0, 1.0, 0.0), offer(101.0, 1.0, 0.0)], &[500, 500]);
    check_taken(cheapest, &[offer(100.0, 1.0, 0.0), offer(101.1, 1.0, 0.0)], &[1_000, 0]);
    check_taken(cheapest, &[offer(100.0, 1.0, 0.0), Offer { weight: 3.0, ..offer(100.0, 1.0, 0.0) }], &[250, 750]);
    check_taken(cheapest, &[plain(), offer(1e9, 1.0, 0.0)], &[0, 1_000]);
    check_taken(cheapest, &[plain(), plain()], &[500, 500]);
    check_taken(cheapest, &[offer(0.0, 1.0, 0.0), offer(0.0, 1.0, 0.0), offer(1.0, 1.0, 0.0)], &[500, 500, 0]);
}

#[test]
fn fastest_adds_the_time_that_failures_take() {
    let fastest = turn(Strategy::Fastest);
    check_scores(fastest, &[offer(1.0, 1.0, 0.0), offer(1.0, 2.0, 0.0)], &[1.0, 2.0]);
    // Half fail: one failure for each answer, 5 s.
    check_scores(fastest, &[offer(1.0, 1.0, 0.5), offer(1.0, 2.0, 0.2)], &[6.0, 3.25]);
    // All fail: a hundred.
    check_scores(fastest, &[offer(1.0, 1.0, 1.0)], &[501.0]);
    // Never measured comes after all that is open and was.
    let unknown = f64::INFINITY;
    check_scores(fastest, &[plain(), offer(1.0, 2.0, 0.0), closed(offer(1.0, 1.0, 0.0))], &[unknown, 2.0, 1.0]);
    check_scores(fastest, &[plain(), closed(offer(1.0, 1.0, 0.0))], &[0.0, 1.0]);
    check_scores(fastest, &[plain(), Offer { failures: 0.5, ..plain() }], &[0.0, 5.0]);
}

#[test]
fn fastest_takes_the_better_of_two_among_those_near_the_best() {
    let fastest = turn(Strategy::Fastest);
    check_taken(fastest, &[offer(1.0, 1.0, 0.0), offer(1.0, 1.2, 0.0), offer(1.0, 1.21, 0.0)], &[1_000, 0, 0]);
    // Of three that are near, the best is among two drawn twice in three, the worst never the better.
    check_taken(fastest, &[offer(1.0, 1.0, 0.0), offer(1.0, 1.1, 0.0), offer(1.0, 1.2, 0.0)], &[667, 333, 0]);
    check_taken(fastest, &[offer(1.0, 1.0, 0.0), offer(1.0, 1.0, 0.0)], &[500, 500]);
    check_taken(fastest, &[offer(9.0, 1.0, 0.0), closed(offer(1.0, 0.5, 0.0))], &[1_000, 0]);
}

#[test]
fn balanced_adds_cost_time_and_failures_each_in_its_usual_size() {
    let balanced = |cost, latency, reliability| {
        let turn = turn(Strategy::Balanced);
        Turn { rules: Rules { importance: Importance { cost, latency, reliability }, ..turn.rules }, ..turn }
    };
    let two = [offer(100.0, 3.0, 0.0), offer(300.0, 1.0, 0.0)];
    check_scores(balanced(1.0, 0.0, 0.0), &two, &[0.5, 1.5]);
    check_scores(balanced(0.0, 1.0, 0.0), &two, &[1.5, 0.5]);
    check_scores(balanced(1.0, 1.0, 1.0), &two, &[2.0, 2.0]);
    check_scores(balanced(2.0, 1.0, 1.0), &two, &[2.5, 3.5]);
    // One failure in ten weighs as much as the usual cost. Of ten attempts, one failure for nine answers: 5 s / 9.
    let unreliable = [offer(100.0, 1.0, 0.0), offer(100.0, 1.0, 0.1)];
    check_scores(balanced(0.0, 0.0, 1.0), &unreliable, &[0.0, 1.0]);
    let mean = 1.0 + 2.5 / 9.0;
    check_scores(balanced(0.0, 1.0, 0.0), &unreliable, &[1.0 / mean, (1.0 + 5.0 / 9.0) / mean]);
    // A price that is not known is the dearest, a speed that is not known the slowest, among those that are open.
    let unknown = [offer(100.0, 1.0, 0.0), offer(300.0, 3.0, 0.0), plain(), closed(offer(900.0, 0.1, 0.0))];
    check_scores(balanced(1.0, 0.0, 0.0), &unknown, &[0.5, 1.5, 1.5, 4.5]);
    check_scores(balanced(0.0, 1.0, 0.0), &unknown, &[0.5, 1.5, 1.5, 0.05]);
    let failing = Offer { failures: 0.5, ..plain() };
    check_scores(balanced(0.0, 1.0, 0.0), &[offer(1.0, 1.0, 0.0), failing], &[1.0, 6.0]);
    check_scores(balanced(1.0, 1.0, 1.0), &[plain(), plain()], &[0.0, 0.0]);
    // What does not count does not count, however far it is from the usual.
    let far = [closed(offer(1.0, 1e300, 0.0)), offer(1.0, 1e-300, 0.0)];
    check_scores(balanced(1.0, 0.0, 1.0), &far, &[1.0, 1.0]);
}

#[test]
fn a_conversation_stays_until_another_place_is_clearly_better() {
    let bound = |offer| Offer { is_bound: true, ..offer };
    for strategy in [Strategy::Cheapest, Strategy::Balanced, Strategy::Fastest] {
        let turn = turn(strategy);
        check_taken(turn, &[offer(100.0, 1.0, 0.0), bound(offer(105.0, 1.05, 0.0))], &[0, 1_000]);
        check_taken(turn, &[offer(100.0, 1.0, 0.0), bound(offer(150.0, 1.5, 0.0))], &[1_000, 0]);
        check_taken(turn, &[offer(100.0, 1.0, 0.0), closed(bound(offer(10.0, 0.1, 0.0)))], &[1_000, 0]);
    }
    let cheapest = turn(Strategy::Cheapest);
    check_taken(cheapest, &[offer(100.0, 1.0, 0.0), bound(offer(110.0, 1.0, 0.0))], &[0, 1_000]);
    check_taken(cheapest, &[offer(100.0, 1.0, 0.0), bound(offer(110.2, 1.0, 0.0))], &[1_000, 0]);
}

#[test]
fn what_nobody_has_heard_of_is_tried_when_its_time_has_come() {
    let stale = |offer| Offer { is_stale: true, ..offer };
    let offers =
        [offer(1.0, 1.0, 0.0), stale(offer(9.0, 9.0, 0.0)), stale(offer(9.0, 9.0, 0.5)), closed(stale(plain()))];
    for strategy in [Strategy::Fastest, Strategy::Balanced] {
        let turn = turn(strategy);
        check_taken(turn, &offers, &[1_000, 0, 0, 0]);
        check_taken(Turn { may_explore: true, ..turn }, &offers, &[0, 500, 500, 0]);
        check_taken(Turn { may_explore: true, ..turn }, &offers[..1], &[1_000]);
    }
    check_taken(Turn { may_explore: true, ..turn(Strategy::Cheapest) }, &offers, &[1_000, 0, 0, 0]);
}

#[test]
fn one_that_returns_gets_its_growing_part_under_every_strategy() {
    let returning = |ramp| Offer { ramp, ..offer(1.0, 1.0, 0.0) };
    for strategy in [Strategy::Priority, Strategy::Fastest, Strategy::Cheapest, Strategy::Balanced] {
        let turn = turn(strategy);
        check_taken(turn, &[returning(0.1), offer(9.0, 9.0, 0.0)], &[100, 900]);
        check_taken(turn, &[returning(0.6), offer(9.0, 9.0, 0.0)], &[600, 400]);
        check_taken(turn, &[returning(1.0), offer(9.0, 9.0, 0.0)], &[1_000, 0]);
        // Nobody else is there.
        check_taken(turn, &[returning(0.1)], &[1_000]);
        check_taken(turn, &[returning(0.1), closed(offer(9.0, 9.0, 0.0))], &[1_000, 0]);
        // All return: somebody serves, the last where the others are held back.
        check_taken(turn, &[returning(0.1), returning(0.1)], &[95, 905]);
        check_taken(turn, &[closed(returning(0.1)), returning(0.1), offer(9.0, 9.0, 0.0)], &[0, 100, 900]);
    }
    let round_robin = turn(Strategy::RoundRobin);
    check_taken(round_robin, &[returning(0.1), offer(1.0, 1.0, 0.0)], &[100, 900]);
}

#[test]
fn order_and_turns_pass_over_the_closed() {
    let open = plain();
    let priority = turn(Strategy::Priority);
    check_taken(priority, &[closed(open), open, open], &[0, 1_000, 0]);
    let next = |next| Turn { next, ..turn(Strategy::RoundRobin) };
    check_taken(next(1), &[open, open, open], &[0, 1_000, 0]);
    check_taken(next(1), &[open, closed(open), closed(open)], &[1_000, 0, 0]);
    check_taken(next(2), &[open, open, closed(open)], &[1_000, 0, 0]);
    for strategy in Strategy::ALL {
        assert_eq!(draw(turn(strategy), &[closed(open), closed(open)], 0).0, None);
        assert_eq!(draw(turn(strategy), &[], 0).0, None);
    }
}

#[test]
fn what_comes_after_the_first_attempt_is_drawn_by_weight() {
    let after = Turn { is_first: false, ..turn(Strategy::Weighted) };
    let weigh = |weight| Offer { weight, ..plain() };
    check_taken(after, &[weigh(1.0), weigh(3.0), weigh(0.0)], &[250, 750, 0]);
    // A first one is owed.
    let owed = |credit| Offer { credit, ..plain() };
    check_taken(turn(Strategy::Weighted), &[owed(-0.5), owed(0.5)], &[0, 1_000]);
}

/// A world of offers in which no two are alike.
fn offers() -> impl proptest::strategy::Strategy<Value = Vec<Offer>> {
    let known = prop::option::weighted(0.9, 0.01..100.0f64);
    let one = (known.clone(), known, 0.0..1.0f64, 0.01..10.0f64, prop::bool::weighted(0.9)).prop_map(
        |(cost, seconds, failures, weight, is_open)| {
            let weight = if is_open { weight } else { 0.0 };
            Offer { weight, cost, seconds, failures, ..plain() }
        },
    );
    prop::collection::vec(one, 1..8)
}

/// Whether one is better than another in every respect, and by more than what counts as alike.
fn dominates(one: &Offer, other: &Offer) -> bool {
    let is_less = |one: Option<f64>, other: Option<f64>| one.zip(other).is_some_and(|(one, other)| one <= 0.98 * other);
    one.weight > 0.0
        && is_less(one.cost, other.cost)
        && is_less(one.seconds, other.seconds)
        && one.failures <= 0.98 * other.failures
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_that_another_beats_in_every_respect_is_chosen(
        offers in offers(),
        dice: u64,
        cost in 0.01..10.0f64,
        latency in 0.01..10.0f64,
        reliability in 0.01..10.0f64,
    ) {
        for strategy in [Strategy::Cheapest, Strategy::Balanced] {
            let turn = turn(strategy);
            let rules = Rules { importance: Importance { cost, latency, reliability }, ..turn.rules };
            let (chosen, _) = draw(Turn { rules, ..turn }, &offers, dice);
            let Some(chosen) = chosen else {
                prop_assert!(offers.iter().all(|offer| offer.weight <= 0.0));
                continue;
            };
            prop_assert!(offers[chosen].weight > 0.0, "chose what is closed");
            let better = offers.iter().position(|offer| dominates(offer, &offers[chosen]));
            prop_assert_eq!(better, None, "{:?} chose {}", strategy, chosen);
        }
    }

    #[test]
    fn fastest_keeps_within_a_fifth_of_the_best(offers in offers(), dice: u64) {
        let (chosen, scores) = draw(turn(Strategy::Fastest), &offers, dice);
        let open = offers.iter().zip(&scores).filter(|(offer, _)| offer.weight > 0.0);
        let best = open.map(|(_, &score)| score).fold(f64::INFINITY, f64::min);
        prop_assert!(chosen.is_none_or(|chosen| offers[chosen].weight > 0.0 && scores[chosen] <= 1.2 * best + 1e-9));
    }
}
