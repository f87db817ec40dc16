//! What a sentence is worth among the others of its conversation.

use std::collections::{HashMap, HashSet};

use super::words::{self, BASIS, Kind, hash_of, mix};

/// How often each word is there, and how often a fact stands behind it. Words that fall on one place count together.
pub(super) struct Counts {
    words: Vec<u16>,
    behind: Vec<u16>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { words: vec![0; PLACES], behind: vec![0; PLACES] }
    }
}

impl Counts {
    pub(super) fn add(&mut self, sentence: &str) {
        let mut last = BASIS;
        words::each(sentence, &mut |kind, hash, _| {
            if kind == Kind::Fact {
                count(&mut self.behind, last);
            }
            count(&mut self.words, hash);
            last = hash;
        });
    }
}

fn count(counts: &mut [u16], hash: u64) {
    let place = &mut counts[place(hash)];
    *place = place.saturating_add(1);
}

fn place(hash: u64) -> usize {
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.ilog2())) as usize
}

/// Gives sentences their points, in the order in which they were said.
pub(super) struct Points<'c> {
    counts: &'c Counts,
    /// Hashes of facts that were named.
    named: HashSet<u64>,
    /// Hashes of what was said.
    said: HashSet<u64>,
    /// How often a sentence was there with the same words around its facts.
    shapes: HashMap<u64, u32>,
}

impl<'c> Points<'c> {
    pub(super) fn new(counts: &'c Counts) -> Self {
        Self { counts, named: HashSet::new(), said: HashSet::new(), shapes: HashMap::new() }
    }

    /// The points of a sentence that has some for its place; none when it was said before.
    pub(super) fn of(&mut self, sentence: &str, place_points: u32) -> u32 {
        let (mut whole, mut shape, mut last) = (BASIS, BASIS, BASIS);
        let (mut decisions, mut facts, mut seldom, mut count) = (0, 0, 0, 0);
        words::each(sentence, &mut |kind, hash, length| {
            whole = mix(whole, hash);
            count += 1;
            let rarity = rarity(self.counts.words[place(hash)]);
            match kind {
                Kind::Fact => {
                    if self.named.insert(hash) {
                        facts += FACT * rarity_behind(self.counts.behind[place(last)], rarity);
                    }
                }
                Kind::Decision => decisions += DECISION * rarity.max(RARITY_LEAST),
                Kind::Plain if length >= 4 => seldom += rarity,
                Kind::Plain => {}
                Kind::Pair => seldom += rarity / 2,
            }
            if kind != Kind::Fact {
                shape = mix(shape, hash);
            }
            last = hash;
        });
        facts += self.quoted(sentence);
        if count == 0 || !self.said.insert(whole) {
            return 0;
        }
        let times = self.shapes.entry(shape).or_insert(0);
        *times += 1;
        let question = if sentence.ends_with(['?', '？']) { QUESTION } else { 0 };
        let found = decisions.min(DECISIONS_MAX) + facts.min(FACTS_MAX) + seldom.min(SELDOM_MAX) + question;
        // Lines of code end so.
        let found = if sentence.ends_with(['{', '}', ';', '(', ')', ',']) { found / 2 } else { found };
        (place_points + found) / (*times).min(SHAPES_MAX)
    }

    /// What stands in quotes or backticks.
    fn quoted(&mut self, sentence: &str) -> u32 {
        let mut found = 0;
        for (open, close) in [('"', '"'), ('`', '`'), ('“', '”'), ('「', '」')] {
            let mut rest = sentence;
            while let Some((_, behind)) = rest.split_once(open)
                && let Some((inside, behind)) = behind.split_once(close)
            {
                let is_one = !inside.trim().is_empty() && inside.len() <= QUOTED_MAX;
                found += if is_one && self.named.insert(hash_of(inside)) { FACT * RARITY / 2 } else { 0 };
                rest = behind;
            }
        }
        found
    }
}

/// From 16 for a word that is there once to none for one that is there sixteen times.
fn rarity(count: u16) -> u32 {
    RARITY.saturating_sub(4 * count.max(1).ilog2())
}

/// Of a fact: that of the word before it, of which others stood before facts as well, and its own.
fn rarity_behind(count: u16, own: u32) -> u32 {
    rarity(count).min(own).max(RARITY_LEAST / 2)
}

const PLACES: usize = 1 << 16;
const RARITY: u32 = 16;
const RARITY_LEAST: u32 = 4;
const DECISION: u32 = 5;
const DECISIONS_MAX: u32 = 8 * RARITY;
const FACT: u32 = 3;
const FACTS_MAX: u32 = 9 * RARITY;
const SELDOM_MAX: u32 = 6 * RARITY;
const QUESTION: u32 = 2 * RARITY;
const QUOTED_MAX: usize = 80;
const SHAPES_MAX: u32 = 16;
