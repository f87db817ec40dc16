//! Where what is lost stood in the caller's own body.
//!
//! Encoders name places of the common form, which costs nothing until something is lost. Only then are they looked up:
//! what stands in the common form is a piece of the caller's body, so where that piece is tells its place, however the
//! turns around it were joined or cut.

mod defaults;
mod names;
mod spots;

use std::ops::Range;

use self::{
    defaults::{is_seen_to, says_nothing},
    spots::{Root, Spot, member_below},
};
use crate::{
    chat::{Arguments, Body, Dialect, Loss, Losses, Part, Request, Source, Text, Tool, ToolBody},
    openai_responses,
};

/// Puts each loss of a request in the words of `body`, of which `request` was read.
///
/// `turns.3.parts.1.detail` becomes `messages[4].content[1].image_url.detail`. What says no more there than if it were
/// left out is no loss.
pub fn locate(losses: &mut Losses, request: &Request<'_>, body: &[u8]) {
    // Most requests for a response say whether it is to be kept, which is not worth a walk.
    losses.retell(|loss| (!is_seen_to(request.dialect, &loss.path)).then_some(loss));
    if losses.is_empty() {
        return;
    }
    let Ok(text) = std::str::from_utf8(body) else { return };
    let mut nothing = Losses::default();
    let flat = openai_responses::flattened(request, &mut nothing);
    let caller = Caller { text, request, said: flat.as_ref().unwrap_or(request) };
    let before = losses.clone();
    let anchors: Vec<Option<Anchor<'_>>> = before.iter().map(|loss| caller.anchor(loss)).collect();
    let mut offsets: Vec<usize> = anchors.iter().flatten().map(|anchor| anchor.offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let Ok(root) = Root::read(text) else { return };
    let spots = root.spots(&offsets);
    let mut anchors = anchors.into_iter();
    losses.retell(|loss| caller.retold(loss, anchors.next().flatten(), &spots, &root));
}

/// A caller's request, as it was written and as it was read.
struct Caller<'c> {
    text: &'c str,
    request: &'c Request<'c>,
    /// What was written for the target, where its tools are other than the caller's.
    said: &'c Request<'c>,
}

/// A byte of the caller's body by which a place is found.
struct Anchor<'p> {
    offset: usize,
    reach: Reach,
    /// What is meant of it: a member below, by its name in the common form.
    member: &'p str,
}

/// How much around an anchor is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The value that begins there.
    Value,
    /// The nearest element of a list.
    Element,
    /// The outermost one: a whole message.
    Message,
}

impl<'c> Caller<'c> {
    fn anchor<'p>(&self, loss: &'p Loss) -> Option<Anchor<'p>> {
        let mut words = loss.path.splitn(2, '.');
        match (words.next()?, words.next()) {
            ("turns", Some(rest)) => self.in_turn(rest),
            ("system", Some(rest)) => {
                let (index, member) = numbered(rest.strip_prefix("parts.")?)?;
                self.in_part(self.said.system.get(index)?, member)
            }
            ("system", None) => self.in_part(self.said.system.first()?, ""),
            ("tools", Some(rest)) => {
                let (index, member) = numbered(rest)?;
                let inner = openai_responses::name_of_flat(self.request, index).and_then(|name| self.text(&name));
                match inner {
                    Some(offset) => Some(Anchor { offset, reach: Reach::Element, member }),
                    None => self.in_tool(self.said.tools.get(index)?, member),
                }
            }
            ("namespaces", Some(rest)) => {
                let (index, member) = numbered(rest)?;
                self.in_tool(self.request.tools.get(index)?, member)
            }
            _ => None,
        }
    }

    fn in_turn<'p>(&self, rest: &'p str) -> Option<Anchor<'p>> {
        let (index, member) = numbered(rest)?;
        let turn = self.said.turns.get(index)?;
        if let Some(part) = member.strip_prefix("parts.") {
            let (index, member) = numbered(part)?;
            return self.in_part(turn.parts.get(index)?, member);
        }
        if let Some(offset) = turn.extra.find(member).and_then(|value| self.offset(value.as_str())) {
            return Some(Anchor { offset, reach: Reach::Value, member: "" });
        }
        let offset = turn.parts.iter().find_map(|part| self.part(part))?;
        Some(Anchor { offset, reach: Reach::Message, member })
    }

    fn in_part<'p>(&self, part: &Part<'_>, member: &'p str) -> Option<Anchor<'p>> {
        let exact = match (member, &part.body) {
            ("detail", Body::Image { detail: Some(detail), .. }) => self.text(detail),
            ("name", Body::File { name: Some(name), .. }) => self.text(name),
            _ => part.extra.find(member).and_then(|value| self.offset(value.as_str())),
        };
        if let Some(offset) = exact {
            return Some(Anchor { offset, reach: Reach::Value, member: "" });
        }
        // In Responses a thought is an item of its own, of one part or several.
        let is_item = self.request.dialect == Dialect::OpenaiResponses && matches!(part.body, Body::Thinking { .. });
        let reach = if is_item { Reach::Message } else { Reach::Element };
        Some(Anchor { offset: self.part(part)?, reach, member })
    }

    fn in_tool<'p>(&self, tool: &Tool<'_>, member: &'p str) -> Option<Anchor<'p>> {
        if let Some(offset) = tool.extra.find(member).and_then(|value| self.offset(value.as_str())) {
            return Some(Anchor { offset, reach: Reach::Value, member: "" });
        }
        let offset = match &tool.body {
            ToolBody::Function { name, description, schema, .. } => {
                let words = self.text(name).or_else(|| self.text(description.as_ref()?));
                words.or_else(|| self.offset(schema.as_ref()?.as_str()))
            }
            ToolBody::Custom { name, description, .. } => self.text(name).or_else(|| self.text(description.as_ref()?)),
            ToolBody::Opaque { json, .. } => self.offset(json.as_str()),
        }?;
        Some(Anchor { offset, reach: Reach::Element, member })
    }

    /// Where any of a part's words stand.
    fn part(&self, part: &Part<'_>) -> Option<usize> {
        let found = match &part.body {
            Body::Text { text, .. } | Body::Thinking { text, signature: None } | Body::Refusal(text) => self.text(text),
            Body::Thinking { text, signature: Some(mark) } => self.text(&mark.text).or_else(|| self.text(text)),
            Body::SealedThinking { data } => self.text(&data.text),
            Body::Image { source, .. } | Body::Audio { source } | Body::File { source, .. } => match source {
                Source::Inline { data, .. } => self.text(data),
                Source::Url(text) | Source::Handle(text) | Source::Plain(text) => self.text(text),
            },
            Body::ToolCall(call) => {
                let words = self.text(&call.id).or_else(|| self.text(&call.name));
                words.or_else(|| match &call.arguments {
                    Arguments::Text(text) => self.text(text),
                    Arguments::Value(value) => self.offset(value.as_str()),
                })
            }
            Body::ToolResult(result) => {
                let words = self.text(&result.id).or_else(|| self.text(result.name.as_ref()?));
                words.or_else(|| result.content.iter().find_map(|part| self.part(part)))
            }
            Body::Opaque { json, .. } => self.offset(json.as_str()),
        };
        found.or_else(|| part.extra.iter().find_map(|(_, value)| self.offset(value.as_str())))
    }

    fn text(&self, text: &Text<'_>) -> Option<usize> {
        self.offset(text.written())
    }

    /// Where a piece of the body begins in it; `None` for what was made anew.
    fn offset(&self, piece: &str) -> Option<usize> {
        let offset = piece.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        (offset.checked_add(piece.len())? <= self.text.len() && offset > 0).then_some(offset)
    }

    /// The loss with its place in the caller's words; `None` where it is none.
    fn retold(
        &self,
        loss: Loss,
        anchor: Option<Anchor<'_>>,
        spots: &[(usize, Vec<Spot>)],
        root: &Root<'_>,
    ) -> Option<Loss> {
        let dialect = self.request.dialect;
        let found = match anchor {
            Some(anchor) => {
                let spots = spots.iter().find(|(offset, _)| *offset == anchor.offset).map(|(_, spots)| &spots[..]);
                spots.and_then(|spots| self.around(&anchor, spots))
            }
            None => root.find(dialect, &loss.path).map(|(place, span)| (place, Some(span))),
        };
        let Some((path, span)) = found else {
            return Some(Loss { path: names::unfound(dialect, &loss.path), ..loss });
        };
        if span.is_some_and(|span| says_nothing(dialect, &path, &self.text[span])) {
            return None;
        }
        Some(Loss { path, ..loss })
    }

    /// The place that an anchor means, and where its value stands when it is one member.
    fn around(&self, anchor: &Anchor<'_>, spots: &[Spot]) -> Option<(String, Option<Range<usize>>)> {
        let is_element = |spot: &&Spot| spot.place.ends_with(']');
        let spot = match anchor.reach {
            Reach::Value => spots.last(),
            Reach::Element => spots.iter().rfind(is_element).or_else(|| spots.last()),
            Reach::Message => spots.iter().find(is_element).or_else(|| spots.last()),
        }?;
        if anchor.member.is_empty() {
            let span = (anchor.reach == Reach::Value).then(|| spot.span.clone());
            return Some((spot.place.clone(), span));
        }
        let names = names::of_member(anchor.member);
        match member_below(&self.text[spot.span.clone()], &names) {
            Some(below) => Some((format!("{}.{below}", spot.place), None)),
            None => Some((spot.place.clone(), None)),
        }
    }
}

/// `3.rest` in its number and what is behind it.
fn numbered(words: &str) -> Option<(usize, &str)> {
    let (number, rest) = words.split_once('.').unwrap_or((words, ""));
    Some((number.parse().ok()?, rest))
}

impl Dialect {
    /// Where the turns stand.
    fn turns(self) -> &'static str {
        match self {
            Self::OpenaiChat | Self::Anthropic | Self::Bedrock => "messages",
            Self::OpenaiResponses => "input",
            Self::Gemini => "contents",
        }
    }
}
