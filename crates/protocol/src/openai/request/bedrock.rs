//! What has to be known of a request that was written for Bedrock: where its limit stands.
//!
//! Source: Amazon Bedrock API reference, `Converse`.

use super::{
    Request,
    bad_request::Fault,
    output::{OutputLimit, ParentObject},
};
use crate::json::{Kind, Reader};

impl Request {
    /// Reads a member of the body.
    pub(super) fn read_converse(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<(), Fault> {
        if name != "inferenceConfig" {
            return Ok(reader.pass()?);
        }
        if reader.kind()? != Kind::Object {
            self.output_limits.parent = ParentObject::Null(reader.skip()?);
            return Ok(());
        }
        let at = reader.offset() + 1;
        let mut is_only = true;
        reader.object(|reader, key| {
            is_only = false;
            match key {
                "maxTokens" => self.output_limits.max_tokens = Some(OutputLimit::read(reader)?),
                _ => reader.pass()?,
            }
            Ok::<_, Fault>(())
        })?;
        self.output_limits.parent = ParentObject::Object { at, is_only };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use crate::openai::{Operation, OutputField, OutputMax, Rewrite};

    #[test]
    fn nothing_is_spliced_in_but_a_ceiling() {
        for (before, after) in [
            (
                r#"{"messages":[],"inferenceConfig":{"maxTokens":640}}"#,
                r#"{"messages":[],"inferenceConfig":{"maxTokens":9}}"#,
            ),
            (r#"{"inferenceConfig":{"maxTokens":8}}"#, r#"{"inferenceConfig":{"maxTokens":8}}"#),
            (r#"{"inferenceConfig":{"topP":1}}"#, r#"{"inferenceConfig":{"maxTokens":9,"topP":1}}"#),
            (r#"{"messages":[]}"#, r#"{"inferenceConfig":{"maxTokens":9},"messages":[]}"#),
        ] {
            let request = Request::scan(Operation::Converse, before.as_bytes()).unwrap();
            let rewritten = |tokens: Option<u64>| {
                let output_max = tokens.map(|tokens| OutputMax { tokens, field: OutputField::ConverseMaxTokens });
                let rewrite = Rewrite { upstream_model: "theirs", ask_usage: false, output_max };
                String::from_utf8(request.rewrite(before.as_bytes(), &rewrite).to_vec()).unwrap()
            };
            assert_eq!(rewritten(None), before);
            assert_eq!(rewritten(Some(9)), after);
        }
    }
}
