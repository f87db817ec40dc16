//! Writes a request.

use super::{
    super::{
        blocks::write_keep,
        quirks::{Quirks, Version},
    },
    turns::Turns,
};
use crate::{
    chat::{
        Body, Dialect, Effort, Format, Json, Losses, Part, Request, Role, Sampling, Target, Text, Tool, ToolBody,
        ToolChoice, Why, WrittenRequest, words,
    },
    json::Object,
    openai_chat::CUSTOM_SCHEMA,
    wire,
};

/// Writes the body of `POST /v1/messages`. What it cannot say is added to `losses`.
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
    let system = object.length();
    writer.system(&mut object);
    let messages = object.length();
    Turns { request, target, quirks, losses: &mut *writer.losses }.write(&mut object);
    let tools = object.length();
    writer.tools(&mut object);
    let prompt = vec![system..messages, messages..tools, tools..object.length()];
    let is_thinking = writer.thinking(&mut object);
    writer.sampling(&mut object, is_thinking);
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

impl Writer<'_> {
    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::Anthropic
    }

    fn output_max(&self) -> u64 {
        self.request.output_max.unwrap_or(self.target.output_max)
    }

    fn head(&mut self, object: &mut Object<'_>) {
        match self.target.model {
            "" => object.text("model", &self.request.model),
            model => object.text("model", &Text::plain(model)),
        }
        object.number("max_tokens", self.output_max());
        if self.request.is_streaming {
            object.bool("stream", true);
        }
        if let Some(keep) = self.request.keep {
            write_keep(object, keep, String::new, self.losses);
        }
    }

    fn system(&mut self, object: &mut Object<'_>) {
        let parts = &self.request.system;
        match &parts[..] {
            [] => {}
            [part] if part.keep.is_none() && part.extra.is_empty() && part.as_text().is_some() => {
                object.text_if("system", part.as_text().filter(|text| !text.is_empty()));
            }
            parts => {
                let mut list = object.array("system");
                for (index, part) in parts.iter().enumerate() {
                    super::turns::write_text_part(&mut list, part, self.is_own(), self.losses, &|| {
                        format!("system.parts.{index}")
                    });
                }
                list.end();
            }
        }
    }

    fn tools(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        if request.tools.is_empty() {
            return;
        }
        if !self.target.capabilities.tools {
            return self.losses.add(Why::Unsupported, "tools", "the model has no tools");
        }
        let mut list = object.array("tools");
        let mut written = 0;
        for (index, tool) in request.tools.iter().enumerate() {
            match &tool.body {
                ToolBody::Opaque { dialect: Dialect::Anthropic, json } => json.write(list.next()),
                ToolBody::Opaque { json, .. } => {
                    let name = wire::kind_of_tool(json.as_str());
                    let what = format!("`{name}`, a tool of the vendor's own");
                    self.losses.add(Why::NoPeer, format!("tools.{index}"), what);
                    continue;
                }
                ToolBody::Function { .. } | ToolBody::Custom { .. } => self.tool(list.object(), index, tool),
            }
            written += 1;
        }
        list.end();
        if written > 0 {
            self.choice(object);
        }
    }

    fn tool(&mut self, mut object: Object<'_>, index: usize, tool: &Tool<'_>) {
        match &tool.body {
            ToolBody::Function { name, description, schema, strict } => {
                object.text("name", name);
                object.text_if("description", description.as_ref());
                match schema {
                    Some(schema) => object.json("input_schema", schema),
                    None => object.raw("input_schema", r#"{"type":"object","properties":{}}"#),
                }
                if let Some(strict) = strict {
                    object.bool("strict", *strict);
                }
            }
            ToolBody::Custom { name, description, .. } => {
                self.losses.add(Why::Changed, format!("tools.{index}"), "free input said as one string argument");
                object.text("name", name);
                object.text_if("description", description.as_ref());
                object.raw("input_schema", CUSTOM_SCHEMA);
            }
            ToolBody::Opaque { .. } => {}
        }
        if let Some(keep) = tool.keep {
            write_keep(&mut object, keep, || format!("tools.{index}"), self.losses);
        }
        if self.is_own() {
            wire::write_extra(&mut object, &tool.extra);
        } else {
            wire::lose_extra(self.losses, format_args!("tools.{index}"), &tool.extra);
        }
        object.end();
    }

    fn choice(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        let one_at_a_time = request.parallel_tools == Some(false);
        let choice = match &request.tool_choice {
            Some(_) if self.is_forced() && !self.target.capabilities.forced_tools => {
                self.losses.add(Why::Unsupported, "tool_choice", "the model cannot be made to use a tool");
                &ToolChoice::Auto
            }
            Some(choice) => choice,
            None if one_at_a_time => &ToolChoice::Auto,
            None => return,
        };
        let (word, name) = match choice {
            ToolChoice::Auto => ("auto", None),
            ToolChoice::None => ("none", None),
            ToolChoice::Required => ("any", None),
            ToolChoice::Named(name) => ("tool", Some(name)),
            ToolChoice::Among { names, must } => match (&names[..], must) {
                ([name], true) => ("tool", Some(name)),
                (_, must) => {
                    self.losses.add(Why::NoPeer, "tool_choice", "only some of the tools");
                    (if *must { "any" } else { "auto" }, None)
                }
            },
            ToolChoice::Opaque { dialect: Dialect::Anthropic, json } => return object.json("tool_choice", json),
            ToolChoice::Opaque { .. } => return self.losses.add(Why::NoPeer, "tool_choice", words::NO_PEER),
        };
        let mut out = object.object("tool_choice");
        out.word("type", word);
        out.text_if("name", name);
        if let Some(parallel) = request.parallel_tools.filter(|_| word != "none") {
            out.bool("disable_parallel_tool_use", !parallel);
        }
        out.end();
    }

    fn is_forced(&self) -> bool {
        matches!(
            self.request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Among { must: true, .. })
        )
    }

    /// Writes `thinking` and `output_config`; whether the model will think.
    fn thinking(&mut self, object: &mut Object<'_>) -> bool {
        let mut effort = None;
        let is_thinking = self.request.reasoning.as_ref().is_some_and(|reasoning| {
            if !self.target.capabilities.thinking {
                if reasoning.effort != Some(Effort::None) {
                    self.losses.add(Why::Unsupported, "reasoning", "the model does not think");
                }
                return false;
            }
            if reasoning.summary.is_some() {
                self.losses.add(Why::NoPeer, "reasoning.summary", words::NO_PEER);
            }
            if reasoning.effort == Some(Effort::None) && reasoning.budget.is_none() {
                object.raw("thinking", r#"{"type":"disabled"}"#);
                return false;
            }
            if self.is_forced() && self.target.capabilities.forced_tools {
                self.losses.add(Why::Changed, "reasoning", "a forced tool and thinking exclude each other");
                return false;
            }
            if self.quirks.adaptive {
                effort = reasoning.effort;
            }
            let budget = match (reasoning.budget, reasoning.effort) {
                (Some(budget), _) => Some(budget),
                (None, Some(effort)) if !self.quirks.adaptive => {
                    self.losses.add(Why::Changed, "reasoning.effort", "said as a budget");
                    Some(effort.budget())
                }
                _ => None,
            };
            self.write_thinking(object, budget, reasoning.is_adaptive, effort.is_some(), reasoning.is_shown)
        });
        self.output_config(object, effort);
        is_thinking
    }

    fn write_thinking(
        &mut self,
        object: &mut Object<'_>,
        budget: Option<u64>,
        is_adaptive: bool,
        has_effort: bool,
        is_shown: Option<bool>,
    ) -> bool {
        let display = match is_shown {
            Some(true) => r#","display":"summarized""#,
            Some(false) => r#","display":"omitted""#,
            None => "",
        };
        match budget {
            Some(_) if self.must_not_think() => {
                let what = "the tool calls before have no thoughts that this model could go on from";
                self.losses.add(Why::Changed, "reasoning", what);
                false
            }
            Some(budget) => {
                // The dialect demands at least 1,024 tokens of thought and room for an answer beside them.
                let most = self.output_max().saturating_sub(1);
                let fitting = budget.clamp(BUDGET_MIN.min(most), most);
                if fitting != budget {
                    self.losses.add(Why::Changed, "reasoning.budget", format!("{fitting} instead of {budget} tokens"));
                }
                if fitting < BUDGET_MIN {
                    return false;
                }
                let thinking = format!(r#"{{"type":"enabled","budget_tokens":{fitting}{display}}}"#);
                object.raw("thinking", &thinking);
                true
            }
            // In words of its own an effort says nothing of thinking; in the others' it asks for it.
            None if is_adaptive || has_effort && !self.is_own() => {
                object.raw("thinking", &format!(r#"{{"type":"adaptive"{display}}}"#));
                true
            }
            None => false,
        }
    }

    /// With a fixed budget, an assistant turn whose tools have just answered must begin with its thoughts.
    fn must_not_think(&self) -> bool {
        let turns = &self.request.turns;
        let [.., asked, answered] = &turns[..] else { return false };
        let is_loop = answered.role == Role::User
            && answered.parts.iter().any(|part| matches!(part.body, Body::ToolResult(_)))
            && asked.role == Role::Assistant;
        let is_thought = |part: &Part<'_>| match &part.body {
            Body::Thinking { signature: Some(mark), .. } | Body::SealedThinking { data: mark } => {
                self.request.may_replay(mark, Dialect::Anthropic, self.target.issuer)
            }
            _ => false,
        };
        is_loop && !asked.parts.first().is_some_and(is_thought)
    }

    fn output_config(&mut self, object: &mut Object<'_>, effort: Option<Effort>) {
        let schema = match &self.request.format {
            Some(Format::JsonSchema { name, description, schema, strict }) => {
                if self.target.capabilities.json_schema && self.quirks.output_format {
                    if name.is_some() || description.is_some() || *strict == Some(false) {
                        self.losses.add(Why::Label, "format.name", "a schema has no name here and is always strict");
                    }
                    Some(schema)
                } else {
                    self.losses.add(Why::Unsupported, "format", "the model does not follow a JSON schema");
                    None
                }
            }
            Some(Format::JsonObject) => {
                self.losses.add(Why::NoPeer, "format", "any JSON object");
                None
            }
            Some(Format::Opaque { dialect: Dialect::Anthropic, .. } | Format::Text) | None => None,
            Some(Format::Opaque { .. }) => {
                self.losses.add(Why::NoPeer, "format", words::NO_PEER);
                None
            }
        };
        let own_format = match &self.request.format {
            Some(Format::Opaque { dialect: Dialect::Anthropic, json }) => Some(json),
            _ => None,
        };
        let carried = self.request.extra.find("output_config").filter(|_| self.is_own());
        let effort = effort.filter(|effort| *effort != Effort::None);
        if schema.is_none() && own_format.is_none() && carried.is_none() && effort.is_none() {
            return;
        }
        let mut out = object.object("output_config");
        if let Some(effort) = effort {
            let known = if effort == Effort::Minimal { Effort::Low } else { effort };
            if known != effort {
                self.losses.add(Why::Changed, "reasoning.effort", "low instead of minimal");
            }
            out.word("effort", known.name());
        }
        if let Some(schema) = schema {
            let mut format = out.object("format");
            format.word("type", "json_schema");
            format.json("schema", schema);
            format.end();
        }
        out.json_if("format", own_format);
        if let Some(carried) = carried {
            wire::copy_members(&mut out, carried);
        }
        out.end();
    }

    fn sampling(&mut self, object: &mut Object<'_>, is_thinking: bool) {
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
        let is_taken = self.target.capabilities.sampling && self.quirks.version == Version::V2023_06_01;
        for (name, value) in [("temperature", temperature), ("top_p", top_p), ("top_k", top_k)] {
            let Some(value) = value else { continue };
            let is_free = name == "top_p" || !is_thinking || self.is_own();
            match (is_taken, is_free) {
                (true, true) if name == "temperature" => self.temperature(object, value),
                (true, true) => object.json(name, value),
                (true, false) => self.losses.add(Why::Unsupported, name, "not together with thinking"),
                (false, _) => self.losses.add(Why::Unsupported, name, "the model does not take it"),
            }
        }
        let absent: [(&'static str, &Option<Json<'_>>); 6] = [
            ("frequency_penalty", frequency_penalty),
            ("presence_penalty", presence_penalty),
            ("seed", seed),
            ("logit_bias", logit_bias),
            ("logprobs", logprobs),
            ("top_logprobs", top_logprobs),
        ];
        for (name, value) in absent {
            // What asks for nothing is not missed.
            if value.as_ref().is_some_and(|value| !matches!(value.as_str(), "0" | "0.0" | "false" | "{}")) {
                self.losses.add(Why::NoPeer, name, words::NO_PEER);
            }
        }
        if !self.request.stop.is_empty() {
            let mut list = object.array("stop_sequences");
            for stop in &self.request.stop {
                stop.write(list.next());
            }
            list.end();
        }
    }

    /// From 0 to 1 here, to 2 elsewhere.
    fn temperature(&mut self, object: &mut Object<'_>, value: &Json<'_>) {
        if !self.is_own() && value.number().is_some_and(|number| number > 1.0) {
            self.losses.add(Why::Changed, "temperature", format!("1 instead of {value:?}"));
            return object.raw("temperature", "1");
        }
        object.json("temperature", value);
    }

    fn rest(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        match (&request.metadata, &request.user) {
            (Some(metadata), _) if self.is_own() => object.json("metadata", metadata),
            (_, Some(user)) => {
                let mut metadata = object.object("metadata");
                metadata.text("user_id", user);
                metadata.end();
            }
            _ => {}
        }
        match request.service_tier.as_ref().map(Text::written) {
            Some("auto") => object.word("service_tier", "auto"),
            Some("default") => object.word("service_tier", "standard_only"),
            Some(_) => self.losses.add(Why::Unsupported, "service_tier", words::NO_PEER),
            None => {}
        }
        let absent = [
            ("metadata", request.metadata.is_some() && !self.is_own(), Why::Label),
            ("cache_key", request.cache_key.is_some(), Why::Label),
            ("store", request.store == Some(true), Why::Label),
            ("verbosity", request.verbosity.is_some(), Why::NoPeer),
            ("previous", request.previous.is_some(), Why::NoPeer),
            ("choices", request.choices.is_some_and(|choices| choices > 1), Why::NoPeer),
        ];
        for (name, _, why) in absent.into_iter().filter(|(_, is_there, _)| *is_there) {
            self.losses.add(why, name, words::NO_PEER);
        }
        if self.is_own() {
            for (name, value) in request.extra.iter().filter(|(name, _)| *name != "output_config") {
                object.foreign(name, value.as_str());
            }
        } else {
            wire::lose_extra(self.losses, "", &request.extra);
        }
    }
}

/// Anthropic, "extended thinking": the least budget.
const BUDGET_MIN: u64 = 1024;
