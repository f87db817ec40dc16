//! Quantiles as curves: which share of the requests took at most so long.

use std::fmt::Write as _;

use super::{
    axis::{Scale, along_bottom, along_left, colour_of, micros, titles},
    words::Words,
};
use crate::simulate::tally::{Quantiles, RowKind, Summary};

/// One curve a row.
pub(super) fn draw(words: &Words, title: &str, rows: &[Summary], of: fn(&Summary) -> &Quantiles) -> String {
    let answered: Vec<(usize, &Summary)> = rows.iter().enumerate().filter(|(_, row)| row.answered > 0).collect();
    let least = answered.iter().map(|(_, row)| of(row).percentiles[1]).min().unwrap_or(1).max(1);
    let most = answered.iter().map(|(_, row)| of(row).percentiles[99]).max().unwrap_or(1);
    let x = Scale {
        from: least as f64 * 0.9,
        to: (most as f64 * 1.1).max(least as f64 * 1.2),
        start: LEFT,
        end: RIGHT,
        is_logarithmic: true,
    };
    let y = Scale { from: 0.0, to: 1.0, start: BOTTOM, end: TOP, is_logarithmic: false };
    let mut svg = format!(r#"<svg viewBox="0 0 560 312" role="img" aria-label="{title}">"#);
    along_bottom(&mut svg, &x, TOP, BOTTOM, micros);
    along_left(&mut svg, &y, LEFT, RIGHT, |share| format!("{:.0} %", share * 100.0));
    titles(&mut svg, BOTTOM, RIGHT, words.axis_time, words.axis_share);
    for (number, row) in answered {
        let dashed = if row.kind == RowKind::Oracle { " dashed" } else { "" };
        let _ = write!(svg, r#"<polyline class="curve {}{dashed}" points=""#, colour_of(number, row));
        for (hundredths, us) in of(row).percentiles.iter().enumerate().take(100).skip(1) {
            let _ = write!(svg, "{:.1},{:.1} ", x.at(*us as f64), y.at(hundredths as f64 / 100.0));
        }
        svg.push_str("\"/>");
    }
    svg.push_str("</svg>");
    svg
}

const LEFT: f64 = 50.0;
const RIGHT: f64 = 545.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 270.0;
