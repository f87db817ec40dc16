//! A whole answer.

use super::{Body, Dialect, Event, Extra, Issuer, Json, Logprob, Part, PartKind, Start, Stop, Text};
use crate::usage::Usage;

/// What a model said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub dialect: Dialect,
    pub id: Option<Text<'a>>,
    pub model: Option<Text<'a>>,
    /// Unix seconds.
    pub created: Option<i64>,
    pub choices: Vec<Choice<'a>>,
    pub usage: Option<Usage>,
    /// What the caller pays for it, in dollars; told beside the usage where the dialect has room.
    pub cost: Option<Json<'a>>,
    pub service_tier: Option<Text<'a>>,
    pub extra: Extra<'a>,
}

/// One of the answers asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    pub parts: Vec<Part<'a>>,
    /// `None` when the answer did not say: not whole.
    pub stop: Option<Stop<'a>>,
    /// How likely the tokens of its text were; of none where nobody asked.
    pub logprobs: Vec<Logprob<'a>>,
}

impl<'a> Answer<'a> {
    /// An empty answer in the words of `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            id: None,
            model: None,
            created: None,
            choices: Vec::new(),
            usage: None,
            cost: None,
            service_tier: None,
            extra: Extra::default(),
        }
    }

    /// Marks every signature with the deployment the answer came from.
    pub fn stamp(&mut self, issuer: Issuer) {
        for part in self.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
            let signature = match &mut part.body {
                Body::Text { signature, .. } | Body::Thinking { signature, .. } => signature.as_mut(),
                Body::ToolCall(call) => call.signature.as_mut(),
                Body::SealedThinking { data } => Some(data),
                _ => None,
            };
            if let Some(signature) = signature {
                signature.issuer.get_or_insert(issuer);
            }
        }
    }

    /// Says what the answer is called, as far as it does not say so itself.
    pub fn name(&mut self, names: &Start<'static>) {
        let own = Start { id: self.id.take(), model: self.model.take(), created: self.created };
        Start { id: self.id, model: self.model, created: self.created } = own.or(names);
    }

    /// Whether every choice has its typed end.
    pub fn is_whole(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.stop.is_some())
    }

    /// The answer as the stream it might have been, for a caller who asked for one.
    pub fn events(&self, sink: &mut dyn FnMut(Event<'_>)) {
        let share = |text: &Option<Text<'a>>| text.as_ref().map(|text| text.clone().into_owned());
        sink(Event::Start(Start { id: share(&self.id), model: share(&self.model), created: self.created }));
        let mut next = 0;
        for (choice, said) in (0..).zip(&self.choices) {
            let mut logprobs = Some(&said.logprobs).filter(|logprobs| !logprobs.is_empty());
            for part in &said.parts {
                let is_text = part.as_text().is_some();
                if let Some(tokens) = logprobs.take_if(|_| is_text) {
                    sink(Event::Logprobs { choice, tokens: tokens.clone() });
                }
                let number = next;
                next += 1;
                events_of(number, choice, &part.body, sink);
                sink(Event::PartEnd { part: number });
            }
            if let Some(stop) = &said.stop {
                sink(Event::Stop { choice, stop: stop.clone() });
            }
        }
        if let Some(usage) = self.usage {
            sink(Event::Usage(usage));
        }
        if self.is_whole() {
            sink(Event::End);
        }
    }
}

fn events_of(part: u32, choice: u32, body: &Body<'_>, sink: &mut dyn FnMut(Event<'_>)) {
    let mut start = |kind: PartKind<'_>| sink(Event::PartStart { part, choice, kind });
    match body {
        Body::Text { text, annotations, signature } => {
            start(PartKind::Text);
            sink(Event::Text { part, text: text.share() });
            for annotation in annotations {
                sink(Event::Annotation { part, annotation: annotation.clone() });
            }
            if let Some(signature) = signature {
                sink(Event::Signature { part, signature: signature.share() });
            }
        }
        Body::Thinking { text, signature } => {
            start(PartKind::Thinking);
            sink(Event::Thinking { part, text: text.share() });
            if let Some(signature) = signature {
                sink(Event::Signature { part, signature: signature.share() });
            }
        }
        Body::SealedThinking { data } => start(PartKind::SealedThinking { data: data.share() }),
        Body::ToolCall(call) => {
            start(PartKind::ToolCall { id: call.id.share(), name: call.name.share(), kind: call.kind });
            if let Some(signature) = &call.signature {
                sink(Event::Signature { part, signature: signature.share() });
            }
            sink(Event::Arguments { part, text: call.arguments.as_text() });
        }
        Body::Refusal(text) => {
            start(PartKind::Refusal);
            sink(Event::Refusal { part, text: text.share() });
        }
        Body::Opaque { dialect, json } => start(PartKind::Opaque { dialect: *dialect, json: json.share() }),
        Body::Image { .. } | Body::Audio { .. } | Body::File { .. } | Body::ToolResult(_) => {
            start(PartKind::Whole(Box::new(body.clone().into_owned())));
        }
    }
}
