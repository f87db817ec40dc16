//! The responses that are kept for accounts, each for its own.

use std::{
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use roundelay_ledger::AccountId;
use tokio::time::Instant;

use super::piece::{Counts, Made, Piece};
use crate::config;

/// A response, and the conversation that it ended.
#[derive(Debug)]
pub struct Kept {
    /// What was said up to its end: items of inputs and outputs.
    said: Vec<Arc<Piece>>,
    /// As its caller got it.
    response: Arc<Piece>,
    /// How many of the pieces were its request's input and all before.
    asked: usize,
    /// Its vendor knows more of the conversation than is known here.
    is_part: bool,
    at: Instant,
}

impl Kept {
    /// The response as its caller got it.
    pub fn response(&self) -> Bytes {
        self.response.bytes.clone()
    }

    /// The items that it answered, in pieces.
    pub fn input(&self) -> impl Iterator<Item = &[u8]> {
        self.said[..self.asked].iter().map(|piece| &*piece.bytes)
    }

    /// The item of its output that has that name.
    fn item(&self, name: &str) -> Option<Bytes> {
        self.said.get(self.asked)?.item(name)
    }

    /// The conversation up to its end, in pieces; `None` where that is not all here.
    pub(super) fn said(&self) -> Option<Vec<Bytes>> {
        (!self.is_part).then(|| self.said.iter().map(|piece| piece.bytes.clone()).collect())
    }
}

/// The responses that are kept for all accounts.
#[derive(Debug, Default)]
pub struct Responses {
    shelves: Mutex<Shelves>,
    /// What all of them take.
    bytes: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shelves {
    of: HashMap<AccountId, Shelf>,
    /// When it was last looked through for what is too old.
    swept: Option<Instant>,
}

/// Those of one account.
#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Arc<str>, Arc<Kept>>,
    /// In which of them the output has an item of that name; of several, in the youngest.
    items: HashMap<Arc<str>, Arc<str>>,
    /// From the oldest to the youngest; some may be gone.
    order: VecDeque<(Instant, Arc<str>)>,
    counts: Counts,
}

impl Shelf {
    fn keep(&mut self, made: &Made<'_>) {
        let known = made.previous.and_then(|previous| self.kept.get(previous));
        let (said, asked) = made.pieces(known.map_or(&[], |known| &known.said), &self.counts);
        // Copied, since it may be a small part of something large.
        let response = Bytes::copy_from_slice(&made.response);
        let response = Piece::new(response, size_of_val(&*said), &self.counts);
        let at = Instant::now();
        self.order.push_back((at, Arc::clone(&made.id)));
        self.remove(&made.id);
        let names = said.get(asked).into_iter().flat_map(|piece| piece.names());
        self.items.extend(names.map(|name| (Arc::clone(name), Arc::clone(&made.id))));
        self.kept.insert(Arc::clone(&made.id), Arc::new(Kept { said, response, asked, is_part: made.is_part, at }));
        self.tidy();
    }

    fn forget(&mut self, id: &str) -> bool {
        let is_gone = self.remove(id);
        self.tidy();
        is_gone
    }

    /// Takes a response out, and the names of its items with it.
    fn remove(&mut self, id: &str) -> bool {
        let Some(kept) = self.kept.remove(id) else { return false };
        for name in kept.said.get(kept.asked).into_iter().flat_map(|piece| piece.names()) {
            if self.items.get(name).is_some_and(|of| **of == *id) {
                self.items.remove(name);
            }
        }
        true
    }

    /// Lets go of the oldest.
    fn drop_oldest(&mut self) {
        let Some((at, id)) = self.order.pop_front() else { return };
        // A younger one of the same name is another.
        if self.kept.get(&id).is_some_and(|kept| kept.at == at) {
            self.remove(&id);
        }
    }

    /// Strikes out what is gone, once that is most of the order.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.kept.len() + GONE_MAX {
            self.order.retain(|(at, id)| self.kept.get(id).is_some_and(|kept| kept.at == *at));
        }
    }
}

/// So many may be gone from the order of a small shelf.
const GONE_MAX: usize = 64;

impl Responses {
    /// The account's response of that name.
    pub fn find(&self, account: &AccountId, id: &str, settings: &config::Responses) -> Option<Arc<Kept>> {
        settings.bytes_max?;
        let shelves = self.shelves();
        let kept = shelves.of.get(account)?.kept.get(id)?;
        (kept.at.elapsed() < settings.keep).then(|| Arc::clone(kept))
    }

    /// The item of that name, of the output of a response of the account's; empty where nothing of it may be said again.
    pub(super) fn item(&self, account: &AccountId, name: &str, settings: &config::Responses) -> Option<Bytes> {
        settings.bytes_max?;
        let shelves = self.shelves();
        let shelf = shelves.of.get(account)?;
        let kept = shelf.kept.get(shelf.items.get(name)?)?;
        if kept.at.elapsed() < settings.keep { kept.item(name) } else { None }
    }

    /// Forgets the account's response of that name; `false` when there is none. Those that go on from it stay.
    pub fn forget(&self, account: &AccountId, id: &str) -> bool {
        self.shelves().of.get_mut(account).is_some_and(|shelf| shelf.forget(id))
    }

    /// Keeps a response, and lets go of what is too old; where there is too much, of the oldest of the account that keeps
    /// most.
    pub(super) fn keep(&self, account: &AccountId, settings: &config::Responses, made: &Made<'_>) {
        let Some(bytes_max) = settings.bytes_max else { return };
        let mut shelves = self.shelves();
        let shelf = shelves.of.entry(account.clone()).or_insert_with(|| Shelf {
            counts: Counts { all: Some(Arc::clone(&self.bytes)), ..Counts::default() },
            ..Shelf::default()
        });
        shelf.keep(made);
        shelves.sweep(settings.keep);
        if self.bytes() > bytes_max {
            shelves.make_room(|| self.bytes() <= bytes_max - bytes_max / SPARE);
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// Lets go of what is too old, now and then.
    fn sweep(&mut self, keep: Duration) {
        if self.swept.is_some_and(|swept| swept.elapsed() < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(Instant::now());
        for shelf in self.of.values_mut() {
            while shelf.order.front().is_some_and(|(at, _)| at.elapsed() >= keep) {
                shelf.drop_oldest();
            }
        }
        self.of.retain(|_, shelf| !shelf.order.is_empty());
    }

    /// Lets go of the oldest of whoever keeps most, until there is room.
    fn make_room(&mut self, has_room: impl Fn() -> bool) {
        // A shelf without an order has nothing to let go of, whatever somebody who reads from it still holds.
        let filled = self.of.iter().filter(|(_, shelf)| !shelf.order.is_empty());
        let mut largest: BinaryHeap<_> = filled.map(|(account, shelf)| (shelf.counts.own(), account.clone())).collect();
        while !has_room() {
            let Some((_, account)) = largest.pop() else { return };
            let Some(shelf) = self.of.get_mut(&account) else { continue };
            shelf.drop_oldest();
            if !shelf.order.is_empty() {
                largest.push((shelf.counts.own(), account));
            }
        }
    }
}

/// Old responses are not found, so that they may stay a little longer.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// One in so many bytes is freed in one go, so that not every response looks through all accounts.
const SPARE: u64 = 16;

#[cfg(test)]
mod tests {
    use super::{
        super::{Recent, piece::Names},
        *,
    };

    fn keep_in(
        responses: &Responses,
        account: &AccountId,
        settings: &config::Responses,
        id: &str,
        previous: Option<&str>,
        size: usize,
    ) {
        let before = previous.and_then(|previous| responses.find(account, previous, settings));
        let before = before.and_then(|kept| kept.said()).unwrap_or_default();
        let (asked, said) = (vec![b'x'; size].into(), Bytes::new());
        let (names, response) = (Names::default(), Bytes::new());
        let made = Made { id: id.into(), previous, before: &before, asked, said, names, response, is_part: false };
        responses.keep(account, settings, &made);
    }

    fn account(name: &str) -> AccountId {
        name.parse().unwrap()
    }

    fn settings(bytes_max: u64) -> config::Responses {
        config::Responses { bytes_max: Some(bytes_max), keep: Duration::from_secs(60) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_is_its_accounts_and_for_a_time() {
        let responses = Responses::default();
        let (mine, other, settings) = (account("mine"), account("other"), settings(1 << 20));
        keep_in(&responses, &mine, &settings, "r", None, 10);
        assert!(responses.find(&mine, "r", &settings).is_some());
        assert!(responses.find(&other, "r", &settings).is_none());
        assert!(!responses.forget(&other, "r"));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(responses.find(&mine, "r", &settings).is_none());
        keep_in(&responses, &other, &settings, "s", None, 10);
        assert_eq!(responses.shelves().of.len(), 1, "what is too old goes with the next that comes");
        assert!(responses.forget(&other, "s") && !responses.forget(&other, "s"));
    }

    /// Keeps a response whose output is the items, which are named as they are written.
    fn keep_items(responses: &Responses, account: &AccountId, settings: &config::Responses, id: &str, items: &[&str]) {
        let mut said = String::new();
        let names = items.iter().map(|item| {
            said += item;
            ((*item).to_owned(), said.len() - item.len()..said.len())
        });
        let names = Names::new(names.collect());
        let (asked, response) = ("{}".into(), Bytes::new());
        let made = Made {
            id: id.into(),
            previous: None,
            before: &[],
            asked,
            said: said.into(),
            names,
            response,
            is_part: false,
        };
        responses.keep(account, settings, &made);
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_is_found_as_long_as_its_response() {
        let responses = Responses::default();
        let (mine, other, settings) = (account("mine"), account("other"), settings(1 << 20));
        let item = |account: &AccountId, name: &str| responses.item(account, name, &settings);
        keep_items(&responses, &mine, &settings, "r", &["msg_2", "fc_1", "msg_1"]);
        for name in ["msg_1", "msg_2", "fc_1"] {
            assert_eq!((item(&mine, name), item(&other, name)), (Some(name.into()), None), "{name}");
        }
        assert!(item(&mine, "msg_3").is_none());
        // A younger one of the same name, and one that is made again.
        keep_items(&responses, &mine, &settings, "s", &["msg_1"]);
        keep_items(&responses, &mine, &settings, "r", &["fc_1"]);
        assert!(item(&mine, "msg_1").is_some() && item(&mine, "fc_1").is_some() && item(&mine, "msg_2").is_none());
        assert!(responses.forget(&mine, "s") && item(&mine, "msg_1").is_none());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(item(&mine, "fc_1").is_none());
        keep_items(&responses, &mine, &settings, "t", &["new"]);
        assert_eq!(responses.shelves().of[&mine].items.len(), 1, "the names go with their response");
    }

    #[tokio::test]
    async fn names_of_items_are_counted_and_bounded() {
        let responses = Responses::default();
        let (mine, settings) = (account("mine"), settings(100_000));
        for number in 0..1_000 {
            let names: Vec<_> = (0..10).map(|item| format!("i{number}_{item}")).collect();
            let names: Vec<_> = names.iter().map(|name| &**name).collect();
            keep_items(&responses, &mine, &settings, &format!("r{number}"), &names);
        }
        let shelves = responses.shelves();
        let shelf = &shelves.of[&mine];
        assert_eq!(shelf.items.len(), 10 * shelf.kept.len());
        assert!(shelf.items.len() as u64 * 128 < 100_000, "{}", shelf.items.len());
    }

    #[tokio::test]
    async fn who_keeps_most_lets_go_first() {
        let responses = Responses::default();
        let (small, large, settings) = (account("small"), account("large"), settings(100_000));
        keep_in(&responses, &small, &settings, "s", None, 1_000);
        for number in 0..200 {
            keep_in(&responses, &large, &settings, &format!("l{number}"), None, 10_000);
            assert!(responses.bytes() <= 100_000);
        }
        assert!(responses.find(&small, "s", &settings).is_some());
        assert!(responses.find(&large, "l0", &settings).is_none());
        assert!(responses.find(&large, "l199", &settings).is_some());
    }

    #[tokio::test]
    async fn who_has_nothing_to_let_go_of_does_not_void_the_bound() {
        let responses = Responses::default();
        let (reader, other, settings) = (account("reader"), account("other"), settings(100_000));
        keep_in(&responses, &reader, &settings, "r", None, 60_000);
        let read = responses.find(&reader, "r", &settings);
        assert!(responses.forget(&reader, "r"));
        for number in 0..20 {
            keep_in(&responses, &other, &settings, &format!("o{number}"), None, 10_000);
            assert!(responses.bytes() <= 100_000, "{}", responses.bytes());
        }
        assert!(responses.find(&other, "o19", &settings).is_some());
        drop(read);
    }

    #[tokio::test]
    async fn a_conversation_shares_what_was_said_before_and_is_counted_once() {
        let responses = Responses::default();
        let (mine, settings) = (account("mine"), settings(1 << 30));
        keep_in(&responses, &mine, &settings, "r0", None, 1_000_000);
        for number in 1..100 {
            let (id, previous) = (format!("r{number}"), format!("r{}", number - 1));
            keep_in(&responses, &mine, &settings, &id, Some(&previous), 10);
        }
        assert!(responses.bytes() < 1_200_000);
        for number in 0..99 {
            responses.forget(&mine, &format!("r{number}"));
        }
        assert!(responses.bytes() > 1_000_000, "the last one still holds it");
        responses.forget(&mine, "r99");
        assert_eq!(responses.bytes(), 0);
    }

    #[tokio::test]
    async fn what_comes_from_elsewhere_is_counted_as_well() {
        let responses = Responses::default();
        let (mine, settings) = (account("mine"), settings(1 << 30));
        let before = [Bytes::from(vec![b'x'; 1_000_000])];
        let (id, asked, said, response) = ("r".into(), Bytes::new(), Bytes::new(), Bytes::new());
        let names = Names::default();
        let made = Made { id, previous: Some("warm"), before: &before, asked, said, names, response, is_part: false };
        responses.keep(&mine, &settings, &made);
        assert!(responses.bytes() > 1_000_000);
    }

    #[tokio::test]
    async fn a_connection_that_goes_on_from_one_does_not_keep_it_counted() {
        let (responses, recent) = (Responses::default(), Recent::new(1 << 20));
        let (mine, settings) = (account("mine"), settings(1 << 30));
        keep_in(&responses, &mine, &settings, "r", None, 1_000);
        let before = responses.find(&mine, "r", &settings).unwrap().said().unwrap();
        let (id, asked, said, response) = ("s".into(), "a".into(), Bytes::new(), Bytes::new());
        let names = Names::default();
        recent.keep(&Made { id, previous: Some("r"), before: &before, asked, said, names, response, is_part: false });
        assert!(responses.forget(&mine, "r"));
        assert_eq!((responses.bytes(), recent.find("s").unwrap().len()), (0, 2));
    }

    #[tokio::test]
    async fn what_is_gone_leaves_the_order_as_well() {
        let responses = Responses::default();
        let (mine, settings) = (account("mine"), settings(1 << 20));
        keep_in(&responses, &mine, &settings, "first", None, 10);
        let order = |responses: &Responses| responses.shelves().of[&mine].order.len();
        for number in 0..1_000 {
            let id = format!("r{number}");
            keep_in(&responses, &mine, &settings, &id, None, 10);
            assert!(responses.forget(&mine, &id) && order(&responses) <= 2 + GONE_MAX);
        }
        for _ in 0..1_000 {
            keep_in(&responses, &mine, &settings, "again", None, 10);
            assert!(order(&responses) <= 4 + GONE_MAX);
        }
        assert!(responses.find(&mine, "first", &settings).is_some());
    }
}
