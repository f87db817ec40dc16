//! What Gemini's requests say in other words than OpenAI's.
//!
//! Sources: Google's Gemini API reference (`GenerateContentRequest`, `GenerationConfig`, `Tool`); its pricing page (search,
//! maps, code execution and file search have fees of their own; images that a model draws, and the priority tier, have
//! other prices; what was cached is paid by the hour as well).

use super::{
    Request,
    bad_request::{BadRequest, Fault},
    fields::choices,
    output::{OutputLimit, ParentObject},
};
use crate::{
    gemini::camel,
    json::{Kind, Malformed, Reader},
    wire,
};

/// How a signature begins that is marked with its deployment: the mark's first letters in base64.
const MARKED: &str = "\"cmwx";
/// Members that decide money, of `generationConfig`.
const ONCE: [&str; 2] = ["maxOutputTokens", "candidateCount"];

impl Request {
    /// Reads a member of the body by its name without underscores.
    pub(super) fn read_generate(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        body: &[u8],
        candidates: &mut Option<u32>,
    ) -> Result<(), Fault> {
        match name {
            "contents" => self.read_contents(reader, body)?,
            "systemInstruction" => {
                let start = reader.offset();
                self.read_parts_of(reader, body)?;
                self.head.add(false, start..reader.position());
                self.holds.system = true;
            }
            "toolConfig" => self.holds.forced_tools = reader.raw()?.contains("\"ANY\""),
            "generationConfig" => self.read_generation_config(reader, body, candidates)?,
            "tools" => self.read_generate_tools(reader, body)?,
            "cachedContent" => self.read_extra(reader, "cachedContent", body)?,
            "serviceTier" => {
                let is_listed = matches!(reader.raw()?, "null" | "\"\"" | "\"standard\"" | "\"flex\"");
                self.note_surcharge("serviceTier", !is_listed);
            }
            // No model reads them.
            "model" | "safetySettings" | "labels" | "store" => reader.pass()?,
            _ => self.add_other(reader, body)?,
        }
        Ok(())
    }

    fn read_contents(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let offset = reader.offset();
        match reader.kind()? {
            Kind::Array => reader.array(|reader| self.read_turn(reader, body))?,
            // One content may stand without its list.
            Kind::Object => self.read_turn(reader, body)?,
            _ => return Err(BadRequest::wrong_type("contents", "a list of contents", offset).into()),
        }
        if self.messages == 0 {
            let message = "`contents` is empty: write at least one content".to_owned();
            return Err(BadRequest::value("contents", message).into());
        }
        Ok(())
    }

    fn read_turn(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let start = reader.offset();
        if reader.kind()? != Kind::Object {
            let expected = format!("a list of objects; element {} is none", self.messages);
            return Err(BadRequest::wrong_type("contents", &expected, start).into());
        }
        let is_model = self.read_parts_of(reader, body)?;
        self.messages = self.messages.saturating_add(1);
        self.needs.prefill = is_model;
        if is_model {
            self.is_first_turn = false;
        } else {
            self.head.add(true, start..reader.position());
        }
        Ok(())
    }

    /// Reads a content; whether it is the model's.
    fn read_parts_of(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<bool, Malformed> {
        if reader.kind()? != Kind::Object {
            self.add_text(reader.skip()?, body);
            return Ok(false);
        }
        let mut is_model = false;
        reader.object(|reader, key| {
            match key {
                "role" => is_model = reader.raw()? == "\"model\"",
                "parts" if reader.kind()? == Kind::Array => {
                    reader.array(|reader| self.read_generate_part(reader, body))?;
                }
                _ => self.add_text(reader.skip()?, body),
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(is_model)
    }

    fn read_generate_part(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Object {
            self.add_text(reader.skip()?, body);
            return Ok(());
        }
        reader.object(|reader, key| {
            match &*camel(key) {
                "inlineData" | "fileData" => self.read_blob(reader)?,
                // The result of a function may have parts of its own, images among them.
                "functionResponse" if reader.kind()? == Kind::Object => reader.object(|reader, key| match key {
                    "parts" if reader.kind()? == Kind::Array => {
                        reader.array(|reader| self.read_generate_part(reader, body))
                    }
                    _ => {
                        self.add_text(reader.skip()?, body);
                        Ok(())
                    }
                })?,
                "thoughtSignature" => {
                    self.holds.thoughts = true;
                    self.holds.foreign_thoughts |= reader.raw()?.starts_with(MARKED);
                }
                // No model reads them as text.
                "thought" | "videoMetadata" | "mediaResolution" => reader.pass()?,
                _ => self.add_text(reader.skip()?, body),
            }
            Ok::<_, Malformed>(())
        })
    }

    /// Data, or the address of some, with its media type before or behind it.
    fn read_blob(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let (mut kind, mut bytes, mut names) = (String::new(), 0, 0);
        wire::members(reader, |reader, key| {
            match &*camel(key) {
                "mimeType" => kind = wire::text(reader)?.unwrap_or_default().decode().to_ascii_lowercase(),
                "data" => bytes = reader.raw()?.len() as u64,
                "fileUri" => names = u64::from(reader.raw()?.len() > 2),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        let (needs, size) = (&mut self.needs, &mut self.size);
        match kind.split('/').next().unwrap_or_default() {
            "image" => {
                needs.vision = true;
                size.images += 1;
            }
            "audio" => {
                needs.audio_input = true;
                size.audio_bytes += bytes;
                size.named_audios += names;
            }
            "video" => {
                needs.vision = true;
                size.video_bytes += bytes;
                size.named_videos += names;
            }
            _ => {
                needs.files = true;
                size.file_bytes += bytes;
                size.named_files += names;
            }
        }
        Ok(())
    }

    /// Reads tools: those that are no functions of the caller's run at Google, for fees of their own.
    fn read_generate_tools(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        let start = reader.offset();
        match reader.kind()? {
            Kind::Array => reader.array(|reader| self.read_generate_tool(reader))?,
            // One tool may stand without its list.
            _ => self.read_generate_tool(reader)?,
        }
        self.add_text(start..reader.position(), body);
        Ok(())
    }

    fn read_generate_tool(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        wire::members(reader, |reader, key| {
            let raw = reader.raw()?;
            if camel(key) == "functionDeclarations" {
                self.needs.tools = true;
            } else {
                self.note_surcharge("tools", raw != "null");
            }
            Ok::<_, Malformed>(())
        })
    }

    /// What an answer may be made of. Kinds have numbers besides their names, so that only what is known is cheap.
    fn read_modality(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let named = wire::text(reader)?.map(|name| name.decode().to_ascii_uppercase());
        let is_audio = named.as_deref() == Some("AUDIO");
        self.needs.audio_output |= is_audio;
        self.note_surcharge("responseModalities", !is_audio && named.as_deref() != Some("TEXT"));
        Ok(())
    }

    fn read_generation_config(
        &mut self,
        reader: &mut Reader<'_>,
        body: &[u8],
        candidates: &mut Option<u32>,
    ) -> Result<(), Fault> {
        if reader.kind()? != Kind::Object {
            self.output_limits.parent = ParentObject::Null(reader.skip()?);
            return Ok(());
        }
        let at = reader.offset() + 1;
        let (mut seen, mut is_only) = ([false; ONCE.len()], true);
        let (mut is_json, mut has_schema) = (false, false);
        reader.object(|reader, key| {
            is_only = false;
            let name = camel(key);
            if let Some(index) = ONCE.iter().position(|known| *known == name)
                && std::mem::replace(&mut seen[index], true)
            {
                return Err(Fault::from(BadRequest::duplicate(ONCE[index], reader.offset())));
            }
            match &*name {
                "maxOutputTokens" => self.output_limits.max_tokens = Some(OutputLimit::read(reader)?),
                "candidateCount" => *candidates = Some(choices(reader, "candidateCount")?),
                "responseMimeType" => is_json = reader.raw()? == "\"application/json\"",
                "responseSchema" | "responseJsonSchema" => {
                    let span = reader.skip()?;
                    has_schema |= &body[span.clone()] != b"null";
                    self.add_text(span, body);
                }
                "temperature" | "topP" | "topK" | "presencePenalty" | "frequencyPenalty" => {
                    self.holds.sampling |= reader.raw()? != "null";
                }
                "responseLogprobs" => self.needs.logprobs |= reader.raw()? == "true",
                // One may stand without its list.
                "responseModalities" => match reader.kind()? {
                    Kind::Null => reader.pass()?,
                    Kind::Array => reader.array(|reader| self.read_modality(reader))?,
                    _ => self.read_modality(reader)?,
                },
                "thinkingConfig" => self.needs.reasoning |= asks_for_thinking(reader.raw()?)?,
                // They steer the drawing of words and are none.
                _ => reader.pass()?,
            }
            Ok(())
        })?;
        self.output_limits.parent = ParentObject::Object { at, is_only };
        self.needs.json_schema |= has_schema;
        self.needs.json_object |= is_json && !has_schema;
        Ok(())
    }
}

/// Whether thinking is asked for by a level or a budget that is not none.
fn asks_for_thinking(raw: &str) -> Result<bool, Malformed> {
    let mut asks = false;
    wire::members(&mut Reader::of(raw), |reader, key| {
        match &*camel(key) {
            "thinkingLevel" => asks |= !matches!(reader.raw()?, "null" | "\"\""),
            "thinkingBudget" => asks |= !matches!(reader.raw()?, "null" | "0"),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(asks)
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use crate::openai::{Operation, OutputField, OutputMax, Rewrite};

    fn scan(body: &str) -> Request {
        Request::scan(Operation::Generate, body.as_bytes()).unwrap_or_else(|bad| panic!("{bad}: {body}"))
    }

    fn with(member: &str) -> Request {
        scan(&format!(r#"{{{member},"contents":[{{"parts":[{{"text":"x"}}]}}]}}"#))
    }

    #[test]
    fn a_request_tells_what_routing_and_money_need() {
        let data = "A".repeat(100_000);
        let body = format!(
            r#"{{"system_instruction":{{"parts":[{{"text":"S"}}]}},"tools":[{{"functionDeclarations":[{{"name":"f"}}]}}],
                "generationConfig":{{"maxOutputTokens":64,"candidateCount":2,"thinkingConfig":{{"thinkingLevel":"HIGH"}}}},
                "contents":[{{"role":"user","parts":[{{"inlineData":{{"data":"{data}","mimeType":"image/png"}}}},{{"text":"?"}}]}},
                {{"role":"model","parts":[{{"functionCall":{{"name":"f","args":{{}}}},"thoughtSignature":"{data}"}}]}},
                {{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{{}},"parts":[{{"inline_data":{{"mime_type":"image/png","data":"{data}"}}}}]}}}},
                {{"fileData":{{"fileUri":"https://x/y.pdf","mimeType":"application/pdf"}}}}]}}]}}"#
        );
        let request = scan(&body);
        assert_eq!((request.max_output_tokens, request.choices, request.messages), (Some(64), 2, 3));
        let needs = request.needs;
        assert!(needs.tools && needs.vision && needs.reasoning && needs.files && !needs.audio_input && !needs.prefill);
        assert_eq!((request.size.images, request.size.named_files, request.surcharge), (2, 1, None));
        assert!(!request.is_first_turn && request.model.is_empty() && !request.stream);
        assert!(request.size.text_bytes < 1_000, "neither images nor signatures are text");
        assert!(request.holds.thoughts && !request.holds.foreign_thoughts && request.holds.system);
        let marked = r#"{"contents":[{"role":"model","parts":[{"text":"","thought_signature":"cmwxLTAwMA=="}]}]}"#;
        assert!(scan(marked).holds.foreign_thoughts);
        assert!(scan(r#"{"contents":{"parts":[{"text":"alone"}]}}"#).is_first_turn);
    }

    #[test]
    fn nothing_is_spliced_in_but_a_ceiling() {
        const CONTENTS: &str = r#""contents":[{"parts":[{"text":"x"}]}]"#;
        let rewrite = |body: &str, tokens: Option<u64>| {
            let output_max = tokens.map(|tokens| OutputMax { tokens, field: OutputField::MaxOutputTokens });
            let rewrite = Rewrite { upstream_model: "theirs", ask_usage: false, output_max };
            String::from_utf8(scan(body).rewrite(body.as_bytes(), &rewrite).to_vec()).unwrap()
        };
        for (before, after) in [
            (
                r#"{ "generationConfig" : {"maxOutputTokens": 640,"x":1.0}, @}"#,
                r#"{ "generationConfig" : {"maxOutputTokens": 9,"x":1.0}, @}"#,
            ),
            (
                r#"{"generation_config":{"max_output_tokens":null},@}"#,
                r#"{"generation_config":{"max_output_tokens":9},@}"#,
            ),
            (r#"{"generationConfig":{"x":1},@}"#, r#"{"generationConfig":{"maxOutputTokens":9,"x":1},@}"#),
            (r#"{"generationConfig":{ },@}"#, r#"{"generationConfig":{"maxOutputTokens":9 },@}"#),
            (r#"{"generationConfig":null,@}"#, r#"{"generationConfig":{"maxOutputTokens":9},@}"#),
            ("{@}", r#"{"generationConfig":{"maxOutputTokens":9},@}"#),
            (r#"{"generationConfig":{"maxOutputTokens":8},@}"#, r#"{"generationConfig":{"maxOutputTokens":8},@}"#),
        ] {
            let [before, after] = [before, after].map(|body| body.replace('@', CONTENTS));
            assert_eq!(rewrite(&before, None), before);
            assert_eq!(rewrite(&before, Some(9)), after);
        }
    }

    #[test]
    fn what_costs_more_than_the_list_says_is_noted() {
        assert_eq!(with(r#""tools":[{"googleSearch":{}}]"#).surcharge, Some("tools"));
        assert_eq!(with(r#""tools":[{"function_declarations":[]}]"#).surcharge, None);
        assert_eq!(with(r#""serviceTier":"priority""#).surcharge, Some("serviceTier"));
        assert_eq!(with(r#""serviceTier":"flex""#).surcharge, None);
        assert_eq!(with(r#""cached_content":"cachedContents/x""#).surcharge, Some("cachedContent"));
        assert_eq!(with(r#""tools":{"googleSearch":{}}"#).surcharge, Some("tools"), "a tool without its list");
        assert_eq!(with(r#""tools":{"functionDeclarations":[]}"#).surcharge, None);
        assert!(with(r#""tools":{"functionDeclarations":[]}"#).needs.tools);
        assert_eq!(with(r#""tools":null"#).surcharge, None);
    }

    #[test]
    fn an_answer_of_other_than_words_and_sound_is_noted_however_it_is_written() {
        let of = |value: &str| with(&format!(r#""generationConfig":{{"responseModalities":{value}}}"#));
        for fine in [r#"["TEXT"]"#, r#"["Text","AUDIO"]"#, r#"["T\u0045XT"]"#, r#""TEXT""#, "[]", "null"] {
            assert_eq!(of(fine).surcharge, None, "{fine}");
        }
        for dear in
            [r#"["Image"]"#, r#"["TEXT","\u0049MAGE"]"#, r#""IMAGE""#, "[2]", "2", r#"["VIDEO"]"#, "[null]", "{}"]
        {
            assert_eq!(of(dear).surcharge, Some("responseModalities"), "{dear}");
        }
        for spoken in [r#"["AUDIO"]"#, r#"["\u0041UDIO"]"#, r#""audio""#] {
            assert!(of(spoken).needs.audio_output, "{spoken}");
        }
        assert!(!of(r#"["TEXT"]"#).needs.audio_output);
    }

    #[test]
    fn forms_of_answers_are_needs() {
        let of = |config: &str| with(&format!(r#""generationConfig":{{{config}}}"#)).needs;
        let json = r#""responseMimeType":"application/json""#;
        assert!(of(json).json_object && !of(json).json_schema);
        let schema = format!(r#"{json},"responseJsonSchema":{{"type":"object"}}"#);
        assert!(!of(&schema).json_object && of(&schema).json_schema);
        assert!(!of(r#""thinkingConfig":{"thinkingBudget":0}"#).reasoning);
        assert!(of(r#""thinkingConfig":{"thinkingBudget":-1}"#).reasoning);
    }

    #[test]
    fn what_decides_money_may_not_be_written_twice() {
        for (body, code) in [
            (r#"{"contents":[],"contents":[{}]}"#, "invalid_value"),
            (r#"{"contents":[{}],"contents":[{}]}"#, "duplicate_parameter"),
            (r#"{"generationConfig":{},"generation_config":{},"contents":[{}]}"#, "duplicate_parameter"),
            (
                r#"{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9},"contents":[{}]}"#,
                "duplicate_parameter",
            ),
            (r#"{"generationConfig":{"candidateCount":0},"contents":[{}]}"#, "invalid_type"),
            (r#"{"contents":"text"}"#, "invalid_type"),
            (r#"{"contents":["text"]}"#, "invalid_type"),
            ("{}", "missing_required_parameter"),
        ] {
            let bad = Request::scan(Operation::Generate, body.as_bytes()).unwrap_err();
            assert_eq!(bad.code, code, "{body}");
        }
    }
}
