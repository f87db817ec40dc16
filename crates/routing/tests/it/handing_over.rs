//! When a conversation is cut, for whom, and when not.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::FaultKind::*;
use roundelay_routing::{
    AffinityUse, Attempt, AttemptKind, Capabilities, Catalog, Conversation, Demand, DeploymentId, Exclusion, Fault,
    Hour, KeyId, Least, ModelId, Outcome, Step, StopReason, Strategy, Target,
};

use crate::exclusions::hour;
use crate::world::{at, attempt, demand, failure, pooled, pursue, router, run, success};

/// A pool of one model with a window of 1,000 tokens, whose fallbacks have 2,000 and 3,000, and an input of 2,500: only the
/// last can take it whole, and it is limited by its upstream.
struct Row<'a> {
    shape: &'a dyn Fn(&mut Catalog),
    wants: &'a dyn Fn(&mut Demand),
    least: Option<Least>,
    /// How attempts end.
    answers: &'a dyn Fn(&Attempt) -> Outcome,
}

const LEAST: Least = Least { tokens: 500, needs: Capabilities::NONE };

fn limited(attempt: &Attempt) -> Outcome {
    if attempt.is_reduced { success() } else { failure(RateLimited) }
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self { shape: &|_| (), wants: &|_| (), least: Some(LEAST), answers: &limited }
    }
}

fn exchange(row: &Row<'_>) -> (Vec<(u32, bool)>, u32, Step) {
    let mut catalog = pooled(&[1.0], Strategy::Priority, 3);
    catalog.pools[0].attempts = 5;
    (row.shape)(&mut catalog);
    let mut router = router();
    let catalog = router.adopt(catalog);
    let mut wants = Demand { input_tokens: 2_500, may_hand_over: true, ..demand(at(1.0)) };
    (row.wants)(&mut wants);
    let mut now = at(1.0);
    let mut plan = router.plan(&catalog, wants, now);
    let mut asked = 0;
    let least = |_: &_| {
        asked += 1;
        row.least
    };
    let (attempts, end) = pursue(&mut plan, &mut router, &mut now, least, row.answers);
    let went = attempts.iter().map(|attempt| (attempt.deployment.0, attempt.is_reduced)).collect();
    for attempt in &plan.decision().attempts {
        let mut candidates = plan.decision().candidates.iter();
        let let_in = candidates.any(|line| line.deployment == attempt.deployment && line.is_reduced);
        assert!(let_in || !attempt.is_reduced, "the record does not tell that it was let in");
    }
    (went, asked, end)
}

/// Where it goes, and whether somebody is asked what it can be cut to.
#[track_caller]
fn check(row: &Row<'_>, asked: u32, expected: &[(u32, bool)], reason: Option<StopReason>) {
    let (went, was_asked, end) = exchange(row);
    let stopped = match end {
        Step::Stop(stop) => Some(stop.reason),
        Step::Attempt(_) | Step::Wait(_) | Step::HandOver => None,
    };
    assert_eq!((&went[..], was_asked, stopped), (expected, asked, reason));
}

#[test]
fn whoever_has_room_for_the_least_is_asked_in_the_order_of_stages() {
    let row = |tokens| Row { least: Some(Least { tokens, ..LEAST }), ..Row::default() };
    // A quarter of the window is the answer's.
    check(&row(750), 1, &[(2, false), (0, true)], None);
    check(&row(751), 1, &[(2, false), (1, true)], None);
    check(&row(1_500), 1, &[(2, false), (1, true)], None);
    check(&row(1_501), 1, &[(2, false)], Some(StopReason::AllCooling));
    let asked_for = |output| move |wants: &mut Demand| wants.output_tokens = output;
    check(&Row { wants: &asked_for(100), ..row(900) }, 1, &[(2, false), (0, true)], None);
    check(&Row { wants: &asked_for(100), ..row(901) }, 1, &[(2, false), (1, true)], None);
    let none = Row { least: None, ..Row::default() };
    check(&none, 1, &[(2, false)], Some(StopReason::AllCooling));
}

#[test]
fn nothing_is_cut_where_it_is_not_allowed_or_nobody_could_have_taken_the_whole() {
    let row = Row::default;
    check(
        &Row { wants: &|wants| wants.may_hand_over = false, ..row() },
        0,
        &[(2, false)],
        Some(StopReason::AllCooling),
    );
    let longer = |wants: &mut Demand| wants.input_tokens = 3_001;
    check(&Row { wants: &longer, ..row() }, 0, &[], Some(StopReason::NoneEligible));
    let too_long = |_: &Attempt| failure(CallerTooLong);
    check(&Row { answers: &too_long, ..row() }, 0, &[(2, false)], Some(StopReason::TooLong));
    let unknown = |catalog: &mut Catalog| catalog.models[2].context_window = None;
    check(&Row { answers: &too_long, shape: &unknown, ..row() }, 0, &[(2, false)], Some(StopReason::TooLong));
    let allowed = |wants: &mut Demand| wants.allowed = Some(Arc::from([0, 1].map(|id| Target::Model(ModelId(id)))));
    check(&Row { wants: &allowed, ..row() }, 0, &[], Some(StopReason::NoneEligible));
    let elsewhere = |catalog: &mut Catalog| {
        catalog.pools[0].limits.regions = vec!["eu".into()];
        for small in [0, 1] {
            catalog.deployments[small].region = Some("eu".into());
        }
    };
    check(&Row { shape: &elsewhere, ..row() }, 0, &[], Some(StopReason::NoneEligible));
    let whole = |wants: &mut Demand| wants.input_tokens = 100;
    check(&Row { wants: &whole, ..row() }, 0, &[(0, false), (1, false), (2, false)], Some(StopReason::AllCooling));
}

/// One of weight 0 is never asked, so it could not have taken the whole; one that is off duty could have at another hour.
#[test]
fn whoever_could_have_at_another_hour_counts() {
    let weighed = |weights: Vec<Option<Vec<f64>>>| {
        move |wants: &mut Demand| wants.hour = Arc::new(Hour { rates: Vec::new(), weights: weights.clone() })
    };
    let members = |large: f64| {
        move |catalog: &mut Catalog| {
            *catalog = pooled(&[1.0, 1.0, large], Strategy::Priority, 3);
        }
    };
    let off_duty = weighed(vec![Some(vec![1.0, 1.0, 0.0])]);
    check(&Row { shape: &members(1.0), wants: &off_duty, ..Row::default() }, 1, &[(0, true)], None);
    check(&Row { shape: &members(0.0), ..Row::default() }, 0, &[], Some(StopReason::NoneEligible));
    let small_off_duty = weighed(vec![Some(vec![0.0, 1.0, 1.0])]);
    check(&Row { shape: &members(1.0), wants: &small_off_duty, ..Row::default() }, 1, &[(2, false), (1, true)], None);
}

#[test]
fn the_whole_is_asked_for_again_where_that_is_due_before_it_is_cut() {
    let overloaded = |attempt: &Attempt| if attempt.is_reduced { success() } else { failure(Overloaded) };
    check(&Row { answers: &overloaded, ..Row::default() }, 1, &[(2, false), (2, false), (0, true)], None);
    // Where the pool waits, that comes before a cut.
    let patient = |catalog: &mut Catalog| catalog.pools[0].wait = Some(Duration::from_secs(10));
    let until = |seconds| {
        move |attempt: &Attempt| match (attempt.number, attempt.is_reduced) {
            (1, _) => limited_for(seconds),
            _ => success(),
        }
    };
    let row = || Row { shape: &patient, ..Row::default() };
    check(&Row { answers: &until(5), ..row() }, 0, &[(2, false), (2, false)], None);
    check(&Row { answers: &until(11), ..row() }, 1, &[(2, false), (0, true)], None);
}

fn limited_for(seconds: u64) -> Outcome {
    Outcome::Failure(Fault { retry_after: Some(Duration::from_secs(seconds)), ..Fault::new(RateLimited) })
}

/// An exchange of the same catalog, after others were told to leave whoever can take the whole alone for so long.
#[track_caller]
fn after_others(seconds: u64, answers: impl Fn(&Attempt) -> Outcome, expected: &[(u32, bool)]) -> Step {
    let mut router = router();
    let mut catalog = pooled(&[1.0], Strategy::Priority, 3);
    // Its own key, and nobody else's.
    catalog.pools[0].attempts = 5;
    let catalog = router.adopt(catalog);
    let mut now = at(1.0);
    let wants = Demand { input_tokens: 2_500, ..demand(now) };
    let mut other = router.plan(&catalog, wants.clone(), now);
    let out = attempt(other.next(&mut router, now));
    other.report(&mut router, &out, &limited_for(seconds), now);
    let mut plan = router.plan(&catalog, Demand { may_hand_over: true, ..wants }, now);
    let (attempts, end) = pursue(&mut plan, &mut router, &mut now, |_| Some(LEAST), answers);
    let went: Vec<_> = attempts.iter().map(|attempt| (attempt.deployment.0, attempt.is_reduced)).collect();
    assert_eq!(went, expected);
    end
}

#[test]
fn whoever_can_take_the_whole_soon_is_waited_for() {
    after_others(1, |_| success(), &[(2, false)]);
    after_others(3, |_| success(), &[(0, true)]);
}

#[test]
fn what_was_cut_and_is_too_long_even_so_says_nothing_of_the_whole() {
    let end = after_others(60, |_| failure(CallerTooLong), &[(0, true), (1, true)]);
    let Step::Stop(stop) = end else { panic!("{end:?}") };
    assert_eq!(stop.reason, StopReason::AllCooling);
    // Also where nobody knows how much it was that was refused.
    let mut router = router();
    let mut catalog = pooled(&[1.0], Strategy::Priority, 2);
    let blind = &mut catalog.models[0];
    (blind.context_window, blind.capabilities.vision) = (None, false);
    let catalog = router.adopt(catalog);
    router.learn_balance(&catalog, KeyId(1), Some(0.0));
    let now = at(1.0);
    let needs = Capabilities { vision: true, ..Capabilities::NONE };
    let mut plan = router.plan(&catalog, Demand { needs, may_hand_over: true, ..demand(now) }, now);
    assert_eq!(plan.next(&mut router, now), Step::HandOver);
    plan.hand_over(Some(LEAST));
    let less = attempt(plan.next(&mut router, now));
    assert!(less.is_reduced);
    router.learn_balance(&catalog, KeyId(1), None);
    plan.report(&mut router, &less, &failure(CallerTooLong), now);
    assert_eq!(attempt(plan.next(&mut router, now)).deployment, DeploymentId(1));
}

#[test]
fn whoever_refuses_even_less_is_out() {
    let too_long = |attempt: &Attempt| failure(if attempt.is_reduced { CallerTooLong } else { RateLimited });
    let went = [(2, false), (0, true), (1, true)];
    // The whole was too long for none of them, so it is not the caller's to shorten.
    check(&Row { answers: &too_long, ..Row::default() }, 1, &went, Some(StopReason::AllCooling));
    // Also for those whose pool waits and asks again.
    let patient = |catalog: &mut Catalog| {
        (catalog.pools[0].wait, catalog.pools[0].attempts) = (Some(Duration::from_secs(60)), 20);
    };
    let (went, _, _) = exchange(&Row { answers: &too_long, shape: &patient, ..Row::default() });
    let reduced: Vec<_> = went.iter().filter(|(_, is_reduced)| *is_reduced).collect();
    assert_eq!(reduced, [&(0, true), &(1, true)], "{went:?}");
}

#[test]
fn what_fits_by_the_estimate_and_is_refused_is_cut_further() {
    let mut router = router();
    let mut catalog = pooled(&[1.0], Strategy::Priority, 3);
    catalog.pools[0].attempts = 4;
    let catalog = router.adopt(catalog);
    let mut now = at(1.0);
    let wants = Demand { input_tokens: 900, may_hand_over: true, ..demand(now) };
    let mut plan = router.plan(&catalog, wants, now);
    let answers = |attempt: &Attempt| match (attempt.deployment.0, attempt.is_reduced) {
        (_, true) => success(),
        (0, false) => failure(CallerTooLong),
        _ => failure(RateLimited),
    };
    let mut room = 0;
    let least = |plan: &roundelay_routing::Plan| {
        room = plan.room(ModelId(0));
        Some(LEAST)
    };
    let (attempts, _) = pursue(&mut plan, &mut router, &mut now, least, answers);
    let went: Vec<_> =
        attempts.iter().map(|attempt| (attempt.deployment.0, attempt.kind, attempt.is_reduced)).collect();
    assert_eq!(
        went,
        [
            (0, AttemptKind::First, false),
            (1, AttemptKind::Fallback, false),
            (2, AttemptKind::Fallback, false),
            (0, AttemptKind::Retry, true)
        ]
    );
    assert_eq!(room, 675, "900 estimated tokens are at least 1,000, so 750 are 675");
}

#[test]
fn money_and_prices_hold_for_what_is_left() {
    let spend = |spendable| {
        move |wants: &mut Demand| {
            (wants.hour, wants.spendable, wants.input_tokens) = (hour(), Some(spendable), 1_500);
        }
    };
    let two = |catalog: &mut Catalog| *catalog = pooled(&[1.0], Strategy::Priority, 2);
    // 750 tokens of input, at worst written to the cache, and 256 of output, at the price of short inputs.
    check(&Row { shape: &two, wants: &spend(221_750.0), ..Row::default() }, 1, &[(0, true)], None);
    let short = Row { shape: &two, wants: &spend(221_749.0), ..Row::default() };
    check(&short, 1, &[], Some(StopReason::Unaffordable));
    let limit = |input: f64| {
        move |catalog: &mut Catalog| {
            two(catalog);
            catalog.pools[0].limits.input_price = Some(input);
        }
    };
    let priced = |wants: &mut Demand| (wants.hour, wants.input_tokens) = (hour(), 1_500);
    check(&Row { shape: &limit(100.0), wants: &priced, ..Row::default() }, 1, &[(0, true)], None);
    check(&Row { shape: &limit(99.0), wants: &priced, ..Row::default() }, 1, &[], Some(StopReason::NoneEligible));
}

#[test]
fn what_a_model_cannot_read_is_left_out_for_it_where_that_may_be() {
    let vision = Capabilities { vision: true, ..Capabilities::NONE };
    let sees =
        |wants: &mut Demand| (wants.needs, wants.input_tokens) = (Capabilities { vision: true, ..wants.needs }, 100);
    let blind = |catalog: &mut Catalog| {
        catalog.models[0].capabilities.vision = false;
        catalog.models[1].capabilities = Capabilities { tools: false, vision: false, ..Capabilities::ALL };
    };
    let row = || Row { shape: &blind, wants: &sees, ..Row::default() };
    check(&row(), 1, &[(2, false), (0, true)], None);
    let shown_last = Row { least: Some(Least { needs: vision, ..LEAST }), ..row() };
    check(&shown_last, 1, &[(2, false)], Some(StopReason::AllCooling));
    let calls = Capabilities { tools: true, ..Capabilities::NONE };
    let limited_twice = |attempt: &Attempt| if attempt.number < 3 { failure(RateLimited) } else { success() };
    let with_tools = Row { least: Some(Least { needs: calls, ..LEAST }), answers: &limited_twice, ..row() };
    check(&with_tools, 1, &[(2, false), (0, true)], Some(StopReason::AllCooling));
    // Tools cannot be left out, so nobody is asked.
    let toolless = |catalog: &mut Catalog| {
        catalog.models[0].capabilities.tools = false;
        catalog.models[1].capabilities.tools = false;
    };
    let needs = |wants: &mut Demand| (wants.needs, wants.input_tokens) = (calls, 100);
    check(&Row { shape: &toolless, wants: &needs, ..row() }, 0, &[(2, false)], Some(StopReason::AllCooling));
}

#[test]
fn what_was_passed_over_is_not_asked_again() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Priority, 3));
    router.learn_balance(&catalog, KeyId(2), Some(0.0));
    let now = at(1.0);
    let mut plan = router.plan(&catalog, Demand { input_tokens: 2_500, may_hand_over: true, ..demand(now) }, now);
    plan.hand_over(Some(LEAST));
    assert_eq!(plan.next(&mut router, now), Step::HandOver, "what nobody asked for changes nothing");
    plan.hand_over(Some(LEAST));
    for expected in [0, 1] {
        let out = attempt(plan.next(&mut router, now));
        assert_eq!((out.deployment, out.is_reduced), (DeploymentId(expected), true));
        plan.pass_over(&mut router, &out, Exclusion::Dialect, now);
    }
    assert!(matches!(plan.next(&mut router, now), Step::Stop(_)));
}

#[test]
fn what_is_taken_back_has_no_fault_and_may_be_asked() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Priority, 3));
    router.learn_balance(&catalog, KeyId(2), Some(0.0));
    let now = at(1.0);
    let mut plan = router.plan(&catalog, Demand { input_tokens: 2_500, may_hand_over: true, ..demand(now) }, now);
    assert_eq!(plan.next(&mut router, now), Step::HandOver);
    plan.hand_over(Some(LEAST));
    let out = attempt(plan.next(&mut router, now));
    let before = plan.decision().candidates.clone();
    plan.take_back(&mut router, &out, now);
    assert_eq!((&plan.decision().candidates, plan.decision().attempts.len()), (&before, 0));
    assert_eq!(before[0].exclusion, None);
    assert_eq!(attempt(plan.next(&mut router, now)).deployment, out.deployment);
}

#[test]
fn less_is_not_asked_for_again_once_the_whole_can_be() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Priority, 3));
    router.learn_balance(&catalog, KeyId(2), Some(0.0));
    let now = at(1.0);
    let mut plan = router.plan(&catalog, Demand { input_tokens: 2_500, may_hand_over: true, ..demand(now) }, now);
    assert_eq!(plan.next(&mut router, now), Step::HandOver);
    plan.hand_over(Some(LEAST));
    let less = attempt(plan.next(&mut router, now));
    assert!(less.is_reduced);
    plan.report(&mut router, &less, &failure(ServerError { at_endpoint: false }), now);
    router.learn_balance(&catalog, KeyId(2), None);
    let Step::Wait(until) = plan.next(&mut router, now) else { panic!("does not wait") };
    let whole = attempt(plan.next(&mut router, until));
    assert_eq!((whole.deployment, whole.is_reduced, whole.kind), (DeploymentId(2), false, AttemptKind::Fallback));
}

#[test]
fn a_conversation_that_was_cut_stays_where_it_is_while_it_must_be() {
    let mut router = router();
    let mut catalog = pooled(&[1.0, 1.0, 1.0], Strategy::Weighted, 3);
    catalog.models[0].context_window = Some(2_000);
    let catalog = router.adopt(catalog);
    router.learn_balance(&catalog, KeyId(2), Some(0.0));
    let ask = |turn: u32| Demand {
        input_tokens: if turn == 0 { 100 } else { 2_500 },
        may_hand_over: true,
        conversation: Some(Conversation { id: 42, is_first_turn: turn == 0, is_explicit: false }),
        ..demand(at(1.0))
    };
    let mut place = None;
    for turn in 0..6 {
        let mut now = at(1.0 + f64::from(turn));
        let mut plan = router.plan(&catalog, ask(turn), now);
        let bound = plan.bound_model(&router, now);
        assert_eq!(bound, place.map(|DeploymentId(id)| ModelId(id)));
        let (attempts, _) = pursue(&mut plan, &mut router, &mut now, |_| Some(LEAST), |_| success());
        let [only] = attempts[..] else { panic!("{attempts:?}") };
        assert_eq!(only.is_reduced, turn > 0);
        if let Some(place) = place {
            assert_eq!(plan.decision().affinity, AffinityUse::Followed(place));
        }
        assert!(place.is_none_or(|place| place == only.deployment), "{place:?} {only:?}");
        place = Some(only.deployment);
    }
    // Who can take it whole comes before the place.
    router.learn_balance(&catalog, KeyId(2), None);
    let (attempts, _) = run(&mut router, &catalog, ask(6), &mut at(10.0), |_| success());
    assert_eq!(
        attempts.iter().map(|attempt| (attempt.deployment.0, attempt.is_reduced)).collect::<Vec<_>>(),
        [(2, false)]
    );
}

/// What was cut says nothing of how far estimates of whole inputs are off.
#[test]
fn nothing_is_learnt_of_estimates_from_what_was_cut() {
    let expected = |is_cut: bool| {
        let mut router = router();
        let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Cheapest, 2));
        let hour = hour();
        for second in 1..10 {
            let mut now = at(f64::from(second));
            let wants = Demand { input_tokens: 1_500, may_hand_over: true, hour: Arc::clone(&hour), ..demand(now) };
            let spare = if is_cut { Some(0.0) } else { None };
            router.learn_balance(&catalog, KeyId(1), spare);
            let mut plan = router.plan(&catalog, wants, now);
            // 100 tokens of input, as the provider counted them.
            pursue(&mut plan, &mut router, &mut now, |_| Some(LEAST), |_| success());
        }
        router.learn_balance(&catalog, KeyId(1), None);
        let wants = Demand { input_tokens: 300, hour, ..demand(at(20.0)) };
        let mut plan = router.plan(&catalog, wants, at(20.0));
        let _ = plan.next(&mut router, at(20.0));
        plan.decision().draws[0].options[1].offer.cost.unwrap()
    };
    assert!(expected(false) < 0.5 * expected(true), "{} {}", expected(false), expected(true));
}
