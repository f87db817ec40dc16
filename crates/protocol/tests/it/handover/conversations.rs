//! Conversations as agents and people have them, made of steps.

use proptest::prelude::*;
use roundelay_protocol::chat::{
    Arguments, Body, Dialect, Extra, Json, Keep, Part, Request, Role, Signature, Source, Text, Tool, ToolBody,
    ToolCall, ToolCallKind, ToolResult, Turns,
};

/// One step of a conversation. Lengths are in words.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The user does not begin, or nobody does.
    Bare,
    Said {
        words: usize,
        image: bool,
        marked: bool,
    },
    Answered {
        words: usize,
        thought: bool,
    },
    /// Calls at once, and their results.
    Called {
        calls: usize,
        words: usize,
        image: bool,
        failed: bool,
        /// What a client puts beside the results.
        noted: bool,
    },
    /// A call and its result that only one dialect knows; in others an ordinary one.
    Operated {
        words: usize,
    },
    /// The operator's word between turns.
    Operator {
        words: usize,
    },
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..60_usize, prop::bool::weighted(0.1), prop::bool::weighted(0.2))
            .prop_map(|(words, image, marked)| Step::Said { words, image, marked }),
        3 => (1..80_usize, prop::bool::weighted(0.3)).prop_map(|(words, thought)| Step::Answered { words, thought }),
        4 => (1..4_usize, 0..400_usize, prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.2))
            .prop_map(|(calls, words, image, failed, noted)| Step::Called { calls, words, image, failed, noted }),
        1 => (1..200_usize).prop_map(|words| Step::Operated { words }),
        1 => (1..20_usize).prop_map(|words| Step::Operator { words }),
    ];
    let bare = prop::bool::weighted(0.2);
    (bare, prop::collection::vec(step, 0..40)).prop_map(|(bare, mut steps)| {
        if bare {
            steps.insert(0, Step::Bare);
        }
        steps
    })
}

/// Whether a request holds what only its own dialect has words for.
pub(super) fn is_own(request: &Request<'_>) -> bool {
    request.turns.iter().flat_map(|turn| &turn.parts).any(|part| matches!(part.body, Body::Opaque { .. }))
}

/// The request that the steps make: it begins and ends with the user's side, unless it is bare.
pub(super) fn request(dialect: Dialect, steps: &[Step]) -> Request<'static> {
    let mut request = Request::new(dialect);
    request.model = "m".into();
    request.output_max = Some(500);
    request.system = vec![text("You are careful.")];
    request.tools = vec![tool()];
    let mut turns = Turns::default();
    let (mut number, mut marks) = (0, 0);
    if !matches!(steps.first(), Some(Step::Bare)) {
        turns.push(Role::User, vec![text("Begin here.")], Extra::default());
    }
    for step in steps {
        number += 1;
        match *step {
            Step::Said { words, image, marked } => {
                let mut said = text(&prose(number, words));
                // No vendor takes more than four.
                marks += usize::from(marked);
                said.keep = (marked && marks <= 4).then_some(Keep::Default);
                let image = image.then(picture);
                turns.push(Role::User, std::iter::once(said).chain(image).collect(), Extra::default());
            }
            Step::Answered { words, thought } => {
                let thought = thought.then(|| thought_of(dialect, number));
                let answer = text(&prose(number, words));
                turns.push(Role::Assistant, thought.into_iter().chain([answer]).collect(), Extra::default());
            }
            Step::Bare => {}
            Step::Called { calls, words, image, failed, noted } => {
                let ids = || (0..calls).map(|call| format!("call_{number}_{call}"));
                let said = text(&format!("Step {number}."));
                let parts = std::iter::once(said).chain(ids().map(|id| call(&id))).collect();
                turns.push(Role::Assistant, parts, Extra::default());
                let note = noted.then(|| text("<note>Mind the time.</note>"));
                let results = ids().map(|id| result(&id, number, words, image, failed)).chain(note).collect();
                turns.push(Role::User, results, Extra::default());
            }
            Step::Operated { words } => {
                let id = format!("call_{number}");
                let (call, result) = match dialect {
                    Dialect::OpenaiResponses => (operation(&id), outcome(&id, number, words)),
                    _ => (call(&id), result(&id, number, words, false, false)),
                };
                turns.push(Role::Assistant, vec![text("I look."), call], Extra::default());
                turns.push(Role::User, vec![result], Extra::default());
            }
            Step::Operator { words } => turns.push(Role::System, vec![text(&prose(number, words))], Extra::default()),
        }
    }
    request.system.append(&mut turns.system);
    if turns.turns.last().is_some_and(|last| last.role != Role::User) {
        turns.push(Role::User, vec![text("And now?")], Extra::default());
    }
    request.turns = turns.turns;
    request
}

pub(super) fn text(text: &str) -> Part<'static> {
    Part::text(Text::plain(text.to_owned()))
}

pub(super) fn call(id: &str) -> Part<'static> {
    Part::new(Body::ToolCall(ToolCall {
        id: Text::plain(id.to_owned()),
        name: "look".into(),
        arguments: Arguments::Value(Json::read(format!(r#"{{"path":"src/{id}.rs"}}"#)).unwrap()),
        kind: ToolCallKind::Function,
        signature: None,
    }))
}

pub(super) fn result(id: &str, number: usize, words: usize, image: bool, is_error: bool) -> Part<'static> {
    let picture = image.then(picture);
    Part::new(Body::ToolResult(ToolResult {
        id: Text::plain(id.to_owned()),
        name: None,
        content: std::iter::once(text(&prose(number, words))).chain(picture).collect(),
        is_error,
        kind: ToolCallKind::Function,
    }))
}

/// OpenAI's call of its computer tool.
pub(super) fn operation(id: &str) -> Part<'static> {
    opaque(format!(r#"{{"type":"computer_call","id":"cu_{id}","call_id":"{id}","action":{{"type":"screenshot"}}}}"#))
}

/// What such a call gave.
pub(super) fn outcome(id: &str, number: usize, words: usize) -> Part<'static> {
    let seen = serde_json::Value::from(prose(number, words));
    opaque(format!(r#"{{"type":"computer_call_output","call_id":"{id}","output":{{"seen":{seen}}}}}"#))
}

pub(super) fn opaque(json: String) -> Part<'static> {
    Part::new(Body::Opaque { dialect: Dialect::OpenaiResponses, json: Json::read(json).unwrap() })
}

pub(super) fn picture() -> Part<'static> {
    let source = Source::Inline { media_type: "image/png".into(), data: "AAAA".into() };
    Part::new(Body::Image { source, detail: None })
}

fn thought_of(dialect: Dialect, number: usize) -> Part<'static> {
    let signature = (dialect != Dialect::OpenaiChat).then(|| Signature::read(Text::plain(format!("sig{number}"))));
    Part::new(Body::Thinking { text: Text::plain(prose(number, 30)), signature })
}

fn tool() -> Tool<'static> {
    let schema = Json::read(r#"{"type":"object","properties":{"path":{"type":"string"}}}"#).unwrap();
    let body = ToolBody::Function {
        name: "look".into(),
        description: Some("Looks.".into()),
        schema: Some(schema),
        strict: None,
    };
    Tool { body, keep: None, extra: Extra::default() }
}

/// Words with escapes, numbers and another script among them.
fn prose(number: usize, words: usize) -> String {
    const WORDS: [&str; 12] = [
        "the",
        "window",
        "\"quoted\"",
        "src/main.rs",
        "must",
        "模型",
        "keeps",
        "line\n",
        "42",
        "never",
        "agreed.",
        "é",
    ];
    let word = |index: usize| WORDS[(index * 7 + number * 5) % WORDS.len()];
    let words: Vec<_> = (0..words).map(word).collect();
    format!("n{number} {}", words.join(" "))
}
