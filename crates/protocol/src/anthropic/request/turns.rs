//! Writes the turns: they alternate, the user begins, and results stand first in the turn after their calls.

use super::super::{Quirks, blocks::write_keep, ids::known_id};
use crate::{
    chat::{Body, Dialect, Losses, Part, Request, Role, Source, Target, Text, ToolCall, ToolCallKind, Turn, Why},
    json::{Array, Object},
    openai_chat::wrapped_input,
    wire,
};

pub(super) struct Turns<'w> {
    pub(super) request: &'w Request<'w>,
    pub(super) target: &'w Target<'w>,
    pub(super) quirks: &'w Quirks,
    pub(super) losses: &'w mut Losses,
}

impl<'w> Turns<'w> {
    pub(super) fn write(&mut self, object: &mut Object<'_>) {
        let mut list = object.array("messages");
        let turns = &self.request.turns;
        let mut last = turns.len();
        let is_prefill = turns.last().is_some_and(|turn| turn.role == Role::Assistant);
        // Claude models that know adaptive thinking, which is from 4.6 on, refuse it; whoever else speaks the dialect may go
        // on from it or not, but takes it.
        let is_refused = self.quirks.adaptive && !self.target.capabilities.prefill;
        if is_prefill && is_refused && !self.is_own() {
            self.losses.add(Why::Unsupported, format!("turns.{}", last - 1), "the beginning of an answer");
            last -= 1;
        }
        if turns.first().is_some_and(|turn| turn.role == Role::Assistant) && !self.is_own() {
            self.losses.add(Why::Changed, "turns.0", "a blank user's turn stands before it");
            list.next().extend_from_slice(br#"{"role":"user","content":"."}"#);
        }
        for (index, turn) in turns[..last].iter().enumerate() {
            self.turn(&mut list, turn, index);
        }
        list.end();
    }

    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::Anthropic
    }

    fn turn(&mut self, list: &mut Array<'_>, turn: &'w Turn<'w>, index: usize) {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System if self.target.capabilities.system_between => "system",
            Role::System => {
                self.losses.add(Why::Changed, format!("turns.{index}"), "a system turn said as the user");
                "user"
            }
        };
        let is_result = |part: &&Part<'_>| matches!(part.body, Body::ToolResult(_));
        let parts = turn.parts.iter().filter(is_result).chain(turn.parts.iter().filter(|part| !is_result(part)));
        let mark = list.mark();
        let mut message = list.object();
        message.word("role", role);
        match &turn.parts[..] {
            [part] if part.as_text().is_some_and(|text| !text.is_empty()) && is_bare(part) => {
                message.text_if("content", part.as_text());
            }
            _ => {
                let mut content = message.array("content");
                for (number, part) in parts.enumerate() {
                    self.part(&mut content, part, &|| format!("turns.{index}.parts.{number}"));
                }
                let is_empty = content.is_empty();
                content.end();
                // A turn of nothing is refused; the turns around it are of one side then, which is allowed.
                if is_empty {
                    return list.take_back(mark);
                }
            }
        }
        if self.is_own() {
            wire::write_extra(&mut message, &turn.extra);
        } else {
            wire::lose_extra(self.losses, format_args!("turns.{index}"), &turn.extra);
        }
        message.end();
    }

    fn part(&mut self, list: &mut Array<'_>, part: &Part<'_>, path: &dyn Fn() -> String) {
        match &part.body {
            Body::Text { .. } => write_text_part(list, part, self.is_own(), self.losses, path),
            // The dialect has refusals as a reason to stop only.
            Body::Refusal(text) => {
                self.losses.add(Why::Changed, path(), "a refusal said as text");
                write_text(list, text);
            }
            Body::Image { source, .. } => self.source(list, part, "image", source, None, path),
            Body::File { source, name } => self.source(list, part, "document", source, name.as_ref(), path),
            Body::ToolCall(call) => self.call(list, part, call, path),
            Body::ToolResult(result) => {
                let mut object = list.object();
                object.word("type", "tool_result");
                object.text("tool_use_id", &known_id(&result.id));
                self.result_content(&mut object, &result.content, path);
                if result.is_error {
                    object.bool("is_error", true);
                }
                self.end(object, part, path);
            }
            Body::Thinking { text, signature } => match signature {
                Some(mark) if self.request.may_replay(mark, Dialect::Anthropic, self.target.issuer) => {
                    let mut object = list.object();
                    object.word("type", "thinking");
                    object.text("thinking", text);
                    object.text("signature", &mark.text);
                    self.end(object, part, path);
                }
                Some(_) => self.losses.add(Why::Issuer, path(), "thoughts signed by another deployment"),
                None => self.losses.add(Why::Issuer, path(), "thoughts without a signature"),
            },
            Body::SealedThinking { data } if self.request.may_replay(data, Dialect::Anthropic, self.target.issuer) => {
                let mut object = list.object();
                object.word("type", "redacted_thinking");
                object.text("data", &data.text);
                self.end(object, part, path);
            }
            Body::SealedThinking { .. } => {
                self.losses.add(Why::Issuer, path(), "thoughts sealed by another deployment");
            }
            Body::Opaque { dialect: Dialect::Anthropic, json } => json.write(list.next()),
            Body::Audio { .. } | Body::Opaque { .. } => self.losses.add(Why::NoPeer, path(), part.body.noun()),
        }
    }

    fn result_content(&mut self, object: &mut Object<'_>, content: &[Part<'_>], path: &dyn Fn() -> String) {
        match content {
            [] => {}
            [part] if part.keep.is_none() && part.extra.is_empty() && part.as_text().is_some() => {
                object.text_if("content", part.as_text());
            }
            parts => {
                let mut list = object.array("content");
                for (index, part) in parts.iter().enumerate() {
                    self.part(&mut list, part, &|| format!("{}.content.{index}", path()));
                }
                list.end();
            }
        }
    }

    fn call(&mut self, list: &mut Array<'_>, part: &Part<'_>, call: &ToolCall<'_>, path: &dyn Fn() -> String) {
        if call.signature.is_some() {
            self.losses.add(Why::Issuer, format!("{}.signature", path()), "a tool call's signature");
        }
        let mut object = list.object();
        object.word("type", "tool_use");
        object.text("id", &known_id(&call.id));
        object.text("name", &call.name);
        let wrapped = matches!(call.kind, ToolCallKind::Custom).then(|| wrapped_input(&call.arguments.as_text()));
        match (&wrapped, call.arguments.as_object()) {
            (Some(wrapped), _) => {
                self.losses.add(Why::Changed, path(), "free input said as one string argument");
                object.raw("input", &wrapped.decode());
            }
            (None, Some(input)) => object.json("input", &input),
            (None, None) => {
                self.losses.add(Why::Changed, format!("{}.arguments", path()), "arguments that are no JSON object");
                object.raw("input", "{}");
            }
        }
        self.end(object, part, path);
    }

    fn source(
        &mut self,
        list: &mut Array<'_>,
        part: &Part<'_>,
        kind: &str,
        source: &Source<'_>,
        title: Option<&Text<'_>>,
        path: &dyn Fn() -> String,
    ) {
        let capabilities = &self.target.capabilities;
        if !(if kind == "image" { capabilities.vision } else { capabilities.files }) {
            return self.losses.add(Why::Unsupported, path(), part.body.noun());
        }
        if matches!(source, Source::Handle(_)) && !self.is_own() {
            return self.losses.add(Why::NoPeer, path(), "a file that was uploaded elsewhere");
        }
        if let Body::Image { detail: Some(detail), .. } = &part.body
            && !detail.is("auto")
        {
            self.losses.add(Why::NoPeer, format!("{}.detail", path()), "how closely to look");
        }
        let mut object = list.object();
        object.word("type", kind);
        let mut out = object.object("source");
        match source {
            Source::Inline { media_type, data } => {
                out.word("type", "base64");
                out.text("media_type", media_type);
                out.text("data", data);
            }
            Source::Url(url) => {
                out.word("type", "url");
                out.text("url", url);
            }
            Source::Handle(handle) => {
                out.word("type", "file");
                out.text("file_id", handle);
            }
            Source::Plain(text) => {
                out.word("type", "text");
                out.word("media_type", "text/plain");
                out.text("data", text);
            }
        }
        out.end();
        object.text_if("title", title);
        self.end(object, part, path);
    }

    fn end(&mut self, mut object: Object<'_>, part: &Part<'_>, path: &dyn Fn() -> String) {
        if let Some(keep) = part.keep {
            write_keep(&mut object, keep, path, self.losses);
        }
        if self.is_own() {
            wire::write_extra(&mut object, &part.extra);
        } else if !part.extra.is_empty() {
            wire::lose_extra(self.losses, path(), &part.extra);
        }
        object.end();
    }
}

/// A text and nothing else.
fn is_bare(part: &Part<'_>) -> bool {
    let has_marks = matches!(&part.body, Body::Text { annotations, signature, .. } if !annotations.is_empty() || signature.is_some());
    part.keep.is_none() && part.extra.is_empty() && !has_marks
}

/// Writes a text block; an empty one is refused and says nothing.
pub(super) fn write_text_part(
    list: &mut Array<'_>,
    part: &Part<'_>,
    is_own: bool,
    losses: &mut Losses,
    path: &dyn Fn() -> String,
) {
    let Body::Text { text, annotations, signature } = &part.body else {
        return losses.add(Why::NoPeer, path(), part.body.noun());
    };
    if text.is_empty() && !is_own {
        return;
    }
    let mut object = list.object();
    object.word("type", "text");
    object.text("text", text);
    let own: Vec<_> = annotations.iter().filter_map(super::super::answer::own_citation).collect();
    if own.len() < annotations.len() {
        losses.add(Why::Label, format!("{}.annotations", path()), "sources of an earlier answer");
    }
    if !own.is_empty() {
        let mut list = object.array("citations");
        own.iter().for_each(|citation| citation.write(list.next()));
        list.end();
    }
    if signature.is_some() {
        losses.add(Why::Issuer, format!("{}.signature", path()), "a text's signature");
    }
    if let Some(keep) = part.keep {
        write_keep(&mut object, keep, path, losses);
    }
    if is_own {
        wire::write_extra(&mut object, &part.extra);
    } else if !part.extra.is_empty() {
        wire::lose_extra(losses, path(), &part.extra);
    }
    object.end();
}

fn write_text(list: &mut Array<'_>, text: &Text<'_>) {
    let mut object = list.object();
    object.word("type", "text");
    object.text("text", text);
    object.end();
}
