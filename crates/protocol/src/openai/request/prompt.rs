//! The prompt of a legacy completion: text, tokens, or a list of either.

use super::{
    Request,
    bad_request::{BadRequest, Fault},
};
use crate::json::{Kind, Reader};

impl Request {
    pub(super) fn read_prompt(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let start = reader.offset();
        match reader.kind()? {
            Kind::Null => reader.pass()?,
            Kind::String => self.add_text(reader.skip()?, body),
            Kind::Array => self.read_prompts(reader, body)?,
            Kind::Object | Kind::Number | Kind::True | Kind::False => return Err(wrong(start)),
        }
        self.head.add(true, start..reader.position());
        Ok(())
    }

    /// A list of numbers is one prompt; a list of strings or of such lists is as many as it has elements.
    fn read_prompts(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let (mut prompts, mut tokens) = (0_u32, 0_u64);
        reader.array(|reader| {
            let offset = reader.offset();
            match reader.kind()? {
                Kind::Number => {
                    tokens += 1;
                    reader.skip()?;
                }
                Kind::String => {
                    prompts = prompts.saturating_add(1);
                    self.add_text(reader.skip()?, body);
                }
                Kind::Array => {
                    prompts = prompts.saturating_add(1);
                    reader.array(|reader| {
                        self.size.tokens += 1;
                        reader.pass()
                    })?;
                }
                Kind::Object | Kind::True | Kind::False | Kind::Null => return Err(wrong(offset)),
            }
            Ok(())
        })?;
        self.size.tokens += tokens;
        self.messages = prompts.max(1);
        Ok(())
    }
}

fn wrong(offset: usize) -> Fault {
    BadRequest::wrong_type("prompt", "a string, a list of strings, or tokens", offset).into()
}
