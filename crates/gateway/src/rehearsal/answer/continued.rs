//! An answer whose beginning is in the request: the rest of what would have been said, or words of its own.

use std::borrow::Cow;

use super::Chance;
use crate::rehearsal::nature::Prefill;

/// What is said after `prefill`, and how many of its words only repeat it.
pub(super) fn after<'a>(
    content: Vec<Cow<'a, str>>,
    prefill: &str,
    nature: Prefill,
    chance: &mut Chance,
) -> (Vec<Cow<'a, str>>, usize) {
    let whole = content.join(" ");
    let rest = match rest_of(&whole, prefill) {
        Some(rest) => rest.to_owned(),
        None => words_of_its_own(content.len(), prefill, chance),
    };
    let is_spaced = prefill.ends_with(char::is_whitespace);
    let rest = if is_spaced { rest.trim_start() } else { rest.as_str() };
    match nature {
        Prefill::Echoes => {
            let whole = words(&format!("{prefill}{rest}"));
            let echoed = words(prefill.trim_end()).len().min(whole.len());
            (whole, echoed)
        }
        Prefill::CarriesOn | Prefill::Refuses => (words(rest), 0),
    }
}

/// What of `whole` comes after `beginning`, however white space is written.
fn rest_of<'a>(whole: &'a str, beginning: &str) -> Option<&'a str> {
    let mut rest = whole;
    for character in beginning.chars().filter(|character| !character.is_whitespace()) {
        rest = rest.trim_start().strip_prefix(character)?;
    }
    Some(rest)
}

fn words_of_its_own(length: usize, prefill: &str, chance: &mut Chance) -> String {
    let said = prefill.split_whitespace().count();
    (0..length.saturating_sub(said).max(1)).map(|_| format!(" {}", chance.word())).collect()
}

/// Words that joined by spaces are the text; the first has the spaces before it.
fn words<'a>(text: &str) -> Vec<Cow<'a, str>> {
    if text.is_empty() {
        return Vec::new();
    }
    let lead = text.len() - text.trim_start_matches(' ').len();
    let first = text[lead..].find(' ').map_or(text.len(), |end| lead + end);
    let mut words = vec![Cow::Owned(text[..first].to_owned())];
    if first < text.len() {
        words.extend(text[first + 1..].split(' ').map(|word| Cow::Owned(word.to_owned())));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefill: &str, nature: Prefill, expected: &str, echoed: usize) {
        let content = ["You", "said:", "one\ntwo", "", "three"].map(Cow::Borrowed).to_vec();
        let (words, repeated) = after(content, prefill, nature, &mut Chance(7));
        assert_eq!((words.join(" ").as_str(), repeated), (expected, echoed), "{prefill:?}");
    }

    #[test]
    fn the_rest_is_said_with_the_white_space_that_is_missing() {
        check("You", Prefill::CarriesOn, " said: one\ntwo  three", 0);
        check("You ", Prefill::CarriesOn, "said: one\ntwo  three", 0);
        check("You sa", Prefill::CarriesOn, "id: one\ntwo  three", 0);
        check("You  said: one two", Prefill::CarriesOn, "  three", 0);
        check("You said: one\ntwo  three", Prefill::CarriesOn, "", 0);
    }

    #[test]
    fn an_echo_is_the_prefill_as_it_came_and_the_rest() {
        check("You said:", Prefill::Echoes, "You said: one\ntwo  three", 2);
        check("You said:  ", Prefill::Echoes, "You said:  one\ntwo  three", 2);
    }

    #[test]
    fn what_is_no_beginning_is_followed_by_words_of_its_own() {
        check("He said", Prefill::CarriesOn, " harbour almost table", 0);
    }
}
