//! Cost against speed, with the rows that nothing beats in both joined by a line.

use std::fmt::Write as _;

use super::axis::{Scale, along_bottom, along_left, colour, micros, short, text};
use crate::simulate::tally::Summary;

/// One point a row: what it cost and its p95 of the total time.
pub(super) fn draw(title: &str, rows: &[Summary]) -> String {
    let points: Vec<(usize, f64, f64)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.answered > 0)
        .map(|(number, row)| (number, cost(row), row.total_us.p95 as f64))
        .collect();
    let x = scale(points.iter().map(|point| point.1), LEFT, RIGHT);
    let y = scale(points.iter().map(|point| point.2), BOTTOM, TOP);
    let mut svg = format!(r#"<svg viewBox="0 0 560 340" role="img" aria-label="{title}">"#);
    along_bottom(&mut svg, &x, TOP, BOTTOM, |usd| format!("$ {}", short(usd)));
    along_left(&mut svg, &y, LEFT, RIGHT, micros);
    svg.push_str(r#"<polyline class="frontier" points=""#);
    for (_, cost, slow) in unbeaten(&points, rows) {
        let _ = write!(svg, "{:.1},{:.1} ", x.at(cost), y.at(slow));
    }
    svg.push_str("\"/>");
    let mut placed: Vec<(f64, f64)> = Vec::new();
    for &(number, cost, slow) in &points {
        let (px, py) = (x.at(cost), y.at(slow));
        let _ = write!(svg, r#"<circle class="{}" cx="{px:.1}" cy="{py:.1}" r="5"/>"#, colour(number));
        let (anchor, dx) = if px > (LEFT + RIGHT) / 2.0 { ("end", -9.0) } else { ("start", 9.0) };
        // Labels of points that lie together go below each other.
        let mut ly = py + 4.0;
        while placed.iter().any(|(ox, oy)| (ox - px).abs() < 130.0 && (oy - ly).abs() < 13.0) {
            ly += 13.0;
        }
        placed.push((px, ly));
        text(&mut svg, px + dx, ly, anchor, &rows[number].name);
    }
    svg.push_str("</svg>");
    svg
}

/// In the order of cost: those without another that is as cheap and as fast. Oracles are beyond reach and do not count.
fn unbeaten(points: &[(usize, f64, f64)], rows: &[Summary]) -> Vec<(usize, f64, f64)> {
    let mut real: Vec<_> = points.iter().copied().filter(|point| !rows[point.0].name.starts_with("oracle")).collect();
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

/// With a little room to either side.
fn scale(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Scale {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    let (least, most) = if least.is_finite() { (least, most) } else { (0.0, 1.0) };
    let room = ((most - least) * 0.12).max(most * 0.02).max(f64::MIN_POSITIVE);
    Scale { from: (least - room).max(0.0), to: most + room, start, end, is_logarithmic: false }
}

const LEFT: f64 = 62.0;
const RIGHT: f64 = 545.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 310.0;
