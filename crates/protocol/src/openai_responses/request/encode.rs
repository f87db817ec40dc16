//! Writes a request.

use super::{
    super::quirks::Quirks,
    decode::{LOGPROBS, SEALED},
    input::Input,
};
use crate::{
    chat::{
        Dialect, Effort, Format, Json, Losses, Request, Sampling, Target, Text, Tool, ToolBody, ToolChoice, Why, words,
    },
    json::{Object, push_string},
    openai_chat::CUSTOM_SCHEMA,
    wire,
};

/// Writes the body of `POST /v1/responses`. What it cannot say is added to `losses`.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>, quirks: &Quirks, losses: &mut Losses) -> Vec<u8> {
    let mut out = Vec::with_capacity(request.size());
    let mut writer = Writer { request, target, quirks, losses };
    let mut object = Object::new(&mut out);
    match target.model {
        "" => object.text("model", &request.model),
        model => object.text("model", &Text::plain(model)),
    }
    if request.is_streaming {
        object.bool("stream", true);
    }
    Input { request, target, quirks, losses: &mut *writer.losses }.write(&mut object);
    writer.tools(&mut object);
    writer.text(&mut object);
    writer.reasoning(&mut object);
    writer.sampling(&mut object);
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
        self.request.dialect == Dialect::OpenaiResponses
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
                ToolBody::Opaque { dialect: Dialect::OpenaiResponses, json } => json.write(list.next()),
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
        if written == 0 {
            return;
        }
        self.choice(object);
        if let Some(parallel) = request.parallel_tools {
            object.bool("parallel_tool_calls", parallel);
        }
    }

    fn tool(&mut self, mut object: Object<'_>, index: usize, tool: &Tool<'_>) {
        if tool.keep.is_some() {
            self.losses.add(Why::Label, format!("tools.{index}.keep"), "no marks for the prompt cache");
        }
        match &tool.body {
            ToolBody::Function { name, description, schema, strict } => {
                object.word("type", "function");
                object.text("name", name);
                object.text_if("description", description.as_ref());
                match schema {
                    Some(schema) => object.json("parameters", schema),
                    None => object.raw("parameters", r#"{"type":"object","properties":{}}"#),
                }
                match strict {
                    Some(strict) => object.bool("strict", *strict),
                    // Strict is the habit of this dialect alone.
                    None if !self.is_own() => object.bool("strict", false),
                    None => {}
                }
            }
            ToolBody::Custom { name, description, format } if self.quirks.custom_tools => {
                object.word("type", "custom");
                object.text("name", name);
                object.text_if("description", description.as_ref());
                object.json_if("format", format.as_ref());
            }
            ToolBody::Custom { name, description, .. } => {
                self.losses.add(Why::Changed, format!("tools.{index}"), "free input said as one string argument");
                object.word("type", "function");
                object.text("name", name);
                object.text_if("description", description.as_ref());
                object.raw("parameters", CUSTOM_SCHEMA);
            }
            ToolBody::Opaque { .. } => {}
        }
        if self.is_own() {
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
                choice.word("type", self.kind_of(name));
                choice.text("name", name);
                choice.end();
            }
            ToolChoice::Among { names, must } => {
                let mut choice = object.object("tool_choice");
                choice.word("type", "allowed_tools");
                choice.word("mode", if *must { "required" } else { "auto" });
                let mut list = choice.array("tools");
                for name in names {
                    let mut tool = list.object();
                    tool.word("type", self.kind_of(name));
                    tool.text("name", name);
                    tool.end();
                }
                list.end();
                choice.end();
            }
            ToolChoice::Opaque { dialect: Dialect::OpenaiResponses, json } => object.json("tool_choice", json),
            ToolChoice::Opaque { .. } => self.losses.add(Why::NoPeer, "tool_choice", words::NO_PEER),
        }
    }

    fn kind_of(&self, name: &Text<'_>) -> &'static str {
        let is_it = |tool: &Tool<'_>| matches!(&tool.body, ToolBody::Custom { name: it, .. } if it == name);
        if self.quirks.custom_tools && self.request.tools.iter().any(is_it) { "custom" } else { "function" }
    }

    /// Writes `text`: the answer's shape and how many words it makes.
    fn text(&mut self, object: &mut Object<'_>) {
        let format = match &self.request.format {
            Some(Format::JsonSchema { .. }) if !self.target.capabilities.json_schema => {
                self.losses.add(Why::Unsupported, "format", "the model does not follow a JSON schema");
                None
            }
            Some(Format::Opaque { dialect, .. }) if *dialect != Dialect::OpenaiResponses => {
                self.losses.add(Why::NoPeer, "format", words::NO_PEER);
                None
            }
            format => format.as_ref(),
        };
        let verbosity = self.request.verbosity.as_ref().filter(|_| self.quirks.vendor_members);
        if self.request.verbosity.is_some() && verbosity.is_none() {
            self.losses.add(Why::Unsupported, "verbosity", "the server does not take it");
        }
        if format.is_none() && verbosity.is_none() {
            return;
        }
        let mut text = object.object("text");
        match format {
            Some(Format::Text) => text.raw("format", r#"{"type":"text"}"#),
            Some(Format::JsonObject) => text.raw("format", r#"{"type":"json_object"}"#),
            Some(Format::Opaque { json, .. }) => text.json("format", json),
            Some(Format::JsonSchema { name, description, schema, strict }) => {
                let mut format = text.object("format");
                format.word("type", "json_schema");
                match name {
                    Some(name) => format.text("name", name),
                    None => format.word("name", "answer"),
                }
                format.text_if("description", description.as_ref());
                format.json("schema", schema);
                if let Some(strict) = strict {
                    format.bool("strict", *strict);
                }
                format.end();
            }
            None => {}
        }
        text.text_if("verbosity", verbosity);
        text.end();
    }

    fn reasoning(&mut self, object: &mut Object<'_>) {
        let carried = self.request.extra.find("reasoning").filter(|_| self.is_own());
        let Some(reasoning) = &self.request.reasoning else {
            return object.json_if("reasoning", carried);
        };
        if !self.target.capabilities.thinking {
            if reasoning.effort.is_some_and(|effort| effort != Effort::None) || reasoning.budget.is_some() {
                self.losses.add(Why::Unsupported, "reasoning", "the model does not think");
            }
            return;
        }
        let effort = reasoning.effort.or_else(|| {
            let budget = reasoning.budget?;
            self.losses.add(Why::Changed, "reasoning.budget", "said as an effort");
            Some(Effort::of_budget(budget))
        });
        if effort.is_none() && reasoning.is_adaptive {
            self.losses.add(Why::Changed, "reasoning", "left to the model's habit");
        }
        // Who thinks in another dialect expects to see the thoughts.
        let wants_summary = !self.is_own() && reasoning.is_shown != Some(false) && effort != Some(Effort::None);
        let mut out = object.object("reasoning");
        if let Some(effort) = effort {
            out.word("effort", effort.name());
        }
        match &reasoning.summary {
            Some(summary) => out.text("summary", summary),
            None if wants_summary => out.word("summary", "auto"),
            None => {}
        }
        if let Some(carried) = carried {
            wire::copy_members(&mut out, carried);
        }
        out.end();
    }

    fn sampling(&mut self, object: &mut Object<'_>) {
        let Sampling {
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            seed,
            logit_bias,
            logprobs: _,
            top_logprobs,
        } = &self.request.sampling;
        let is_taken = self.target.capabilities.sampling;
        for (name, value) in [("temperature", temperature), ("top_p", top_p)] {
            match value {
                Some(value) if is_taken => object.json(name, value),
                Some(_) => self.losses.add(Why::Unsupported, name, "the model does not take it"),
                None => {}
            }
        }
        match self.request.sampling.asked_logprobs().filter(|top| *top > 0) {
            Some(top) if !self.is_own() => object.number("top_logprobs", top),
            _ => object.json_if("top_logprobs", top_logprobs.as_ref().filter(|_| self.is_own())),
        }
        let absent: [(&'static str, &Option<Json<'_>>); 5] = [
            ("top_k", top_k),
            ("frequency_penalty", frequency_penalty),
            ("presence_penalty", presence_penalty),
            ("seed", seed),
            ("logit_bias", logit_bias),
        ];
        for (name, value) in absent {
            if value.as_ref().is_some_and(|value| !matches!(value.as_str(), "0" | "0.0" | "false" | "{}")) {
                self.losses.add(Why::NoPeer, name, words::NO_PEER);
            }
        }
        if !self.request.stop.is_empty() {
            self.losses.add(Why::NoPeer, "stop", "stop sequences");
        }
        if let Some(max) = self.request.output_max {
            object.number("max_output_tokens", max);
        }
    }

    fn rest(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        let wants_sealed = (request.reasoning.as_ref().is_some_and(|reasoning| reasoning.is_sealed) || !self.is_own())
            && self.quirks.sealed_reasoning
            && self.target.capabilities.thinking;
        let is_asked = request.sampling.logprobs.as_ref().is_some_and(|asked| asked.as_str() == "true");
        let wants_logprobs = if self.is_own() { is_asked } else { request.sampling.asked_logprobs().is_some() };
        // A list with more than is known is carried along.
        let is_carried = self.is_own() && request.extra.find("include").is_some();
        if (wants_sealed || wants_logprobs) && !is_carried {
            let mut list = object.array("include");
            for (word, _) in [(SEALED, wants_sealed), (LOGPROBS, wants_logprobs)].iter().filter(|(_, wanted)| *wanted) {
                push_string(list.next(), word);
            }
            list.end();
        }
        object.text_if("previous_response_id", request.previous.as_ref());
        if self.quirks.vendor_members {
            match request.store {
                Some(store) => object.bool("store", store),
                // The other dialects keep nothing, and nobody would delete it.
                None if !self.is_own() => object.bool("store", false),
                None => {}
            }
            object.text_if("safety_identifier", request.user.as_ref());
            object.json_if("metadata", request.metadata.as_ref());
            object.text_if("prompt_cache_key", request.cache_key.as_ref());
            object.text_if("service_tier", request.service_tier.as_ref());
        } else {
            object.text_if("user", request.user.as_ref());
            let absent = [
                ("store", request.store.is_some()),
                ("metadata", request.metadata.is_some()),
                ("cache_key", request.cache_key.is_some()),
                ("service_tier", request.service_tier.is_some()),
            ];
            for (name, _) in absent.into_iter().filter(|(_, is_there)| *is_there) {
                self.losses.add(Why::Label, name, "the server does not take it");
            }
        }
        if request.choices.is_some_and(|choices| choices > 1) {
            self.losses.add(Why::NoPeer, "choices", "one answer only");
        }
        if self.is_own() {
            for (name, value) in request.extra.iter().filter(|(name, _)| *name != "reasoning") {
                object.foreign(name, value.as_str());
            }
        } else {
            wire::lose_extra(self.losses, "", &request.extra);
        }
    }
}
