//! How many requests had no answer, a bar a row.

use std::fmt::Write as _;

use super::axis::{colour_of, escaped};
use crate::simulate::tally::Summary;

/// Bars in proportion to the worst row. `ceiling` = the share of requests that can be answered at all.
pub(super) fn draw(title: &str, rows: &[Summary], ceiling: Option<f64>) -> String {
    let missing = |row: &Summary| 1.0 - row.availability;
    let worst = rows.iter().map(missing).fold(1.0 - ceiling.unwrap_or(1.0), f64::max).max(f64::MIN_POSITIVE);
    let height = rows.len() as f64 * ROW + 8.0;
    let mut svg = format!(r#"<svg viewBox="0 0 560 {height:.0}" role="img" aria-label="{title}">"#);
    for (number, row) in rows.iter().enumerate() {
        let y = number as f64 * ROW + 4.0;
        let width = missing(row) / worst * (RIGHT - LEFT);
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text><rect class="{}" x="{LEFT:.1}" y="{y:.1}" width="{width:.1}" height="{:.1}"/><text x="{:.1}" y="{:.1}">{:.4} %</text>"#,
            LEFT - 8.0,
            y + 14.0,
            escaped(&row.name),
            colour_of(number, row),
            ROW - 8.0,
            LEFT + width + 6.0,
            y + 14.0,
            missing(row) * 100.0,
        );
    }
    if let Some(ceiling) = ceiling {
        let x = LEFT + (1.0 - ceiling) / worst * (RIGHT - LEFT);
        super::axis::line(&mut svg, "mark", x, 0.0, x, height);
    }
    svg.push_str("</svg>");
    svg
}

const LEFT: f64 = 150.0;
const RIGHT: f64 = 470.0;
const ROW: f64 = 26.0;
