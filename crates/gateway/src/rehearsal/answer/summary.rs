//! A summary by rule, for figures that no model's mood changes: every sentence of a question that holds a mark.

use std::borrow::Cow;

/// The words of the sentences of `text` with `mark` in them, each once, one a line; nothing where there are none.
pub(super) fn of<'a>(text: &str, mark: &str) -> Option<Vec<Cow<'a, str>>> {
    let mut kept: Vec<&str> = Vec::new();
    for sentence in text.lines().flat_map(sentences).map(str::trim).filter(|sentence| sentence.contains(mark)) {
        if !kept.contains(&sentence) {
            kept.push(sentence);
        }
    }
    let said = kept.join("\n");
    (!said.is_empty()).then(|| said.split(' ').map(|word| Cow::Owned(word.to_owned())).collect())
}

/// Sentences end with a full stop, a question or an exclamation mark and a space after it.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let is_end = |pair: &[u8]| matches!(pair[0], b'.' | b'?' | b'!') && pair[1] == b' ';
    let ends = line.as_bytes().windows(2).enumerate().filter(move |(_, pair)| is_end(pair)).map(|(at, _)| at + 1);
    let mut start = 0;
    ends.chain([line.len()]).map(move |end| {
        let sentence = &line[start..end];
        start = end;
        sentence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(of(text, "FACT").map(|words| words.join(" ")).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn sentences_with_the_mark_are_kept_once() {
        check(
            "No. FACT 1: a is b. Then? Well: FACT 2.5 c!\nFACT 3",
            Some("FACT 1: a is b.\nWell: FACT 2.5 c!\nFACT 3"),
        );
        check("FACT é. FACT é. x", Some("FACT é."));
        check("nothing here. facts", None);
    }
}
