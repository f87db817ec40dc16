//! The tables people read and the JSON programs read.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::report::aligned;
use super::figures::Figures;
use super::{ROUTES, Route, WORKS, Work};
use crate::fault::{Fault, Result};
use crate::statistics::Spread;

pub(super) fn print(figures: &Figures) -> Result<()> {
    std::io::stdout().write_all(text(figures).as_bytes()).map_err(Fault::io("print the tables"))
}

pub(super) fn write_json(figures: &Figures, path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(&json(figures)).expect("numbers and strings are always JSON");
    fs::write(path, text + "\n").map_err(Fault::io(format!("write {}", path.display())))
}

fn text(figures: &Figures) -> String {
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for work in WORKS {
        if !lines.is_empty() {
            lines.push(vec![String::new(); 5]);
        }
        let heads = ["CPU µs", "added", "user instructions", "added"];
        lines.push([work.label()].into_iter().chain(heads).map(str::to_owned).collect());
        for route in ROUTES {
            lines.push(line(figures, work, route));
            if let Some(why) = figures.remark_on(work, route) {
                notes.push(format!("{}, {route}: a slice is missing: {why}\n", work.label()));
            }
        }
    }
    let mut text = aligned(&lines);
    text.push_str("\nMedian of the rounds (lowest–highest); added to \"chat, passed through\" of the same round.\n");
    text.push_str(&format!("roundelay: {}\n", figures.version));
    let load = figures.load.map(|load| load.map_or_else(|| "?".to_owned(), |load| format!("{load:.1}")));
    text.push_str(&format!(
        "Load average {} before and {} after; others took {:.0} % of the gateway's core.\n",
        load[0],
        load[1],
        figures.others_percent()
    ));
    if let Some(why) = &figures.without_instructions {
        text.push_str(&format!("User instructions are missing: {why}\n"));
    }
    text.extend(notes);
    text
}

fn line(figures: &Figures, work: Work, route: Route) -> Vec<String> {
    let decimals = decimals(work);
    let instructions = |count: Option<f64>, sign: bool| match count {
        None => "–".to_owned(),
        Some(count) if sign => format!("{count:+.0}"),
        Some(count) => format!("{count:.0}"),
    };
    vec![
        format!("  {route}"),
        Spread::of(figures.cpu(work, route)).map_or_else(
            || "–".to_owned(),
            |spread| {
                format!("{:.decimals$} ({:.decimals$}–{:.decimals$})", spread.median, spread.lowest, spread.highest)
            },
        ),
        figures.added_spread(work, route).map_or_else(
            || "–".to_owned(),
            |spread| {
                format!("{:+.decimals$} ({:+.decimals$}–{:+.decimals$})", spread.median, spread.lowest, spread.highest)
            },
        ),
        instructions(figures.instructions.get(&(work, route)).copied(), false),
        instructions(figures.added_instructions(work, route), true),
    ]
}

fn decimals(work: Work) -> usize {
    match work {
        Work::Request | Work::Turn | Work::ChunkPaced => 1,
        Work::ChunkFullSpeed => 2,
    }
}

fn json(figures: &Figures) -> Value {
    let works: Map<String, Value> = WORKS
        .into_iter()
        .map(|work| {
            let routes = ROUTES.into_iter().map(|route| (route.name().to_owned(), cell(figures, work, route)));
            (work.name().to_owned(), routes.collect::<Map<_, _>>().into())
        })
        .collect();
    let mut all = figures.conditions.clone();
    all["version"] = figures.version.as_str().into();
    all["load_average"] = json!(figures.load);
    all["core_others_percent"] = figures.others_percent().into();
    all["works"] = works.into();
    all
}

fn cell(figures: &Figures, work: Work, route: Route) -> Value {
    json!({
        "cpu_us": spread(figures.cpu(work, route)),
        "added_cpu_us": spread(figures.added(work, route)),
        "user_instructions": figures.instructions.get(&(work, route)),
        "added_user_instructions": figures.added_instructions(work, route),
        "remark": figures.remark_on(work, route),
    })
}

fn spread(rounds: &[f64]) -> Option<Value> {
    let Spread { median, lowest, highest } = Spread::of(rounds)?;
    Some(json!({ "median": median, "lowest": lowest, "highest": highest, "rounds": rounds }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::new(json!({}));
        for (base, translated) in [(40.0, 50.0), (42.0, 53.5), (41.0, 50.5)] {
            let each = BTreeMap::from([(Route::ChatPassed, base), (Route::MessagesToChat, translated)]);
            figures.record(Work::Request, &each);
        }
        figures.instructions.insert((Work::Request, Route::ChatPassed), 120_000.0);
        figures.instructions.insert((Work::Request, Route::MessagesToChat), 150_500.0);
        figures.remark(Work::Turn, Route::ChatToMessages, &Fault::Measurement("lost".to_owned()));
        figures
    }

    #[test]
    fn the_table_shows_what_is_added_and_why_something_is_missing() {
        let text = text(&figures());
        let row = text.lines().find(|line| line.starts_with("  Messages → chat")).unwrap();
        assert!(row.contains("50.5 (50.0–53.5)") && row.contains("+10.0 (+9.5–+11.5)"), "{row}");
        assert!(row.ends_with("+30500"), "{row}");
        assert!(text.contains("an agent's turn of 25 KB, chat → Messages: a slice is missing: lost"), "{text}");
    }

    #[test]
    fn the_json_holds_every_round() {
        let value = json(&figures());
        let cell = &value["works"]["request"]["messages_to_chat"];
        assert_eq!(cell["added_cpu_us"]["rounds"], json!([10.0, 11.5, 9.5]));
        assert_eq!(cell["added_user_instructions"], 30_500.0);
        assert_eq!(value["works"]["turn"]["chat_to_messages"]["remark"], "lost");
    }
}
