//! The rooms of the gateway: a room uses only rooms below it, and the map of the house shows all of them.

use std::{collections::BTreeSet, fs};

use super::{check, house, papers_of, read};

/// Highest first; rooms of one floor do not use each other.
const FLOORS: [&[&str]; 11] = [
    &["main"],
    &["cli"],
    &["app"],
    &["server"],
    &["admin"],
    &["exchange"],
    &["auth", "billing", "upstream", "journal", "simulate", "rehearsal"],
    &["store"],
    &["telemetry"],
    &["config"],
    &["common"],
];
const SRC: &str = "crates/gateway/src/";

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut faults = Vec::new();
    for paper in papers_of("rs") {
        let Some(path) = paper.path.strip_prefix(SRC) else { continue };
        let room = path.trim_end_matches(".rs").split('/').next().expect("split gives one piece");
        for used in rooms_named(&paper.text, path.split('/').count()) {
            if used != room && floor(&used) <= floor(room) {
                faults.push(format!("{}: `{room}` uses `{used}`", paper.path));
            }
        }
    }
    check(
        &faults,
        "a room uses only rooms below it: move the code down, or pass in from above what it needs (floors: tidy/rooms.rs)",
    );
}

#[test]
fn arrows_are_found_however_they_are_written() {
    let of = |text: &str, depth| rooms_named(text, depth).into_iter().collect::<Vec<_>>();
    assert_eq!(of("use crate::store::Store;", 2), ["store"]);
    assert_eq!(of("use crate::{\n    auth::{Keys, exchange},\n    store,\n};", 1), ["auth", "store"]);
    assert_eq!(of("fn f(_: &crate::server::Server, _: super::super::cli::X) {}", 2), ["cli", "server"]);
    assert_eq!(of("use super::{admin::Admin, cli};", 1), ["admin", "cli"]);
    assert_eq!(of("//! [`crate::server`]\nuse super::store; use $crate::x::y;", 2), [""; 0]);
}

/// The rooms that a file at that depth below `src/` names in its code.
fn rooms_named(text: &str, depth: usize) -> BTreeSet<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code = text.lines().filter(is_code).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if !code[..at].ends_with(|c: char| c == '$' || c == '_' || c.is_alphanumeric()) {
            rooms.extend(first_names(&code[at + "crate::".len()..]));
        }
    }
    for (at, _) in code.match_indices("super::") {
        let rest = code[at..].trim_start_matches("super::");
        let climbs = (code.len() - at - rest.len()) / "super::".len();
        if !code[..at].ends_with("super::") && climbs >= depth {
            rooms.extend(first_names(rest));
        }
    }
    rooms.retain(|room| floor(room).is_some());
    rooms
}

/// The first name of a path, or those of a group of paths.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().split(|c: char| c != '_' && !c.is_alphanumeric()).next().map(str::to_owned);
    let Some(group) = path.strip_prefix('{') else { return name(path).into_iter().collect() };
    let (mut names, mut nesting) = (Vec::from_iter(name(group)), 0);
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => nesting += 1,
            '}' if nesting == 0 => break,
            '}' => nesting -= 1,
            ',' if nesting == 0 => names.extend(name(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

#[test]
fn the_map_shows_every_room_in_order() {
    let mut built = BTreeSet::from(["main".to_owned()]);
    for entry in fs::read_dir(house().join(SRC)).expect("the gateway's rooms") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name in UTF-8");
        built.insert(name.trim_end_matches(".rs").to_owned());
    }
    built.remove("lib");
    let listed: Vec<&str> = FLOORS.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    let expected: BTreeSet<String> = listed.iter().map(|room| (*room).to_owned()).collect();
    assert_eq!(built, expected, "a room is new or gone (left: src/, right: FLOORS): change FLOORS in tidy/rooms.rs");

    let map = read("ARCHITECTURE.md");
    let (_, map) = map.split_once("## The rooms of the gateway").expect("ARCHITECTURE.md has its rooms");
    let table = map.split("\n## ").next().expect("split gives one piece");
    let shown: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(shown, listed, "ARCHITECTURE.md (left) shows other rooms than FLOORS (right), or in another order");
}
