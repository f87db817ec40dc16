//! Which conversations are due for a summary: those that are seen to grow, less often where making one failed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roundelay_ledger::AccountId;
use roundelay_routing::Conversation;
use tokio::time::Instant;

use super::summaries::Prefix;

/// What was seen of conversations, and how the summariser does.
#[derive(Debug, Default)]
pub(super) struct Due {
    seen: Mutex<HashMap<u64, Seen>>,
    rests: Mutex<HashMap<AccountId, Rest>>,
}

/// What was seen of one.
#[derive(Debug)]
struct Seen {
    /// How long it was when it was last looked at, in tokens.
    tokens: u64,
    /// Whether it was seen once: many are that are asked once, or whose beginning is another each time.
    is_new: bool,
    /// Below so many tokens it is left alone, because making one failed.
    not_below: u64,
    /// How often that was, one after another.
    failures: u32,
    /// Its older turns when a summary was last wanted: how many, and their hash.
    began: Option<(usize, Prefix)>,
}

/// A summariser that fails is left alone for a while by the account whose conversations it failed at: what one sends is no
/// reason to make no summaries for the others.
#[derive(Debug, Default)]
struct Rest {
    failures: u32,
    until: Option<Instant>,
}

impl Due {
    /// Whether a conversation has grown enough since it was last looked at, which is now. One that is seen for the first
    /// time is only noted, and so is one that has become shorter: it is another than it was.
    pub(super) fn is_due(&self, conversation: Option<Conversation>, tokens: u64, every: u64) -> bool {
        let Some(Conversation { id, .. }) = conversation else { return false };
        let mut all = self.seen();
        let Some(seen) = all.get_mut(&id) else {
            if all.len() >= SEEN_MAX {
                // Some are seen for the first time once more, which costs a turn.
                all.clear();
            }
            all.insert(id, Seen { tokens, is_new: true, not_below: 0, failures: 0, began: None });
            return false;
        };
        if tokens < seen.tokens {
            (seen.tokens, seen.is_new) = (tokens, true);
            return false;
        }
        let more = if seen.is_new { 1 } else { every };
        let is_due = tokens - seen.tokens >= more && tokens >= seen.not_below;
        if is_due {
            (seen.tokens, seen.is_new) = (tokens, false);
        }
        is_due
    }

    /// Whether a conversation goes on from what it was when a summary of it was last wanted, as far as that is known;
    /// `hash` gives that of so many of its first turns, and `older` says how many are older than the last ones.
    ///
    /// A summary of one that does not would never be found again: its caller lets go of its beginning as it grows.
    pub(super) fn goes_on(&self, conversation: u64, older: usize, hash: impl Fn(usize) -> Option<Prefix>) -> bool {
        let mut all = self.seen();
        let Some(seen) = all.get_mut(&conversation) else { return true };
        let goes_on = seen.began.is_none_or(|(turns, began)| hash(turns) == Some(began));
        seen.began = hash(older).map(|began| (older, began));
        goes_on
    }

    /// Lets a conversation be seen for the first time again.
    pub(super) fn forget(&self, conversation: u64) {
        self.seen().remove(&conversation);
    }

    /// Whether the summariser is left alone, because it failed again and again at conversations of this account.
    pub(super) fn is_resting(&self, account: &AccountId, now: Instant) -> bool {
        self.rests().get(account).is_some_and(|rest| rest.is_on(now))
    }

    /// Notes that a summary was made.
    pub(super) fn made(&self, account: &AccountId, conversation: u64) {
        if let Some(seen) = self.seen().get_mut(&conversation) {
            (seen.failures, seen.not_below) = (0, 0);
        }
        self.rests().remove(account);
    }

    /// Notes that none was made of a conversation of so many tokens: twice as much must be said before it is tried again
    /// as the time before. Where `is_its_fault`, the summariser rests when it was so for the third time on end.
    pub(super) fn failed(
        &self,
        (account, conversation): (&AccountId, u64),
        (tokens, every): (u64, u64),
        is_its_fault: bool,
        now: Instant,
    ) {
        if let Some(seen) = self.seen().get_mut(&conversation) {
            seen.failures = (seen.failures + 1).min(DOUBLINGS_MAX);
            seen.not_below = tokens.saturating_add(every.saturating_mul(1 << seen.failures));
        }
        if is_its_fault {
            let mut rests = self.rests();
            if rests.len() >= RESTS_MAX && !rests.contains_key(account) {
                rests.retain(|_, rest| rest.is_on(now));
            }
            if rests.len() >= RESTS_MAX && !rests.contains_key(account) {
                // It is tried again too early, which its breaker sees to.
                rests.clear();
            }
            let rest = rests.entry(account.clone()).or_default();
            rest.failures += 1;
            if rest.failures >= FAILURES_MAX {
                *rest = Rest { failures: 0, until: Some(now + REST) };
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<u64, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self) -> MutexGuard<'_, HashMap<AccountId, Rest>> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    fn is_on(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

/// Conversations whose length is remembered.
const SEEN_MAX: usize = 65_536;
/// 256 times as much is more than a window holds.
const DOUBLINGS_MAX: u32 = 8;
/// Failures on end, after which the summariser rests, and for how long.
const FAILURES_MAX: u32 = 3;
const REST: Duration = Duration::from_secs(60);
/// Accounts at whose conversations it failed lately.
const RESTS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(id: u64) -> Option<Conversation> {
        Some(Conversation { id, is_first_turn: false, is_explicit: false })
    }

    #[test]
    fn a_conversation_is_due_when_it_is_seen_to_grow() {
        let due = Due::default();
        for (id, tokens, expected) in [
            (1, 100, false),
            (1, 100, false),
            (1, 101, true),
            (1, 150, false),
            (2, 150, false),
            (1, 200, false),
            (1, 201, true),
            (1, 90, false),
            (1, 91, true),
        ] {
            assert_eq!(due.is_due(conversation(id), tokens, 100), expected, "{id} at {tokens}");
        }
        assert!(!due.is_due(None, 1_000, 100));
        for id in 0..2 * SEEN_MAX as u64 {
            assert!(!due.is_due(conversation(id + 10), 1, 1), "each is seen once");
        }
        assert!(due.seen().len() <= SEEN_MAX);
    }

    #[test]
    fn a_failure_doubles_the_way_to_the_next_and_a_summariser_that_fails_rests() {
        let (due, now, mine) = (Due::default(), Instant::now(), AccountId::default_account());
        due.is_due(conversation(1), 100, 100);
        let mut asked = Vec::new();
        for tokens in 101..2_000 {
            if due.is_due(conversation(1), tokens, 100) {
                asked.push(tokens);
                due.failed((&mine, 1), (tokens, 100), false, now);
            }
        }
        assert_eq!(asked, [101, 301, 701, 1501]);
        due.made(&mine, 1);
        assert!(due.is_due(conversation(1), 2_000, 100));
        for failure in 0..3 {
            assert!(!due.is_resting(&mine, now), "{failure}");
            due.failed((&mine, 1), (1, 1), true, now);
        }
        assert!(due.is_resting(&mine, now) && !due.is_resting(&mine, now + REST));
        let account = |number: usize| AccountId::new(&format!("a{number}")).unwrap();
        assert!(!due.is_resting(&account(0), now), "another's conversations are no worse for it");
        for number in 0..2 * RESTS_MAX {
            due.failed((&account(number), 2), (1, 1), true, now);
        }
        assert!(due.is_resting(&mine, now) && due.rests().len() <= RESTS_MAX);
        due.made(&mine, 1);
        assert!(!due.is_resting(&mine, now));
    }

    #[test]
    fn who_lets_go_of_the_beginning_is_found_out() {
        let due = Due::default();
        due.is_due(conversation(1), 1, 1);
        let of = |letter: u8| move |turns: usize| Some([letter; 32]).filter(|_| turns <= 9);
        assert!(due.goes_on(1, 5, of(1)), "nothing is known yet");
        assert!(due.goes_on(1, 9, of(1)));
        assert!(!due.goes_on(1, 9, of(2)));
        assert!(due.goes_on(1, 9, of(2)));
        assert!(!due.goes_on(1, 9, |_| None));
    }
}
