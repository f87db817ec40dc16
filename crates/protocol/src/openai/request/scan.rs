//! The one pass over a request body.

use std::ops::Range;

use super::{
    Asked, BadRequest, Holds, Needs, Request,
    bad_request::Fault,
    fields::{boolean, choices, is_filled_list, optional_text},
    head::Head,
    output::{OutputLimit, OutputLimits},
    rewrite::{ModelSplice, UsageSplice},
};
use crate::{
    chat::WrittenRequest,
    estimate::Size,
    gemini::camel,
    json::{Kind, Malformed, Reader},
    openai::Operation,
    openai_responses::Thread,
    wire,
};

impl Request {
    /// Reads a request body: once, without copying or keeping the messages.
    ///
    /// Members this crate does not know are passed on, whatever they hold, and their bytes are counted.
    ///
    /// # Errors
    /// When the body is not a JSON object, when `model` or `messages` is missing, when a member that decides
    /// routing or money has the wrong type or is written twice (servers differ in which one they take).
    pub fn scan(operation: Operation, body: &[u8]) -> Result<Self, BadRequest> {
        scan(operation, body, &[], None).map_err(|fault| in_words(fault, body))
    }

    /// As [`Self::scan`], of a body that was written here, of which only what its sender has to know is read: how long its
    /// prompt is and what that needs is known of the request that it was made of, and left out.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_written(operation: Operation, written: &WrittenRequest) -> Result<Self, BadRequest> {
        let WrittenRequest { body, prompt } = written;
        scan(operation, body, prompt, None).map_err(|fault| in_words(fault, body))
    }

    /// As [`Self::scan`], of a request for a response, with its place in its conversation.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_in_thread(body: &[u8]) -> Result<(Self, Thread), BadRequest> {
        let mut thread = Thread::default();
        let request =
            scan(Operation::Responses, body, &[], Some(&mut thread)).map_err(|fault| in_words(fault, body))?;
        Ok((request, thread))
    }
}

fn in_words(fault: Fault, body: &[u8]) -> BadRequest {
    match fault {
        Fault::Json(fault) => BadRequest::json(fault, body),
        Fault::Request(fault) => fault,
    }
}

/// `known` are the members that need not be read.
fn scan(
    operation: Operation,
    body: &[u8],
    known: &[Range<usize>],
    thread: Option<&mut Thread>,
) -> Result<Request, Fault> {
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        let message = "the body must be a JSON object".to_owned();
        return Err(BadRequest { message, param: None, code: "invalid_type" }.into());
    }
    let mut scan = Scan { body, request: Request::blank(operation), members: Members::default() };
    let first_member = reader.offset() + 1;
    scan.request.usage_splice = UsageSplice::NewMember { at: first_member };
    scan.request.output_limits.first_member = first_member;
    match operation {
        Operation::Service(service) => return scan.service(service, reader, first_member),
        Operation::Generate => reader.object(|reader, key| scan.generate_member(reader, key))?,
        Operation::Converse => reader.object(|reader, key| scan.request.read_converse(reader, key))?,
        _ => match thread {
            None => reader.object(|reader, key| match known.iter().find(|span| span.contains(&reader.position())) {
                Some(span) => scan.pass_over(reader, key, span.end),
                None => scan.member(reader, key),
            })?,
            Some(thread) => {
                thread.begin(first_member);
                reader.object(|reader, key| {
                    let start = reader.offset();
                    scan.member(reader, key)?;
                    Ok::<_, Fault>(thread.note(key, start..reader.position(), body)?)
                })?;
            }
        },
    }
    reader.end()?;
    scan.finish()
}

pub(super) struct Scan<'a> {
    pub(super) body: &'a [u8],
    pub(super) request: Request,
    members: Members,
}

/// What is put together only after the last member.
#[derive(Default)]
struct Members {
    /// One bit an entry of [`ONCE`].
    seen: u32,
    n: Option<u32>,
    best_of: Option<u32>,
    user: Option<String>,
    safety_identifier: Option<String>,
}

/// Members that decide routing or money, and so may not be written twice.
const ONCE: [&str; 23] = [
    "model",
    "stream",
    "stream_options",
    "messages",
    "prompt",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "best_of",
    "tools",
    "functions",
    "parallel_tool_calls",
    "response_format",
    "modalities",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "input",
    "instructions",
    "max_output_tokens",
    "text",
    "background",
    "previous_response_id",
];

/// The same in Gemini's dialect, whose members may be written in two ways.
const GENERATE_ONCE: [&str; 5] = ["contents", "systemInstruction", "generationConfig", "tools", "cachedContent"];

/// Whether an object of that name turns reasoning on: it does unless it says otherwise.
pub(super) fn asks_for_thinking(raw: &str) -> bool {
    let dense: String = raw.chars().filter(|letter| !letter.is_ascii_whitespace()).take(256).collect();
    let is_off = ["\"disabled\"", "\"enabled\":false", "\"effort\":\"none\""].iter().any(|off| dense.contains(off));
    dense.starts_with('{') && dense.len() > 2 && !is_off
}

impl Scan<'_> {
    fn member(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Fault> {
        self.members.refuse_duplicate(&ONCE, reader, key)?;
        let request = &mut self.request;
        match key {
            "model" => self.model(reader)?,
            "stream" => request.stream = boolean(reader, "stream")?,
            "stream_options" => {
                (request.usage_splice, request.include_usage) = UsageSplice::read(reader)?;
            }
            key if request.operation == Operation::Responses && super::responses::is_own(key) => {
                request.read_response(reader, key, self.body)?;
            }
            "messages" if request.operation != Operation::Completions => {
                request.read_messages(reader, self.body)?;
            }
            "prompt" if request.operation == Operation::Completions => {
                request.read_prompt(reader, self.body)?;
            }
            "system" | "thinking" | "output_config" | "speed" | "inference_geo" | "mcp_servers" | "container"
            | "fallbacks"
                if request.operation == Operation::Messages =>
            {
                request.read_anthropic(reader, key, self.body)?;
            }
            "max_tokens" => request.output_limits.max_tokens = Some(OutputLimit::read(reader)?),
            "max_completion_tokens" => {
                request.output_limits.max_completion_tokens = Some(OutputLimit::read(reader)?);
            }
            "temperature" | "top_p" | "top_k" | "frequency_penalty" | "presence_penalty" => {
                request.holds.sampling |= reader.raw()? != "null";
            }
            "tool_choice" => {
                let span = reader.skip()?;
                let choice = text(self.body, &span);
                let is_free = ["\"auto\"", "\"none\"", "null"].iter().any(|free| choice.contains(free));
                request.holds.forced_tools = !is_free;
                request.add_other_span(span, self.body);
            }
            "n" => self.members.n = Some(choices(reader, "n")?),
            "best_of" => self.members.best_of = Some(choices(reader, "best_of")?),
            "tools" => request.read_tools(reader, self.body)?,
            "functions" => {
                let span = reader.skip()?;
                request.needs.tools |= is_filled_list(text(self.body, &span));
                request.add_text(span, self.body);
            }
            "parallel_tool_calls" => request.needs.parallel_tools = reader.raw()? == "true",
            "response_format" => self.response_format(reader)?,
            "modalities" => wire::elements(reader, |reader| {
                request.needs.audio_output |= wire::text(reader)?.is_some_and(|name| name.is("audio"));
                Ok::<_, Malformed>(())
            })?,
            "logprobs" | "top_logprobs" => {
                request.needs.logprobs |= !matches!(reader.raw()?, "null" | "false" | "0");
            }
            // OpenAI and most others; OpenRouter; DeepSeek and Zhipu; Alibaba.
            "reasoning_effort" => request.needs.reasoning |= !matches!(reader.raw()?, "null" | "\"none\""),
            "reasoning" | "thinking" => request.needs.reasoning |= asks_for_thinking(reader.raw()?),
            "enable_thinking" => request.needs.reasoning |= reader.raw()? == "true",
            "web_search_options" => {
                request.needs.web_search = reader.kind()? != Kind::Null;
                request.read_extra(reader, "web_search_options", self.body)?;
            }
            "service_tier" => request.read_service_tier(reader)?,
            "models" => request.read_extra(reader, "models", self.body)?,
            "route" => request.read_extra(reader, "route", self.body)?,
            "provider" => request.read_extra(reader, "provider", self.body)?,
            "plugins" => request.read_extra(reader, "plugins", self.body)?,
            "search_parameters" => request.read_extra(reader, "search_parameters", self.body)?,
            "enable_search" => request.read_extra(reader, "enable_search", self.body)?,
            "user" => self.members.user = optional_text(reader)?,
            "safety_identifier" => self.members.safety_identifier = optional_text(reader)?,
            "prompt_cache_key" => request.cache_key = optional_text(reader)?,
            // What stands behind the text that is asked for; text like the prompt's own.
            "suffix" => {
                let span = reader.skip()?;
                request.add_text(span, self.body);
            }
            // However long they are, no model reads them.
            "logit_bias" | "metadata" | "stop" | "stop_sequences" => reader.pass()?,
            "cache_control" | "prompt_cache_options" => request.note_keeping(reader)?,
            _ => request.add_other(reader, self.body)?,
        }
        Ok(())
    }

    /// A member that is known, as are those behind it up to there.
    fn pass_over(&mut self, reader: &mut Reader<'_>, key: &str, end: usize) -> Result<(), Fault> {
        self.members.refuse_duplicate(&ONCE, reader, key)?;
        reader.go_to(end);
        Ok(())
    }

    /// A member of a body in Gemini's dialect.
    fn generate_member(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Fault> {
        let name = camel(key);
        self.members.refuse_duplicate(&GENERATE_ONCE, reader, &name)?;
        self.request.read_generate(reader, &name, self.body, &mut self.members.n)
    }

    /// Refuses one of these members the second time it is written.
    pub(super) fn refuse_second(
        &mut self,
        reader: &mut Reader<'_>,
        key: &str,
        once: &[&'static str],
    ) -> Result<(), Fault> {
        self.members.refuse_duplicate(once, reader, key)
    }

    fn has(&self, key: &str) -> bool {
        self.has_one_of(key, &ONCE)
    }

    pub(super) fn has_one_of(&self, key: &str, once: &[&str]) -> bool {
        once.iter().position(|known| *known == key).is_some_and(|index| self.members.seen >> index & 1 == 1)
    }

    pub(super) fn model(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let offset = reader.offset();
        if reader.kind()? != Kind::String {
            return Err(BadRequest::wrong_type("model", "a string", offset).into());
        }
        self.request.model = reader.string()?.decode().into_owned();
        self.request.model_span = offset..reader.position();
        if self.request.model.is_empty() {
            let message = "`model` is empty: write the name of a model or pool".to_owned();
            return Err(BadRequest::value("model", message).into());
        }
        Ok(())
    }

    fn response_format(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let start = reader.offset();
        let needs = &mut self.request.needs;
        match reader.kind()? {
            Kind::Object => reader.object(|reader, key| {
                match key {
                    "type" if reader.kind()? == Kind::String => match &*reader.string()?.decode() {
                        "json_schema" => needs.json_schema = true,
                        "json_object" => needs.json_object = true,
                        _ => {}
                    },
                    _ => reader.pass()?,
                }
                Ok::<_, Malformed>(())
            })?,
            _ => reader.pass()?,
        }
        self.request.add_text(start..reader.position(), self.body);
        Ok(())
    }

    fn finish(self) -> Result<Request, Fault> {
        match self.request.operation {
            Operation::Generate => return self.finish_generate(),
            Operation::Converse | Operation::Service(_) => return Ok(self.request),
            Operation::Chat | Operation::Completions | Operation::Messages | Operation::Responses => {}
        }
        if !self.has("model") {
            return Err(BadRequest::missing("model", r#""model": "NAME""#).into());
        }
        if self.request.operation == Operation::Responses {
            let named = ["input", "previous_response_id", "prompt"];
            // What goes on from what is kept elsewhere need say no more.
            if !named.iter().any(|name| self.has(name)) && self.request.is_first_turn {
                return Err(BadRequest::missing("input", r#""input": "…""#).into());
            }
        } else if self.request.operation != Operation::Completions && !self.has("messages") {
            let example = r#""messages": [{"role": "user", "content": "…"}]"#;
            return Err(BadRequest::missing("messages", example).into());
        }
        let Self { mut request, members, .. } = self;
        request.max_output_tokens = request.output_limits.asked();
        request.user = members.safety_identifier.or(members.user);
        let prompts = match request.operation {
            Operation::Chat
            | Operation::Messages
            | Operation::Responses
            | Operation::Generate
            | Operation::Converse
            | Operation::Service(_) => 1,
            Operation::Completions => request.messages,
        };
        let n = members.n.unwrap_or(1);
        request.choices = n.saturating_mul(prompts);
        request.generated = n.max(members.best_of.unwrap_or(1)).saturating_mul(prompts);
        if request.stream && request.choices > STREAM_CHOICES_MAX {
            let message = format!("a stream carries at most {STREAM_CHOICES_MAX} choices: ask for fewer at once");
            return Err(BadRequest::value("n", message).into());
        }
        Ok(request)
    }

    fn finish_generate(self) -> Result<Request, Fault> {
        let Self { mut request, members, .. } = self;
        if request.messages == 0 {
            return Err(BadRequest::missing("contents", r#""contents": [{"parts": [{"text": "…"}]}]"#).into());
        }
        request.max_output_tokens = request.output_limits.asked();
        request.choices = members.n.unwrap_or(1);
        request.generated = request.choices;
        Ok(request)
    }
}

impl Members {
    /// Errors when a member of `once` was seen before.
    fn refuse_duplicate(&mut self, once: &[&'static str], reader: &mut Reader<'_>, key: &str) -> Result<(), Fault> {
        let Some(index) = once.iter().position(|known| *known == key) else { return Ok(()) };
        if self.seen >> index & 1 == 1 {
            return Err(BadRequest::duplicate(once[index], reader.offset()).into());
        }
        self.seen |= 1 << index;
        Ok(())
    }
}

/// The end of each streamed choice is told by one bit.
const STREAM_CHOICES_MAX: u32 = 128;

impl Request {
    pub(super) fn blank(operation: Operation) -> Self {
        Self {
            operation,
            model: String::new(),
            stream: false,
            include_usage: false,
            max_output_tokens: None,
            choices: 1,
            generated: 1,
            needs: Needs::default(),
            holds: Holds::default(),
            messages: u32::from(operation == Operation::Completions),
            is_first_turn: true,
            size: Size::default(),
            keeps_long: false,
            surcharge: None,
            user: None,
            cache_key: None,
            asked: Asked::default(),
            model_span: 0..0,
            model_splice: ModelSplice::Quoted,
            usage_splice: UsageSplice::NewMember { at: 0 },
            output_limits: OutputLimits::default(),
            head: Head::default(),
        }
    }
}

fn text<'a>(body: &'a [u8], span: &Range<usize>) -> &'a str {
    std::str::from_utf8(&body[span.clone()]).unwrap_or_default()
}
