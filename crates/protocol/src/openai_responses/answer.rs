//! A whole answer, read and written.

use std::ops::Range;

use super::{Identity, error, item, namespace, tokens};
use crate::{
    chat::{
        Answer, Body, Choice, DecodeFault, Dialect, Json, Logprob, Losses, Part, Problem, Stop, StopWords, Text,
        ToolCall, ToolCallKind, Why, WrittenAnswer, openai_logprobs,
    },
    json::{Array, Kind, Malformed, Object, Reader},
    usage::{self, CostPlace},
    wire,
};

/// What stands beside the output of a response.
#[derive(Debug, Default)]
pub(super) struct Status<'a> {
    pub(super) status: Option<Text<'a>>,
    pub(super) reason: Option<Text<'a>>,
}

impl<'a> Status<'a> {
    /// Takes the member when it is one of these.
    pub(super) fn take(&mut self, reader: &mut Reader<'a>, name: &str) -> Result<bool, Malformed> {
        match name {
            "status" => self.status = wire::text(reader)?,
            "incomplete_details" => wire::members(reader, |reader, name| match name {
                "reason" => wire::text(reader).map(|reason| self.reason = reason),
                _ => reader.pass(),
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Why the answer ended; `None` when it did not.
    pub(super) fn stop(self, has_calls: bool) -> Option<Stop<'a>> {
        match self.status.as_ref().map(Text::written)? {
            "completed" if has_calls => Some(Stop::ToolCalls),
            "completed" => Some(Stop::Finished),
            "incomplete" => Some(match self.reason.as_ref().map(Text::written) {
                Some("max_output_tokens") => Stop::Length,
                Some("content_filter") => Stop::Filter,
                _ => Stop::Other(self.reason.unwrap_or_default()),
            }),
            _ => None,
        }
    }
}

/// Reads the body of an answer; an error inside a success is given as such.
///
/// # Errors
/// When it is not a JSON object.
pub fn decode_answer(body: &[u8]) -> Result<Result<Answer<'_>, Problem<'_>>, DecodeFault> {
    let mut answer = Answer::new(Dialect::OpenaiResponses);
    let mut choice = Choice::default();
    let mut status = Status::default();
    let mut problem = None;
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "id" => answer.id = wire::text(reader)?,
            "object" => reader.pass()?,
            "model" => answer.model = wire::text(reader)?,
            "created_at" => answer.created = wire::whole(reader)?.and_then(|at| i64::try_from(at).ok()),
            "output" => wire::elements(reader, |reader| output(reader, &mut choice))?,
            "usage" => answer.usage = usage::read_responses(reader)?,
            "service_tier" => answer.service_tier = wire::text(reader)?,
            "error" if reader.kind()? == Kind::Object => problem = Some(error::read(reader)?),
            _ if status.take(reader, name)? => {}
            _ => wire::extra(&mut answer.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    if let Some(problem) = problem {
        return Ok(Err(problem));
    }
    let has_calls = choice.parts.iter().any(|part| matches!(part.body, Body::ToolCall(_)));
    choice.stop = status.stop(has_calls);
    answer.choices.push(choice);
    Ok(Ok(answer))
}

fn output<'a>(reader: &mut Reader<'a>, choice: &mut Choice<'a>) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Object {
        return Ok(reader.pass()?);
    }
    let raw = reader.raw()?;
    item::logprobs(raw, &mut choice.logprobs)?;
    let parts = &mut choice.parts;
    for mut part in item::read_output(&mut Reader::of(raw))?.parts {
        part.extra = part.extra.without(&["id", "status"]);
        if let Some(mark) = item::signature_after(&part)
            && let Some(Part {
                body: Body::ToolCall(ToolCall { signature, .. }) | Body::Text { signature, .. }, ..
            }) = parts.last_mut()
        {
            *signature = Some(mark);
        } else {
            parts.push(part);
        }
    }
    Ok(())
}

/// Writes the body of an answer. `model` is the name the caller asked for; empty keeps the answer's own.
pub fn encode_answer(answer: &Answer<'_>, model: &str, losses: &mut Losses) -> Vec<u8> {
    encode_answer_as(answer, model, None, losses)
}

/// As [`encode_answer`], of a response with a name of its own.
pub fn encode_answer_as(answer: &Answer<'_>, model: &str, identity: Option<&Identity>, losses: &mut Losses) -> Vec<u8> {
    write_answer(answer, model, identity, losses).body
}

/// As [`encode_answer_as`], with the place of the cost.
pub fn write_answer(
    answer: &Answer<'_>,
    model: &str,
    identity: Option<&Identity>,
    losses: &mut Losses,
) -> WrittenAnswer {
    let mut out = Vec::with_capacity(2048);
    let blank = Choice::default();
    let choice = answer.choices.first().unwrap_or(&blank);
    if answer.choices.len() > 1 {
        losses.add(Why::NoPeer, "answer.choices", "all answers but the first");
    }
    let mut items = Vec::new();
    let mut list = Array::new(&mut items);
    let mut tokens = &choice.logprobs[..];
    for (number, part) in choice.parts.iter().enumerate() {
        let is_last = tokens.is_empty() || !choice.parts[number + 1..].iter().any(|part| part.as_text().is_some());
        let of_part = tokens_of(part, is_last, &mut tokens);
        write_part(&mut list, part, &id_of(&part.body, number, identity), (answer.dialect, of_part), losses);
    }
    list.end();
    let model = match (model, &answer.model) {
        ("", Some(own)) => own.share(),
        _ => Text::plain(model),
    };
    let usage = answer.usage.as_ref().map(|usage| (usage, answer.cost.as_ref()));
    if let Some(stop) = &choice.stop {
        stop.lose(StopWords::default(), losses);
    }
    let mut object = Object::new(&mut out);
    let head = Head { id: answer.id.as_ref(), model: &model, created: answer.created, identity, began: None };
    let usage = write_response(&mut object, &head, choice.stop.as_ref(), &items, usage, None);
    object.text_if("service_tier", answer.service_tier.as_ref());
    if answer.dialect == Dialect::OpenaiResponses {
        for (name, value) in answer.extra.iter().filter(|(name, _)| !WRITTEN.contains(name)) {
            object.foreign(name, value.as_str());
        }
    }
    object.end();
    WrittenAnswer { cost_place: CostPlace::written(&out, usage), body: out }
}

/// What a response says of itself.
pub(super) struct Head<'h> {
    pub(super) id: Option<&'h Text<'h>>,
    pub(super) model: &'h Text<'h>,
    pub(super) created: Option<i64>,
    /// In the place of what the upstream said.
    pub(super) identity: Option<&'h Identity>,
    /// What the caller has read of it, in the place of all these.
    pub(super) began: Option<&'h str>,
}

const WRITTEN: [&str; 10] = [
    "instructions",
    "metadata",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "error",
    "incomplete_details",
    "object",
];

/// Writes the members of a response object, and says where its usage stands. Without a reason to stop it is in progress.
pub(super) fn write_response(
    object: &mut Object<'_>,
    head: &Head<'_>,
    stop: Option<&Stop<'_>>,
    items: &[u8],
    usage: Option<(&usage::Usage, Option<&Json<'_>>)>,
    problem: Option<&Problem<'_>>,
) -> Range<usize> {
    if let Some(began) = head.began {
        write_began(object, began);
    } else {
        write_name(object, head);
    }
    let (status, reason) = match stop {
        _ if problem.is_some() => ("failed", None),
        None => ("in_progress", None),
        Some(Stop::Length | Stop::WindowFull) => ("incomplete", Some("max_output_tokens")),
        Some(Stop::Filter | Stop::Refusal(_)) => ("incomplete", Some("content_filter")),
        Some(Stop::Finished | Stop::Sequence(_) | Stop::ToolCalls | Stop::Pause | Stop::Other(_)) => {
            ("completed", None)
        }
    };
    object.word("status", status);
    match problem {
        Some(problem) => error::write(object, problem),
        None => object.raw("error", "null"),
    }
    match reason {
        Some(reason) => {
            let mut details = object.object("incomplete_details");
            details.word("reason", reason);
            details.end();
        }
        None => object.raw("incomplete_details", "null"),
    }
    if head.began.is_none() {
        object.text("model", head.model);
    }
    object.key("output").extend_from_slice(items);
    if let Some(identity) = head.identity {
        identity.write(object);
        object.raw("completed_at", "null");
    }
    // The official clients' types demand these.
    let without_identity = [
        ("instructions", "null"),
        ("metadata", "{}"),
        ("parallel_tool_calls", "true"),
        ("temperature", "null"),
        ("tool_choice", "\"auto\""),
        ("tools", "[]"),
        ("top_p", "null"),
    ];
    for (name, value) in without_identity.into_iter().filter(|_| head.identity.is_none() && head.began.is_none()) {
        object.raw(name, value);
    }
    let from = object.length();
    match usage {
        Some((usage, cost)) => tokens::write(object, usage, cost),
        None => object.raw("usage", "null"),
    }
    from..object.length()
}

fn write_name(object: &mut Object<'_>, head: &Head<'_>) {
    match (head.identity, head.id) {
        (Some(identity), _) => object.word("id", identity.id()),
        (None, Some(id)) => object.text("id", id),
        (None, None) => object.word("id", "resp"),
    }
    object.word("object", "response");
    let created = head.created.or_else(|| head.identity.map(Identity::created));
    object.number("created_at", created.unwrap_or(0));
}

/// Writes what a response said of itself at its beginning.
pub(super) fn write_began(object: &mut Object<'_>, began: &str) {
    // It was read before.
    let _ = wire::members(&mut Reader::of(began), |reader, name| {
        match name {
            "status" | "incomplete_details" | "error" | "output" | "usage" | "completed_at" => reader.pass()?,
            _ => object.foreign(name, reader.raw()?),
        }
        Ok::<_, Malformed>(())
    });
}

/// An item's id: its kind and its place, and whose it is where that is known.
pub(super) fn id_of(body: &Body<'_>, number: usize, identity: Option<&Identity>) -> String {
    let kind = match body {
        Body::ToolCall(ToolCall { kind: ToolCallKind::Function, .. }) => "fc",
        Body::ToolCall(_) => "ctc",
        Body::Thinking { .. } | Body::SealedThinking { .. } => "rs",
        _ => "msg",
    };
    identity.map_or_else(|| format!("{kind}_{number}"), |identity| identity.item(kind, number))
}

/// Writes the item of one part.
fn write_part(
    list: &mut Array<'_>,
    part: &Part<'_>,
    id: &str,
    (dialect, tokens): (Dialect, &[Logprob<'_>]),
    losses: &mut Losses,
) {
    let after = match &part.body {
        Body::Text { signature, .. } | Body::ToolCall(ToolCall { signature, .. }) => signature.as_ref(),
        _ => None,
    };
    match &part.body {
        Body::Opaque { dialect: Dialect::OpenaiResponses, json } => item::as_item(json, id).write(list.next()),
        Body::Text { .. }
        | Body::Refusal(_)
        | Body::ToolCall(_)
        | Body::Thinking { .. }
        | Body::SealedThinking { .. } => {
            let mut object = list.object();
            write_item(&mut object, &part.body, id, tokens, losses);
            if dialect == Dialect::OpenaiResponses {
                // A part may have members that mean something else in its message.
                wire::write_extra(&mut object, &part.extra.clone().without(&ITEM_MEMBERS));
            }
            object.end();
        }
        body => losses.add(Why::NoPeer, "answer", body.noun()),
    }
    if let Some(signature) = after {
        let mut object = list.object();
        object.word("id", &format!("{id}_s"));
        item::write_reasoning(&mut object, None, Some(&signature.marked_after_part()));
        object.end();
    }
}

/// Which of the tokens that are left are this part's: as many as make its text, and all of them for the last text.
fn tokens_of<'t>(part: &Part<'_>, is_last: bool, tokens: &mut &'t [Logprob<'t>]) -> &'t [Logprob<'t>] {
    let Some(text) = part.as_text().filter(|_| !tokens.is_empty()) else { return &[] };
    let length = text.decode().len();
    let mut said = 0;
    let own = tokens.iter().take_while(|token| {
        let is_inside = said < length;
        said += token.said.size();
        is_inside || is_last
    });
    let (own, rest) = tokens.split_at(own.count());
    *tokens = rest;
    own
}

/// What an item says of itself.
const ITEM_MEMBERS: [&str; 5] = ["id", "type", "role", "status", "content"];

/// Writes the members of a finished item.
pub(super) fn write_item(
    object: &mut Object<'_>,
    body: &Body<'_>,
    id: &str,
    tokens: &[Logprob<'_>],
    losses: &mut Losses,
) {
    object.word("id", id);
    match body {
        Body::Text { .. } | Body::Refusal(_) => {
            object.word("type", "message");
            object.word("role", "assistant");
            let mut list = object.array("content");
            let mut part = list.object();
            write_content(&mut part, body, tokens, losses);
            part.end();
            list.end();
        }
        Body::ToolCall(call) => {
            let is_custom = call.kind == ToolCallKind::Custom;
            object.word("type", if is_custom { "custom_tool_call" } else { "function_call" });
            object.text("call_id", &call.id);
            namespace::write_name(object, &call.name);
            if is_custom {
                object.text("input", &call.arguments.as_text());
            } else {
                object.text("arguments", &Text::plain(call.arguments.as_json()));
            }
        }
        Body::Thinking { text, signature } => {
            let sealed = signature.as_ref().map(|mark| mark.marked());
            item::write_reasoning(object, Some(text), sealed.as_ref());
        }
        Body::SealedThinking { data } => item::write_reasoning(object, None, Some(&data.marked())),
        _ => {}
    }
    object.word("status", "completed");
}

/// Writes the members of a finished part of a message.
pub(super) fn write_content(part: &mut Object<'_>, body: &Body<'_>, tokens: &[Logprob<'_>], losses: &mut Losses) {
    match body {
        Body::Text { text, annotations, .. } => {
            part.word("type", "output_text");
            part.text("text", text);
            let mut list = part.array("annotations");
            for annotation in annotations {
                let mut one = Vec::new();
                if item::write_annotation(&mut one, annotation) {
                    list.next().extend(one);
                } else {
                    losses.add(Why::NoPeer, "answer.annotations", "a source that only its own dialect knows");
                }
            }
            list.end();
            let mut list = part.array("logprobs");
            openai_logprobs::write(&mut list, tokens, true);
            list.end();
        }
        Body::Refusal(text) => {
            part.word("type", "refusal");
            part.text("refusal", text);
        }
        _ => {}
    }
}
