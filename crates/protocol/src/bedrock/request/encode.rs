//! Writes a request.

use super::{
    super::{blocks::cache_point, quirks::Quirks},
    turns::Turns,
};
use crate::{
    chat::{
        Body, Dialect, Effort, Format, Json, Losses, Request, Sampling, Target, Text, Tool, ToolBody, ToolChoice, Why,
        words,
    },
    json::{Array, Object},
    openai_chat::CUSTOM_SCHEMA,
    wire,
};

/// Writes the body of `Converse` or `ConverseStream`. What it cannot say is added to `losses`.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>, quirks: &Quirks, losses: &mut Losses) -> Vec<u8> {
    let mut out = Vec::with_capacity(request.size());
    let mut writer = Writer { request, target, quirks, losses };
    let mut object = Object::new(&mut out);
    Turns { request, target, losses: &mut *writer.losses }.write(&mut object);
    writer.inference(&mut object);
    writer.tools(&mut object);
    writer.format(&mut object);
    writer.additional(&mut object);
    writer.rest(&mut object);
    object.end();
    out
}

struct Writer<'w> {
    request: &'w Request<'w>,
    target: &'w Target<'w>,
    quirks: &'w Quirks,
    losses: &'w mut Losses,
}

impl Writer<'_> {
    fn is_own(&self) -> bool {
        self.request.dialect == Dialect::Bedrock
    }

    fn inference(&mut self, object: &mut Object<'_>) {
        let mut inner = Vec::new();
        let mut config = Object::new(&mut inner);
        if let Some(max) = self.request.output_max {
            config.number("maxTokens", max);
        }
        let Sampling { temperature, top_p, .. } = &self.request.sampling;
        for (path, name, value) in [("temperature", "temperature", temperature), ("top_p", "topP", top_p)] {
            match value {
                Some(_) if !self.target.capabilities.sampling => {
                    self.losses.add(Why::Unsupported, path, "the model does not take it");
                }
                // From 0 to 1 here, to 2 elsewhere.
                Some(value) if !self.is_own() && value.number().is_some_and(|number| number > 1.0) => {
                    self.losses.add(Why::Changed, path, format!("1 instead of {value:?}"));
                    config.raw(name, "1");
                }
                Some(value) => config.json(name, value),
                None => {}
            }
        }
        if !self.request.stop.is_empty() {
            let mut list = config.array("stopSequences");
            self.request.stop.iter().for_each(|stop| stop.write(list.next()));
            list.end();
        }
        config.end();
        if inner.len() > 2 {
            object.key("inferenceConfig").extend_from_slice(&inner);
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
        // The dialect cannot forbid what is there, and wants it there where tools were called before.
        if request.tool_choice == Some(ToolChoice::None) && !self.has_calls() {
            return;
        }
        let mut written = Vec::new();
        let mut list = Array::new(&mut written);
        for (index, tool) in request.tools.iter().enumerate() {
            self.tool(&mut list, index, tool);
        }
        list.end();
        if written.len() <= 2 {
            return;
        }
        let mut config = object.object("toolConfig");
        config.key("tools").extend_from_slice(&written);
        self.choice(&mut config);
        config.end();
        if request.parallel_tools == Some(false) {
            self.losses.add(Why::NoPeer, "parallel_tools", "one call at a time");
        }
    }

    fn has_calls(&self) -> bool {
        let mut parts = self.request.turns.iter().flat_map(|turn| &turn.parts);
        parts.any(|part| matches!(part.body, Body::ToolCall(_) | Body::ToolResult(_)))
    }

    fn tool(&mut self, list: &mut Array<'_>, index: usize, tool: &Tool<'_>) {
        let (name, description, schema, strict) = match &tool.body {
            ToolBody::Opaque { dialect: Dialect::Bedrock, json } => return json.write(list.next()),
            ToolBody::Opaque { json, .. } => {
                let name = wire::kind_of_tool(json.as_str());
                let what = format!("`{name}`, a tool of the vendor's own");
                return self.losses.add(Why::NoPeer, format!("tools.{index}"), what);
            }
            ToolBody::Function { name, description, schema, strict } => {
                let schema = schema.as_ref().map_or(r#"{"type":"object","properties":{}}"#, Json::as_str);
                (name, description, schema, *strict)
            }
            ToolBody::Custom { name, description, .. } => {
                self.losses.add(Why::Changed, format!("tools.{index}"), "free input said as one string argument");
                (name, description, CUSTOM_SCHEMA, None)
            }
        };
        let mut object = list.object();
        let mut spec = object.object("toolSpec");
        spec.text("name", name);
        spec.text_if("description", description.as_ref());
        let mut input = spec.object("inputSchema");
        input.raw("json", schema);
        input.end();
        if let Some(strict) = strict {
            spec.bool("strict", strict);
        }
        if self.is_own() {
            wire::write_extra(&mut spec, &tool.extra);
        } else {
            wire::lose_extra(self.losses, format_args!("tools.{index}"), &tool.extra);
        }
        spec.end();
        object.end();
        match tool.keep {
            Some(keep) if self.target.capabilities.cache_marks => {
                let point = cache_point(keep, || format!("tools.{index}"), self.losses);
                list.next().extend_from_slice(point.as_bytes());
            }
            Some(_) => self.losses.add(Why::Label, format!("tools.{index}.keep"), "the model's cache takes no marks"),
            None => {}
        }
    }

    fn choice(&mut self, config: &mut Object<'_>) {
        let Some(choice) = &self.request.tool_choice else { return };
        let is_forced =
            matches!(choice, ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Among { must: true, .. });
        if is_forced && !self.target.capabilities.forced_tools {
            return self.losses.add(Why::Unsupported, "tool_choice", "the model cannot be made to use a tool");
        }
        let name = match choice {
            ToolChoice::Auto => return config.raw("toolChoice", r#"{"auto":{}}"#),
            ToolChoice::Required => return config.raw("toolChoice", r#"{"any":{}}"#),
            ToolChoice::Named(name) => name,
            ToolChoice::Among { names, must: true } if names.len() == 1 => &names[0],
            ToolChoice::Opaque { dialect: Dialect::Bedrock, json } => return config.json("toolChoice", json),
            ToolChoice::None | ToolChoice::Among { .. } | ToolChoice::Opaque { .. } => {
                return self.losses.add(Why::NoPeer, "tool_choice", words::NO_PEER);
            }
        };
        let mut choice = config.object("toolChoice");
        let mut tool = choice.object("tool");
        tool.text("name", name);
        tool.end();
        choice.end();
    }

    fn format(&mut self, object: &mut Object<'_>) {
        match &self.request.format {
            None | Some(Format::Text) => {}
            Some(Format::JsonObject) => self.losses.add(Why::NoPeer, "format", "any JSON object"),
            Some(Format::JsonSchema { name, description, schema, .. })
                if self.target.capabilities.json_schema && self.quirks.output_config =>
            {
                let mut config = object.object("outputConfig");
                let mut format = config.object("textFormat");
                format.word("type", "json_schema");
                let mut structure = format.object("structure");
                let mut inner = structure.object("jsonSchema");
                inner.text("schema", &Text::of_json(schema));
                inner.text_if("name", name.as_ref());
                inner.text_if("description", description.as_ref());
                inner.end();
                structure.end();
                format.end();
                config.end();
            }
            Some(Format::JsonSchema { .. }) => {
                self.losses.add(Why::Unsupported, "format", "the model does not follow a JSON schema");
            }
            Some(Format::Opaque { dialect: Dialect::Bedrock, json }) => object.json("outputConfig", json),
            Some(Format::Opaque { .. }) => self.losses.add(Why::NoPeer, "format", words::NO_PEER),
        }
    }

    /// What Converse has no words for, in a Claude's.
    fn additional(&mut self, object: &mut Object<'_>) {
        let mut inner = Vec::new();
        let mut fields = Object::new(&mut inner);
        match &self.request.sampling.top_k {
            Some(top_k) if self.quirks.claude && self.target.capabilities.sampling => fields.json("top_k", top_k),
            Some(_) => self.losses.add(Why::Unsupported, "top_k", "the model does not take it"),
            None => {}
        }
        self.thinking(&mut fields);
        if let Some(carried) = self.request.extra.find("additionalModelRequestFields").filter(|_| self.is_own()) {
            wire::copy_members(&mut fields, carried);
        }
        fields.end();
        if inner.len() > 2 {
            object.key("additionalModelRequestFields").extend_from_slice(&inner);
        }
    }

    fn thinking(&mut self, fields: &mut Object<'_>) {
        let Some(reasoning) = &self.request.reasoning else { return };
        if !self.quirks.claude || !self.target.capabilities.thinking {
            if reasoning.effort != Some(Effort::None) {
                self.losses.add(Why::Unsupported, "reasoning", "the model does not take it");
            }
            return;
        }
        if reasoning.summary.is_some() {
            self.losses.add(Why::NoPeer, "reasoning.summary", words::NO_PEER);
        }
        let budget = match (reasoning.budget, reasoning.effort) {
            (None, Some(Effort::None)) => return fields.raw("thinking", r#"{"type":"disabled"}"#),
            (Some(budget), _) => Some(budget),
            (None, Some(effort)) if !self.quirks.adaptive => {
                self.losses.add(Why::Changed, "reasoning.effort", "said as a budget");
                Some(effort.budget())
            }
            (None, _) => None,
        };
        match budget {
            Some(budget) => fields.raw("thinking", &format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#)),
            None => fields.raw("thinking", r#"{"type":"adaptive"}"#),
        }
        if let Some(effort) = reasoning.effort.filter(|_| self.quirks.adaptive) {
            let mut config = fields.object("output_config");
            if effort < Effort::Low {
                self.losses.add(Why::Changed, "reasoning.effort", "low instead of minimal");
            }
            config.word("effort", effort.max(Effort::Low).name());
            config.end();
        }
    }

    fn rest(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        if let Some(tier) = &request.service_tier {
            let mut out = object.object("serviceTier");
            out.text("type", tier);
            out.end();
        }
        let sampling = &request.sampling;
        let is_asked = |value: &Option<Json<'_>>| {
            value.as_ref().is_some_and(|value| !matches!(value.as_str(), "0" | "0.0" | "false" | "{}"))
        };
        let absent = [
            ("frequency_penalty", is_asked(&sampling.frequency_penalty), Why::NoPeer),
            ("presence_penalty", is_asked(&sampling.presence_penalty), Why::NoPeer),
            ("seed", is_asked(&sampling.seed), Why::NoPeer),
            ("logit_bias", is_asked(&sampling.logit_bias), Why::NoPeer),
            ("logprobs", is_asked(&sampling.logprobs), Why::NoPeer),
            ("top_logprobs", is_asked(&sampling.top_logprobs), Why::NoPeer),
            ("choices", request.choices.is_some_and(|choices| choices > 1), Why::NoPeer),
            ("verbosity", request.verbosity.is_some(), Why::NoPeer),
            ("previous", request.previous.is_some(), Why::NoPeer),
            ("user", request.user.is_some(), Why::Label),
            ("metadata", request.metadata.is_some(), Why::Label),
            ("cache_key", request.cache_key.is_some(), Why::Label),
            ("store", request.store == Some(true), Why::Label),
        ];
        for (name, _, why) in absent.into_iter().filter(|(_, is_there, _)| *is_there) {
            self.losses.add(why, name, words::NO_PEER);
        }
        if self.is_own() {
            for (name, value) in request.extra.iter().filter(|(name, _)| *name != "additionalModelRequestFields") {
                object.foreign(name, value.as_str());
            }
        } else {
            wire::lose_extra(self.losses, "", &request.extra);
        }
    }
}
