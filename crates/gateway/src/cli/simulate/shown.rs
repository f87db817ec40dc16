//! The comparison as a table for people.

use std::array;

use crate::{
    cli::{
        duration::of_us,
        say,
        table::{print, printable},
    },
    common::duration::of_long_us,
    simulate::{Of, Results, RowKind, Summary},
};

/// Prints what was simulated, a line a row, and who answered how much.
pub(super) fn show(results: &Results) {
    let of = &results.of;
    say(&format_args!(
        "{} of {} ({}) over {}; seed {}, configuration {}",
        if of.requests == 1 { "1 request".to_owned() } else { format!("{} requests", of.requests) },
        printable(&of.workload),
        of.kind,
        of_long_us(of.span_us),
        of.seed,
        of.config,
    ));
    say(&format_args!("asking for {}; first request at {}", names(&of.asked), of.start));
    if let Some(outages) = &of.outages {
        let (file, rule, impact) = (printable(&outages.file), outages.rule, &outages.impact);
        say(&format_args!("outages of {file} by rule {rule}, impact {impact}"));
    }
    show_left_out(of);
    if !of.assumed.is_empty() {
        say(&format_args!("nothing says how these behave, so they behave as usual: {}", names(&of.assumed)));
    }
    if !of.thin.is_empty() {
        let thin: Vec<String> = of.thin.iter().map(|(name, answers)| format!("{name} ({answers})")).collect();
        say(&format_args!("learnt from fewer than 30 answers, so take their times with care: {}", names(&thin)));
    }
    if let Some(ceiling) = &results.ceiling {
        let alone = ceiling.alone.iter().map(|alone| format!("{} {}", alone.service, percent(alone.availability, 3)));
        let (alone, together) = (alone.collect::<Vec<_>>().join(", "), percent(ceiling.together, 4));
        say(&format_args!("what these outages leave possible: {alone}; together {together}"));
        if !ceiling.always_up.is_empty() {
            say(&format_args!("no outages are told of {}: taken to be always up", names(&ceiling.always_up)));
        }
    }
    say(&"");
    let rows: Vec<_> = results.rows.iter().map(cells).collect();
    // Hedges are told where there were any.
    if results.rows.iter().any(|row| row.hedges > 0) {
        print(HEADINGS, &rows);
    } else {
        print(without_hedges(&HEADINGS), &rows.iter().map(without_hedges).collect::<Vec<_>>());
    }
    say(&"");
    let shares: Vec<_> = results.rows.iter().flat_map(shares).collect();
    print(["STRATEGY", "DEPLOYMENT", "FIRST", "ATTEMPTS", "ANSWERED"], &shares);
    let unanswered: Vec<_> = results.rows.iter().flat_map(unanswered).collect();
    if !unanswered.is_empty() {
        say(&"");
        print(["STRATEGY", "WITHOUT AN ANSWER", "REQUESTS"], &unanswered);
    }
}

fn show_left_out(of: &Of) {
    let all = of.requests + of.left_out;
    let unknown: u64 = of.left_out_unknown.iter().map(|(_, requests)| requests).sum();
    if unknown > 0 {
        let asked: Vec<String> = of.left_out_unknown.iter().take(NAMES_SHOWN).map(asked).collect();
        let more = of.left_out_unknown.len().saturating_sub(NAMES_SHOWN);
        let more = if more > 0 { format!(" and {more} more names") } else { String::new() };
        say(&format_args!("{unknown} of {all} requests left out: asked for {}{more}", asked.join(", ")));
    }
    let others = of.left_out - unknown;
    if others > 0 {
        say(&format_args!("{others} of {all} requests left out: refused before they reached the router"));
    }
}

fn asked((name, requests): &(String, u64)) -> String {
    let name = printable(name);
    if *requests == 1 { format!("`{name}`") } else { format!("`{name}` ({requests})") }
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
}

fn cells(row: &Summary) -> [String; 13] {
    let (first, total) = (&row.first_content_us, &row.total_us);
    let price = if row.unpriced > 0 { format!("{} +?", dollars(row.cost_nano)) } else { dollars(row.cost_nano) };
    let extra = if row.kind == RowKind::Recorded { "-".to_owned() } else { percent(row.extra_share(), 2) };
    let cached = if row.cached_tokens_in_one > 0 {
        percent(row.cached_tokens as f64 / row.cached_tokens_in_one as f64, 1)
    } else {
        String::new()
    };
    // Of nothing that was answered there is no time.
    let time = |us: u64| if row.answered > 0 { of_us(us) } else { "-".to_owned() };
    [
        row.name.clone(),
        percent(row.availability, 4),
        price,
        extra,
        percent(of_requests(row, row.further_attempts), 2),
        percent(of_requests(row, row.hedges), 2),
        time(first.p50),
        time(first.p95),
        time(first.p99),
        time(total.p50),
        time(total.p95),
        time(total.p99),
        cached,
    ]
}

fn without_hedges<T: Clone>(cells: &[T; 13]) -> [T; 12] {
    array::from_fn(|place| cells[place + usize::from(place >= 5)].clone())
}

fn of_requests(row: &Summary, count: u64) -> f64 {
    count as f64 / row.requests.max(1) as f64
}

fn shares(row: &Summary) -> Vec<[String; 5]> {
    let first: u64 = row.deployments.iter().map(|share| share.first_attempts).sum();
    let cells = |share: &crate::simulate::Share| {
        [
            row.name.clone(),
            printable(&share.deployment),
            percent(share.first_attempts as f64 / first.max(1) as f64, 1),
            share.attempts.to_string(),
            percent(row.answered_share(share), 1),
        ]
    };
    row.deployments.iter().map(cells).collect()
}

fn unanswered(row: &Summary) -> Vec<[String; 3]> {
    row.unanswered.iter().map(|(why, count)| [row.name.clone(), (*why).to_owned(), count.to_string()]).collect()
}

fn percent(share: f64, places: usize) -> String {
    format!("{:.places$} %", share * 100.0)
}

/// To a hundredth of a cent.
fn dollars(nano: u64) -> String {
    format!("{:.4}", nano as f64 / 1e9)
}

const HEADINGS: [&str; 13] = [
    "STRATEGY",
    "ANSWERED",
    "COST USD",
    "EXTRA",
    "CALLS",
    "HEDGES",
    "TTFT P50",
    "P95",
    "P99",
    "TOTAL P50",
    "P95",
    "P99",
    "CACHED",
];
const NAMES_SHOWN: usize = 10;
