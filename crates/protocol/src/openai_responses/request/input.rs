//! Writes the turns as items.

use super::super::{compaction, identity, item, namespace, quirks::Quirks};
use crate::{
    chat::{
        Body, Dialect, Json, Keep, Losses, Part, Request, Role, Signature, Source, Target, Text, ToolCallKind,
        ToolResult, Turn, Why, write_data_url,
    },
    json::{Array, Object},
    openai_chat::{default_name, wrapped_input, write_breakpoint},
    wire::{self, Path},
};

pub(super) struct Input<'w> {
    pub(super) request: &'w Request<'w>,
    pub(super) target: &'w Target<'w>,
    pub(super) quirks: &'w Quirks,
    pub(super) losses: &'w mut Losses,
}

impl Input<'_> {
    /// Writes `instructions` and `input`.
    pub(super) fn write(&mut self, object: &mut Object<'_>) {
        let system = &self.request.system;
        let is_plain = |part: &Part<'_>| self.is_plain(part);
        let as_instructions = matches!(&system[..], [part] if is_plain(part));
        if let [part] = &system[..]
            && as_instructions
        {
            object.text_if("instructions", part.as_text());
        }
        let mut list = object.array("input");
        if !as_instructions && !system.is_empty() {
            let parts: Vec<_> = system.iter().enumerate().collect();
            self.message(&mut list, self.quirks.system_role, &parts, None, Path::System);
        }
        for (index, turn) in self.request.turns.iter().enumerate() {
            self.turn(&mut list, turn, Path::Turn(index));
        }
        list.end();
    }

    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::OpenaiResponses
    }

    fn turn(&mut self, list: &mut Array<'_>, turn: &Turn<'_>, path: Path) {
        let role = match turn.role {
            Role::System => self.quirks.system_role,
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        // Results come right after their calls, before anything else the user says.
        let is_result = |(_, part): &(usize, &Part<'_>)| matches!(part.body, Body::ToolResult(_));
        let parts = || turn.parts.iter().enumerate();
        let mut said: Vec<(usize, &Part<'_>)> = Vec::new();
        let mut extra = Some(turn);
        for (index, part) in parts().filter(is_result).chain(parts().filter(|part| !is_result(part))) {
            let is_item = matches!(
                part.body,
                Body::ToolCall(_) | Body::ToolResult(_) | Body::Thinking { .. } | Body::SealedThinking { .. }
            ) || is_item(part);
            if !is_item {
                said.push((index, part));
                continue;
            }
            if !said.is_empty() {
                self.message(list, role, &std::mem::take(&mut said), extra.take(), path);
            }
            self.item(list, part, path.part(index));
        }
        self.message(list, role, &said, extra, path);
    }

    fn message(
        &mut self,
        list: &mut Array<'_>,
        role: &str,
        parts: &[(usize, &Part<'_>)],
        turn: Option<&Turn<'_>>,
        path: Path,
    ) {
        if parts.is_empty() {
            return;
        }
        let mark = list.mark();
        let mut is_empty = false;
        let mut message = list.object();
        message.word("type", "message");
        message.word("role", role);
        match parts {
            [(_, part)] if self.is_plain(part) && !has_marks(part) => {
                message.text_if("content", part.as_text());
            }
            parts => {
                let mut list = message.array("content");
                for (index, part) in parts {
                    self.part(&mut list, part, role == "assistant", path.part(*index));
                }
                is_empty = list.is_empty();
                list.end();
            }
        }
        if let Some(turn) = turn {
            if self.is_own() {
                wire::write_extra(&mut message, &turn.extra);
            } else {
                wire::lose_extra(self.losses, path, &turn.extra);
            }
        }
        message.end();
        // A message of nothing is refused.
        if is_empty && !self.is_own() {
            list.take_back(mark);
        }
    }

    fn item(&mut self, list: &mut Array<'_>, part: &Part<'_>, path: Path) {
        match &part.body {
            Body::ToolCall(call) => {
                if call.signature.is_some() {
                    self.losses.add(Why::Issuer, format!("{path}.signature"), "a tool call's signature");
                }
                let is_custom = call.kind == ToolCallKind::Custom;
                let mut object = list.object();
                if is_custom && self.quirks.custom_tools {
                    object.word("type", "custom_tool_call");
                    object.text("call_id", &call.id);
                    namespace::write_name(&mut object, &call.name);
                    object.text("input", &call.arguments.as_text());
                } else {
                    object.word("type", "function_call");
                    object.text("call_id", &call.id);
                    namespace::write_name(&mut object, &call.name);
                    if is_custom {
                        self.losses.add(Why::Changed, path, "free input said as a JSON string");
                        object.text("arguments", &wrapped_input(&call.arguments.as_text()));
                    } else {
                        object.text("arguments", &Text::plain(call.arguments.as_json()));
                    }
                }
                self.end(object, part, path, self.request.keep_of(part));
            }
            Body::ToolResult(result) => self.result(list, part, result, path),
            Body::Thinking { text, signature } => {
                let sealed = signature
                    .as_ref()
                    .filter(|mark| self.request.may_replay(mark, Dialect::OpenaiResponses, self.target.issuer));
                match sealed {
                    Some(mark) if self.quirks.sealed_reasoning => {
                        let mut object = list.object();
                        item::write_reasoning(&mut object, Some(text), Some(&mark.text));
                        self.end(object, part, path, self.request.keep_of(part));
                    }
                    // Without its seal a reasoning item is refused unless the vendor has stored it.
                    _ if self.is_own() && has_vendors_name(part) => {
                        let mut object = list.object();
                        item::write_reasoning(&mut object, Some(text), None);
                        self.end(object, part, path, self.request.keep_of(part));
                    }
                    _ => self.losses.add(Why::Issuer, path, "thoughts of another deployment"),
                }
            }
            Body::SealedThinking { data } => {
                if self.request.may_replay(data, Dialect::OpenaiResponses, self.target.issuer)
                    && self.quirks.sealed_reasoning
                {
                    let mut object = list.object();
                    item::write_reasoning(&mut object, None, Some(&data.text));
                    self.end(object, part, path, self.request.keep_of(part));
                } else {
                    self.losses.add(Why::Issuer, path, "thoughts of another deployment");
                }
            }
            Body::Opaque { json, .. } => match compaction::seal_of(json.as_str()) {
                Some(seal) if seal.issuer.is_some() => self.compaction(list, json, &seal, path),
                _ => json.write(list.next()),
            },
            body => self.losses.add(Why::NoPeer, path, body.noun()),
        }
    }

    /// What a vendor made of earlier turns goes back to the deployment that made it alone.
    fn compaction(&mut self, list: &mut Array<'_>, json: &Json<'_>, seal: &Signature<'_>, path: Path) {
        let mut item = Vec::new();
        if self.request.may_replay(seal, Dialect::OpenaiResponses, self.target.issuer)
            && compaction::write_with_seal(&mut item, json.as_str(), &seal.text).is_ok()
        {
            list.next().extend(item);
        } else {
            self.losses.add(Why::Issuer, path, "a compaction of another deployment");
        }
    }

    fn result(&mut self, list: &mut Array<'_>, part: &Part<'_>, result: &ToolResult<'_>, path: Path) {
        if result.is_error {
            self.losses.add(Why::NoPeer, format!("{path}.is_error"), "only its text says so");
        }
        let kind = self.request.call_of(result, path.turn()).map_or(result.kind, |call| call.kind);
        let is_custom = kind == ToolCallKind::Custom && self.quirks.custom_tools;
        let mut object = list.object();
        object.word("type", if is_custom { "custom_tool_call_output" } else { "function_call_output" });
        object.text("call_id", &result.id);
        let keep = self.request.keep_of(part);
        match &result.content[..] {
            [] => object.word("output", ""),
            [only] if self.is_plain(only) && keep.is_none() => object.text_if("output", only.as_text()),
            parts => {
                let mut list = object.array("output");
                for (index, inside) in parts.iter().enumerate() {
                    let is_last = index + 1 == parts.len();
                    self.part_with(&mut list, inside, false, path, inside.keep.or_else(|| keep.filter(|_| is_last)));
                }
                list.end();
            }
        }
        // The mark of a result stands at the last of its parts.
        self.end(object, part, path, keep.filter(|_| result.content.is_empty()));
    }

    fn is_plain(&self, part: &Part<'_>) -> bool {
        part.as_text().is_some() && self.request.keep_of(part).is_none() && part.extra.is_empty()
    }

    fn part(&mut self, list: &mut Array<'_>, part: &Part<'_>, is_output: bool, path: Path) {
        self.part_with(list, part, is_output, path, self.request.keep_of(part));
    }

    fn part_with(&mut self, list: &mut Array<'_>, part: &Part<'_>, is_output: bool, path: Path, keep: Option<Keep>) {
        let capabilities = &self.target.capabilities;
        let is_taken = match &part.body {
            Body::Image { .. } => capabilities.vision,
            Body::File { .. } => capabilities.files,
            _ => true,
        };
        if !is_taken {
            return self.losses.add(Why::Unsupported, path, part.body.noun());
        }
        match &part.body {
            Body::Text { text, annotations, signature } => {
                let mut object = list.object();
                object.word("type", if is_output { "output_text" } else { "input_text" });
                object.text("text", text);
                if is_output {
                    let mut list = object.array("annotations");
                    for annotation in annotations {
                        let mut one = Vec::new();
                        if item::write_annotation(&mut one, annotation) {
                            list.next().extend(one);
                        } else {
                            self.losses.add(Why::Label, format!("{path}.annotations"), "sources of an earlier answer");
                        }
                    }
                    list.end();
                }
                if signature.is_some() {
                    self.losses.add(Why::Issuer, format!("{path}.signature"), "a text's signature");
                }
                self.end(object, part, path, keep);
            }
            Body::Refusal(text) => {
                let mut object = list.object();
                object.word("type", "refusal");
                object.text("refusal", text);
                self.end(object, part, path, keep);
            }
            Body::Image { source, detail } if !matches!(source, Source::Plain(_)) && self.can_reach(source) => {
                let mut object = list.object();
                object.word("type", "input_image");
                match source {
                    Source::Handle(handle) => object.text("file_id", handle),
                    source => {
                        source.write_url(object.key("image_url"));
                    }
                }
                object.text_or("detail", detail.as_ref(), "auto");
                self.end(object, part, path, keep);
            }
            Body::File { source, name } if self.can_reach(source) => {
                let mut object = list.object();
                if let Source::Plain(text) = source {
                    self.losses.add(Why::Changed, path, "a document said as text");
                    object.word("type", "input_text");
                    object.text("text", text);
                    return object.end();
                }
                object.word("type", "input_file");
                match source {
                    Source::Inline { media_type, data } => {
                        write_data_url(object.key("file_data"), media_type, data);
                        // Bytes without a name are refused.
                        if name.is_none() {
                            object.word("filename", default_name(media_type));
                        }
                    }
                    Source::Url(url) => object.text("file_url", url),
                    Source::Handle(handle) | Source::Plain(handle) => object.text("file_id", handle),
                }
                object.text_if("filename", name.as_ref());
                self.end(object, part, path, keep);
            }
            Body::Opaque { dialect: Dialect::OpenaiResponses, json } => json.write(list.next()),
            body => self.losses.add(Why::NoPeer, path, body.noun()),
        }
    }

    /// A name that a vendor gave to an uploaded file means nothing to another.
    fn can_reach(&self, source: &Source<'_>) -> bool {
        !matches!(source, Source::Handle(_)) || self.request.dialect != Dialect::Anthropic
    }

    fn end(&mut self, mut object: Object<'_>, part: &Part<'_>, path: Path, keep: Option<Keep>) {
        if let Some(keep) = keep {
            let has_room = matches!(part.body, Body::Text { .. } | Body::Image { .. } | Body::File { .. });
            if has_room && self.target.capabilities.cache_marks && self.quirks.cache_breakpoints {
                write_breakpoint(&mut object, keep, || path.to_string(), self.losses);
            } else {
                self.losses.add(Why::Label, format!("{path}.keep"), "no marks for the prompt cache");
            }
        }
        if self.is_own() {
            wire::write_extra(&mut object, &part.extra);
        } else {
            wire::lose_extra(self.losses, path, &part.extra);
        }
        object.end();
    }
}

/// An item that only this dialect knows, as opposed to such a part of a message.
fn is_item(part: &Part<'_>) -> bool {
    matches!(&part.body, Body::Opaque { dialect: Dialect::OpenaiResponses, json } if item::is_item(json))
}

fn has_marks(part: &Part<'_>) -> bool {
    matches!(&part.body, Body::Text { annotations, signature, .. } if !annotations.is_empty() || signature.is_some())
}

/// Whether the vendor may know the part by its name.
fn has_vendors_name(part: &Part<'_>) -> bool {
    part.extra.find("id").is_some_and(|id| !identity::is_ours(id.as_str().trim_matches('"')))
}
