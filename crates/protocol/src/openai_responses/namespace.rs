//! Functions in namespaces, which no other dialect has: there they are said as functions with longer names.
//!
//! In the common form the name of such a function, or of a call of it, is [`qualified`].
//! Source: Codex's own requests, whose tools of a server are in a namespace.

use super::request::read_tool;
use crate::{
    chat::{Body, Dialect, Losses, Request, Text, Tool, ToolBody, Why},
    json::{Malformed, Object, Reader},
    wire,
};

/// Stands between the namespace and the name; no name holds it.
const BETWEEN: char = '\u{1f}';
/// The longest name of a function (OpenAI's and Anthropic's API references).
const NAME_MAX: usize = 64;

/// A name with its namespace.
pub(super) fn qualified<'a>(namespace: Option<Text<'a>>, name: Text<'a>) -> Text<'a> {
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => Text::plain(format!("{}{BETWEEN}{}", namespace.decode(), name.decode())),
        None => name,
    }
}

/// Writes the name of a call.
pub(super) fn write_name(object: &mut Object<'_>, name: &Text<'_>) {
    match name.decode().split_once(BETWEEN) {
        Some((namespace, name)) => {
            object.text("name", &Text::plain(name));
            object.text("namespace", &Text::plain(namespace));
        }
        None => object.text("name", name),
    }
}

/// The request without namespaces; `None` where it has none.
pub(crate) fn flattened<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Option<Request<'r>> {
    if request.dialect != Dialect::OpenaiResponses || !has_any(request) {
        return None;
    }
    let mut flat: Request<'r> = request.clone();
    flat.tools.clear();
    for (index, tool) in request.tools.iter().enumerate() {
        let Some(Ok(namespace)) = namespace_of(tool).map(Namespace::read) else {
            flat.tools.push(tool.clone());
            continue;
        };
        if namespace.description.as_ref().is_some_and(|text| !text.is_empty()) {
            losses.add(Why::NoPeer, format!("namespaces.{index}.description"), "what a namespace of tools is for");
        }
        flat.tools.extend(namespace.tools.into_iter().map(|(inner, mut tool)| {
            if let ToolBody::Function { name, .. } | ToolBody::Custom { name, .. } = &mut tool.body {
                *name = Text::plain(flat_name(&namespace.name.decode(), &inner.decode()));
            }
            tool
        }));
    }
    for part in flat.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Body::ToolCall(call) = &mut part.body {
            let name = call.name.decode().split_once(BETWEEN).map(|(namespace, name)| flat_name(namespace, name));
            if let Some(name) = name {
                call.name = Text::plain(name);
            }
        }
    }
    Some(flat)
}

/// What calls are named in answers to the request without namespaces, and what they are called in it.
pub(crate) fn renamed(request: &Request<'_>) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for json in request.tools.iter().filter_map(namespace_of) {
        let Ok(Namespace { name, tools, .. }) = Namespace::read(json) else { continue };
        let namespace = name.decode();
        names.extend(tools.iter().map(|(inner, _)| {
            let inner = inner.decode();
            (flat_name(&namespace, &inner), format!("{namespace}{BETWEEN}{inner}"))
        }));
    }
    names
}

/// The name, as its caller wrote it, of a tool of the request without namespaces.
pub(crate) fn name_of_flat<'r>(request: &'r Request<'_>, index: usize) -> Option<Text<'r>> {
    let names = request.tools.iter().flat_map(|tool| match namespace_of(tool).map(Namespace::read) {
        Some(Ok(namespace)) => namespace.tools.into_iter().map(|(name, _)| Some(name)).collect(),
        _ => vec![None],
    });
    names.into_iter().nth(index).flatten()
}

fn has_any(request: &Request<'_>) -> bool {
    let mut parts = request.turns.iter().flat_map(|turn| &turn.parts);
    request.tools.iter().any(|tool| namespace_of(tool).is_some())
        || parts.any(|part| matches!(&part.body, Body::ToolCall(call) if call.name.decode().contains(BETWEEN)))
}

/// The tool as written, when it is a namespace.
fn namespace_of<'t>(tool: &'t Tool<'_>) -> Option<&'t str> {
    let ToolBody::Opaque { dialect: Dialect::OpenaiResponses, json } = &tool.body else { return None };
    let kind = wire::member_text(json.as_str(), "type").ok()??;
    kind.is("namespace").then_some(json.as_str())
}

struct Namespace<'a> {
    name: Text<'a>,
    description: Option<Text<'a>>,
    /// With their names in it.
    tools: Vec<(Text<'a>, Tool<'a>)>,
}

impl<'a> Namespace<'a> {
    fn read(raw: &'a str) -> Result<Self, Malformed> {
        let mut namespace = Self { name: Text::default(), description: None, tools: Vec::new() };
        wire::members(&mut Reader::of(raw), |reader, member| {
            match member {
                "name" => namespace.name = wire::text(reader)?.unwrap_or_default(),
                "description" => namespace.description = wire::text(reader)?,
                "tools" => wire::elements(reader, |reader| {
                    let tool = read_tool(reader)?;
                    let name = match &tool.body {
                        ToolBody::Function { name, .. } | ToolBody::Custom { name, .. } => name.clone(),
                        ToolBody::Opaque { .. } => Text::default(),
                    };
                    namespace.tools.push((name, tool));
                    Ok::<_, Malformed>(())
                })?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(namespace)
    }
}

/// One name of both: `namespace__name` in the letters that a function's name may have.
fn flat_name(namespace: &str, name: &str) -> String {
    let between = if namespace.ends_with("__") { "" } else { "__" };
    let whole = format!("{namespace}{between}{name}");
    let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let mut flat: String = whole.chars().map(letter).collect();
    if flat.len() > NAME_MAX || flat != whole {
        // Two that differ stay two.
        let hash = whole
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        flat.truncate(NAME_MAX - 9);
        flat.push_str(&format!("_{:08x}", hash as u32));
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_letters_and_the_length_that_functions_have() {
        assert_eq!(flat_name("mcp__files__", "read"), "mcp__files__read");
        assert_eq!(flat_name("files", "read"), "files__read");
        let long = flat_name(&"n".repeat(60), "read");
        assert_eq!(long.len(), NAME_MAX);
        assert_ne!(long, flat_name(&"n".repeat(60), "write"));
        assert_ne!(flat_name("a", "b.c"), flat_name("a", "b c"));
        assert!(flat_name("é", "ü").is_ascii());
    }
}
