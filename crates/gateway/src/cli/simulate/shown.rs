//! The comparison as a table for people.

use crate::{
    cli::{
        duration::of_us,
        say,
        table::{print, printable},
    },
    simulate::{Results, Summary},
};

/// Prints what was simulated, a line a row, and who answered how much.
pub(super) fn show(results: &Results) {
    let of = &results.of;
    say(&format_args!(
        "{} requests of {} ({}) over {}; seed {}, configuration {}",
        of.requests,
        printable(&of.workload),
        of.kind,
        span(of.span_us),
        of.seed,
        of.config,
    ));
    if of.left_out > 0 {
        say(&format_args!("{} records never reached the router (refused at the door) and are left out", of.left_out));
    }
    if !of.assumed.is_empty() {
        let names: Vec<String> = of.assumed.iter().map(|name| printable(name)).collect();
        say(&format_args!("nothing says how these behave, so they behave as usual: {}", names.join(", ")));
    }
    if let Some(ceiling) = &results.ceiling {
        let alone = ceiling.alone.iter().map(|alone| format!("{} {}", alone.service, percent(alone.availability, 3)));
        let (alone, together) = (alone.collect::<Vec<_>>().join(", "), percent(ceiling.together, 4));
        say(&format_args!("what these outages leave possible: {alone}; together {together}"));
    }
    say(&"");
    let rows: Vec<_> = results.rows.iter().map(row).collect();
    print(
        [
            "STRATEGY",
            "ANSWERED",
            "COST USD",
            "EXTRA",
            "CALLS",
            "TTFT P50",
            "P95",
            "P99",
            "TOTAL P50",
            "P95",
            "P99",
            "CACHED",
        ],
        &rows,
    );
    say(&"");
    let shares: Vec<_> = results.rows.iter().flat_map(shares).collect();
    print(["STRATEGY", "DEPLOYMENT", "FIRST", "ATTEMPTS", "ANSWERED"], &shares);
    let unanswered: Vec<_> = results.rows.iter().flat_map(unanswered).collect();
    if !unanswered.is_empty() {
        say(&"");
        print(["STRATEGY", "WITHOUT AN ANSWER", "REQUESTS"], &unanswered);
    }
}

fn row(row: &Summary) -> [String; 12] {
    let (first, total) = (&row.first_content_us, &row.total_us);
    let price = if row.unpriced > 0 { format!("{} +?", dollars(row.cost_nano)) } else { dollars(row.cost_nano) };
    let cached = if row.cached_tokens_in_one > 0 {
        percent(row.cached_tokens as f64 / row.cached_tokens_in_one as f64, 1)
    } else {
        String::new()
    };
    [
        row.name.clone(),
        percent(row.availability, 4),
        price,
        percent(row.extra_share(), 2),
        percent(row.further_attempts as f64 / row.requests.max(1) as f64, 2),
        of_us(first.p50),
        of_us(first.p95),
        of_us(first.p99),
        of_us(total.p50),
        of_us(total.p95),
        of_us(total.p99),
        cached,
    ]
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

/// Outages last for months, which nobody reads in minutes.
fn span(us: u64) -> String {
    const DAY_US: u64 = 86_400_000_000;
    if us < 2 * DAY_US { of_us(us) } else { format!("{:.1} d", us as f64 / DAY_US as f64) }
}

/// To a hundredth of a cent.
fn dollars(nano: u64) -> String {
    format!("{:.4}", nano as f64 / 1e9)
}
