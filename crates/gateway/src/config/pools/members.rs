//! `members`: models with weights, of a pool or of a shift.

use std::collections::HashMap;

use super::super::{
    catalogue::known_model,
    reader::{At, Place, Reading, Section, Text},
    roster::Roster,
    unpriced::warn_of_member,
};

/// Reads `members` of a pool, or of a shift of its schedule. `unpriced` is what becomes of a member without a price.
pub(super) fn read(
    section: &Section<'_>,
    unpriced: Option<&str>,
    ids: &HashMap<String, u32>,
    roster: &mut Roster<'_>,
) -> Vec<(usize, f64)> {
    let Some(written) = section.weights("members") else {
        if !section.has("members") {
            section.reading().complain(section.place(), "this needs members", Some(FORM.to_owned()));
        }
        return Vec::new();
    };
    if !section.is_occupied("members") {
        section.complain("members", "this needs at least one member", Some(FORM.to_owned()));
    } else if !written.is_empty() && written.iter().all(|At { value: (_, weight), .. }| *weight <= 0.0) {
        section.complain("members", "every weight is 0", Some("give a member a weight above 0".to_owned()));
    }
    let mut members: Vec<(usize, f64)> = Vec::new();
    for At { value: (name, weight), place } in written {
        let reading = section.reading();
        if ids.contains_key(&name.text) && !roster.has_written_model(&name.text) {
            complain_of_pool(&name, &place, reading);
            continue;
        }
        let Some(model) = roster.model_or_complain(&name, &place, reading) else {
            continue;
        };
        if members.iter().any(|&(other, _)| other == model) {
            let instead = "write each member once; a weight gives it a larger share".to_owned();
            reading.complain(&place, format!("`{}` is here twice", name.shown()), Some(instead));
            continue;
        }
        warn_of_member(name.shown(), &place, model, unpriced, roster, reading);
        members.push((model, weight));
    }
    members
}

fn complain_of_pool(name: &Text, place: &Place, reading: &Reading<'_>) {
    let (message, instead) = match known_model(&name.text) {
        Some(_) => ("is both a pool here and a model of the catalogue", "give the pool another name"),
        None => ("is a pool, and members are models", "write its models as members, or put the pool into `fallback`"),
    };
    reading.complain(place, format!("`{}` {message}", name.shown()), Some(instead.to_owned()));
}

const FORM: &str =
    "write `members = { \"model-a\" = 0.6, \"model-b\" = 0.4 }`, or `[\"model-a\", \"model-b\"]` for equal shares";
