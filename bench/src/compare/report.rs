//! The table people read and the JSON programs read.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::candidate::Kind;
use super::figures::{Comparison, ROWS, Row};
use crate::fault::{Fault, Result};

/// Prints the table and below it why figures are missing.
pub(super) fn print(comparison: &Comparison) -> Result<()> {
    let text = table(comparison);
    std::io::stdout().write_all(text.as_bytes()).map_err(Fault::io("print the table"))
}

pub(super) fn write_json(comparison: &Comparison, path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(&json(comparison)).expect("numbers and strings are always JSON");
    fs::write(path, text + "\n").map_err(Fault::io(format!("write {}", path.display())))
}

fn table(comparison: &Comparison) -> String {
    let mut notes = Notes::default();
    let kinds: Vec<Kind> = comparison.candidates.keys().copied().collect();
    let compared: Vec<Kind> =
        kinds.iter().copied().filter(|kind| matches!(kind, Kind::Roundelay | Kind::Prepaid | Kind::Litellm)).collect();
    let mut lines = vec![
        [String::new()]
            .into_iter()
            .chain(kinds.iter().map(Kind::to_string))
            .chain(compared.iter().map(|kind| format!("{kind} / nginx")))
            .collect::<Vec<_>>(),
    ];
    for row in &ROWS {
        let mut line = vec![row.label.to_owned()];
        line.extend(kinds.iter().map(|kind| cell(comparison, *kind, row, &mut notes)));
        line.extend(compared.iter().map(|kind| {
            comparison.ratio_to_nginx(*kind, row).map_or_else(String::new, |ratio| format!("{ratio:.2}×"))
        }));
        lines.push(line);
    }
    let mut text = aligned(&lines);
    text.push_str("\nMedian of the rounds (lowest–highest).\n");
    for (kind, version) in &comparison.versions {
        text.push_str(&format!("{kind}: {version}\n"));
    }
    for (kind, why) in &comparison.absent {
        text.push_str(&format!("{kind} was left out: {why}\n"));
    }
    for (number, note) in notes.0.iter().enumerate() {
        text.push_str(&format!("[{}] {note}\n", number + 1));
    }
    text
}

fn cell(comparison: &Comparison, kind: Kind, row: &Row, notes: &mut Notes) -> String {
    let figures = &comparison.candidates[&kind];
    let mark = figures.remark_on(row.metric).map_or_else(String::new, |why| notes.mark(&format!("{kind}: {why}")));
    let decimals = row.decimals;
    match figures.spread(row.metric) {
        None if mark.is_empty() => "–".to_owned(),
        None => mark,
        Some(spread) if figures.rounds(row.metric).len() == 1 => {
            format!("{:.decimals$}{mark}", spread.median)
        }
        Some(spread) => {
            format!("{:.decimals$} ({:.decimals$}–{:.decimals$}){mark}", spread.median, spread.lowest, spread.highest)
        }
    }
}

/// Reasons below the table, each once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn mark(&mut self, note: &str) -> String {
        let at = self.0.iter().position(|known| known == note).unwrap_or_else(|| {
            self.0.push(note.to_owned());
            self.0.len() - 1
        });
        format!("[{}]", at + 1)
    }
}

pub(super) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn json(comparison: &Comparison) -> Value {
    let candidates: Map<String, Value> =
        comparison.candidates.keys().map(|kind| (kind.to_string(), candidate(comparison, *kind))).collect();
    let mut all = comparison.conditions.clone();
    all["candidates"] = candidates.into();
    all
}

fn candidate(comparison: &Comparison, kind: Kind) -> Value {
    let figures = &comparison.candidates[&kind];
    let (mut taken, mut ratios, mut remarks) = (Map::new(), Map::new(), Map::new());
    for row in &ROWS {
        if let Some(spread) = figures.spread(row.metric) {
            let rounds = figures.rounds(row.metric);
            let value = json!({
                "median": spread.median, "lowest": spread.lowest, "highest": spread.highest, "rounds": rounds,
            });
            taken.insert(row.name.to_owned(), value);
        }
        if let Some(ratio) = comparison.ratio_to_nginx(kind, row) {
            ratios.insert(row.name.to_owned(), ratio.into());
        }
        if let Some(why) = figures.remark_on(row.metric) {
            remarks.insert(row.name.to_owned(), why.into());
        }
    }
    json!({
        "version": comparison.versions.get(&kind),
        "left_out": comparison.absent.get(&kind),
        "figures": taken,
        "ratio_to_nginx": ratios,
        "remarks": remarks,
    })
}

#[cfg(test)]
mod tests {
    use super::super::figures::Metric;
    use super::*;

    fn comparison() -> Comparison {
        let mut comparison = Comparison::new(&[Kind::Nginx, Kind::Roundelay], json!({}));
        for (kind, rounds) in [(Kind::Nginx, [20.0, 21.0, 25.0]), (Kind::Roundelay, [40.0, 42.0, 44.0])] {
            for value in rounds {
                comparison.figures(kind).record([Metric::CpuRequest], Ok([value]));
            }
        }
        let fault = Fault::Measurement("no counter".to_owned());
        comparison.figures(Kind::Nginx).record([Metric::InstructionsRequest], Err(fault));
        comparison
    }

    #[test]
    fn the_table_shows_medians_spreads_ratios_and_reasons() {
        let text = table(&comparison());
        let row = text.lines().find(|line| line.starts_with("CPU µs a request, at peak")).unwrap();
        assert!(row.contains("21.0 (20.0–25.0)") && row.contains("42.0 (40.0–44.0)") && row.ends_with("2.00×"));
        assert!(text.contains("[1] nginx: no counter"));
    }

    #[test]
    fn the_json_holds_every_round() {
        let value = json(&comparison());
        let roundelay = &value["candidates"]["roundelay"];
        assert_eq!(roundelay["figures"]["request_cpu_us"]["rounds"], json!([40.0, 42.0, 44.0]));
        assert_eq!(roundelay["ratio_to_nginx"]["request_cpu_us"], 2.0);
        assert_eq!(value["candidates"]["nginx"]["remarks"]["request_user_instructions"], "no counter");
    }
}
