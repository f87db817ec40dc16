//! The words of a sentence, and what each is: a fact, a decision, or one of many.

/// A word, or two letters of a script without spaces between words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// A path, an address, an identifier, a number, a name.
    Fact,
    Decision,
    /// Two letters that say nothing beyond being there.
    Pair,
}

/// Calls `see` with each word's kind, its hash (the same for either case) and its length.
pub(super) fn each(sentence: &str, see: &mut dyn FnMut(Kind, u64, usize)) {
    let mut is_first = true;
    for word in sentence.split(is_gap).map(|word| word.trim_matches(is_edge)).filter(|word| !word.is_empty()) {
        if word.is_ascii() {
            let kind = if is_fact(word) || !is_first && is_name(word) {
                Kind::Fact
            } else if is_decision(word) {
                Kind::Decision
            } else {
                Kind::Plain
            };
            see(kind, hash_of(word), word.len());
        } else {
            pairs(word, see);
        }
        is_first = false;
    }
}

/// Of another script: letters in twos, and what of ours stands among them.
fn pairs(word: &str, see: &mut dyn FnMut(Kind, u64, usize)) {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii() {
            let end = rest.find(|letter: char| !letter.is_ascii()).unwrap_or(rest.len());
            let inside = rest[..end].trim_matches(is_edge);
            if !inside.is_empty() {
                see(if is_fact(inside) { Kind::Fact } else { Kind::Plain }, hash_of(inside), inside.len());
            }
            rest = &rest[end..];
            continue;
        }
        let behind = &rest[first.len_utf8()..];
        if let Some(second) = behind.chars().next().filter(|second| !second.is_ascii()) {
            let kind = if DECISIONS.contains(&[first, second]) { Kind::Decision } else { Kind::Pair };
            see(kind, hash_of(&rest[..first.len_utf8() + second.len_utf8()]), 2);
        }
        rest = behind;
    }
}

fn is_gap(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '"' | '`' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '，' | '、' | '“' | '”')
}

fn is_edge(letter: char) -> bool {
    matches!(letter, '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '。' | '；' | '：' | '！' | '？')
}

fn is_fact(word: &str) -> bool {
    let bytes = word.as_bytes();
    let (mut has_digit, mut has_lower, mut is_camel, mut has_mark) = (false, false, false, false);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => has_digit = true,
            b'a'..=b'z' => has_lower = true,
            b'A'..=b'Z' => is_camel |= has_lower,
            b'_' | b'@' | b'/' | b'\\' | b'$' | b'#' | b'=' | b'.' | b':' => has_mark = true,
            _ => {}
        }
    }
    has_digit || bytes.len() > 1 && (is_camel || has_mark)
}

/// Written large in the middle of a sentence.
fn is_name(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() > 1 && bytes[0].is_ascii_uppercase() && !matches!(word, "I'm" | "I'll" | "I've" | "I'd")
}

fn is_decision(word: &str) -> bool {
    if word.len() > DECISION_MAX {
        return false;
    }
    let mut lower = [0; DECISION_MAX];
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

const DECISION_MAX: usize = 10;

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

pub(super) fn hash_of(word: &str) -> u64 {
    word.bytes().fold(BASIS, |hash, byte| mix(hash, u64::from(byte.to_ascii_lowercase())))
}

/// FNV-1a's step, turned so that the upper bits count as well. Whoever chooses words that fall together only makes
/// their own seem common.
pub(super) fn mix(hash: u64, more: u64) -> u64 {
    (hash ^ more).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
}

pub(super) const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
