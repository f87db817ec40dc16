//! Whether a text repeats itself, so that one more repetition of it may be meant.

/// The letters of a text without its white space.
pub(super) fn letters(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Whether these letters are one piece said twice or more, the last of it perhaps in part: a rule, rows alike, a refrain.
pub(super) fn is_periodic(letters: &str) -> bool {
    let letters: Vec<char> = letters.chars().collect();
    let period = letters.len() - border(&letters);
    !letters.is_empty() && period * 2 <= letters.len()
}

/// Letters of the longest end that is the beginning as well, and not all: by the failure function of Knuth, Morris and
/// Pratt, "Fast Pattern Matching in Strings" (1977).
fn border(letters: &[char]) -> usize {
    let mut borders = vec![0_usize; letters.len()];
    for at in 1..letters.len() {
        let mut length = borders[at - 1];
        while length > 0 && letters[at] != letters[length] {
            length = borders[length - 1];
        }
        borders[at] = length + usize::from(letters[at] == letters[length]);
    }
    borders.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_from_its_beginning_is_periodic() {
        for (text, expected) in [
            ("----------------", true),
            ("| 0 | 0 |\n| 0 | 0 |\n| 0 |", true),
            ("no no", true),
            ("no no n", true),
            ("", false),
            ("a", false),
            ("ring around a ring", false),
            ("as far as", false),
            ("Title ------------", false),
        ] {
            assert_eq!(is_periodic(&letters(text)), expected, "{text:?}");
        }
    }
}
