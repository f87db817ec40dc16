//! Who answered, over time: a stacked strip a row.

use std::fmt::Write as _;

use super::axis::colour;
use crate::simulate::tally::{SLICES, Summary};

/// Slices of 60 equal parts of the time, stacked by deployment; what is missing at the top had no answer.
pub(super) fn draw(title: &str, row: &Summary) -> String {
    let mut svg = format!(
        r#"<svg viewBox="0 0 600 90" role="img" aria-label="{title}" preserveAspectRatio="none"><rect class="none" x="0" y="0" width="600" height="90"/>"#
    );
    let width = 600.0 / SLICES as f64;
    for slice in 0..SLICES {
        let answered: u32 = row.deployments.iter().map(|share| share.over_time[slice]).sum();
        let all = f64::from(answered + row.unanswered_over_time[slice]);
        if all <= 0.0 {
            continue;
        }
        let mut bottom = 90.0;
        for (number, share) in row.deployments.iter().enumerate() {
            let height = f64::from(share.over_time[slice]) / all * 90.0;
            if height > 0.0 {
                bottom -= height;
                let x = slice as f64 * width;
                let _ = write!(
                    svg,
                    r#"<rect class="{}" x="{x:.1}" y="{bottom:.2}" width="{:.1}" height="{height:.2}"/>"#,
                    colour(number),
                    width - 0.5
                );
            }
        }
    }
    svg.push_str("</svg>");
    svg
}
