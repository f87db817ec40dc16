//! The ledger against a naive one that adds everything up afresh for each question.

use proptest::prelude::*;
use roundelay_calendar::Zone;
use roundelay_ledger::{
    AccountKind, Ask, Currency, Extension, HoldId, KeyId, Ledger, Limits, NodeId, Settings, Shortage, Span, SpendLimit,
    Terms, invariants,
};

use crate::world::{ask, at, bill, cost, named, nano, posting};

/// Two teams below an organisation, with a key each; all limits are of days, all money is dollars.
struct Naive {
    /// By team; the organisation has none.
    balances: [i64; 2],
    /// By organisation and teams.
    day_limits: [i64; 3],
    charges: Vec<Charge>,
    holds: Vec<Hold>,
}

struct Charge {
    team: usize,
    day: i64,
    amount: i64,
}

struct Hold {
    id: HoldId,
    team: usize,
    amount: i64,
}

impl Naive {
    fn refuses(&self, team: usize, amount: i64, day: i64) -> Option<&'static str> {
        if amount == 0 {
            return None;
        }
        for (limit, of) in [(self.day_limits[1 + team], vec![team]), (self.day_limits[0], vec![0, 1])] {
            let spent: i64 =
                self.charges.iter().filter(|c| c.day == day && of.contains(&c.team)).map(|c| c.amount).sum();
            let held: i64 = self.holds.iter().filter(|hold| of.contains(&hold.team)).map(|hold| hold.amount).sum();
            if spent + held + amount > limit {
                return Some("spend");
            }
        }
        (self.left(team) < amount).then_some("balance")
    }

    fn left(&self, team: usize) -> i64 {
        let charged: i64 = self.charges.iter().filter(|charge| charge.team == team).map(|charge| charge.amount).sum();
        let held: i64 = self.holds.iter().filter(|hold| hold.team == team).map(|hold| hold.amount).sum();
        self.balances[team] - charged - held
    }
}

fn word(shortage: Shortage) -> &'static str {
    match shortage {
        Shortage::Balance { .. } => "balance",
        Shortage::Spend { .. } => "spend",
        other => panic!("{other:?}"),
    }
}

fn build(day_limits: [i64; 3]) -> (Ledger, [NodeId; 2], [NodeId; 2]) {
    let mut ledger = Ledger::new(Settings::default());
    let terms = |kind, limit| {
        let spend = vec![SpendLimit { span: Span::Day, zone: Zone::utc(), amount: nano(limit) }];
        Terms { limits: Limits { spend, ..Limits::default() }, ..Terms::new(kind) }
    };
    let top = terms(AccountKind::Inherits, day_limits[0]);
    let top = ledger.open_account(named("top"), None, &top, at(0)).expect("good terms");
    let teams = [0, 1].map(|team| {
        let terms = terms(AccountKind::Prepaid, day_limits[1 + team]);
        ledger.open_account(named(&format!("team-{team}")), Some(top), &terms, at(0)).expect("good terms")
    });
    let keys = [0, 1].map(|team| {
        let id = KeyId::new(format!("key-{team}"));
        ledger.open_key(id, teams[team], Limits::default(), at(0)).expect("good limits")
    });
    (ledger, teams, keys)
}

proptest! {
    #[test]
    fn the_ledger_answers_as_a_naive_one(
        day_limits in prop::array::uniform3(200i64..2_000),
        steps in prop::collection::vec((0u8..6, 0usize..2, 0i64..500, 0i64..20_000), 0..120),
    ) {
        let (mut ledger, teams, keys) = build(day_limits);
        let mut naive = Naive { balances: [0; 2], day_limits, charges: Vec::new(), holds: Vec::new() };
        let mut second = 0;
        for (index, (step, team, amount, pause)) in (1u64..).zip(steps) {
            second += pause;
            let (now, day) = (at(second), second / 86_400);
            let last = naive.holds.iter().rposition(|hold| hold.team == team);
            match (step, last) {
                (0, _) if amount > 0 => {
                    ledger.top_up(&posting(teams[team], 3 * amount, &index.to_string()), now).expect("it is prepaid");
                    naive.balances[team] += 3 * amount;
                }
                (3, Some(place)) => {
                    let more = Extension { cost: cost(amount), ..Extension::default() };
                    let expected = naive.refuses(team, amount, day);
                    let found = ledger.extend(naive.holds[place].id, &more, now);
                    prop_assert_eq!(found.is_err(), expected.is_some());
                    if expected.is_none() {
                        naive.holds[place].amount += amount;
                    }
                }
                (4, Some(place)) => {
                    let hold = naive.holds.remove(place);
                    let charged = amount.min(hold.amount);
                    ledger.settle(hold.id, &bill(charged), now).expect("it is open");
                    naive.charges.push(Charge { team, day, amount: charged });
                }
                (5, Some(place)) => {
                    ledger.release(naive.holds.remove(place).id, now).expect("it is open");
                }
                _ => {
                    let asked = Ask { expires_at: at(i64::from(u32::MAX)), ..ask(index, amount) };
                    let expected = naive.refuses(team, amount, day);
                    let affordable = ledger.spendable(keys[team], asked.rate, now).expect("there is a limit");
                    let most = (0..=500).rev().find(|&most| naive.refuses(team, most, day).is_none()).unwrap_or(0);
                    prop_assert_eq!(i64::try_from(affordable.parts() / 1_000_000).expect("small").min(500), most);
                    match ledger.authorise(keys[team], &asked, now) {
                        Ok(id) => {
                            prop_assert_eq!(expected, None);
                            naive.holds.push(Hold { id, team, amount });
                        }
                        Err(refused) => prop_assert_eq!(expected, Some(word(refused.shortage))),
                    }
                }
            }
            for (team, &account) in teams.iter().enumerate() {
                prop_assert_eq!(ledger.standing(account).left.map(|left| left.nano()), Some(naive.left(team)));
            }
            invariants::state(&ledger).expect("no promise is broken");
        }
        prop_assert_eq!(ledger.house_nano(roundelay_ledger::System::Loss, Currency::Usd), 0);
    }
}
