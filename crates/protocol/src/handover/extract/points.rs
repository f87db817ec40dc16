//! What a sentence is worth: decisions, facts, questions.

use std::collections::HashSet;

/// Reads sentences, and remembers which facts were named.
#[derive(Default)]
pub(super) struct Points {
    /// Hashes of facts.
    named: HashSet<u64>,
}

/// What was found in a sentence.
pub(super) struct Found {
    pub(super) points: u32,
    /// Of all its words, whatever their case and what stands between them.
    pub(super) words_hash: u64,
    /// Of its words without the facts.
    pub(super) shape_hash: u64,
    /// Whether it names a fact that was not named before.
    pub(super) names_something: bool,
}

impl Points {
    pub(super) fn of(&mut self, sentence: &str) -> Found {
        let (mut words_hash, mut shape_hash) = (BASIS, BASIS);
        let (mut decisions, mut facts) = (0, 0);
        let mut is_first = true;
        for word in sentence.split(is_gap).map(|word| word.trim_matches(is_edge)).filter(|word| !word.is_empty()) {
            let hash = hash_of(word);
            words_hash = mix(words_hash, hash);
            if !word.is_ascii() {
                decisions += decisions_in(word);
                // Another script has no spaces: numbers and Latin words in it are its facts.
                facts += self.facts_within(word);
                shape_hash = mix(shape_hash, hash);
            } else if is_fact(word) || !is_first && is_name(word) {
                facts += u32::from(self.named.insert(hash));
            } else {
                shape_hash = mix(shape_hash, hash);
                decisions += u32::from(is_decision(word));
            }
            is_first = false;
        }
        facts += self.quoted(sentence);
        let is_question = sentence.ends_with(['?', '？']);
        let points = decisions.min(2) * DECISION + facts.min(FACTS_MAX) * FACT + u32::from(is_question) * QUESTION;
        // Lines of code end so.
        let points = if sentence.ends_with(['{', '}', ';', '(', ')', ',']) { points / 2 } else { points };
        Found { points, words_hash, shape_hash, names_something: facts > 0 }
    }

    fn facts_within(&mut self, word: &str) -> u32 {
        let latin = word.split(|letter: char| !letter.is_ascii()).map(|piece| piece.trim_matches(is_edge));
        latin.filter(|piece| piece.len() > 1).map(|piece| u32::from(self.named.insert(hash_of(piece)))).sum()
    }

    /// What stands in quotes or backticks.
    fn quoted(&mut self, sentence: &str) -> u32 {
        let mut found = 0;
        for (open, close) in [('"', '"'), ('`', '`'), ('“', '”'), ('「', '」')] {
            let mut rest = sentence;
            while let Some((inside, behind)) = rest
                .split_once(open)
                .and_then(|(_, behind)| behind.split_once(close))
                .filter(|(inside, _)| inside.len() <= QUOTED_MAX)
            {
                found += u32::from(!inside.trim().is_empty() && self.named.insert(hash_of(inside)));
                rest = behind;
            }
        }
        found
    }
}

fn is_gap(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '"' | '`' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '，' | '、' | '“' | '”')
}

fn is_edge(letter: char) -> bool {
    matches!(letter, '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '。' | '；' | '：' | '！' | '？')
}

/// A path, an address, an identifier, a number.
fn is_fact(word: &str) -> bool {
    let bytes = word.as_bytes();
    let mut has_digit = false;
    let mut has_lower = false;
    let mut is_camel = false;
    let mut has_mark = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => has_digit = true,
            b'a'..=b'z' => has_lower = true,
            b'A'..=b'Z' => is_camel |= has_lower,
            b'_' | b'@' | b'/' | b'\\' | b'$' | b'#' | b'=' => has_mark = true,
            b'.' | b':' => has_mark |= at > 0 && at + 1 < bytes.len(),
            _ => {}
        }
    }
    bytes.len() > 1 && (has_digit || is_camel || has_mark) || has_digit
}

/// Written large in the middle of a sentence.
fn is_name(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() > 1 && bytes[0].is_ascii_uppercase() && !matches!(word, "I'm" | "I'll" | "I've" | "I'd")
}

fn is_decision(word: &str) -> bool {
    if word.len() > 12 {
        return false;
    }
    let mut lower = [0; 12];
    let lower = &mut lower[..word.len()];
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    matches!(
        &*lower,
        b"decided"
            | b"decide"
            | b"decision"
            | b"agreed"
            | b"agree"
            | b"must"
            | b"never"
            | b"always"
            | b"prefer"
            | b"prefers"
            | b"preferred"
            | b"don't"
            | b"cannot"
            | b"can't"
            | b"instead"
            | b"remember"
            | b"required"
            | b"require"
            | b"requires"
            | b"forbidden"
            | b"only"
            | b"should"
            | b"shall"
            | b"chose"
            | b"chosen"
            | b"choose"
            | b"deadline"
            | b"important"
            | b"approved"
            | b"rejected"
            | b"confirmed"
            | b"called"
            | b"named"
            | b"rename"
            | b"renamed"
            | b"avoid"
            | b"constraint"
            | b"limit"
            | b"owner"
            | b"because"
            | b"until"
            | b"budget"
            | b"policy"
    )
}

/// Words of decision in a script without spaces, each of two letters.
fn decisions_in(word: &str) -> u32 {
    let mut letters = word.chars();
    let Some(mut last) = letters.next() else { return 0 };
    let mut found = 0;
    for letter in letters {
        let pair = [last, letter];
        found += u32::from(DECISIONS.contains(&pair));
        last = letter;
    }
    found
}

const DECISIONS: [[char; 2]; 34] = [
    ['决', '定'],
    ['必', '须'],
    ['不', '要'],
    ['总', '是'],
    ['同', '意'],
    ['永', '远'],
    ['绝', '不'],
    ['禁', '止'],
    ['采', '用'],
    ['改', '用'],
    ['使', '用'],
    ['记', '住'],
    ['注', '意'],
    ['约', '定'],
    ['确', '认'],
    ['需', '要'],
    ['不', '能'],
    ['不', '得'],
    ['只', '能'],
    ['优', '先'],
    ['截', '止'],
    ['选', '择'],
    ['批', '准'],
    ['拒', '绝'],
    ['统', '一'],
    ['负', '责'],
    ['預', '算'],
    ['预', '算'],
    ['決', '定'],
    ['必', '須'],
    ['總', '是'],
    ['確', '認'],
    ['喜', '欢'],
    ['要', '求'],
];

/// FNV-1a's, over eight bytes a step; nothing depends on who chooses the words.
fn hash_of(word: &str) -> u64 {
    word.bytes().fold(BASIS, |hash, byte| mix(hash, u64::from(byte.to_ascii_lowercase())))
}

fn mix(hash: u64, more: u64) -> u64 {
    (hash ^ more).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const DECISION: u32 = 5;
const FACT: u32 = 3;
const FACTS_MAX: u32 = 4;
const QUESTION: u32 = 3;
const QUOTED_MAX: usize = 80;
