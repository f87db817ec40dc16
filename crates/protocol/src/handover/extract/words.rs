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
    let bytes = sentence.as_bytes();
    let (mut at, mut is_first) = (0, true);
    while at < bytes.len() {
        let begin = at;
        let mut marks = 0;
        while let Some(byte) = bytes.get(at)
            && MARKS[usize::from(*byte)] & GAP == 0
        {
            marks |= MARKS[usize::from(*byte)];
            at += 1;
        }
        // Gaps are ASCII, so that no letter is cut.
        let word = sentence[begin..at].trim_matches(is_edge);
        if word.is_empty() {
            at += 1;
            continue;
        }
        if marks & WIDE != 0 {
            pairs(word, see);
        } else {
            see(kind_of(word, marks, is_first), hash_of(word), word.len());
        }
        is_first = false;
    }
}

fn kind_of(word: &str, marks: u8, is_first: bool) -> Kind {
    if is_fact(word, marks) || !is_first && is_name(word, marks) {
        Kind::Fact
    } else if is_decision(word) {
        Kind::Decision
    } else {
        Kind::Plain
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
                let marks = inside.bytes().fold(0, |marks, byte| marks | MARKS[usize::from(byte)]);
                see(if is_fact(inside, marks) { Kind::Fact } else { Kind::Plain }, hash_of(inside), inside.len());
            }
            rest = &rest[end..];
            continue;
        }
        let behind = &rest[first.len_utf8()..];
        let second = behind.chars().next().filter(|second| !second.is_ascii() && !is_edge(*second));
        if let Some(second) = second.filter(|_| !is_edge(first)) {
            let kind = if DECISIONS.contains(&[first, second]) { Kind::Decision } else { Kind::Pair };
            see(kind, mix(u64::from(first), u64::from(second)), 2);
        }
        rest = behind;
    }
}

fn is_edge(letter: char) -> bool {
    match letter {
        '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' => true,
        _ if letter.is_ascii() => false,
        _ => matches!(letter, '。' | '；' | '：' | '！' | '？' | '，' | '、' | '“' | '”'),
    }
}

fn is_fact(word: &str, marks: u8) -> bool {
    let is_camel = || word.bytes().skip_while(|byte| !byte.is_ascii_lowercase()).any(|byte| byte.is_ascii_uppercase());
    // A mark at an edge is none.
    let has_mark = || word.bytes().any(|byte| MARKS[usize::from(byte)] & MARK != 0);
    marks & DIGIT != 0 && word.bytes().any(|byte| byte.is_ascii_digit())
        || word.len() > 1 && (marks & MARK != 0 && has_mark() || marks & LARGE != 0 && is_camel())
}

/// Written large in the middle of a sentence.
fn is_name(word: &str, marks: u8) -> bool {
    let is_large = || word.as_bytes()[0].is_ascii_uppercase();
    marks & LARGE != 0 && word.len() > 1 && is_large() && !matches!(word, "I'm" | "I'll" | "I've" | "I'd")
}

/// What a byte says of its word.
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = match byte as u8 {
            0..=b' ' | b'"' | b'`' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' => GAP,
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => LARGE,
            b'_' | b'@' | b'/' | b'\\' | b'$' | b'#' | b'=' | b'.' | b':' => MARK,
            0x80.. => WIDE,
            _ => 0,
        };
        byte += 1;
    }
    marks
};
const GAP: u8 = 1;
const DIGIT: u8 = 2;
const LARGE: u8 = 4;
const MARK: u8 = 8;
const WIDE: u8 = 16;

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
