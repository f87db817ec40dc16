//! How an answer that broke off was carried on, or why it was not, in words.

use serde_json::Value;

use super::super::{say, table::cell};

/// A line for each attempt to carry it on, and one for why no more were made.
pub(super) fn tell(decision: &Value) {
    let seams = decision["seams"].as_array().map_or(&[][..], Vec::as_slice);
    for (index, seam) in seams.iter().enumerate() {
        say(&format_args!("{:<12}{}", if index == 0 { "carried on" } else { "" }, story(seam)));
    }
    if let Some(why) = decision["not_carried_on"].as_str() {
        let more = if seams.is_empty() { "" } else { " any further" };
        say(&format_args!("cut         and not carried on{more}, because {why}"));
    }
}

fn story(seam: &Value) -> String {
    let way = match seam["way"].as_str() {
        Some("prefill") => "from its beginning",
        Some("prompt") => "because it was asked to go on",
        _ => "by the same request",
    };
    let attempt = format!("attempt {}", cell(&seam["attempt"]));
    let shown = format!("behind {} bytes of text", cell(&seam["shown"]));
    let repeated = format!("{} tokens said what had been shown", cell(&seam["repeated"]));
    let mut story = match seam["end"].as_str() {
        Some("failed") => format!("{attempt} was to go on {shown}, {way}, and failed"),
        Some("diverged") => format!("{attempt} was to go on {shown}, {way}, and began another answer"),
        Some("spent") => format!("{attempt} went on {shown}, {way}, until there was no money for more; {repeated}"),
        Some("broke") => format!("{attempt} went on {shown}, {way}, and broke off as well; {repeated}"),
        Some("interrupted") => format!("{attempt} went on {shown}, {way}, until it was given up; {repeated}"),
        _ => format!("{attempt} went on {shown}, {way}; {repeated}"),
    };
    match seam["refused"].as_str() {
        Some("prefill") => story += "; it had refused the beginning as its own answer",
        Some(_) => story += "; it had refused to be asked in another way",
        None => {}
    }
    story
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_seam_is_told_in_words() {
        let seam = |way: &str, end: &str, refused: Option<&str>| {
            story(&json!({ "attempt": 2, "way": way, "shown": 17, "repeated": 4, "end": end, "refused": refused }))
        };
        assert_eq!(
            seam("again", "ended", Some("prefill")),
            "attempt 2 went on behind 17 bytes of text, by the same request; 4 tokens said what had been shown; it had \
             refused the beginning as its own answer"
        );
        assert_eq!(
            seam("prefill", "diverged", None),
            "attempt 2 was to go on behind 17 bytes of text, from its beginning, and began another answer"
        );
    }
}
