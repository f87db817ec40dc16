//! Writes the turns: they alternate strictly, and results stand first in the turn after their calls.

use super::super::blocks;
use crate::{
    chat::{Body, Dialect, Losses, Part, Request, Role, Source, Target, Text, ToolResult, Why},
    json::{Array, Object},
    wire::{self, Path},
};

pub(super) struct Turns<'w> {
    pub(super) request: &'w Request<'w>,
    pub(super) target: &'w Target<'w>,
    pub(super) losses: &'w mut Losses,
}

impl Turns<'_> {
    /// Writes `system` and `messages`.
    pub(super) fn write(&mut self, object: &mut Object<'_>) {
        if !self.request.system.is_empty() {
            let mut list = object.array("system");
            for (index, part) in self.request.system.iter().enumerate() {
                self.part(&mut list, part, Path::SystemPart(index));
            }
            list.end();
        }
        let mut list = object.array("messages");
        let mut last = None;
        if self.request.turns.first().is_some_and(|turn| turn.role == Role::Assistant) && !self.is_own() {
            self.losses.add(Why::Changed, "turns.0", "a blank user's turn stands before it");
            list.next().extend_from_slice(br#"{"role":"user","content":[{"text":"."}]}"#);
            last = Some("user");
        }
        for index in 0..self.request.turns.len() {
            let role = self.role(index);
            // Neighbours of one side are one message.
            if last == Some(role) {
                let mut content = list.reopen_last();
                self.content(&mut content, index);
                content.end_reopened();
                continue;
            }
            let mark = list.mark();
            let mut message = list.object();
            message.word("role", role);
            let mut content = message.array("content");
            self.content(&mut content, index);
            let is_empty = content.is_empty();
            content.end();
            message.end();
            if is_empty {
                list.take_back(mark);
            } else {
                last = Some(role);
            }
        }
        list.end();
    }

    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::Bedrock
    }

    fn role(&mut self, index: usize) -> &'static str {
        match self.request.turns[index].role {
            Role::Assistant => "assistant",
            Role::User => "user",
            Role::System => {
                self.losses.add(Why::Changed, Path::Turn(index), "a system turn said as the user");
                "user"
            }
        }
    }

    /// Writes the blocks of a turn, results first.
    fn content(&mut self, list: &mut Array<'_>, index: usize) {
        let turn = &self.request.turns[index];
        let path = Path::Turn(index);
        if !self.is_own() {
            wire::lose_extra(self.losses, path, &turn.extra);
        }
        let is_result = |(_, part): &(usize, &Part<'_>)| matches!(part.body, Body::ToolResult(_));
        let all = || turn.parts.iter().enumerate();
        for (index, part) in all().filter(is_result).chain(all().filter(|part| !is_result(part))) {
            self.part(list, part, path.part(index));
        }
    }

    fn part(&mut self, list: &mut Array<'_>, part: &Part<'_>, path: Path) {
        let is_written = self.block(list, part, path);
        if !is_written {
            return;
        }
        match self.request.keep_of(part) {
            Some(keep) if self.target.capabilities.cache_marks => {
                let point = blocks::cache_point(keep, || path.to_string(), self.losses);
                list.next().extend_from_slice(point.as_bytes());
            }
            Some(_) => self.losses.add(Why::Label, format!("{path}.keep"), "no marks for the prompt cache"),
            None => {}
        }
    }

    /// Writes a block; whether there was one.
    fn block(&mut self, list: &mut Array<'_>, part: &Part<'_>, path: Path) -> bool {
        match &part.body {
            Body::Text { text, annotations, signature } => {
                if text.is_empty() {
                    return false;
                }
                if !annotations.is_empty() {
                    self.losses.add(Why::Label, format!("{path}.annotations"), "sources of an earlier answer");
                }
                if signature.is_some() {
                    self.losses.add(Why::Issuer, format!("{path}.signature"), "a text's signature");
                }
                let mut object = list.object();
                object.text("text", text);
                self.end(object, part, path);
            }
            Body::Refusal(text) => {
                self.losses.add(Why::Changed, path, "a refusal said as text");
                let mut object = list.object();
                object.text("text", text);
                object.end();
            }
            Body::Image { source, detail } => {
                if detail.as_ref().is_some_and(|detail| !detail.is("auto")) {
                    self.losses.add(Why::NoPeer, format!("{path}.detail"), "how closely to look");
                }
                return self.media(list, part, source, None, path);
            }
            Body::File { source, name } => return self.media(list, part, source, name.as_ref(), path),
            Body::ToolCall(call) => {
                if call.signature.is_some() {
                    self.losses.add(Why::Issuer, format!("{path}.signature"), "a tool call's signature");
                }
                let mut object = list.object();
                if !blocks::write_call(&mut object, call) {
                    self.losses.add(Why::Changed, format!("{path}.arguments"), "arguments that are no JSON object");
                }
                self.end(object, part, path);
            }
            Body::ToolResult(result) => {
                let mut object = list.object();
                self.result(&mut object, result, path);
                self.end(object, part, path);
            }
            Body::Thinking { text, signature: Some(mark) }
                if self.request.may_replay(mark, Dialect::Bedrock, self.target.issuer) =>
            {
                let mut object = list.object();
                blocks::write_reasoning(&mut object, Some(text), Some(&mark.text));
                self.end(object, part, path);
            }
            Body::SealedThinking { data } if self.request.may_replay(data, Dialect::Bedrock, self.target.issuer) => {
                let mut object = list.object();
                blocks::write_reasoning(&mut object, None, Some(&data.text));
                self.end(object, part, path);
            }
            Body::Thinking { .. } | Body::SealedThinking { .. } => {
                self.losses.add(Why::Issuer, path, "thoughts of another deployment");
                return false;
            }
            Body::Opaque { dialect: Dialect::Bedrock, json } => json.write(list.next()),
            Body::Audio { .. } | Body::Opaque { .. } => {
                self.losses.add(Why::NoPeer, path, part.body.noun());
                return false;
            }
        }
        true
    }

    fn media(
        &mut self,
        list: &mut Array<'_>,
        part: &Part<'_>,
        source: &Source<'_>,
        name: Option<&Text<'_>>,
        path: Path,
    ) -> bool {
        let capabilities = &self.target.capabilities;
        let is_image = matches!(part.body, Body::Image { .. });
        if !(if is_image { capabilities.vision } else { capabilities.files }) {
            self.losses.add(Why::Unsupported, path, part.body.noun());
            return false;
        }
        let format = match source {
            Source::Inline { media_type, .. } => blocks::format_of(media_type, is_image),
            Source::Plain(_) => Some("txt".to_owned()),
            Source::Url(_) | Source::Handle(_) => None,
        };
        let Some(format) = format else {
            self.losses.add(Why::NoPeer, path, "bytes that are not in the request, or of a format it does not know");
            return false;
        };
        let mut object = list.object();
        let mut media = object.object(if is_image { "image" } else { "document" });
        media.text("format", &Text::plain(format));
        if !is_image {
            media.text("name", &blocks::document_name(name));
        }
        let mut out = media.object("source");
        match source {
            Source::Inline { data, .. } => out.text("bytes", data),
            Source::Plain(text) => out.text("text", text),
            Source::Url(_) | Source::Handle(_) => {}
        }
        out.end();
        media.end();
        self.end(object, part, path);
        true
    }

    fn result(&mut self, object: &mut Object<'_>, result: &ToolResult<'_>, path: Path) {
        let mut out = object.object("toolResult");
        out.text("toolUseId", &result.id);
        let mut list = out.array("content");
        for part in &result.content {
            self.block(&mut list, part, path);
        }
        list.end();
        if result.is_error {
            out.word("status", "error");
        }
        out.end();
    }

    fn end(&mut self, mut object: Object<'_>, part: &Part<'_>, path: Path) {
        if self.is_own() {
            wire::write_extra(&mut object, &part.extra);
        } else {
            wire::lose_extra(self.losses, path, &part.extra);
        }
        object.end();
    }
}
