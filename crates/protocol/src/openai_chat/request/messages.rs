//! The messages, as turns.

use super::{super::reasoning::Said, content};
use crate::{
    chat::{
        Arguments, Body, DecodeFault, Dialect, Extra, Json, Part, Role, Signature, Text, ToolCall, ToolCallKind,
        ToolResult, Turns,
    },
    json::{Kind, Malformed, Reader},
    wire,
};

pub(super) fn read<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Array {
        return Err(DecodeFault::shape("messages", "a list"));
    }
    let mut index = 0;
    reader.array(|reader| {
        let read = message(reader, turns).map_err(|fault| fault.within(format_args!("messages.{index}")));
        index += 1;
        read
    })
}

#[derive(Default)]
struct Message<'a> {
    role: Text<'a>,
    content: Vec<Part<'a>>,
    said: Said<'a>,
    refusal: Option<Text<'a>>,
    calls: Vec<Part<'a>>,
    call_id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    extra: Extra<'a>,
}

fn message<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("", "an object"));
    }
    let mut message = Message::default();
    reader.object(|reader, name| {
        match name {
            "role" => message.role = wire::need_text(reader, "role")?,
            "content" => content::parts(reader, &mut message.content)?,
            "refusal" => message.refusal = wire::text(reader)?.filter(|text| !text.is_empty()),
            "tool_calls" => tool_calls(reader, &mut message.calls)?,
            "function_call" => message.calls.extend(function_call(reader)?),
            "tool_call_id" => message.call_id = wire::text(reader)?,
            "name" => message.name = wire::text(reader)?,
            _ if message.said.take(reader, name)? => {}
            _ => wire::extra(&mut message.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    message.into_turn(turns)
}

impl<'a> Message<'a> {
    fn into_turn(mut self, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
        let role = match &*self.role.decode() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            // The old functions had no ids: the name is what ties a result to its call.
            "tool" | "function" => {
                let result = ToolResult {
                    id: self.call_id.or_else(|| self.name.clone()).unwrap_or_default(),
                    name: self.name,
                    content: self.content,
                    is_error: false,
                    kind: ToolCallKind::Function,
                };
                let part = Part { body: Body::ToolResult(result), keep: None, extra: self.extra };
                turns.push(Role::User, vec![part], Extra::default());
                return Ok(());
            }
            _ => return Err(DecodeFault::shape("role", "`system`, `developer`, `user`, `assistant` or `tool`")),
        };
        if let Some(name) = self.name {
            let mut quoted = Vec::new();
            name.write(&mut quoted);
            self.extra.push("name", Json::built(quoted));
        }
        let mut parts = Vec::with_capacity(self.content.len() + self.calls.len());
        self.said.into_parts(&mut parts);
        parts.extend(self.content);
        parts.extend(self.refusal.map(|text| Part::new(Body::Refusal(text))));
        parts.extend(self.calls);
        turns.push(role, parts, self.extra);
        Ok(())
    }
}

/// Reads `tool_calls` of a whole message.
pub(in super::super) fn tool_calls<'a>(reader: &mut Reader<'a>, calls: &mut Vec<Part<'a>>) -> Result<(), Malformed> {
    wire::elements(reader, |reader| {
        calls.push(tool_call(reader)?);
        Ok::<_, Malformed>(())
    })
}

fn tool_call<'a>(reader: &mut Reader<'a>) -> Result<Part<'a>, Malformed> {
    let mut call = blank_call();
    let mut extra = Extra::default();
    let mut is_known = true;
    let ((), raw) = reader.with_raw(|reader| {
        wire::members(reader, |reader, name| {
            match name {
                "id" => call.id = wire::text(reader)?.unwrap_or_default(),
                "index" => reader.pass()?,
                "type" => {
                    let kind = wire::text(reader)?.unwrap_or_default();
                    is_known = kind.is("function") || kind.is("custom") || kind.is_empty();
                }
                "function" => named(reader, &mut call, "arguments")?,
                "custom" => {
                    call.kind = ToolCallKind::Custom;
                    named(reader, &mut call, "input")?;
                }
                "extra_content" => call.signature = google_signature(reader)?.or_else(|| call.signature.take()),
                _ => wire::extra(&mut extra, reader, name)?,
            }
            Ok::<_, Malformed>(())
        })
    })?;
    let body = if is_known {
        Body::ToolCall(call)
    } else {
        extra = Extra::default();
        Body::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) }
    };
    Ok(Part { body, keep: None, extra })
}

fn blank_call<'a>() -> ToolCall<'a> {
    ToolCall {
        id: Text::default(),
        name: Text::default(),
        arguments: Arguments::Text(Text::default()),
        kind: ToolCallKind::Function,
        signature: None,
    }
}

fn named<'a>(reader: &mut Reader<'a>, call: &mut ToolCall<'a>, input: &str) -> Result<(), Malformed> {
    wire::members(reader, |reader, name| {
        match name {
            "name" => call.name = wire::text(reader)?.unwrap_or_default(),
            // Some servers write the object itself.
            _ if name == input && reader.kind()? == Kind::Object => {
                call.arguments = Arguments::Value(Json::passed(reader.raw()?));
            }
            _ if name == input => call.arguments = Arguments::Text(wire::text(reader)?.unwrap_or_default()),
            _ => reader.pass()?,
        }
        Ok(())
    })
}

fn function_call<'a>(reader: &mut Reader<'a>) -> Result<Option<Part<'a>>, Malformed> {
    let mut call = blank_call();
    named(reader, &mut call, "arguments")?;
    call.id = call.name.clone();
    Ok((!call.name.is_empty()).then(|| Part::new(Body::ToolCall(call))))
}

/// `extra_content.google.thought_signature`.
pub(in super::super) fn google_signature<'a>(reader: &mut Reader<'a>) -> Result<Option<Signature<'a>>, Malformed> {
    let mut signature = None;
    wire::members(reader, |reader, name| {
        if name != "google" {
            return reader.pass();
        }
        wire::members(reader, |reader, name| match name {
            "thought_signature" => wire::text(reader).map(|text| signature = text.map(Signature::read)),
            _ => reader.pass(),
        })
    })?;
    Ok(signature)
}
