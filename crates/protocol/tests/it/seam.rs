//! Where one answer ends and the next begins: every word once, under every split of what comes.

use proptest::{prelude::*, sample::Index};
use roundelay_protocol::{
    chat::{Event, PartKind, StreamFault, Text},
    seam::{Seam, Shown, Way},
};

const PREFILL: Way = Way::Prefill { echoes: false };
const ECHO: Way = Way::Prefill { echoes: true };

/// What the caller reads behind what was shown, when the next answer comes in these pieces, as they are written.
fn passed(shown: &[Text<'_>], pieces: &[Text<'_>], way: Way) -> Result<String, StreamFault> {
    let mut noted = Shown::default();
    noted.note(&Event::PartStart { part: 0, choice: 0, kind: PartKind::Text });
    shown.iter().for_each(|text| noted.note(&Event::Text { part: 0, text: text.share() }));
    let mut seam = noted.seam(way);
    let mut said = Text::default();
    let mut take = |event: Event<'_>| {
        if let Event::Text { part, text } = event {
            assert_eq!(part, 0);
            said.push(&text);
        }
    };
    seam.event(Event::PartStart { part: 0, choice: 0, kind: PartKind::Text }, &mut take)?;
    for piece in pieces {
        seam.event(Event::Text { part: 0, text: piece.share() }, &mut take)?;
    }
    seam.event(Event::PartEnd { part: 0 }, &mut take)?;
    seam.event(Event::End, &mut take)?;
    let mut whole = Text::default();
    shown.iter().for_each(|text| whole.push(text));
    whole.push(&said);
    Ok(whole.decode().into_owned())
}

/// The same in one piece, letter by letter, and in threes.
#[track_caller]
fn check(way: Way, shown: &str, comes: &str, expected: Option<&str>) {
    let letters: Vec<String> = comes.chars().map(String::from).collect();
    for size in [1, 3, letters.len().max(1)] {
        let pieces: Vec<Text<'_>> = letters.chunks(size).map(|piece| Text::plain(piece.concat())).collect();
        let found = passed(&[shown.into()], &pieces, way);
        assert_eq!(found.ok().as_deref(), expected, "{way:?}: {shown:?}, then {comes:?} by {size}");
    }
}

#[test]
fn white_space_at_the_seam_is_said_once() {
    for way in [PREFILL, ECHO, Way::Prompt] {
        for (shown, comes, expected) in [
            ("a", "b", "ab"),
            ("a", " b", "a b"),
            ("a ", "b", "a b"),
            ("a ", " b", "a b"),
            ("a\n", "\n\nb", "a\n\nb"),
            ("a\n\n", "\nb", "a\n\nb"),
            ("a ", "\n\nb", "a \n\nb"),
            ("a:\n  ", "\n    b", "a:\n    b"),
            ("a ", " ", "a "),
            ("a ", "", "a "),
            ("a\u{3000}", "\u{3000}b", "a\u{3000}b"),
        ] {
            check(way, shown, comes, Some(expected));
        }
    }
}

const LONG: &str = "The five boxing wizards";

#[test]
fn an_echo_is_dropped_and_another_beginning_is_not_passed_off_as_a_continuation() {
    for way in [PREFILL, ECHO, Way::Prompt] {
        check(way, LONG, "The five boxing wizards jump.", Some("The five boxing wizards jump."));
        check(
            way,
            "The five boxing wizards\n",
            " The  five\nboxing wizards\n\njump.",
            Some("The five boxing wizards\n\njump."),
        );
        check(way, LONG, "The five boxing wizened jump.", None);
        check(way, LONG, "The five boxing wiz", None);
        // Alike by chance.
        check(way, LONG, " The five others", Some("The five boxing wizards The five others"));
        check(way, LONG, " The five", Some("The five boxing wizards The five"));
        check(way, LONG, "", Some(LONG));
    }
    check(ECHO, "Hi", "Hi there", Some("Hi there"));
    check(PREFILL, "Ha", "Haha", Some("HaHaha"));
}

#[test]
fn the_end_of_what_was_shown_is_dropped_where_a_prompt_brings_it_again() {
    let shown = "It was the best of times, it was the worst of times, it was the age";
    check(
        Way::Prompt,
        shown,
        "it was the worst of times, it was the age of wisdom",
        Some(&format!("{shown} of wisdom")),
    );
    check(Way::Prompt, shown, "worst of times, it was the age of wisdom", Some(&format!("{shown} of wisdom")));
    check(Way::Prompt, shown, " it was the age of wisdom", Some(&format!("{shown} it was the age of wisdom")));
    check(PREFILL, shown, " worst of times, it was the age", Some(&format!("{shown} worst of times, it was the age")));
}

#[test]
fn an_answer_asked_for_again_repeats_all_that_was_shown_or_is_an_error() {
    check(Way::Again, LONG, "The five boxing wizards jump.", Some("The five boxing wizards jump."));
    check(Way::Again, "a ", "a b", Some("a b"));
    check(Way::Again, "a\n", "a\n\nb", Some("a\n\nb"));
    check(Way::Again, "a b", "\na  b c", Some("a b c"));
    check(Way::Again, "\n\na", "a b", Some("\n\na b"));
    check(Way::Again, "a ", "a", Some("a "));
    check(Way::Again, "a b", "a b", Some("a b"));
    for (shown, comes) in [("a b", "ab"), ("a ", "ab"), ("ab", "a b"), ("ab", "a"), ("ab", ""), ("a b", "A b")] {
        check(Way::Again, shown, comes, None);
    }
}
