//! What Anthropic's requests say in other words than OpenAI's.
//!
//! Sources: Anthropic's API reference, "messages"; its pricing page (`speed` and `inference_geo` change the price; servers
//! of tools and containers have fees of their own; `fallbacks` lets another model answer).

use super::{Request, media::Medium, output::OutputLimit, scan::asks_for_thinking};
use crate::{
    chat::Signature,
    json::{Kind, Malformed, Reader},
    wire,
};

impl Request {
    /// Reads a member of the body that only this dialect has.
    pub(super) fn read_anthropic(&mut self, reader: &mut Reader<'_>, key: &str, body: &[u8]) -> Result<(), Malformed> {
        match key {
            "system" => {
                self.holds.system = true;
                let content = self.read_content(reader, body)?;
                self.head.add_system(content);
            }
            "thinking" => self.read_thinking(reader, body)?,
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
            "inference_geo" => {
                let is_listed = matches!(reader.raw()?, "null" | "\"global\"");
                self.note_surcharge("inference_geo", !is_listed);
            }
            "mcp_servers" => self.read_extra(reader, "mcp_servers", body)?,
            "container" => self.read_extra(reader, "container", body)?,
            _ => self.read_extra(reader, "fallbacks", body)?,
        }
        Ok(())
    }

    /// The tokens that may be thought are a part of `max_tokens`, so that both are lowered together.
    fn read_thinking(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        let span = reader.skip()?;
        let text = std::str::from_utf8(&body[span.clone()]).unwrap_or_default();
        self.needs.reasoning |= asks_for_thinking(text);
        let mut inside = Reader::of(text);
        if inside.kind()? != Kind::Object {
            return Ok(());
        }
        inside.object(|inside, key| match key {
            "budget_tokens" => {
                self.output_limits.budget = Some(OutputLimit::read(inside)?.behind(span.start));
                Ok(())
            }
            _ => inside.pass(),
        })
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
                "cache_control" => self.note_keeping(reader)?,
                // Sealed thoughts: no text, and billed as some.
                "signature" => {
                    let start = reader.offset();
                    self.add_other(reader, body)?;
                    let raw = std::str::from_utf8(&body[start..reader.position()]).unwrap_or_default();
                    self.note_signature(raw, true);
                }
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
        match &*kind {
            "image" => {
                self.needs.vision = true;
                self.size.images += 1;
            }
            "document" => {
                let source = std::str::from_utf8(&body[source]).unwrap_or_default();
                self.read_medium(&mut Reader::of(source), "source", Medium::File)?;
            }
            // Where a search result is from.
            _ => self.add_text(source, body),
        }
        Ok(())
    }
}

impl Request {
    fn note_signature(&mut self, raw: &str, may_be_empty: bool) {
        self.holds.thoughts = true;
        let written = raw.trim_matches('"');
        self.holds.foreign_thoughts |= Signature::is_marked(written) || may_be_empty && written.is_empty();
    }
}

impl Request {
    /// Reads a mark of the cache: how long it keeps is one of the words in it.
    pub(super) fn note_keeping(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        wire::members(reader, |reader, _| {
            self.keeps_long |= wire::text(reader)?.is_some_and(|word| word.is("1h") || word.is("12h"));
            Ok(())
        })
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
    fn a_lower_ceiling_lowers_what_may_be_thought() {
        let rewrite = |limits: &str, tokens| {
            let body = format!(r#"{{"model":"m",{limits},"messages":[{{"role":"user","content":"x"}}]}}"#);
            let output_max = Some(OutputMax { tokens, field: OutputField::MaxTokens });
            let rewrite = Rewrite { upstream_model: "m", ask_usage: false, output_max };
            let sent = String::from_utf8(scan(&body).rewrite(body.as_bytes(), &rewrite).to_vec()).unwrap();
            sent.split_once(r#""m","#).unwrap().1.split_once(r#","messages""#).unwrap().0.to_owned()
        };
        let asked = r#""thinking":{"type":"enabled", "budget_tokens" : 31999},"max_tokens":32000"#;
        assert_eq!(scan(&format!(r#"{{"model":"m",{asked},"messages":[{{}}]}}"#)).thinking_budget(), Some(31_999));
        for (ceiling, budget, most) in [(32_000, 31_999, 32_000), (8_000, 7_999, 8_000), (1_025, 1_024, 1_025)] {
            let expected = asked.replace("31999", &budget.to_string()).replace("32000", &most.to_string());
            assert_eq!(rewrite(asked, ceiling), expected, "{ceiling}");
        }
        let small = r#""max_tokens":32000,"thinking":{"budget_tokens":2000}"#;
        assert_eq!(rewrite(small, 2_001), small.replace("32000", "2001"));
        // Several turns of thought in one answer may have more than its limit: that is not ours to correct.
        let beyond = r#""max_tokens":4000,"thinking":{"budget_tokens":9000}"#;
        assert_eq!(rewrite(beyond, 5_000), beyond);
        assert_eq!(rewrite(r#""max_tokens":9,"thinking":7"#, 8), r#""max_tokens":8,"thinking":7"#);
    }

    #[test]
    fn only_images_and_documents_bring_media() {
        let sized =
            |block: &str| scan(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{block}]}}]}}"#)).size;
        let found = sized(
            r#"{"type":"search_result","source":"https://example.com/a","title":"t","content":[{"type":"text","text":"x"}]}"#,
        );
        assert_eq!(found.named_files, 0, "an address of a search result is text");
        assert!(found.text_bytes > 20);
        let named = sized(r#"{"source":{"type":"url","url":"https://example.com/a.pdf"},"type":"document"}"#);
        assert_eq!(named.named_files, 1);
    }

    #[test]
    fn what_is_to_be_kept_for_an_hour_is_noted_wherever_it_stands() {
        let keeps = |members: &str| scan(&format!(r#"{{"model":"m",{members}}}"#)).keeps_long;
        let messages = r#""messages":[{"role":"user","content":[{"type":"text","text":"1h"}]}]"#;
        for ttl in ["1h", "\\u0031h", "5m"] {
            let mark = format!(r#""cache_control":{{"type":"ephemeral","ttl":"{ttl}"}}"#);
            for members in [
                format!("{mark},{messages}"),
                format!(r#""system":[{{"type":"text","text":"S",{mark}}}],{messages}"#),
                format!(r#"{messages},"tools":[{{"name":"f","input_schema":{{}},{mark}}}]"#),
                format!(r#""messages":[{{"role":"user","content":[{{{mark},"type":"text","text":"x"}}]}}]"#),
                format!(
                    r#""messages":[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":[{{"type":"text","text":"x",{mark}}}]}}]}}]"#
                ),
            ] {
                assert_eq!(keeps(&members), ttl != "5m", "{members}");
            }
        }
        assert!(!keeps(messages));
        let named = |key: &str| format!(r#"{messages},"tools":[{{"name":"1h","{key}":{{"ttl":"1h"}}}}]"#);
        assert!(keeps(&named("cache_\\u0063ontrol")) && !keeps(&named("input_schema")));
        let chat = |part: &str| {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#);
            Request::scan(Operation::Chat, body.as_bytes()).unwrap().keeps_long
        };
        assert!(chat(r#"{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}"#));
        assert!(chat(r#"{"type":"text","text":"x","prompt_cache_breakpoint":{"ttl":"1h"}}"#));
        assert!(!chat(r#"{"type":"text","text":"1h","cache_control":{"type":"ephemeral"}}"#));
    }

    #[test]
    fn no_depth_of_blocks_takes_the_stack() {
        let body = |depth: usize| {
            let (open, shut) = (r#"[{"type":"tool_result","content":"#.repeat(depth), "}]".repeat(depth));
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":{open}"x"{shut}}}]}}"#)
        };
        assert!(Request::scan(Operation::Messages, body(50).as_bytes()).is_ok());
        for depth in [100, 200_000] {
            let bad = Request::scan(Operation::Messages, body(depth).as_bytes()).unwrap_err();
            assert!(bad.message.contains("128 levels"), "{}", bad.message);
        }
    }

    #[test]
    fn sealed_thoughts_are_in_the_bound_alone() {
        let sized = |signature: &str| {
            let block = format!(r#"{{"type":"thinking","thinking":"a","signature":"{signature}"}}"#);
            scan(&format!(r#"{{"model":"m","messages":[{{"role":"assistant","content":[{block}]}}]}}"#)).size
        };
        let (short, long) = (sized("s"), sized(&"s".repeat(4_001)));
        assert_eq!((long.text_bytes, long.other_bytes), (short.text_bytes, short.other_bytes + 4_000));
    }

    #[test]
    fn the_system_prompt_is_in_a_conversations_head_wherever_it_stands() {
        let head = |members: &str| {
            let body = format!(r#"{{"model":"m",{members}}}"#);
            scan(&body).head(body.as_bytes(), 7)
        };
        let messages = r#""messages":[{"role":"user","content":"x"}]"#;
        let before = head(&format!(r#""system":"one",{messages}"#));
        assert_eq!(head(&format!(r#"{messages},"system":"one""#)), before);
        assert_ne!(head(&format!(r#"{messages},"system":"two""#)), before);
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
        assert_eq!(with(r#""inference_geo":"us""#), Some("inference_geo"));
        assert_eq!(with(r#""inference_geo":"global""#), None);
        assert_eq!(with(r#""inference_geo": null"#), None);
        assert_eq!(with(r#""fallbacks":[{"model":"n"}]"#), Some("fallbacks"));
    }
}
