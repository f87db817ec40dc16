//! What attempts were told of a conversation that they could not have whole, in words.

use serde_json::Value;

use super::super::{say, table::cell};

/// A line for each attempt that was told less than its caller sent.
pub(super) fn tell(decision: &Value) {
    for handed in decision["handover"].as_array().into_iter().flatten() {
        say(&format_args!("handed over to attempt {}: {}", cell(&handed["attempt"]), story(handed)));
    }
}

fn story(handed: &Value) -> String {
    let number = |name: &str| handed[name].as_u64().unwrap_or_default();
    let because = match handed["why"].as_str() {
        Some("window") => "its window is too small",
        Some("capability") => "it cannot take all that the conversation holds",
        Some("model_changed") => "the pool wants a summary when the model changes",
        _ => "of something else",
    };
    let (turns, kept) = (number("turns"), number("first_kept"));
    let mut story = match kept {
        0 | 1 => format!("all {turns} turns"),
        _ => format!("turns {kept} to {turns} as they were"),
    };
    if let Some(user) = handed["kept_user"].as_u64() {
        story += &format!(", and the words of turn {user}");
    }
    match handed["kind"].as_str() {
        Some("summary") => {
            let stood_for = number("stood_for");
            story += &format!(", with a summary of the first {stood_for}");
            match kept.saturating_sub(1).saturating_sub(stood_for) {
                0 => {}
                1 => story += &format!(" and an extract of turn {}", stood_for + 1),
                _ => story += &format!(" and an extract of turns {} to {}", stood_for + 1, kept - 1),
            }
        }
        Some("extract") => story += &format!(", with an extract of the {} before", kept.saturating_sub(1)),
        _ if kept > 1 => story += &format!(", and nothing of the {} before", kept - 1),
        _ => {}
    }
    for (name, what) in
        [("media_left_out", "images, recordings or files left out"), ("results_shortened", "results shortened")]
    {
        if number(name) > 0 {
            story += &format!(", {} {what}", number(name));
        }
    }
    format!("{story}, because {because}; {} of {} tokens", number("after"), number("before"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hand_over_is_told_in_words() {
        let handed = json!({ "attempt": 2, "kind": "summary", "why": "window", "turns": 60, "first_kept": 50,
            "stood_for": 44, "before": 150_000, "after": 6_900, "media_left_out": 0, "results_shortened": 2 });
        let expected = "turns 50 to 60 as they were, with a summary of the first 44 and an extract of turns 45 to 49, 2 results shortened, because its \
                        window is too small; 6900 of 150000 tokens";
        assert_eq!(story(&handed), expected);
        let handed = json!({ "attempt": 2, "kind": "trimmed", "why": "capability", "turns": 3, "first_kept": 1,
            "stood_for": 0, "before": 150, "after": 140, "media_left_out": 1, "results_shortened": 0 });
        let expected = "all 3 turns, 1 images, recordings or files left out, because it cannot take all that the \
                        conversation holds; 140 of 150 tokens";
        assert_eq!(story(&handed), expected);
    }
}
