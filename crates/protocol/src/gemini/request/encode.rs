//! Writes a request.

use super::{super::quirks::Quirks, contents::Contents};
use crate::{
    chat::{
        Dialect, Effort, Format, Json, Losses, Request, Sampling, Target, Text, Tool, ToolBody, ToolChoice, Why, words,
    },
    json::{Array, Object},
    openai_chat::CUSTOM_SCHEMA,
    wire,
};

/// Writes the body of `generateContent` or `streamGenerateContent`. What it cannot say is added to `losses`.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>, quirks: &Quirks, losses: &mut Losses) -> Vec<u8> {
    let mut out = Vec::with_capacity(request.size());
    let mut writer = Writer { request, target, quirks, losses };
    let mut object = Object::new(&mut out);
    Contents { request, target, quirks, losses: &mut *writer.losses }.write(&mut object);
    writer.tools(&mut object);
    writer.config(&mut object);
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
        self.request.dialect == Dialect::Gemini
    }

    fn tools(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        if request.tools.is_empty() {
            return;
        }
        if !self.target.capabilities.tools {
            return self.losses.add(Why::Unsupported, "tools", "the model has no tools");
        }
        let mut functions = Vec::new();
        let mut declared = Array::new(&mut functions);
        let mut list = object.array("tools");
        for (index, tool) in request.tools.iter().enumerate() {
            match &tool.body {
                ToolBody::Opaque { dialect: Dialect::Gemini, json } => json.write(list.next()),
                ToolBody::Opaque { json, .. } => {
                    let name = wire::kind_of_tool(json.as_str());
                    let what = format!("`{name}`, a tool of the vendor's own");
                    self.losses.add(Why::NoPeer, format!("tools.{index}"), what);
                }
                ToolBody::Function { .. } | ToolBody::Custom { .. } => self.tool(declared.object(), index, tool),
            }
        }
        declared.end();
        let has_functions = functions.len() > 2;
        if has_functions {
            let mut tool = list.object();
            tool.key("functionDeclarations").extend_from_slice(&functions);
            tool.end();
        }
        list.end();
        if has_functions {
            self.choice(object);
        }
        if request.parallel_tools == Some(false) {
            self.losses.add(Why::NoPeer, "parallel_tools", "one call at a time");
        }
    }

    fn tool(&mut self, mut object: Object<'_>, index: usize, tool: &Tool<'_>) {
        if tool.keep.is_some() {
            self.losses.add(Why::Label, format!("tools.{index}.keep"), "no marks for the prompt cache");
        }
        match &tool.body {
            ToolBody::Function { name, description, schema, strict } => {
                object.text("name", name);
                object.text_if("description", description.as_ref());
                object.json_if("parametersJsonSchema", schema.as_ref());
                if *strict == Some(true) {
                    self.losses.add(Why::Unsupported, format!("tools.{index}.strict"), "not enforced");
                }
            }
            ToolBody::Custom { name, description, .. } => {
                self.losses.add(Why::Changed, format!("tools.{index}"), "free input said as one string argument");
                object.text("name", name);
                object.text_if("description", description.as_ref());
                object.raw("parametersJsonSchema", CUSTOM_SCHEMA);
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
        let (mode, names): (_, &[Text<'_>]) = match choice {
            ToolChoice::Auto => ("AUTO", &[]),
            ToolChoice::None => ("NONE", &[]),
            ToolChoice::Required => ("ANY", &[]),
            ToolChoice::Named(name) => ("ANY", std::slice::from_ref(name)),
            ToolChoice::Among { names, must: true } => ("ANY", names),
            ToolChoice::Among { names, must: false } => ("VALIDATED", names),
            ToolChoice::Opaque { dialect: Dialect::Gemini, json } => return object.json("toolConfig", json),
            ToolChoice::Opaque { .. } => return self.losses.add(Why::NoPeer, "tool_choice", words::NO_PEER),
        };
        let mut config = object.object("toolConfig");
        let mut calling = config.object("functionCallingConfig");
        calling.word("mode", mode);
        if !names.is_empty() {
            let mut list = calling.array("allowedFunctionNames");
            names.iter().for_each(|name| name.write(list.next()));
            list.end();
        }
        calling.end();
        config.end();
    }

    fn config(&mut self, object: &mut Object<'_>) {
        let mut inner = Vec::new();
        let mut config = Object::new(&mut inner);
        self.sampling(&mut config);
        self.format(&mut config);
        self.thinking(&mut config);
        if let Some(carried) = self.request.extra.find("generationConfig").filter(|_| self.is_own()) {
            wire::copy_members(&mut config, carried);
        }
        config.end();
        if inner.len() > 2 {
            object.key("generationConfig").extend_from_slice(&inner);
        }
    }

    fn sampling(&mut self, config: &mut Object<'_>) {
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
        let members: [(&'static str, &str, &Option<Json<'_>>, bool); 8] = [
            ("temperature", "temperature", temperature, drawn),
            ("top_p", "topP", top_p, drawn),
            ("top_k", "topK", top_k, drawn),
            ("frequency_penalty", "frequencyPenalty", frequency_penalty, drawn),
            ("presence_penalty", "presencePenalty", presence_penalty, drawn),
            ("seed", "seed", seed, true),
            ("logprobs", "responseLogprobs", if self.is_own() { logprobs } else { &None }, true),
            ("top_logprobs", "logprobs", if self.is_own() { top_logprobs } else { &None }, true),
        ];
        if let Some(top) = self.request.sampling.asked_logprobs().filter(|_| !self.is_own()) {
            config.bool("responseLogprobs", true);
            if top > 0 {
                config.number("logprobs", top);
            }
        }
        for (path, name, value, is_taken) in members {
            match value {
                Some(value) if is_taken => config.json(name, value),
                Some(_) => self.losses.add(Why::Unsupported, path, "the model does not take it"),
                None => {}
            }
        }
        if logit_bias.as_ref().is_some_and(|bias| !bias.is_empty_object()) {
            self.losses.add(Why::NoPeer, "logit_bias", words::NO_PEER);
        }
        if let Some(choices) = self.request.choices {
            config.number("candidateCount", choices);
        }
        if let Some(max) = self.request.output_max {
            config.number("maxOutputTokens", max);
        }
        if !self.request.stop.is_empty() {
            let mut list = config.array("stopSequences");
            self.request.stop.iter().for_each(|stop| stop.write(list.next()));
            list.end();
        }
    }

    fn format(&mut self, config: &mut Object<'_>) {
        match &self.request.format {
            None => {
                if let Some(carried) = self.request.extra.find("responseMimeType").filter(|_| self.is_own()) {
                    config.json("responseMimeType", carried);
                }
            }
            Some(Format::Text) => config.word("responseMimeType", "text/plain"),
            Some(Format::JsonObject) => config.word("responseMimeType", "application/json"),
            Some(Format::JsonSchema { .. }) if !self.target.capabilities.json_schema => {
                self.losses.add(Why::Unsupported, "format", "the model does not follow a JSON schema");
            }
            Some(Format::JsonSchema { name, description, schema, strict }) => {
                if name.is_some() || description.is_some() || strict.is_some() {
                    self.losses.add(Why::Label, "format.name", "a schema has no name here");
                }
                config.word("responseMimeType", "application/json");
                config.json("responseJsonSchema", schema);
            }
            Some(Format::Opaque { .. }) => self.losses.add(Why::NoPeer, "format", words::NO_PEER),
        }
    }

    fn thinking(&mut self, config: &mut Object<'_>) {
        let Some(reasoning) = &self.request.reasoning else { return };
        if !self.target.capabilities.thinking {
            if reasoning.effort != Some(Effort::None) {
                self.losses.add(Why::Unsupported, "reasoning", "the model does not think");
            }
            return;
        }
        if reasoning.summary.is_some() {
            self.losses.add(Why::NoPeer, "reasoning.summary", words::NO_PEER);
        }
        let mut thinking = config.object("thinkingConfig");
        match (reasoning.budget, reasoning.effort) {
            (Some(budget), _) => thinking.number("thinkingBudget", budget),
            (None, Some(Effort::None)) => thinking.raw("thinkingBudget", "0"),
            (None, Some(effort)) if self.quirks.levels => {
                let known = effort.min(Effort::XHigh);
                if known != effort {
                    self.losses.add(Why::Changed, "reasoning.effort", "xhigh instead of max");
                }
                thinking.word("thinkingLevel", &known.name().to_ascii_uppercase());
            }
            (None, Some(effort)) => {
                self.losses.add(Why::Changed, "reasoning.effort", "said as a budget");
                thinking.number("thinkingBudget", effort.budget());
            }
            (None, None) if reasoning.is_adaptive => thinking.raw("thinkingBudget", "-1"),
            (None, None) => {}
        }
        // Who asks for thinking in another dialect expects to see it.
        let shown =
            reasoning.is_shown.or_else(|| (!self.is_own() && reasoning.effort != Some(Effort::None)).then_some(true));
        if let Some(shown) = shown {
            thinking.bool("includeThoughts", shown);
        }
        thinking.end();
    }

    fn rest(&mut self, object: &mut Object<'_>) {
        let request = self.request;
        match request.service_tier.as_ref().map(Text::written) {
            Some("default") => object.word("serviceTier", "standard"),
            Some("flex" | "priority") => object.text_if("serviceTier", request.service_tier.as_ref()),
            Some("auto") | None => {}
            Some(_) => self.losses.add(Why::Unsupported, "service_tier", words::NO_PEER),
        }
        let absent = [
            ("user", request.user.is_some(), Why::Label),
            ("metadata", request.metadata.is_some(), Why::Label),
            ("cache_key", request.cache_key.is_some(), Why::Label),
            ("store", request.store == Some(true), Why::Label),
            ("verbosity", request.verbosity.is_some(), Why::NoPeer),
            ("previous", request.previous.is_some(), Why::NoPeer),
        ];
        for (name, _, why) in absent.into_iter().filter(|(_, is_there, _)| *is_there) {
            self.losses.add(why, name, words::NO_PEER);
        }
        if self.is_own() {
            let is_written = |name: &str| matches!(name, "generationConfig" | "responseMimeType");
            for (name, value) in request.extra.iter().filter(|(name, _)| !is_written(name)) {
                object.foreign(name, value.as_str());
            }
        } else {
            wire::lose_extra(self.losses, "", &request.extra);
        }
    }
}
