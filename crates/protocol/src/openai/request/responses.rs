//! What requests for a response say in other words than those for a chat.
//!
//! Sources: OpenAI's API reference, "create a model response", and its `OpenAPI` document 2.3.0.

use super::{
    Request,
    bad_request::{BadRequest, Fault},
    fields::boolean,
    output::OutputLimit,
};
use crate::{
    chat::Signature,
    json::{Kind, Malformed, Reader},
    openai_responses,
};

/// Whether a member of the body means something else here than in a chat, or nothing there.
pub(super) fn is_own(member: &str) -> bool {
    const OWN: [&str; 12] = [
        "input",
        "instructions",
        "max_output_tokens",
        "text",
        "reasoning",
        "background",
        "conversation",
        "previous_response_id",
        "prompt",
        "include",
        "client_metadata",
        "store",
    ];
    OWN.contains(&member)
}

impl Request {
    /// Reads one of those members.
    pub(super) fn read_response(&mut self, reader: &mut Reader<'_>, key: &str, body: &[u8]) -> Result<(), Fault> {
        match key {
            "input" => self.read_input(reader, body)?,
            "instructions" => {
                self.holds.system |= reader.kind()? != Kind::Null;
                let content = self.read_content(reader, body)?;
                self.head.add(false, content);
            }
            "max_output_tokens" => self.output_limits.max_output_tokens = Some(OutputLimit::read(reader)?),
            "text" => self.read_text_options(reader, body)?,
            // A summary may be asked for of any model; only an effort asks that there be thoughts.
            "reasoning" => {
                let raw = reader.raw()?;
                let dense: String = raw.chars().filter(|letter| !letter.is_ascii_whitespace()).take(256).collect();
                let is_off = ["\"effort\":null", "\"effort\":\"none\""].iter().any(|off| dense.contains(off));
                self.needs.reasoning |= dense.contains("\"effort\":") && !is_off;
            }
            "background" => {
                if boolean(reader, "background")? {
                    let message = "`background` is not served here: leave it out, and stream the answer of a long task";
                    let (message, param) = (message.to_owned(), Some("background".into()));
                    return Err(BadRequest { message, param, code: "unsupported_parameter" }.into());
                }
            }
            "include" => self.needs.logprobs |= reader.raw()?.contains("message.output_text.logprobs"),
            // What the vendor keeps, which may be as long as any prompt.
            "conversation" | "previous_response_id" | "prompt" => {
                let is_named = reader.kind()? != Kind::Null;
                reader.pass()?;
                self.size.named_files += u64::from(is_named);
                self.is_first_turn &= !is_named || key == "prompt";
            }
            // No model reads them.
            _ => reader.pass()?,
        }
        Ok(())
    }

    /// A string is one message of the user's.
    fn read_input(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let offset = reader.offset();
        match reader.kind()? {
            Kind::Null => reader.pass()?,
            Kind::String => {
                let content = self.read_content(reader, body)?;
                self.head.add(true, content);
                self.messages = 1;
            }
            Kind::Array => reader.array(|reader| self.read_item(reader, body))?,
            Kind::Object | Kind::Number | Kind::True | Kind::False => {
                return Err(BadRequest::wrong_type("input", "a string or a list of items", offset).into());
            }
        }
        Ok(())
    }

    /// A message, a call of a tool, its result, a thought, or what a tool of the vendor's did.
    fn read_item(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let offset = reader.offset();
        if reader.kind()? != Kind::Object {
            let expected = format!("a list of objects; element {} is none", self.messages);
            return Err(BadRequest::wrong_type("input", &expected, offset).into());
        }
        let (mut kind, mut role, mut content, mut is_named) = (String::new(), String::new(), 0..0, false);
        reader.object(|reader, key| {
            match key {
                "type" if reader.kind()? == Kind::String => kind = reader.string()?.decode().into_owned(),
                "role" if reader.kind()? == Kind::String => role = reader.string()?.decode().into_owned(),
                "content" | "output" => content = self.read_content(reader, body)?,
                "encrypted_content" | "id" => {
                    is_named |= key == "id";
                    let span = reader.skip()?;
                    let raw = std::str::from_utf8(&body[span.clone()]).unwrap_or_default().trim_matches('"');
                    let is_ours =
                        if key == "id" { openai_responses::is_unsealed(raw) } else { Signature::is_marked(raw) };
                    self.holds.foreign_thoughts |= is_ours;
                    self.holds.compactions |= raw.starts_with(openai_responses::SEALED_HERE);
                    self.add_text(span, body);
                }
                // A picture that was made in an earlier answer.
                "result" => {
                    self.size.images += u64::from(reader.kind()? == Kind::String);
                    reader.pass()?;
                }
                _ => self.add_text(reader.skip()?, body),
            }
            Ok::<_, Malformed>(())
        })?;
        self.messages = self.messages.saturating_add(1);
        self.holds.thoughts |= kind == "reasoning";
        // It stands at the end.
        self.holds.compaction_trigger = kind == "compaction_trigger";
        let is_reference = openai_responses::is_reference(&kind, !role.is_empty(), is_named);
        self.holds.references |= is_reference;
        self.size.named_files += u64::from(is_reference);
        self.needs.prefill = role == "assistant";
        match &*role {
            "system" | "developer" => {
                self.holds.system = true;
                self.head.add(false, content);
            }
            "user" => self.head.add(true, content),
            _ => self.is_first_turn = false,
        }
        Ok(())
    }

    /// How the answer's text is to look.
    fn read_text_options(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        let span = reader.skip()?;
        let text = std::str::from_utf8(&body[span.clone()]).unwrap_or_default();
        self.needs.json_schema |= text.contains("\"json_schema\"");
        self.needs.json_object |= text.contains("\"json_object\"");
        self.add_text(span, body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use crate::openai::{Operation, OutputField, OutputMax, Rewrite};

    fn scan(body: &str) -> Request {
        Request::scan(Operation::Responses, body.as_bytes()).unwrap_or_else(|bad| panic!("{bad}: {body}"))
    }

    #[test]
    fn a_request_tells_what_routing_and_money_need() {
        let image = "A".repeat(100_000);
        let body = format!(
            r#"{{"model":"m","max_output_tokens":64,"stream":true,"store":false,"instructions":"S","prompt_cache_key":"k",
                "reasoning":{{"effort":"high"}},"text":{{"format":{{"type":"json_schema","name":"a","schema":{{}}}}}},
                "tools":[{{"type":"function","name":"f","parameters":{{}}}},{{"type":"namespace","name":"n","tools":[]}}],
                "input":[{{"role":"user","content":[{{"type":"input_image","image_url":"data:image/png;base64,{image}"}}]}},
                {{"type":"function_call","call_id":"c","name":"f","arguments":"{{}}"}},
                {{"type":"function_call_output","call_id":"c","output":[{{"type":"input_image","image_url":"data:image/png;base64,{image}"}}]}},
                {{"type":"image_generation_call","id":"ig","result":"{image}"}}]}}"#
        );
        let request = scan(&body);
        assert_eq!((request.max_output_tokens, request.stream, request.messages), (Some(64), true, 4));
        let needs = request.needs;
        assert!(needs.tools && needs.vision && needs.reasoning && needs.json_schema && !needs.files);
        assert!(!request.is_first_turn);
        assert_eq!((request.size.images, request.surcharge, request.cache_key.as_deref()), (3, None, Some("k")));
        assert!(request.size.text_bytes < 1_000, "an image is no text, in a tool's result neither");
    }

    #[test]
    fn a_string_is_a_first_turn_and_a_summary_is_no_thought() {
        let request = scan(r#"{"model":"m","input":"Hi","reasoning":{"summary":"auto"}}"#);
        assert!(request.is_first_turn && !request.needs.reasoning);
        assert_eq!(request.messages, 1);
        let head = |text: &str| {
            let body = format!(r#"{{"model":"m","input":{text}}}"#);
            scan(&body).head(body.as_bytes(), 1)
        };
        assert_ne!(head("\"a\""), head("\"b\""));
        let on = head(r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"#);
        assert_eq!(head(r#"[{"role":"user","content":"a"}]"#), on);
    }

    #[test]
    fn what_is_kept_elsewhere_is_as_long_as_any_prompt() {
        for (member, is_first) in [(r#""conversation":"c""#, false), (r#""prompt":{"id":"p"}"#, true)] {
            let request = scan(&format!(r#"{{"model":"m",{member}}}"#));
            assert_eq!((request.size.named_files, request.is_first_turn), (1, is_first), "{member}");
        }
        let refused = |body: &str| Request::scan(Operation::Responses, body.as_bytes()).unwrap_err();
        assert_eq!(refused(r#"{"model":"m"}"#).param.as_deref(), Some("input"));
        assert_eq!(refused(r#"{"model":"m","input":7}"#).code, "invalid_type");
        assert_eq!(refused(r#"{"model":"m","input":["a"]}"#).code, "invalid_type");
        assert_eq!(refused(r#"{"model":"m","input":"a","background":true}"#).code, "unsupported_parameter");
    }

    #[test]
    fn an_item_by_its_name_alone_is_a_reference_whether_or_not_it_says_so() {
        for (item, expected) in [
            (r#"{"type":"item_reference","id":"msg_1"}"#, true),
            (r#"{"id":"msg_1"}"#, true),
            (r#"{"id":"msg_1","type":null}"#, true),
            (r#"{"id":"msg_1","role":"user","content":"item_reference"}"#, false),
            (r#"{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#, false),
            (r#"{"type":"message","role":"user","content":"a"}"#, false),
        ] {
            let request = scan(&format!(r#"{{"model":"m","input":[{item},{{"role":"user","content":"a"}}]}}"#));
            assert_eq!((request.holds.references, request.size.named_files), (expected, u64::from(expected)), "{item}");
        }
    }

    #[test]
    fn only_the_model_and_a_ceiling_are_spliced_in() {
        let rewrite = |body: &str, tokens: Option<u64>| {
            let output_max = tokens.map(|tokens| OutputMax { tokens, field: OutputField::MaxTokens });
            let rewrite = Rewrite { upstream_model: "theirs", ask_usage: false, output_max };
            String::from_utf8(scan(body).rewrite(body.as_bytes(), &rewrite).to_vec()).unwrap()
        };
        let body = r#"{ "model":"m","max_output_tokens": 640,"new":[1.0e2],"stream":true,"input":"x"}"#;
        assert_eq!(rewrite(body, None), body.replace("\"m\"", "\"theirs\""));
        assert_eq!(rewrite(body, Some(9)), body.replace("\"m\"", "\"theirs\"").replace("640", "9"));
        let bare = rewrite(r#"{"model":"m","input":"x"}"#, Some(9));
        assert_eq!(bare, r#"{"max_output_tokens":9,"model":"theirs","input":"x"}"#);
    }
}
