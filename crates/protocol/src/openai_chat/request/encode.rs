//! Writes a request.

use std::fmt;

use super::super::{
    quirks::{OutputLimit, Prefill, Quirks, Replay},
    reasoning,
};
use crate::{
    chat::{
        Annotation, Body, Dialect, Effort, Format, Json, Keep, Lifetimes, Losses, Part, Request, Role, Sampling,
        Source, Target, Text, Tool, ToolBody, ToolCallKind, ToolChoice, ToolResult, Turn, Why, WrittenRequest, words,
        write_data_url,
    },
    json::{Array, Object},
    wire,
};

/// Writes the body of `POST /v1/chat/completions`. What it cannot say is added to `losses`.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>, quirks: &Quirks, losses: &mut Losses) -> Vec<u8> {
    write_request(request, target, quirks, losses).body
}

/// As [`encode_request`], with the places of what only the model reads.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    quirks: &Quirks,
    losses: &mut Losses,
) -> WrittenRequest {
    let mut out = Vec::with_capacity(request.size());
    let mut writer = Writer { request, target, quirks, losses };
    let mut object = Object::new(&mut out);
    writer.head(&mut object);
    let messages = object.length();
    writer.messages(&mut object);
    let tools = object.length();
    writer.tools(&mut object);
    let prompt = vec![messages..tools, tools..object.length()];
    writer.format(&mut object);
    writer.sampling(&mut object);
    writer.limits(&mut object);
    writer.reasoning(&mut object);
    writer.rest(&mut object);
    object.end();
    WrittenRequest::new(out, prompt)
}

struct Writer<'w> {
    request: &'w Request<'w>,
    target: &'w Target<'w>,
    quirks: &'w Quirks,
    losses: &'w mut Losses,
}

impl<'w> Writer<'w> {
    fn head(&mut self, object: &mut Object<'_>) {
        match self.target.model {
            "" => object.text("model", &self.request.model),
            model => object.text("model", &Text::plain(model)),
        }
        if self.request.is_streaming {
            object.bool("stream", true);
            // The gateway accounts for every answer, whether its caller asked or not.
            if self.quirks.stream_options {
                object.raw("stream_options", r#"{"include_usage":true}"#);
            }
        }
    }

    fn messages(&mut self, object: &mut Object<'_>) {
        let mut list = object.array("messages");
        let request = self.request;
        if !request.system.is_empty() {
            let role = if self.target.capabilities.system { self.quirks.system_role } else { "user" };
            if role == "user" {
                self.losses.add(Why::Changed, "system", "said as the user, because the model has no system prompt");
            }
            self.message(&mut list, role, &request.system, Path::SYSTEM);
        }
        for (index, turn) in request.turns.iter().enumerate() {
            self.turn(&mut list, turn, index);
        }
        list.end();
    }

    fn turn(&mut self, list: &mut Array<'_>, turn: &'w Turn<'w>, index: usize) {
        let path = Path { turn: Some(index) };
        if request_is_foreign(self.request) {
            wire::lose_extra(self.losses, format_args!("turns.{index}"), &turn.extra);
        }
        match turn.role {
            Role::System => self.message(list, self.quirks.system_role, &turn.parts, path),
            Role::User => self.user(list, turn, path),
            Role::Assistant => self.assistant(list, turn, path),
        }
    }

    /// Results come right after the calls they answer, before anything else the user says.
    fn user(&mut self, list: &mut Array<'_>, turn: &'w Turn<'w>, path: Path) {
        let mut moved = Vec::new();
        for part in &turn.parts {
            if let Body::ToolResult(result) = &part.body {
                self.result(list, part, result, path, &mut moved);
            }
        }
        let said = || turn.parts.iter().filter(|part| !matches!(part.body, Body::ToolResult(_)));
        if said().next().is_none() && moved.is_empty() && !turn.parts.is_empty() {
            return;
        }
        let all: Vec<&Part<'w>> = moved.into_iter().chain(said()).collect();
        let mut message = list.object();
        message.word("role", "user");
        self.extra(&mut message, turn);
        self.content(&mut message, &all, path);
        message.end();
    }

    fn result(
        &mut self,
        list: &mut Array<'_>,
        part: &'w Part<'w>,
        result: &'w ToolResult<'w>,
        path: Path,
        moved: &mut Vec<&'w Part<'w>>,
    ) {
        let mut message = list.object();
        message.word("role", "tool");
        message.text("tool_call_id", &result.id);
        if result.is_error {
            self.losses.add(Why::NoPeer, format!("{}.is_error", self.place(path, part)), "only its text says so");
        }
        let (texts, others): (Vec<_>, Vec<_>) =
            result.content.iter().partition(|part| matches!(part.body, Body::Text { .. } | Body::Opaque { .. }));
        if !others.is_empty() {
            let what = "moved to the user's message after it";
            self.losses.add(Why::Changed, format!("{}.content", self.place(path, part)), what);
            moved.extend(others);
        }
        self.kept_content(&mut message, &texts, path, self.request.keep_of(part));
        if self.request.dialect == Dialect::OpenaiChat {
            wire::write_extra(&mut message, &part.extra);
        }
        message.end();
    }

    fn assistant(&mut self, list: &mut Array<'_>, turn: &'w Turn<'w>, path: Path) {
        let mut message = list.object();
        message.word("role", "assistant");
        self.extra(&mut message, turn);
        self.replay(&mut message, turn, path);
        let said: Vec<_> = turn
            .parts
            .iter()
            .filter(|part| {
                !matches!(
                    part.body,
                    Body::ToolCall(_) | Body::Thinking { .. } | Body::SealedThinking { .. } | Body::Refusal(_)
                )
            })
            .collect();
        if said.is_empty() {
            message.raw("content", "null");
        } else {
            self.content(&mut message, &said, path);
        }
        let refusals = turn.parts.iter().filter_map(|part| match &part.body {
            Body::Refusal(text) => Some(text),
            _ => None,
        });
        if let Some(text) = joined(refusals) {
            message.text("refusal", &text);
        }
        self.calls(&mut message, turn, path);
        self.prefill(&mut message, turn, path);
        message.end();
    }

    /// Says that the answer begins with this message.
    fn prefill(&self, message: &mut Object<'_>, turn: &Turn<'_>, path: Path) {
        if !self.request.is_prefilled || path.turn.is_some_and(|turn| turn + 1 < self.request.turns.len()) {
            return;
        }
        let name = match self.quirks.prefill {
            Prefill::Prefix => "prefix",
            Prefill::Partial => "partial",
            Prefill::Never | Prefill::Place | Prefill::FinalMessage => return,
        };
        // A caller who begins the answer says so already.
        if request_is_foreign(self.request) || turn.extra.find(name).is_none() {
            message.bool(name, true);
        }
    }

    /// Earlier reasoning, as far as the server wants it back.
    fn replay(&mut self, message: &mut Object<'_>, turn: &'w Turn<'w>, path: Path) {
        let is_thought = |part: &&Part<'_>| matches!(part.body, Body::Thinking { .. } | Body::SealedThinking { .. });
        let Some(first) = turn.parts.iter().find(is_thought) else { return };
        let issuer = self.target.issuer;
        match self.quirks.replay {
            Replay::Never => self.losses.add(
                Why::Unsupported,
                self.place(path, first).to_string(),
                if turn.parts.iter().filter(is_thought).count() > 1 { "earlier thoughts" } else { first.body.noun() },
            ),
            Replay::ReasoningContent => {
                reasoning::write_content(message, turn.parts.iter());
                let is_sealed = |part: &&Part<'_>| matches!(part.body, Body::SealedThinking { .. });
                if let Some(sealed) = turn.parts.iter().find(is_sealed) {
                    self.losses.add(Why::NoPeer, self.place(path, sealed).to_string(), "sealed thinking");
                }
            }
            Replay::Details => {
                reasoning::write_details(message, &turn.parts, |mark| {
                    self.request.may_replay(mark, Dialect::OpenaiChat, issuer)
                });
                let is_foreign = |part: &&Part<'_>| match &part.body {
                    Body::Thinking { signature: Some(mark), .. } | Body::SealedThinking { data: mark } => {
                        !self.request.may_replay(mark, Dialect::OpenaiChat, issuer)
                    }
                    _ => false,
                };
                if let Some(foreign) = turn.parts.iter().find(is_foreign) {
                    let place = format!("{}.signature", self.place(path, foreign));
                    self.losses.add(Why::Issuer, place, "signed by another deployment");
                }
            }
        }
    }

    fn calls(&mut self, message: &mut Object<'_>, turn: &'w Turn<'w>, path: Path) {
        let calls = || {
            turn.parts.iter().filter_map(|part| match &part.body {
                Body::ToolCall(call) => Some((call, part)),
                _ => None,
            })
        };
        if calls().next().is_none() {
            return;
        }
        let is_call = |part: &&Part<'_>| matches!(part.body, Body::ToolCall(_));
        let mut kept = turn.parts.iter().filter(is_call).filter(|part| self.request.keep_of(part).is_some());
        if let Some(part) = kept.next() {
            let place = format!("{}.keep", self.place(path, part));
            self.losses.add(Why::Label, place, "no marks for the prompt cache");
        }
        let mut list = message.array("tool_calls");
        for (call, part) in calls() {
            let mut object = list.object();
            object.text("id", &call.id);
            let (kind, input) = match call.kind {
                ToolCallKind::Custom if self.quirks.custom_tools => ("custom", "input"),
                ToolCallKind::Custom | ToolCallKind::Function => ("function", "arguments"),
            };
            object.word("type", kind);
            let mut function = object.object(kind);
            function.text("name", &call.name);
            if call.kind == ToolCallKind::Custom && kind == "function" {
                self.losses.add(Why::Changed, self.place(path, part).to_string(), "free input said as a JSON string");
                function.text(input, &wrapped_input(&call.arguments.as_text()));
            } else {
                function.text(input, &call.arguments.as_text());
            }
            function.end();
            match &call.signature {
                Some(mark)
                    if self.quirks.google_signatures
                        && self.request.may_replay(mark, Dialect::OpenaiChat, self.target.issuer) =>
                {
                    super::super::answer::write_google_signature(&mut object, &mark.text);
                }
                Some(_) => {
                    let place = format!("{}.signature", self.place(path, part));
                    self.losses.add(Why::Issuer, place, "not for this server");
                }
                None => {}
            }
            if self.request.dialect == Dialect::OpenaiChat {
                wire::write_extra(&mut object, &part.extra);
            }
            object.end();
        }
        list.end();
    }

    fn place<'p>(&'p self, path: Path, part: &'p Part<'_>) -> Place<'p> {
        place_of(self.request, path, part)
    }

    fn message(&mut self, list: &mut Array<'_>, role: &str, parts: &'w [Part<'w>], path: Path) {
        let mut message = list.object();
        message.word("role", role);
        self.content(&mut message, &parts.iter().collect::<Vec<_>>(), path);
        message.end();
    }

    fn extra(&mut self, message: &mut Object<'_>, turn: &Turn<'_>) {
        if !request_is_foreign(self.request) {
            wire::write_extra(message, &turn.extra);
        }
    }

    fn content(&mut self, message: &mut Object<'_>, parts: &[&Part<'_>], path: Path) {
        self.kept_content(message, parts, path, None);
    }

    /// Writes content whose last part carries the mark of them all.
    fn kept_content(&mut self, message: &mut Object<'_>, parts: &[&Part<'_>], path: Path, keep: Option<Keep>) {
        if let [part] = parts
            && let Some(text) = part.as_text()
            && keep.or_else(|| self.request.keep_of(part)).is_none()
            && part.extra.is_empty()
        {
            self.lose_text_marks(part, path);
            return message.text("content", text);
        }
        if !self.quirks.text_parts && parts.iter().all(|part| part.as_text().is_some()) {
            let marked = parts.iter().find(|part| self.request.keep_of(part).is_some());
            if let Some(part) = marked.or_else(|| parts.last().filter(|_| keep.is_some())) {
                let place = format!("{}.keep", self.place(path, part));
                self.losses.add(Why::Label, place, "no marks for the prompt cache");
            }
            let joined = joined(parts.iter().filter_map(|part| part.as_text()));
            return message.text("content", &joined.unwrap_or_default());
        }
        if parts.is_empty() {
            if keep.is_some() {
                self.losses.add(Why::Label, format!("{}.keep", path.turn()), "no marks for the prompt cache");
            }
            return message.raw("content", "\"\"");
        }
        let mut list = message.array("content");
        for (index, part) in parts.iter().enumerate() {
            let keep = self.request.keep_of(part).or_else(|| keep.filter(|_| index + 1 == parts.len()));
            self.part(&mut list, part, path, keep);
        }
        // A list of nothing is refused.
        list.end_or("\"\"");
    }

    fn part(&mut self, list: &mut Array<'_>, part: &Part<'_>, path: Path, keep: Option<Keep>) {
        let capabilities = &self.target.capabilities;
        let is_taken = match &part.body {
            Body::Image { .. } => capabilities.vision,
            Body::Audio { .. } => capabilities.audio,
            Body::File { .. } => capabilities.files,
            _ => true,
        };
        if !is_taken {
            return self.losses.add(Why::Unsupported, self.place(path, part).to_string(), part.body.noun());
        }
        match &part.body {
            Body::Text { text, .. } => {
                self.lose_text_marks(part, path);
                let mut object = list.object();
                object.word("type", "text");
                object.text("text", text);
                self.end_part(object, part, path, keep);
            }
            Body::Image { source: source @ (Source::Url(_) | Source::Inline { .. }), detail } => {
                let mut object = list.object();
                object.word("type", "image_url");
                let mut image = object.object("image_url");
                source.write_url(image.key("url"));
                image.text_if("detail", detail.as_ref());
                image.end();
                self.end_part(object, part, path, keep);
            }
            Body::Audio { source: Source::Inline { media_type, data } } => {
                let mut object = list.object();
                object.word("type", "input_audio");
                let mut audio = object.object("input_audio");
                audio.text("data", data);
                audio.text("format", &audio_format(media_type));
                audio.end();
                self.end_part(object, part, path, keep);
            }
            Body::File { source: Source::Plain(text), .. } => {
                self.losses.add(Why::Changed, self.place(path, part).to_string(), "a document said as text");
                let mut object = list.object();
                object.word("type", "text");
                object.text("text", text);
                object.end();
            }
            Body::File { source: Source::Handle(_), .. } if self.request.dialect == Dialect::Anthropic => {
                self.losses.add(Why::NoPeer, self.place(path, part).to_string(), "a file that was uploaded elsewhere");
            }
            Body::File { source: source @ (Source::Inline { .. } | Source::Handle(_)), name } => {
                let mut object = list.object();
                object.word("type", "file");
                let mut file = object.object("file");
                match source {
                    Source::Inline { media_type, data } => {
                        write_data_url(file.key("file_data"), media_type, data);
                        // Bytes without a name are refused.
                        if name.is_none() {
                            file.word("filename", default_name(media_type));
                        }
                    }
                    Source::Handle(handle) => file.text("file_id", handle),
                    Source::Url(_) | Source::Plain(_) => {}
                }
                file.text_if("filename", name.as_ref());
                file.end();
                self.end_part(object, part, path, keep);
            }
            Body::Opaque { dialect: Dialect::OpenaiChat, json } => json.write(list.next()),
            body => self.losses.add(Why::NoPeer, self.place(path, part).to_string(), body.noun()),
        }
    }

    fn end_part(&mut self, mut object: Object<'_>, part: &Part<'_>, path: Path, keep: Option<Keep>) {
        if let Some(keep) = keep {
            let is_taken = self.target.capabilities.cache_marks;
            if is_taken && self.quirks.cache_breakpoints {
                write_breakpoint(&mut object, keep, || place_of(self.request, path, part).to_string(), self.losses);
            } else if is_taken && self.quirks.cache_control {
                crate::anthropic::write_keep(
                    &mut object,
                    keep,
                    || place_of(self.request, path, part).to_string(),
                    self.losses,
                );
            } else {
                let place = format!("{}.keep", self.place(path, part));
                self.losses.add(Why::Label, place, "no marks for the prompt cache");
            }
        }
        if self.request.dialect == Dialect::OpenaiChat {
            wire::write_extra(&mut object, &part.extra);
        } else if !part.extra.is_empty() {
            let place = place_of(self.request, path, part);
            wire::lose_extra(self.losses, place, &part.extra);
        }
        object.end();
    }

    fn lose_text_marks(&mut self, part: &Part<'_>, path: Path) {
        let Body::Text { annotations, signature, .. } = &part.body else { return };
        if annotations.iter().any(|annotation| matches!(annotation, Annotation::Url { .. } | Annotation::Opaque { .. }))
        {
            let place = format!("{}.annotations", self.place(path, part));
            self.losses.add(Why::Label, place, "sources of an earlier answer");
        }
        if signature.is_some() {
            let place = format!("{}.signature", self.place(path, part));
            self.losses.add(Why::NoPeer, place, "a text's signature");
        }
    }

    fn tools(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        if request.tools.is_empty() {
            if request.tool_choice.is_some() && request.dialect == Dialect::OpenaiChat {
                self.choice(object);
            }
            return;
        }
        if !self.target.capabilities.tools {
            return self.losses.add(Why::Unsupported, "tools", "the model has no tools");
        }
        let writable: Vec<_> =
            request.tools.iter().enumerate().filter(|(index, tool)| self.can_say(*index, tool)).collect();
        if writable.is_empty() {
            return;
        }
        let mut list = object.array("tools");
        for (index, tool) in writable {
            self.tool(&mut list, index, tool);
        }
        list.end();
        self.choice(object);
        if let Some(parallel) = request.parallel_tools {
            if self.quirks.parallel_tool_calls {
                object.bool("parallel_tool_calls", parallel);
            } else if !parallel {
                self.losses.add(Why::Unsupported, "parallel_tools", "one call at a time");
            }
        }
    }

    fn can_say(&mut self, index: usize, tool: &Tool<'_>) -> bool {
        match &tool.body {
            ToolBody::Opaque { dialect: Dialect::OpenaiChat, .. }
            | ToolBody::Function { .. }
            | ToolBody::Custom { .. } => true,
            ToolBody::Opaque { json, .. } => {
                let name = wire::kind_of_tool(json.as_str());
                self.losses.add(Why::NoPeer, format!("tools.{index}"), format!("`{name}`, a tool of the vendor's own"));
                false
            }
        }
    }

    fn tool(&mut self, list: &mut Array<'_>, index: usize, tool: &Tool<'_>) {
        if tool.keep.is_some() {
            self.losses.add(Why::Label, format!("tools.{index}.keep"), "no marks for the prompt cache");
        }
        let mut object = list.object();
        match &tool.body {
            ToolBody::Function { name, description, schema, strict } => {
                object.word("type", "function");
                let mut function = object.object("function");
                function.text("name", name);
                function.text_if("description", description.as_ref());
                function.json_if("parameters", schema.as_ref());
                match strict {
                    Some(strict) if self.quirks.strict => function.bool("strict", *strict),
                    Some(true) => self.losses.add(Why::Unsupported, format!("tools.{index}.strict"), "not enforced"),
                    Some(false) | None => {}
                }
                function.end();
            }
            ToolBody::Custom { name, description, format } if self.quirks.custom_tools => {
                object.word("type", "custom");
                let mut custom = object.object("custom");
                custom.text("name", name);
                custom.text_if("description", description.as_ref());
                custom.json_if("format", format.as_ref());
                custom.end();
            }
            ToolBody::Custom { name, description, .. } => {
                self.losses.add(Why::Changed, format!("tools.{index}"), "free input said as one string argument");
                object.word("type", "function");
                let mut function = object.object("function");
                function.text("name", name);
                function.text_if("description", description.as_ref());
                function.raw("parameters", CUSTOM_SCHEMA);
                function.end();
            }
            ToolBody::Opaque { json, .. } => {
                // Taken apart, so that what is carried along may follow.
                wire::copy_members(&mut object, json);
            }
        }
        if self.request.dialect == Dialect::OpenaiChat {
            wire::write_extra(&mut object, &tool.extra);
        } else {
            wire::lose_extra(self.losses, format_args!("tools.{index}"), &tool.extra);
        }
        object.end();
    }

    fn choice(&mut self, object: &mut Object<'_>) {
        let Some(choice) = &self.request.tool_choice else { return };
        let is_forced =
            matches!(choice, ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Among { must: true, .. });
        if is_forced && !self.target.capabilities.forced_tools {
            return self.losses.add(Why::Unsupported, "tool_choice", "the model cannot be made to use a tool");
        }
        match choice {
            ToolChoice::Auto => object.word("tool_choice", "auto"),
            ToolChoice::None => object.word("tool_choice", "none"),
            ToolChoice::Required => object.word("tool_choice", "required"),
            ToolChoice::Named(name) => {
                let mut choice = object.object("tool_choice");
                self.named(&mut choice, name);
                choice.end();
            }
            ToolChoice::Among { names, must } => {
                let mut choice = object.object("tool_choice");
                choice.word("type", "allowed_tools");
                let mut allowed = choice.object("allowed_tools");
                allowed.word("mode", if *must { "required" } else { "auto" });
                let mut list = allowed.array("tools");
                for name in names {
                    let mut tool = list.object();
                    self.named(&mut tool, name);
                    tool.end();
                }
                list.end();
                allowed.end();
                choice.end();
            }
            ToolChoice::Opaque { dialect: Dialect::OpenaiChat, json } => object.json("tool_choice", json),
            ToolChoice::Opaque { .. } => self.losses.add(Why::NoPeer, "tool_choice", words::NO_PEER),
        }
    }

    fn named(&self, object: &mut Object<'_>, name: &Text<'_>) {
        let is_custom = self.quirks.custom_tools
            && self
                .request
                .tools
                .iter()
                .any(|tool| matches!(&tool.body, ToolBody::Custom { name: it, .. } if it == name));
        let kind = if is_custom { "custom" } else { "function" };
        object.word("type", kind);
        let mut function = object.object(kind);
        function.text("name", name);
        function.end();
    }

    fn format(&mut self, object: &mut Object<'_>) {
        match &self.request.format {
            None => {}
            Some(Format::Text) => object.raw("response_format", r#"{"type":"text"}"#),
            Some(Format::JsonObject) => object.raw("response_format", r#"{"type":"json_object"}"#),
            Some(Format::JsonSchema { .. }) if !self.target.capabilities.json_schema => {
                self.losses.add(Why::Unsupported, "format", "the model does not follow a JSON schema");
            }
            Some(Format::JsonSchema { name, description, schema, strict }) => {
                let mut format = object.object("response_format");
                format.word("type", "json_schema");
                let mut inner = format.object("json_schema");
                // The dialect demands a name.
                match name {
                    Some(name) => inner.text("name", name),
                    None => inner.word("name", "answer"),
                }
                inner.text_if("description", description.as_ref());
                inner.json("schema", schema);
                if let Some(strict) = strict {
                    inner.bool("strict", *strict);
                }
                inner.end();
                format.end();
            }
            Some(Format::Opaque { dialect: Dialect::OpenaiChat, json }) => object.json("response_format", json),
            Some(Format::Opaque { .. }) => self.losses.add(Why::NoPeer, "format", words::NO_PEER),
        }
    }

    fn sampling(&mut self, object: &mut Object<'_>) {
        let quirks = self.quirks;
        let Sampling {
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            seed,
            logit_bias,
            logprobs,
            top_logprobs,
        } = &self.request.sampling;
        let drawn = self.target.capabilities.sampling;
        let is_own = !request_is_foreign(self.request);
        let members: [(&'static str, &Option<Json<'_>>, bool); 9] = [
            ("temperature", temperature, drawn),
            ("top_p", top_p, drawn),
            ("top_k", top_k, drawn && quirks.top_k),
            ("frequency_penalty", frequency_penalty, drawn),
            ("presence_penalty", presence_penalty, drawn),
            ("seed", seed, quirks.seed),
            ("logit_bias", logit_bias, quirks.logit_bias),
            ("logprobs", if is_own { logprobs } else { &None }, true),
            ("top_logprobs", if is_own { top_logprobs } else { &None }, true),
        ];
        if let Some(top) = self.request.sampling.asked_logprobs().filter(|_| !is_own) {
            object.bool("logprobs", true);
            if top > 0 {
                object.number("top_logprobs", top);
            }
        }
        for (name, value, is_taken) in members {
            match value {
                Some(value) if is_taken => object.json(name, value),
                Some(_) => self.losses.add(Why::Unsupported, name, "the server does not take it"),
                None => {}
            }
        }
    }

    fn limits(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        if let Some(max) = request.output_max {
            let name = match self.quirks.output_limit {
                OutputLimit::MaxTokens => "max_tokens",
                OutputLimit::MaxCompletionTokens => "max_completion_tokens",
            };
            object.number(name, max);
        }
        if !request.stop.is_empty() {
            let mut list = object.array("stop");
            for stop in &request.stop {
                stop.write(list.next());
            }
            list.end();
        }
        match request.choices {
            Some(choices) if choices == 1 || self.quirks.choices => object.number("n", choices),
            Some(_) => self.losses.add(Why::Unsupported, "choices", "one answer only"),
            None => {}
        }
    }

    fn reasoning(&mut self, object: &mut Object<'_>) {
        let Some(reasoning) = &self.request.reasoning else { return };
        let effort = match (reasoning.effort, reasoning.budget) {
            (Some(effort), _) => Some(effort),
            (None, Some(budget)) => {
                self.losses.add(Why::Changed, "reasoning.budget", "said as an effort");
                Some(Effort::of_budget(budget))
            }
            (None, None) => None,
        };
        let Some(effort) = effort else {
            if reasoning.is_adaptive {
                self.losses.add(Why::Changed, "reasoning", "left to the model's habit");
            }
            return;
        };
        if self.quirks.reasoning_effort && self.target.capabilities.thinking {
            object.word("reasoning_effort", effort.name());
        } else {
            self.losses.add(Why::Unsupported, "reasoning", "the server does not take it");
        }
        if reasoning.summary.is_some() {
            self.losses.add(Why::NoPeer, "reasoning.summary", words::NO_PEER);
        }
    }

    fn rest(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        let has_members = self.quirks.vendor_members;
        if let Some(user) = &request.user {
            object.text(if has_members { "safety_identifier" } else { "user" }, user);
        }
        if has_members {
            object.json_if("metadata", request.metadata.as_ref());
            object.text_if("prompt_cache_key", request.cache_key.as_ref());
            object.text_if("service_tier", request.service_tier.as_ref());
            object.text_if("verbosity", request.verbosity.as_ref());
            if let Some(store) = request.store {
                object.bool("store", store);
            }
        } else {
            let absent = [
                ("metadata", request.metadata.is_some(), Why::Label),
                ("cache_key", request.cache_key.is_some(), Why::Label),
                ("service_tier", request.service_tier.is_some(), Why::Unsupported),
                ("verbosity", request.verbosity.is_some(), Why::Unsupported),
                ("store", request.store.is_some(), Why::Label),
            ];
            for (name, _, why) in absent.into_iter().filter(|(_, is_there, _)| *is_there) {
                self.losses.add(why, name, "the server does not take it");
            }
        }
        if request.previous.is_some() {
            self.losses.add(Why::NoPeer, "previous", "the conversation that it goes on from");
        }
        if request.is_prefilled && self.quirks.prefill == Prefill::FinalMessage {
            let is_said = |name| !request_is_foreign(request) && request.extra.find(name).is_some();
            for (name, value) in [("continue_final_message", true), ("add_generation_prompt", false)] {
                if !is_said(name) {
                    object.bool(name, value);
                }
            }
        }
        if request_is_foreign(request) {
            wire::lose_extra(self.losses, "", &request.extra);
        } else {
            wire::write_extra(object, &request.extra);
        }
    }
}

/// What a tool with free input takes where all arguments are JSON.
pub(crate) const CUSTOM_SCHEMA: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Free input as the JSON text of arguments by [`CUSTOM_SCHEMA`].
pub(crate) fn wrapped_input(input: &Text<'_>) -> Text<'static> {
    Text::plain(format!(r#"{{"input":"{}"}}"#, input.written()))
}

/// Writes `prompt_cache_breakpoint`.
pub(crate) fn write_breakpoint(
    object: &mut Object<'_>,
    keep: Keep,
    path: impl FnOnce() -> String,
    losses: &mut Losses,
) {
    let value = match keep.ttl(Lifetimes::Openai, path, losses) {
        None => r#"{"mode":"explicit"}"#,
        Some("12h") => r#"{"mode":"explicit","ttl":"12h"}"#,
        Some(_) => r#"{"mode":"explicit","ttl":"30m"}"#,
    };
    object.raw("prompt_cache_breakpoint", value);
}

fn request_is_foreign(request: &Request<'_>) -> bool {
    request.dialect != Dialect::OpenaiChat
}

/// Texts one after the other, as paragraphs.
pub(crate) fn joined<'t>(mut texts: impl Iterator<Item = &'t Text<'t>>) -> Option<Text<'t>> {
    let mut whole = texts.next()?.share();
    for text in texts {
        whole.push(&Text::plain("\n\n"));
        whole.push(text);
    }
    Some(whole)
}

/// The name of a file that came without one.
pub(crate) fn default_name(media_type: &Text<'_>) -> &'static str {
    if media_type.is("application/pdf") { "document.pdf" } else { "document" }
}

/// `audio/mpeg` is called `mp3` here.
fn audio_format(media_type: &Text<'_>) -> Text<'static> {
    let decoded = media_type.decode();
    let format = decoded.strip_prefix("audio/").unwrap_or(&decoded);
    Text::plain(match format {
        "mpeg" => "mp3".to_owned(),
        "x-wav" | "wave" => "wav".to_owned(),
        other => other.to_owned(),
    })
}

/// Names a turn in a loss, or the system prompt.
#[derive(Clone, Copy)]
struct Path {
    turn: Option<usize>,
}

impl Path {
    const SYSTEM: Self = Self { turn: None };

    fn turn(self) -> String {
        self.turn.map_or_else(|| "system".to_owned(), |turn| format!("turns.{turn}"))
    }
}

/// Where a part stands; what a result holds stands where the result does. Looked for when it is told.
fn place_of<'p>(request: &'p Request<'_>, path: Path, part: &'p Part<'_>) -> Place<'p> {
    let turn = path.turn.and_then(|turn| request.turns.get(turn));
    Place { parts: turn.map_or(&request.system, |turn| &turn.parts), path, part: std::ptr::from_ref(part).cast() }
}

struct Place<'p> {
    parts: &'p [Part<'p>],
    path: Path,
    part: *const (),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_it = |part: &Part<'_>| std::ptr::from_ref(part).cast() == self.part;
        let holds = |part: &Part<'_>| match &part.body {
            Body::ToolResult(result) => result.content.iter().any(is_it),
            _ => false,
        };
        let index = self.parts.iter().position(|part| is_it(part) || holds(part));
        write!(f, "{}.parts.{}", self.path.turn(), index.unwrap_or_default())
    }
}
