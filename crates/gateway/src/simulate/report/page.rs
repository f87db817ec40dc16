//! The page that holds everything.

use std::fmt::Write as _;

use super::{
    Results,
    axis::{colour, colour_of, escaped},
    bars, curves, frontier, shares,
    words::Words,
};
use crate::{
    common::duration::{of_long_us, of_us},
    simulate::tally::{Quantiles, RowKind, Summary},
};

/// The whole file.
pub(super) fn write(results: &Results, words: &Words) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>{}</h1>\n",
        words.tag, words.title, words.title
    );
    page.push_str(&facts(results, words));
    section(&mut page, words.table, None, &table(results, words));
    section(&mut page, words.frontier, Some(words.frontier_note), &frontier::draw(words, &results.rows));
    let legend =
        legend(results.rows.iter().enumerate().map(|(number, row)| (colour_of(number, row), row.name.as_str())));
    for (title, of) in [
        (words.curves_first, (|row| &row.first_content_us) as fn(&Summary) -> &Quantiles),
        (words.curves_total, |row| &row.total_us),
    ] {
        let drawing = format!("{}{legend}", curves::draw(words, title, &results.rows, of));
        section(&mut page, title, Some(words.curves_note), &drawing);
    }
    section(&mut page, words.missing, Some(words.missing_note), &missing(results, words));
    section(&mut page, words.shares, Some(words.shares_note), &strips(results, words));
    let notes: String = words.footnotes.iter().map(|note| format!("<li>{note}</li>")).collect();
    section(&mut page, words.notes, None, &format!("<ul>{notes}</ul>"));
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, title: &str, note: Option<&str>, body: &str) {
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(page, "<section>\n<h2>{title}</h2>");
    if let Some(note) = note {
        let _ = writeln!(page, "<p>{note}</p>");
    }
    let _ = writeln!(page, "{body}\n</section>");
}

fn facts(results: &Results, words: &Words) -> String {
    let of = &results.of;
    let mut rows = vec![
        (words.workload, format!("{} ({})", of.workload, of.kind)),
        (words.asked, of.asked.join(", ")),
        (words.requests, of.requests.to_string()),
        (words.span, of_long_us(of.span_us)),
        (words.start, of.start.clone()),
        (words.seed, of.seed.to_string()),
        (words.config, of.config.clone()),
    ];
    if let Some(limit) = of.limit {
        rows.push((words.limit, limit.to_string()));
    }
    rows.push((words.world, of.world.clone().unwrap_or_else(|| words.no_world.to_owned())));
    if let Some(outages) = &of.outages {
        let (rule, impact) =
            (format!("{} {}", words.rule, outages.rule), format!("{} {}", words.impact, outages.impact));
        rows.push((words.outages, format!("{}, {rule}, {impact}", outages.file)));
    }
    rows.push((words.version, of.version.to_owned()));
    if of.left_out > 0 {
        let unknown = of.left_out_unknown.iter().map(|(name, requests)| format!("{name} ({requests})"));
        let unknown: Vec<String> = unknown.collect();
        let unknown = if unknown.is_empty() { String::new() } else { format!(": {}", unknown.join(", ")) };
        rows.push((words.left_out, format!("{}{unknown}", of.left_out)));
    }
    if !of.thin.is_empty() {
        let thin: Vec<String> = of.thin.iter().map(|(name, answers)| format!("{name} ({answers})")).collect();
        rows.push((words.thin, thin.join(", ")));
    }
    if !of.assumed.is_empty() {
        rows.push((words.assumed, of.assumed.join(", ")));
    }
    let mut facts = String::from("<dl>\n");
    for (name, value) in rows {
        let _ = writeln!(facts, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    facts.push_str("</dl>\n");
    facts
}

fn table(results: &Results, words: &Words) -> String {
    let has_cache = results.rows.iter().any(|row| row.cached_tokens_in_one > 0);
    let quantiles = "<th>p50</th><th>p90</th><th>p95</th><th>p99</th>";
    let cached = if has_cache { format!("<th rowspan=2>{}</th>", words.cached) } else { String::new() };
    let mut table = format!(
        "<div class=\"wide\"><table><thead><tr><th rowspan=2>{}</th><th rowspan=2>{}</th><th rowspan=2>{}</th>\
         <th rowspan=2>{}</th><th rowspan=2>{}</th><th colspan=4>{}</th><th colspan=4>{}</th>{cached}</tr>\
         <tr>{quantiles}{quantiles}</tr></thead><tbody>\n",
        words.strategy, words.availability, words.cost, words.extra, words.further, words.first, words.total
    );
    for (number, row) in results.rows.iter().enumerate() {
        let mark = if row.unpriced > 0 { " +?" } else { "" };
        let is_recorded = row.kind == RowKind::Recorded;
        let extra = if is_recorded { "-".to_owned() } else { format!("{:.2} %", row.extra_share() * 100.0) };
        let _ = write!(
            table,
            "<tr><th><i class=\"{}\"></i>{}</th><td>{:.4} %</td><td>{:.4}{mark}</td><td>{extra}</td><td>{:.2} %</td>",
            colour_of(number, row),
            escaped(&row.name),
            row.availability * 100.0,
            row.cost_nano as f64 / 1e9,
            row.further_attempts as f64 / row.requests.max(1) as f64 * 100.0,
        );
        for quantiles in [&row.first_content_us, &row.total_us] {
            for us in [quantiles.p50, quantiles.p90, quantiles.p95, quantiles.p99] {
                let time = if row.answered > 0 { of_us(us) } else { "-".to_owned() };
                let _ = write!(table, "<td>{time}</td>");
            }
        }
        if has_cache {
            let kept = row.cached_tokens as f64 / row.cached_tokens_in_one.max(1) as f64;
            let kept = if row.cached_tokens_in_one > 0 { format!("{:.1} %", kept * 100.0) } else { "-".to_owned() };
            let _ = write!(table, "<td>{kept}</td>");
        }
        table.push_str("</tr>\n");
    }
    table.push_str("</tbody></table></div>");
    if results.rows.iter().any(|row| row.unpriced > 0) {
        let _ = write!(table, "<p>{}</p>", words.unpriced);
    }
    table
}

fn missing(results: &Results, words: &Words) -> String {
    let ceiling = results.ceiling.as_ref();
    let is_complete = results.rows.iter().all(|row| row.answered == row.requests);
    let mut body = match (is_complete, ceiling) {
        (true, None) => format!("<p>{}</p>", words.none_missing),
        _ => bars::draw(words.missing, &results.rows, ceiling.map(|ceiling| ceiling.together)),
    };
    if let Some(ceiling) = ceiling {
        let mut alone: Vec<String> = ceiling
            .alone
            .iter()
            .map(|alone| format!("{} {:.4} %", escaped(&alone.service), alone.availability * 100.0))
            .collect();
        alone.push(format!("{} {:.4} %", words.together, ceiling.together * 100.0));
        let _ = write!(body, "<p>┆ {}: {}</p>", words.ceiling, alone.join(", "));
        if !ceiling.always_up.is_empty() {
            let _ = write!(body, "<p>{}: {}</p>", words.always_up, escaped(&ceiling.always_up.join(", ")));
        }
    }
    body
}

fn strips(results: &Results, words: &Words) -> String {
    let names = results.rows.first().map(|row| row.deployments.iter().map(|share| share.deployment.as_str()));
    let mut body = legend(names.into_iter().flatten().enumerate().map(|(number, name)| (colour(number), name)));
    let _ = write!(body, "<p><i class=\"none\"></i> {} ({})</p>", words.unanswered, words.percent_of_requests);
    let time = time_axis(results.of.span_us);
    for row in &results.rows {
        let totals = row.deployments.iter().map(|share| format!("{:.1} %", row.answered_share(share) * 100.0));
        let _ = write!(
            body,
            "<h3>{} <small>{}</small></h3>{}{time}",
            escaped(&row.name),
            totals.collect::<Vec<_>>().join(" · "),
            shares::draw(&escaped(&row.name), row)
        );
    }
    let _ = write!(body, "<p>{}</p>", words.axis_since);
    body
}

/// The time since the first request under a strip.
fn time_axis(span_us: u64) -> String {
    let marks = (0..=4).map(|quarter| match quarter {
        0 => "<span>0</span>".to_owned(),
        _ => format!("<span>{}</span>", of_long_us(span_us / 4 * quarter)),
    });
    format!("<div class=\"time\">{}</div>", marks.collect::<String>())
}

/// What has which colour.
fn legend<'a>(names: impl Iterator<Item = (String, &'a str)>) -> String {
    let mut legend = String::from("<p class=\"legend\">");
    for (colour, name) in names {
        let _ = write!(legend, "<span><i class=\"{colour}\"></i>{}</span> ", escaped(name));
    }
    legend.push_str("</p>");
    legend
}

/// Colours after Okabe and Ito (2008), which people with any colour vision tell apart; lighter on a dark ground.
const STYLE: &str = "
:root{--ground:#fff;--ink:#1c2330;--faint:#5b6575;--grid:#e3e6eb;--none:#eceef2;
--k0:#0072b2;--k1:#e69f00;--k2:#009e73;--k3:#cc79a7;--k4:#56b4e9;--k5:#d55e00;--k6:#6b5bb5;--k7:#8a8f00;--k8:#8c564b;--k9:#b10058}
@media (prefers-color-scheme:dark){:root{--ground:#14181f;--ink:#e6e9ef;--faint:#9aa4b5;--grid:#2a303b;--none:#232933;
--k0:#4da3da;--k1:#f0b840;--k2:#3cc79d;--k3:#e3a3c7;--k4:#8fd0f5;--k5:#f0894a;--k6:#a598ea;--k7:#c2c84a;--k8:#c49a8a;--k9:#ff7aa8}}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.2rem 0 .3rem}h3{font-size:.95rem;margin:1rem 0 .2rem}
small,p,dt{color:var(--faint)}small{font-weight:400}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem;margin:0}dd{margin:0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
tbody th,thead th:first-child{text-align:left;font-weight:600}thead th{color:var(--faint);font-weight:500}
svg{display:block;width:100%;max-width:46rem;height:auto}svg text{fill:var(--faint);font-size:11px}
svg[preserveAspectRatio]{height:5.5rem;max-width:none}
.grid{stroke:var(--grid);stroke-width:1}.curve{fill:none;stroke-width:2}.dashed{stroke-dasharray:5 4}
.frontier{fill:none;stroke:var(--faint);stroke-width:1.5;stroke-dasharray:2 3}
.mark{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:3 3}
i{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.4em}.legend span{margin-right:1.2em;white-space:nowrap}
svg text.label{fill:var(--ink);paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}
.time{display:flex;justify-content:space-between;font-size:.75rem;color:var(--faint)}
rect.ink,circle.ink{fill:var(--ink)}.curve.ink{stroke:var(--ink)}i.ink{background:var(--ink)}
rect.none{fill:var(--none)}i.none{background:var(--none)}
rect.c0,circle.c0{fill:var(--k0)}rect.c1,circle.c1{fill:var(--k1)}rect.c2,circle.c2{fill:var(--k2)}rect.c3,circle.c3{fill:var(--k3)}
rect.c8,circle.c8{fill:var(--k8)}rect.c9,circle.c9{fill:var(--k9)}.curve.c8{stroke:var(--k8)}.curve.c9{stroke:var(--k9)}
i.c8{background:var(--k8)}i.c9{background:var(--k9)}
rect.c4,circle.c4{fill:var(--k4)}rect.c5,circle.c5{fill:var(--k5)}rect.c6,circle.c6{fill:var(--k6)}rect.c7,circle.c7{fill:var(--k7)}
.curve.c0{stroke:var(--k0)}.curve.c1{stroke:var(--k1)}.curve.c2{stroke:var(--k2)}.curve.c3{stroke:var(--k3)}
.curve.c4{stroke:var(--k4)}.curve.c5{stroke:var(--k5)}.curve.c6{stroke:var(--k6)}.curve.c7{stroke:var(--k7)}
i.c0{background:var(--k0)}i.c1{background:var(--k1)}i.c2{background:var(--k2)}i.c3{background:var(--k3)}
i.c4{background:var(--k4)}i.c5{background:var(--k5)}i.c6{background:var(--k6)}i.c7{background:var(--k7)}
circle.hollow{fill:var(--ground);stroke-width:2}
circle.hollow.c0{stroke:var(--k0)}circle.hollow.c1{stroke:var(--k1)}circle.hollow.c2{stroke:var(--k2)}circle.hollow.c3{stroke:var(--k3)}circle.hollow.c4{stroke:var(--k4)}circle.hollow.c5{stroke:var(--k5)}circle.hollow.c6{stroke:var(--k6)}circle.hollow.c7{stroke:var(--k7)}circle.hollow.c8{stroke:var(--k8)}circle.hollow.c9{stroke:var(--k9)}
";
