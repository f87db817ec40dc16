//! Cost against speed, with the rows that nothing beats in both joined by a line.

use std::fmt::Write as _;

use super::{
    axis::{Scale, along_bottom, along_left, colour_of, escaped, micros, short, titles},
    words::Words,
};
use crate::simulate::tally::{RowKind, Summary};

/// One point a row: what it cost and its p95 of the total time.
pub(super) fn draw(words: &Words, rows: &[Summary]) -> String {
    let title = words.frontier;
    let points: Vec<(usize, f64, f64)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.answered > 0)
        .map(|(number, row)| (number, cost(row), row.total_us.p95 as f64))
        .collect();
    let x = scale(points.iter().map(|point| point.1), LEFT, RIGHT);
    let y = scale(points.iter().map(|point| point.2), BOTTOM, TOP);
    let mut svg = format!(r#"<svg viewBox="0 0 560 352" role="img" aria-label="{title}">"#);
    along_bottom(&mut svg, &x, TOP, BOTTOM, |usd| format!("$ {}", short(usd)));
    along_left(&mut svg, &y, LEFT, RIGHT, micros);
    titles(&mut svg, BOTTOM, RIGHT, words.axis_cost, words.axis_slow);
    svg.push_str(r#"<polyline class="frontier" points=""#);
    for (_, cost, slow) in unbeaten(&points, rows) {
        let _ = write!(svg, "{:.1},{:.1} ", x.at(cost), y.at(slow));
    }
    svg.push_str("\"/>");
    let mut placed: Vec<(f64, f64)> = Vec::new();
    for &(number, cost, slow) in &points {
        let (px, py) = (x.at(cost), y.at(slow));
        let hollow = if rows[number].kind == RowKind::Oracle { " hollow" } else { "" };
        let class = colour_of(number, &rows[number]);
        let _ = write!(svg, r#"<circle class="{class}{hollow}" cx="{px:.1}" cy="{py:.1}" r="5"/>"#);
        let (anchor, dx) = if px > (LEFT + RIGHT) / 2.0 { ("end", -9.0) } else { ("start", 9.0) };
        let ly = free_line(&placed, px, py + 4.0);
        placed.push((px, ly));
        let (x, name) = (px + dx, escaped(&rows[number].name));
        let _ = write!(svg, r#"<text class="label" x="{x:.1}" y="{ly:.1}" text-anchor="{anchor}">{name}</text>"#);
    }
    svg.push_str("</svg>");
    svg
}

/// Labels of points that lie together go below each other, and above where the axis is near.
fn free_line(placed: &[(f64, f64)], x: f64, wanted: f64) -> f64 {
    let is_taken = |y: f64| placed.iter().any(|(ox, oy)| (ox - x).abs() < 130.0 && (oy - y).abs() < 13.0);
    let below = (0..).map(|line| wanted + 13.0 * f64::from(line)).take_while(|y| *y < BOTTOM - 3.0);
    let above = (1..).map(|line| wanted - 13.0 * f64::from(line)).take_while(|y| *y > TOP + 10.0);
    below.chain(above).find(|y| !is_taken(*y)).unwrap_or(wanted)
}

/// In the order of cost: those without another that is as cheap and as fast. Only what a gateway can do counts.
fn unbeaten(points: &[(usize, f64, f64)], rows: &[Summary]) -> Vec<(usize, f64, f64)> {
    let mut real: Vec<_> = points.iter().copied().filter(|point| rows[point.0].kind == RowKind::Simulated).collect();
    real.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.2.total_cmp(&b.2)));
    let mut fastest = f64::INFINITY;
    real.retain(|point| {
        let is_faster = point.2 < fastest;
        fastest = fastest.min(point.2);
        is_faster
    });
    real
}

fn cost(row: &Summary) -> f64 {
    (row.cost_nano + row.extra_cost_nano) as f64 / 1e9
}

/// From nothing, so that lengths compare as they are, with a little room at the end.
fn scale(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Scale {
    let most = values.fold(0.0, f64::max);
    let to = if most > 0.0 { most * 1.1 } else { 1.0 };
    Scale { from: 0.0, to, start, end, is_logarithmic: false }
}

const LEFT: f64 = 62.0;
const RIGHT: f64 = 545.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 310.0;
