//! Where one answer ends and the next begins: every word once, under every split of what comes.

use proptest::{prelude::*, sample::Index};
use roundelay_protocol::{
    chat::{Annotation, Event, PartKind, Signature, Start, Stop, StreamFault, Text, ToolCallKind},
    seam::{Seam, Shown, Way},
    usage::Usage,
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

const SHORT: &str = "The five boxing wizards";
const LONG: &str = "The five boxing wizards jump quickly over the lazy dogs, again";

#[test]
fn an_echo_is_dropped_and_another_beginning_is_not_passed_off_as_a_continuation() {
    for way in [PREFILL, ECHO, Way::Prompt] {
        let whole = format!("{LONG} and again.");
        check(way, LONG, &whole, Some(&whole));
        let (line, spaced) = (format!("{LONG}\n"), format!(" {}\n\nNext", LONG.replace(' ', " \n")));
        check(way, &line, &spaced, Some(&format!("{LONG}\n\nNext")));
        check(way, LONG, "The five boxing wizened jump.", None);
        check(way, LONG, "The five boxing wiz", None);
        // Alike by chance.
        check(way, LONG, " The five others", Some(&format!("{LONG} The five others")));
        check(way, LONG, " The five", Some(&format!("{LONG} The five")));
        check(way, LONG, "", Some(LONG));
        check(way, SHORT, "The five boxing wizened", None);
    }
    check(ECHO, "Hi", "Hi there", Some("Hi there"));
    check(ECHO, SHORT, "The five boxing wizards jump.", Some("The five boxing wizards jump."));
    check(PREFILL, "Ha", "Haha", Some("HaHaha"));
}

#[test]
fn what_may_be_meant_is_not_taken_for_an_echo() {
    let rule = "-".repeat(16);
    check(PREFILL, &rule, &format!("{} end", "-".repeat(24)), Some(&format!("{} end", "-".repeat(40))));
    let rows = "| a | b | c |\n| 0 | 0 | 0 |\n".repeat(4);
    check(PREFILL, &rows, &rows, Some(&rows.repeat(2)));
    // Of which it cannot be known whether it is, an error is made.
    check(PREFILL, SHORT, SHORT, None);
    check(Way::Prompt, SHORT, &format!("{SHORT} jump"), Some(&format!("{SHORT} jump")));
    for way in [PREFILL, Way::Prompt] {
        check(way, "Happy birthday to you,\n", "Happy birthday to you,\nHappy", None);
    }
    check(Way::Prompt, &rule, &"-".repeat(24), None);
    check(Way::Prompt, &rows, &rows[..rows.len() / 2], None);
    let table = "| animal | legs | tail |\n|---|---|---|\n| dogs and cats | 4 | 1 |";
    for (shown, comes) in
        [(format!("{table}\n"), "| dogs and cats | 4 | 1 |\n"), (table.to_owned(), "\n| dogs and cats | 4 | 1 |")]
    {
        check(Way::Prompt, &shown, comes, None);
        let whole = format!("{}{comes}", shown.trim_end_matches(if comes.starts_with('\n') { "\n" } else { "" }));
        check(PREFILL, &shown, comes, Some(&whole));
    }
    check(Way::Prompt, &format!("{table}\n"), "| fish | 0 | 1 |", Some(&format!("{table}\n| fish | 0 | 1 |")));
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
    // A refrain may come once more.
    let (round, twice) = ("ring around the roses, ".repeat(3), "ring around the roses, ".repeat(2));
    check(Way::Prompt, &format!("Sing: {round}"), &format!("{twice}all"), None);
    check(PREFILL, shown, " worst of times, it was the age", Some(&format!("{shown} worst of times, it was the age")));
}

#[test]
fn an_answer_asked_for_again_repeats_all_that_was_shown_or_is_an_error() {
    check(Way::Again, SHORT, "The five boxing wizards jump.", Some("The five boxing wizards jump."));
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

/// What a stream goes on with behind `Hello` in part 0, of which part 1 is the next.
#[track_caller]
fn check_events(way: Way, comes: Vec<Event<'static>>, expected: &[Event<'_>]) -> Seam {
    let mut seam = Seam::new("Hello", 0, 1, way);
    let mut found = Vec::new();
    for event in comes {
        seam.event(event, &mut |event| found.push(event.into_owned())).unwrap();
    }
    assert_eq!(found, expected);
    seam
}

fn start(part: u32, kind: PartKind<'static>) -> Event<'static> {
    Event::PartStart { part, choice: 0, kind }
}

fn text(part: u32, text: &'static str) -> Event<'static> {
    Event::Text { part, text: text.into() }
}

fn call() -> PartKind<'static> {
    PartKind::ToolCall { id: "c".into(), name: "f".into(), kind: ToolCallKind::Function }
}

#[test]
fn what_is_not_the_text_stays_in_its_place_or_is_left_out() {
    let begun = || Event::Start(Start { id: Some("other".into()), ..Start::default() });
    let stop = || Event::Stop { choice: 0, stop: Stop::Finished };
    let end = |part| Event::PartEnd { part };
    let usage = || Event::Usage(Usage { output: 3, ..Usage::default() });
    let thought = || Event::Thinking { part: 0, text: "Hmm".into() };
    // Thoughts are left out and counted; two texts are one.
    let seam = check_events(
        PREFILL,
        vec![
            begun(),
            start(0, PartKind::Thinking),
            thought(),
            end(0),
            start(1, PartKind::Text),
            text(1, " a"),
            end(1),
            usage(),
            start(2, PartKind::Text),
            text(2, "b"),
            end(2),
            stop(),
            Event::End,
        ],
        &[text(0, " a"), usage(), text(0, "b"), end(0), stop(), Event::End],
    );
    assert_eq!((seam.repeated(), seam.unshown()), (0, 3));
    // A call ends the text; what is said behind it is a part of its own.
    let arguments = |part| Event::Arguments { part, text: "{}".into() };
    check_events(
        PREFILL,
        vec![
            start(0, call()),
            arguments(0),
            start(1, PartKind::Text),
            text(1, "a"),
            end(0),
            end(1),
            stop(),
            Event::End,
        ],
        &[
            end(0),
            start(1, call()),
            arguments(1),
            start(2, PartKind::Text),
            text(2, "a"),
            end(1),
            end(2),
            stop(),
            Event::End,
        ],
    );
    // Another choice was not asked for, and places count from another beginning.
    let other = Event::PartStart { part: 0, choice: 1, kind: PartKind::Text };
    let source = |start| Annotation::Url { url: "u".into(), title: None, start, end: start, raw: None };
    let annotation = |part, start| Event::Annotation { part, annotation: source(start) };
    let signature = Event::Signature { part: 1, signature: Signature { text: "s".into(), issuer: None } };
    check_events(
        PREFILL,
        vec![other, text(0, "x"), start(1, PartKind::Text), text(1, "a"), annotation(1, Some(7)), signature],
        &[text(0, "a"), annotation(0, None)],
    );
    // What is held comes before what follows it.
    let seam = check_events(
        ECHO,
        vec![start(0, PartKind::Text), text(0, "Hel"), start(1, call()), end(0)],
        &[text(0, "Hel"), end(0), start(1, call())],
    );
    assert_eq!(seam.repeated(), 0);
    let seam = check_events(Way::Again, vec![start(0, PartKind::Text), text(0, "Hello you")], &[text(0, " you")]);
    assert_eq!((seam.repeated(), seam.unshown()), (5, 5));
}

#[test]
fn what_is_held_is_bounded() {
    let mut seam = Seam::new(LONG, 0, 1, PREFILL);
    seam.event(start(0, PartKind::Text), &mut |_| {}).unwrap();
    let spaces = Event::Text { part: 0, text: Text::plain(" ".repeat(1000)) };
    let fault = (0..100).find_map(|_| seam.event(spaces.clone(), &mut |_| {}).err());
    assert_eq!(fault, Some(StreamFault::TooMuch("what is held at a seam")));
}

#[track_caller]
fn check_shown(events: &[Event<'_>], expected: Option<&str>) {
    let mut shown = Shown::default();
    shown.note(&start(0, PartKind::Thinking));
    shown.note(&Event::PartEnd { part: 0 });
    shown.note(&start(1, PartKind::Text));
    events.iter().for_each(|event| shown.note(event));
    assert_eq!(shown.unfit(), expected, "{events:?}");
}

#[test]
fn only_text_that_goes_on_is_carried_on() {
    let said = text(1, "a");
    let signature = Signature { text: "s".into(), issuer: None };
    check_shown(&[], Some("no text was shown"));
    check_shown(&[text(1, " \n")], Some("no text was shown"));
    check_shown(std::slice::from_ref(&said), None);
    check_shown(&[said.clone(), Event::PartEnd { part: 1 }, start(2, PartKind::Text), text(2, "b")], None);
    for (event, why) in [
        (Event::Thinking { part: 0, text: "x".into() }, "reasoning was shown"),
        (start(2, PartKind::SealedThinking { data: signature.clone() }), "reasoning was shown"),
        (start(2, call()), "a tool call was begun"),
        (start(2, PartKind::Refusal), "a refusal was shown"),
        (start(2, PartKind::Text), "two texts at once"),
        (Event::PartStart { part: 2, choice: 1, kind: PartKind::Text }, "a second choice was shown"),
        (Event::Signature { part: 1, signature }, "a signature was shown"),
        (Event::Stop { choice: 0, stop: Stop::Length }, "its reason to stop was shown"),
        (text(1, Box::leak("x".repeat(Shown::TEXT_MAX).into_boxed_str())), "the text is too long"),
    ] {
        check_shown(&[said.clone(), event], Some(why));
    }
    // An open thought is in the way of text until it ends, even one of no words.
    let thought = |shown: &mut Shown, event: Event<'_>, expected: Option<&str>| {
        shown.note(&event);
        assert_eq!(shown.unfit(), expected, "{event:?}");
    };
    let mut shown = Shown::default();
    thought(&mut shown, start(0, PartKind::Thinking), Some("a thought was begun"));
    thought(&mut shown, Event::PartEnd { part: 0 }, Some("no text was shown"));
    for event in [start(1, PartKind::Text), text(1, "a"), Event::PartEnd { part: 1 }] {
        shown.note(&event);
    }
    thought(&mut shown, start(2, PartKind::Thinking), Some("a thought was begun"));
    thought(&mut shown, Event::Thinking { part: 2, text: "".into() }, Some("a thought was begun"));
    thought(&mut shown, Event::PartEnd { part: 1 }, Some("a thought was begun"));
    thought(&mut shown, Event::PartEnd { part: 2 }, None);
    let mut shown = Shown::default();
    shown.note(&start(0, PartKind::Text));
    shown.note(&text(0, "12345678"));
    assert_eq!(shown.tokens(), 2);
}

/// A text in which the beginning does not come again by chance: every word is another.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-zäöü]{1,9}",
        "[一-龥]{1,6}",
        Just("👩‍🚀".to_owned()),
        Just("🇰🇷🦀".to_owned()),
        Just("e\u{301}\u{200d}".to_owned()),
        "[\"\\\\{}/<>&]{1,4}",
        Just("\u{1}\u{7f}".to_owned())
    ];
    let space = prop_oneof![
        Just(""),
        Just(" "),
        Just("\n"),
        Just("\n\n"),
        Just(" \n\t "),
        Just("\u{a0}"),
        Just("\u{3000}\r\n")
    ];
    prop::collection::vec((word, space), 2..40).prop_map(|words| {
        let numbered = words.iter().enumerate().map(|(number, (word, space))| format!("{word}{number}{space}"));
        numbered.collect()
    })
}

/// Pieces of a text as various servers write them: as it is, or all beyond ASCII in escapes, which may be parted anywhere.
fn pieces(text: &str, is_escaped: bool, cuts: &[Index]) -> Vec<Text<'static>> {
    let units: Vec<String> = if is_escaped {
        let write = |unit| match char::from_u32(u32::from(unit)) {
            Some(letter) if letter.is_ascii() => Text::plain(letter.to_string()).written().to_owned(),
            _ => format!("\\u{unit:04x}"),
        };
        text.encode_utf16().map(write).collect()
    } else {
        text.chars().map(|letter| Text::plain(letter.to_string()).written().to_owned()).collect()
    };
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(units.len() + 1)).collect();
    ends.push(units.len());
    ends.sort_unstable();
    let mut from = 0;
    ends.iter().map(|end| written(&units[std::mem::replace(&mut from, *end)..*end].concat())).collect()
}

/// What stands between the quotes of a JSON string.
fn written(inside: &str) -> Text<'static> {
    let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{inside}"}}}}]}}"#);
    let mut found = Text::default();
    let mut decoder = roundelay_protocol::openai_chat::Decoder::default();
    let mut take = |event: Event<'_>| {
        if let Event::Text { text, .. } = event {
            found = text.into_owned();
        }
    };
    decoder.event(chunk.as_bytes(), &mut take).unwrap();
    found
}

proptest! {
    #[test]
    fn every_character_is_said_once_under_every_split(
        text in texts(),
        cut in any::<Index>(),
        (shows_escapes, says_escapes) in any::<(bool, bool)>(),
        (shown_cuts, cuts) in (prop::collection::vec(any::<Index>(), 0..4), prop::collection::vec(any::<Index>(), 0..24)),
        is_stripped in any::<bool>(),
    ) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).filter(|at| *at > 0).collect();
        prop_assume!(!places.is_empty());
        let at = places[cut.index(places.len())];
        let shown = pieces(&text[..at], shows_escapes, &shown_cuts);
        // Some servers also cut off the white space at the end of an answer.
        let whole = if is_stripped { text.trim_end() } else { &text[..] };
        let expected = if whole.len() < at { &text[..at] } else { whole };
        let core = text[..at].trim_end().len();
        for (way, comes) in [
            (PREFILL, whole.get(core..).unwrap_or("")),
            (PREFILL, whole.get(at..).unwrap_or("").trim_start()),
            (ECHO, whole),
            (Way::Prompt, whole.get(core..).unwrap_or("")),
            (Way::Again, whole),
        ] {
            // What is told without its white space has lost what was not shown.
            if way == PREFILL && whole.get(at..).is_some_and(|rest| rest.starts_with(char::is_whitespace)) && comes.len() < whole.len() - core && !comes.starts_with(char::is_whitespace) {
                continue;
            }
            let found = passed(&shown, &pieces(comes, says_escapes, &cuts), way);
            prop_assert_eq!(found.as_deref(), Ok(expected), "{:?}: {:?}, then {:?}", way, &text[..at], comes);
        }
        let again = passed(&shown, &pieces(whole, says_escapes, &cuts), PREFILL);
        let letters = text[..at].chars().filter(|letter| !letter.is_whitespace()).count();
        match letters {
            0..16 => {}
            16..48 => prop_assert_eq!(again, Err(StreamFault::Diverged), "an echo, or said twice"),
            _ => prop_assert_eq!(again.as_deref(), Ok(expected), "an echo that was not expected"),
        }
    }

    #[test]
    fn what_repeats_itself_loses_nothing(
        unit in prop_oneof![Just("-".to_owned()), Just("| 0 | 1 |\n".to_owned()), "[a-c]{1,3}( [a-c]{1,5}){0,5}[.\n]"],
        heading in prop_oneof![Just(""), Just("# A refrain\n\n")],
        times in 2..60_usize,
        cut in any::<Index>(),
        cuts in prop::collection::vec(any::<Index>(), 0..9),
    ) {
        let whole = format!("{heading}{}", unit.repeat(times));
        let at = 1 + cut.index(whole.len() - 1);
        let core = whole[..at].trim_end().len();
        for (way, comes) in [(PREFILL, &whole[core..]), (Way::Prompt, &whole[core..]), (Way::Again, &whole[..]), (ECHO, &whole[..])] {
            let found = passed(&[Text::plain(whole[..at].to_owned())], &pieces(comes, false, &cuts), way);
            // What was said once may be what a model says again to find its place.
            if way == Way::Prompt && at < heading.len() + 2 * unit.len() {
                continue;
            }
            prop_assert!(found.as_deref() == Ok(&whole[..]) || found == Err(StreamFault::Diverged), "{:?}: {:?} at {}: {:?}", way, whole, at, found);
        }
    }

    #[test]
    fn a_character_cut_in_half_is_made_whole(before in "[a-z ]{0,20}", after in "[a-z ]{0,9}", is_escaped in any::<bool>()) {
        let before = format!("x{before}");
        let shown = [Text::plain(before.clone()), written("\\ud83e")];
        let whole = format!("{before}🦀{after}");
        let rest = &whole[before.trim_end().len()..];
        for (way, comes) in [(PREFILL, rest), (Way::Again, &whole[..]), (ECHO, &whole[..])] {
            let found = passed(&shown, &pieces(comes, is_escaped, &[]), way);
            prop_assert_eq!(found.as_deref(), Ok(&whole[..]), "{:?}", way);
        }
        prop_assert_eq!(passed(&shown, &["y".into()], PREFILL), Err(StreamFault::Diverged));
        prop_assert_eq!(passed(&shown, &[], PREFILL), Err(StreamFault::Diverged));
    }
}
