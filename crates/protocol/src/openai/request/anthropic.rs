//! What Anthropic's requests say in other words than OpenAI's.
//!
//! Sources: Anthropic's API reference, "messages"; its pricing page (`speed` and `inference_geo` change the price; servers
//! of tools and containers have fees of their own; `fallbacks` lets another model answer).

use super::{Request, media::Medium};
use crate::{
    chat::Signature,
    json::{Kind, Malformed, Reader},
};

impl Request {
    /// Reads a member of the body that only this dialect has.
    pub(super) fn read_anthropic(&mut self, reader: &mut Reader<'_>, key: &str, body: &[u8]) -> Result<(), Malformed> {
        match key {
            "system" => {
                self.holds.system = true;
                let content = self.read_content(reader, body)?;
                self.head.add(false, content);
            }
            "output_config" => {
                let span = reader.skip()?;
                let text = std::str::from_utf8(&body[span.clone()]).unwrap_or_default();
                self.needs.json_schema |= text.contains("\"json_schema\"");
                self.add_text(span, body);
            }
            "speed" => {
                let is_listed = matches!(reader.raw()?, "null" | "\"standard\"");
                self.note_surcharge("speed", !is_listed);
            }
            "inference_geo" => self.read_extra(reader, "inference_geo", body)?,
            "mcp_servers" => self.read_extra(reader, "mcp_servers", body)?,
            "container" => self.read_extra(reader, "container", body)?,
            _ => self.read_extra(reader, "fallbacks", body)?,
        }
        Ok(())
    }

    /// One content block. What it brings is known by its type, which may stand behind it.
    pub(super) fn read_block(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Object {
            self.add_text(reader.skip()?, body);
            return Ok(());
        }
        let (mut kind, mut source) = (String::new(), None);
        reader.object(|reader, key| {
            match key {
                "type" if reader.kind()? == Kind::String => kind = reader.string()?.decode().into_owned(),
                "source" => source = Some(reader.skip()?),
                // The result of a tool has blocks of its own, images among them.
                "content" => {
                    self.read_content(reader, body)?;
                }
                // No model reads them as text.
                "cache_control" => reader.pass()?,
                "signature" => self.note_signature(reader.raw()?, true),
                "data" => {
                    let span = reader.skip()?;
                    self.note_signature(std::str::from_utf8(&body[span.clone()]).unwrap_or_default(), false);
                    self.add_text(span, body);
                }
                _ => self.add_text(reader.skip()?, body),
            }
            Ok::<_, Malformed>(())
        })?;
        let Some(source) = source else { return Ok(()) };
        if kind == "image" {
            self.needs.vision = true;
            self.size.images += 1;
            return Ok(());
        }
        let medium = if kind == "document" { Medium::File } else { Medium::Unknown };
        let source = std::str::from_utf8(&body[source]).unwrap_or_default();
        self.read_medium(&mut Reader::of(source), "source", medium)
    }
}

impl Request {
    fn note_signature(&mut self, raw: &str, may_be_empty: bool) {
        self.holds.thoughts = true;
        let written = raw.trim_matches('"');
        self.holds.foreign_thoughts |= Signature::is_marked(written) || may_be_empty && written.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use crate::openai::{Operation, OutputField, OutputMax, Rewrite};

    fn scan(body: &str) -> Request {
        Request::scan(Operation::Messages, body.as_bytes()).unwrap_or_else(|bad| panic!("{bad}: {body}"))
    }

    #[test]
    fn a_request_tells_what_routing_and_money_need() {
        let image = "A".repeat(100_000);
        let body = format!(
            r#"{{"model":"m","max_tokens":64,"stream":true,"system":[{{"type":"text","text":"S","cache_control":{{"type":"ephemeral"}}}}],
                "thinking":{{"type":"adaptive"}},"tools":[{{"name":"f","input_schema":{{}}}},{{"type":"bash_20250124","name":"bash"}}],
                "messages":[{{"role":"user","content":[{{"source":{{"type":"base64","media_type":"image/png","data":"{image}"}},"type":"image"}}]}},
                {{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{{}}}}]}},
                {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":[{{"type":"image","source":{{"type":"base64","data":"{image}"}}}}]}}]}}]}}"#
        );
        let request = scan(&body);
        assert_eq!((request.max_output_tokens, request.stream, request.messages), (Some(64), true, 3));
        let needs = request.needs;
        assert!(needs.tools && needs.vision && needs.reasoning && !needs.files && !request.is_first_turn);
        assert_eq!((request.size.images, request.size.file_bytes, request.surcharge), (2, 0, None));
        assert!(request.size.text_bytes < 1_000, "an image is no text, in a tool's result neither");
    }

    #[test]
    fn only_the_model_and_a_ceiling_are_spliced_in() {
        let body = r#"{ "model":"m","max_tokens": 640,"new":[1.0e2],"stream":true,"messages":[{"role":"user","content":"x"}]}"#;
        let rewrite = |tokens: Option<u64>| {
            let output_max = tokens.map(|tokens| OutputMax { tokens, field: OutputField::MaxTokens });
            let rewrite = Rewrite { upstream_model: "theirs", ask_usage: false, output_max };
            String::from_utf8(scan(body).rewrite(body.as_bytes(), &rewrite).to_vec()).unwrap()
        };
        assert_eq!(rewrite(None), body.replace("\"m\"", "\"theirs\""));
        assert_eq!(rewrite(Some(9)), body.replace("\"m\"", "\"theirs\"").replace("640", "9"));
    }

    #[test]
    fn what_costs_more_than_the_list_says_is_noted() {
        let with = |member: &str| {
            scan(&format!(r#"{{"model":"m",{member},"messages":[{{"role":"user","content":"x"}}]}}"#)).surcharge
        };
        assert_eq!(with(r#""speed":"fast""#), Some("speed"));
        assert_eq!(with(r#""speed":"standard""#), None);
        assert_eq!(with(r#""service_tier":"standard_only""#), None);
        assert_eq!(with(r#""tools":[{"type":"web_search_20260209","name":"web_search"}]"#), Some("tools"));
        assert_eq!(with(r#""mcp_servers":[]"#), None);
        assert_eq!(with(r#""fallbacks":[{"model":"n"}]"#), Some("fallbacks"));
    }
}
