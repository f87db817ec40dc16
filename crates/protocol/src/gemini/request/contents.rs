//! Writes the turns.

use super::super::{
    parts::{self, OWN_ID, STAND_IN},
    quirks::Quirks,
};
use crate::{
    chat::{Body, Dialect, Losses, Part, Request, Role, Signature, Target, Text, ToolResult, Turn, Why},
    json::{Array, Object},
    wire::{self, Path},
};

pub(super) struct Contents<'w> {
    pub(super) request: &'w Request<'w>,
    pub(super) target: &'w Target<'w>,
    pub(super) quirks: &'w Quirks,
    pub(super) losses: &'w mut Losses,
}

impl Contents<'_> {
    /// Writes `systemInstruction` and `contents`.
    pub(super) fn write(&mut self, object: &mut Object<'_>) {
        if !self.request.system.is_empty() {
            let mut system = object.object("systemInstruction");
            let mut list = system.array("parts");
            for (index, part) in self.request.system.iter().enumerate() {
                self.part(&mut list, part, false, Path::SystemPart(index));
            }
            list.end();
            system.end();
        }
        let mut list = object.array("contents");
        for (index, turn) in self.request.turns.iter().enumerate() {
            self.turn(&mut list, turn, Path::Turn(index));
        }
        list.end();
    }

    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::Gemini
    }

    fn turn(&mut self, list: &mut Array<'_>, turn: &Turn<'_>, path: Path) {
        let role = match turn.role {
            Role::Assistant => "model",
            Role::User => "user",
            Role::System => {
                self.losses.add(Why::Changed, path, "a system turn said as the user");
                "user"
            }
        };
        let mark = list.mark();
        let mut object = list.object();
        object.word("role", role);
        let mut content = object.array("parts");
        // Results come right after their calls.
        let is_result = |(_, part): &(usize, &Part<'_>)| matches!(part.body, Body::ToolResult(_));
        let all = || turn.parts.iter().enumerate();
        let mut needs_stand_in = self.quirks.stand_in;
        for (index, part) in all().filter(is_result).chain(all().filter(|part| !is_result(part))) {
            let is_call = matches!(part.body, Body::ToolCall(_));
            self.part(&mut content, part, is_call && needs_stand_in, path.part(index));
            // Only the first of parallel calls is signed.
            needs_stand_in &= !is_call;
        }
        let is_empty = content.is_empty();
        content.end();
        if is_empty {
            return list.take_back(mark);
        }
        if self.is_own() {
            wire::write_extra(&mut object, &turn.extra);
        } else {
            wire::lose_extra(self.losses, path, &turn.extra);
        }
        object.end();
    }

    fn part(&mut self, list: &mut Array<'_>, part: &Part<'_>, may_stand_in: bool, path: Path) {
        let capabilities = &self.target.capabilities;
        let is_taken = match &part.body {
            Body::Image { .. } => capabilities.vision,
            Body::Audio { .. } => capabilities.audio,
            Body::File { .. } => capabilities.files,
            _ => true,
        };
        if !is_taken {
            return self.losses.add(Why::Unsupported, path, part.body.noun());
        }
        if self.request.keep_of(part).is_some() {
            self.losses.add(Why::Label, format!("{path}.keep"), "no marks for the prompt cache");
        }
        match &part.body {
            Body::Text { text, annotations, signature } => {
                if !annotations.is_empty() {
                    self.losses.add(Why::Label, format!("{path}.annotations"), "sources of an earlier answer");
                }
                let mut object = list.object();
                object.text("text", text);
                self.signature(&mut object, signature.as_ref(), path);
                self.end(object, part, path);
            }
            Body::Refusal(text) => {
                self.losses.add(Why::Changed, path, "a refusal said as text");
                let mut object = list.object();
                object.text("text", text);
                object.end();
            }
            Body::Image { source, .. } | Body::Audio { source } | Body::File { source, .. } => {
                if matches!(source, crate::chat::Source::Handle(_)) {
                    return self.losses.add(Why::NoPeer, path, "a file that was uploaded elsewhere");
                }
                if matches!(source, crate::chat::Source::Plain(_)) {
                    self.losses.add(Why::Changed, path, "a document said as text");
                }
                let mut object = list.object();
                parts::write_source(&mut object, source, part.extra.find("mimeType").filter(|_| self.is_own()));
                if let Body::Image { detail: Some(detail), .. } = &part.body
                    && !detail.is("auto")
                {
                    self.losses.add(Why::NoPeer, format!("{path}.detail"), "how closely to look");
                }
                if let Body::File { name: Some(_), .. } = &part.body {
                    self.losses.add(Why::Label, format!("{path}.name"), "the name of a file");
                }
                self.end(object, part, path);
            }
            Body::ToolCall(call) => {
                let mut object = list.object();
                if !parts::write_call(&mut object, call, self.quirks.call_ids) {
                    self.losses.add(Why::Changed, format!("{path}.arguments"), "arguments that are no JSON object");
                }
                let is_signed = self.signature(&mut object, call.signature.as_ref(), path);
                if may_stand_in && !is_signed && !self.is_own() {
                    object.word("thoughtSignature", STAND_IN);
                }
                self.end(object, part, path);
            }
            Body::ToolResult(result) => {
                let mut object = list.object();
                self.result(&mut object, result, path);
                self.end(object, part, path);
            }
            Body::Thinking { text, signature } => {
                if self.is_own() || signature.as_ref().is_some_and(|mark| self.is_readable(mark)) {
                    let mut object = list.object();
                    object.text("text", text);
                    object.bool("thought", true);
                    self.signature(&mut object, signature.as_ref(), path);
                    self.end(object, part, path);
                } else {
                    self.losses.add(Why::Issuer, path, "thoughts of another deployment");
                }
            }
            Body::SealedThinking { data } if self.is_readable(data) => {
                let mut object = list.object();
                object.bool("thought", true);
                object.text("thoughtSignature", &data.text);
                self.end(object, part, path);
            }
            Body::SealedThinking { .. } => self.losses.add(Why::Issuer, path, "thoughts sealed by another deployment"),
            Body::Opaque { dialect: Dialect::Gemini, json } => json.write(list.next()),
            Body::Opaque { .. } => self.losses.add(Why::NoPeer, path, part.body.noun()),
        }
    }

    fn result(&mut self, object: &mut Object<'_>, result: &ToolResult<'_>, path: Path) {
        let mut function = object.object("functionResponse");
        if self.quirks.call_ids && !result.id.written().starts_with(OWN_ID) && !result.id.is_empty() {
            function.text("id", &result.id);
        }
        // The dialect ties results to calls by the name.
        let called = || self.request.call_of(result, path.turn()).map(|call| &call.name);
        match result.name.as_ref().or_else(called) {
            Some(name) => function.text("name", name),
            None => {
                self.losses.add(Why::Changed, format!("{path}.name"), "a result whose call is not there");
                function.text("name", &result.id);
            }
        }
        let mut text: Option<Text<'_>> = None;
        let mut others = Vec::new();
        for part in &result.content {
            match (part.as_text(), &mut text) {
                (None, _) => others.push(part),
                (Some(more), None) => text = Some(more.share()),
                (Some(more), Some(text)) => {
                    text.push(&Text::plain("\n"));
                    text.push(more);
                }
            }
        }
        parts::write_response(&mut function, &text.unwrap_or_default(), result.is_error);
        if !others.is_empty() {
            let mut list = function.array("parts");
            for part in others {
                self.part(&mut list, part, false, path);
            }
            list.end();
        }
        function.end();
    }

    fn is_readable(&self, signature: &Signature<'_>) -> bool {
        self.request.may_replay(signature, Dialect::Gemini, self.target.issuer)
    }

    /// Writes a signature where it can be read; whether it was.
    fn signature(&mut self, object: &mut Object<'_>, signature: Option<&Signature<'_>>, path: Path) -> bool {
        let Some(signature) = signature else { return false };
        if self.is_readable(signature) {
            object.text("thoughtSignature", &signature.text);
            return true;
        }
        self.losses.add(Why::Issuer, format!("{path}.signature"), "signed by another deployment");
        false
    }

    fn end(&mut self, mut object: Object<'_>, part: &Part<'_>, path: Path) {
        for (name, value) in part.extra.iter().filter(|(name, _)| self.is_own() && *name != "mimeType") {
            object.foreign(name, value.as_str());
        }
        if !self.is_own() {
            wire::lose_extra(self.losses, path, &part.extra);
        }
        object.end();
    }
}
