//! Members by which a provider charges another price than its list says.
//!
//! Sources: OpenAI API reference (`service_tier`, `web_search_options`, types of tools); OpenRouter API reference
//! (`models`, `route`, `provider`, `plugins`: another model or provider answers, or searches and parsers are added); xAI
//! "live search" (`search_parameters`); Alibaba Model Studio (`enable_search`).

use super::{Request, fields::is_filled_list};
use crate::json::{Kind, Malformed, Reader};

impl Request {
    /// Reads the tier that is asked for. Those that cost no more than the list says are fine.
    pub(super) fn read_service_tier(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let is_listed = match reader.kind()? {
            Kind::String => matches!(&*reader.string()?.decode(), "auto" | "default" | "flex" | "standard_only"),
            _ => reader.raw()? == "null",
        };
        self.note_surcharge("service_tier", !is_listed);
        Ok(())
    }

    /// Reads tools: those that the provider runs itself have fees of their own.
    pub(super) fn read_tools(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        let start = reader.offset();
        if reader.kind()? == Kind::Array {
            reader.array(|reader| {
                self.needs.tools = true;
                self.read_tool(reader)
            })?;
        } else {
            reader.pass()?;
        }
        self.add_text(start..reader.position(), body);
        Ok(())
    }

    fn read_tool(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Object {
            return reader.pass();
        }
        reader.object(|reader, key| {
            match key {
                "type" => {}
                "cache_control" => return self.note_keeping(reader),
                _ => return reader.pass(),
            }
            let is_callers = match reader.kind()? {
                Kind::String => is_callers_tool(&reader.string()?.decode()),
                _ => reader.raw()? == "null",
            };
            self.note_surcharge("tools", !is_callers);
            Ok(())
        })
    }

    /// Reads a member that costs money by being there; an empty list is none.
    pub(super) fn read_extra(
        &mut self,
        reader: &mut Reader<'_>,
        member: &'static str,
        body: &[u8],
    ) -> Result<(), Malformed> {
        let (is_list, offset) = (reader.kind()? == Kind::Array, reader.offset());
        self.add_other(reader, body)?;
        let raw = std::str::from_utf8(&body[offset..reader.position()]).unwrap_or_default();
        let is_empty = matches!(raw, "null" | "false") || is_list && !is_filled_list(raw);
        self.note_surcharge(member, !is_empty);
        Ok(())
    }

    pub(super) fn note_surcharge(&mut self, member: &'static str, is_there: bool) {
        if is_there {
            self.surcharge.get_or_insert(member);
        }
    }
}

/// Whether the caller runs a tool of this type. Those of Anthropic's that are its client's to run are called by what they
/// do and a date.
fn is_callers_tool(kind: &str) -> bool {
    const OF_THE_CLIENT: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];
    matches!(kind, "function" | "custom" | "namespace" | "local_shell" | "apply_patch")
        || OF_THE_CLIENT.iter().any(|name| kind.starts_with(name))
}
