//! Looks for bytes and members in the JSON text of a body.

use std::ops::Range;

use super::names;
use crate::{
    chat::Dialect,
    json::{Kind, Malformed, Reader},
};

/// A value on the way from a body's root down to a byte.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// As `messages[3].content[1]`.
    pub(super) place: String,
    /// Bytes of the body.
    pub(super) span: Range<usize>,
}

/// A body with its members.
pub(super) struct Root<'t> {
    text: &'t str,
    members: Vec<Spot>,
}

impl<'t> Root<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, Malformed> {
        Ok(Self { text, members: members(text, 0, "")? })
    }

    /// The place of what the common form calls `path`, and where its value stands.
    pub(super) fn find(&self, dialect: Dialect, path: &str) -> Option<(String, Range<usize>)> {
        let own = [path];
        let candidates = names::of_path(dialect, path);
        let candidates = if candidates.is_empty() { &own[..] } else { candidates };
        let spot = candidates.iter().find_map(|candidate| find(self.text, &self.members, dialect, candidate))?;
        Some((spot.place, spot.span))
    }

    /// For each of these bytes, in their order, the values it stands in, outermost first.
    pub(super) fn spots(&self, offsets: &[usize]) -> Vec<(usize, Vec<Spot>)> {
        let mut found = Vec::new();
        let mut way = Vec::new();
        for member in &self.members {
            descend(self.text, member, offsets, &mut way, &mut found);
        }
        found
    }
}

fn find(text: &str, members_here: &[Spot], dialect: Dialect, path: &str) -> Option<Spot> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let is_it = |spot: &&Spot| {
        let own = spot.place.rsplit('.').next().unwrap_or_default();
        own == name || dialect == Dialect::Gemini && is_alike(own, name)
    };
    let spot = members_here.iter().find(is_it)?;
    let Some(rest) = rest else { return Some(spot.clone()) };
    let inside = members(&text[spot.span.clone()], spot.span.start, &spot.place).ok()?;
    find(text, &inside, dialect, rest)
}

/// Google takes `generation_config` for `generationConfig`.
fn is_alike(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> Vec<u8> {
        name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()).collect()
    };
    letters(one) == letters(other)
}

/// The members or elements of a value; none of a plain one.
fn members(text: &str, base: usize, place: &str) -> Result<Vec<Spot>, Malformed> {
    let mut found = Vec::new();
    let mut reader = Reader::of(text);
    match reader.kind()? {
        Kind::Object => reader.object(|reader, name| {
            let place = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
            let from = base + reader.offset();
            let raw = reader.raw()?;
            found.push(Spot { place, span: from..from + raw.len() });
            Ok::<_, Malformed>(())
        })?,
        Kind::Array => reader.array(|reader| {
            let from = base + reader.offset();
            let raw = reader.raw()?;
            found.push(Spot { place: format!("{place}[{}]", found.len()), span: from..from + raw.len() });
            Ok::<_, Malformed>(())
        })?,
        _ => {}
    }
    Ok(found)
}

/// Goes down to those of the bytes that stand in `spot`. A byte at which a value begins is that value's.
fn descend(text: &str, spot: &Spot, offsets: &[usize], way: &mut Vec<Spot>, found: &mut Vec<(usize, Vec<Spot>)>) {
    let from = offsets.partition_point(|offset| *offset < spot.span.start);
    let to = offsets.partition_point(|offset| *offset < spot.span.end);
    let Some(inside) = offsets.get(from..to).filter(|inside| !inside.is_empty()) else { return };
    way.push(spot.clone());
    let before = found.len();
    if inside[0] == spot.span.start {
        found.push((inside[0], way.clone()));
    }
    if let Ok(below) = members(&text[spot.span.clone()], spot.span.start, &spot.place) {
        below.iter().for_each(|spot| descend(text, spot, inside, way, found));
    }
    for offset in inside {
        if !found[before..].iter().any(|(known, _)| known == offset) {
            found.push((*offset, way.clone()));
        }
    }
    way.pop();
}

/// The nearest of the members below an object that has one of these names, as `function.strict`. Lists are not looked
/// into.
pub(super) fn member_below(text: &str, names: &[&str]) -> Option<String> {
    let mut level = members(text, 0, "").ok()?;
    for _ in 0..DEPTH {
        let name = |spot: &Spot| spot.place.rsplit('.').next().unwrap_or_default().to_owned();
        if let Some(spot) = level.iter().find(|spot| names.contains(&name(spot).as_str())) {
            return Some(spot.place.clone());
        }
        let below = level.iter().filter(|spot| text[spot.span.clone()].starts_with('{'));
        level = below
            .filter_map(|spot| members(&text[spot.span.clone()], spot.span.start, &spot.place).ok())
            .flatten()
            .collect();
    }
    None
}

/// What is said of a part or a tool stands no deeper.
const DEPTH: usize = 3;
