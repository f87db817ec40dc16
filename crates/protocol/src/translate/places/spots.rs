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
    members_where(text, base, place, |_, _| true)
}

/// Those of them that one of these bytes, which are in order, stands in. A value may have millions of members: of one
/// with no byte but its first, none is looked at.
fn members_at(text: &str, spot: &Spot, offsets: &[usize]) -> Vec<Spot> {
    if offsets.last().is_none_or(|last| *last <= spot.span.start) {
        return Vec::new();
    }
    let is_on_the_way = |_: &str, span: &Range<usize>| {
        offsets.get(offsets.partition_point(|offset| *offset < span.start)).is_some_and(|offset| *offset < span.end)
    };
    members_where(&text[spot.span.clone()], spot.span.start, &spot.place, is_on_the_way).unwrap_or_default()
}

fn members_where(
    text: &str,
    base: usize,
    place: &str,
    is_wanted: impl Fn(&str, &Range<usize>) -> bool,
) -> Result<Vec<Spot>, Malformed> {
    let mut found = Vec::new();
    let mut reader = Reader::of(text);
    match reader.kind()? {
        Kind::Object => reader.object(|reader, name| {
            let from = base + reader.offset();
            let span = from..from + reader.raw()?.len();
            if is_wanted(name, &span) {
                let place = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
                found.push(Spot { place, span });
            }
            Ok::<_, Malformed>(())
        })?,
        Kind::Array => {
            let mut index = 0_usize;
            reader.array(|reader| {
                let from = base + reader.offset();
                let span = from..from + reader.raw()?.len();
                if is_wanted("", &span) {
                    found.push(Spot { place: format!("{place}[{index}]"), span });
                }
                index += 1;
                Ok::<_, Malformed>(())
            })?;
        }
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
    members_at(text, spot, inside).iter().for_each(|spot| descend(text, spot, inside, way, found));
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
    // What has neither such a name nor members is not listed: there may be millions.
    let listed = |spot: &Spot| {
        let is_wanted =
            |name: &str, span: &Range<usize>| names.contains(&name) || text.as_bytes().get(span.start) == Some(&b'{');
        members_where(&text[spot.span.clone()], spot.span.start, &spot.place, is_wanted).unwrap_or_default()
    };
    let mut level = listed(&Spot { place: String::new(), span: 0..text.len() });
    for _ in 0..DEPTH {
        let name = |spot: &Spot| spot.place.rsplit('.').next().unwrap_or_default().to_owned();
        if let Some(spot) = level.iter().find(|spot| names.contains(&name(spot).as_str())) {
            return Some(spot.place.clone());
        }
        let below = level.iter().filter(|spot| text[spot.span.clone()].starts_with('{'));
        level = below.flat_map(&listed).collect();
    }
    None
}

/// What is said of a part or a tool stands no deeper.
const DEPTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_list_only_what_is_on_the_way_is_listed() {
        let text = format!(r#"{{"messages":[{{"content":"a","weird":[{}7]}}]}}"#, "0,".repeat(10_000));
        let (list, seven) = (text.find("[0").unwrap(), text.find('7').unwrap());
        let spot = Spot { place: "messages[0].weird".to_owned(), span: list..text.len() - 3 };
        assert!(members_at(&text, &spot, &[list]).is_empty());
        let places: Vec<String> = members_at(&text, &spot, &[list, seven]).into_iter().map(|spot| spot.place).collect();
        assert_eq!(places, ["messages[0].weird[10000]"]);

        let spots = Root::read(&text).unwrap().spots(&[list, seven]);
        let places: Vec<&str> = spots.iter().map(|(_, way)| &*way.last().unwrap().place).collect();
        assert_eq!(places, ["messages[0].weird", "messages[0].weird[10000]"]);
        assert_eq!(member_below(r#"{"a":1,"b":{"c":{"strict":true}}}"#, &["strict"]).as_deref(), Some("b.c.strict"));
    }
}
