//! The parts that drawings share: escaping, scales, ticks, colours.

use std::fmt::Write as _;

use crate::simulate::tally::{RowKind, Summary};

/// Text in HTML and SVG.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A scale from values to places in a drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) is_logarithmic: bool,
}

impl Scale {
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = |value: f64| if self.is_logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let (from, to) = (place(self.from), place(self.to));
        let share = if to > from { (place(value) - from) / (to - from) } else { 0.5 };
        self.start + share.clamp(-0.05, 1.05) * (self.end - self.start)
    }

    /// Round values within it: 1, 2 and 5 times a power of ten.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.is_logarithmic { self.decades() } else { self.steps() }
    }

    fn decades(&self) -> Vec<f64> {
        let first = self.from.log10().floor() as i32;
        let last = self.to.log10().ceil() as i32;
        let all = (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
        all.filter(|tick| (self.from..=self.to).contains(tick)).collect()
    }

    fn steps(&self) -> Vec<f64> {
        let width = self.to - self.from;
        if width <= 0.0 {
            return vec![self.from];
        }
        let rough = 10f64.powf((width / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * rough).into_iter().find(|step| width / step <= 6.0);
        let step = step.unwrap_or(width);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|count| count as f64 * step).take_while(|tick| *tick <= self.to + step * 1e-9).collect()
    }
}

/// Grid lines and their numbers along the bottom.
pub(super) fn along_bottom(svg: &mut String, scale: &Scale, top: f64, bottom: f64, show: fn(f64) -> String) {
    let mut written = f64::NEG_INFINITY;
    for tick in scale.ticks() {
        let x = scale.at(tick);
        line(svg, "grid", x, top, x, bottom);
        // Numbers that would touch are left out, not their lines.
        if x - written > NUMBER_WIDTH {
            text(svg, x, bottom + 16.0, "middle", &show(tick));
            written = x;
        }
    }
}

/// Grid lines and their numbers along the left side.
pub(super) fn along_left(svg: &mut String, scale: &Scale, left: f64, right: f64, show: fn(f64) -> String) {
    for tick in scale.ticks() {
        let y = scale.at(tick);
        line(svg, "grid", left, y, right, y);
        text(svg, left - 6.0, y + 4.0, "end", &show(tick));
    }
}

/// What the numbers along the bottom and along the left side are.
pub(super) fn titles(svg: &mut String, bottom: f64, right: f64, of_x: &str, of_y: &str) {
    text(svg, right, bottom + 34.0, "end", of_x);
    text(svg, 2.0, 12.0, "start", of_y);
}

pub(super) fn line(svg: &mut String, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
    // Writing to a string cannot fail, here and below.
    let _ = write!(svg, r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#);
}

pub(super) fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#, escaped(words));
}

/// The class of the colour of the `number`th thing of a kind.
pub(super) fn colour(number: usize) -> String {
    format!("c{}", number % COLOURS)
}

/// The class of the colour of a row; what really happened is drawn in ink.
pub(super) fn colour_of(number: usize, row: &Summary) -> String {
    if row.kind == RowKind::Recorded { "ink".to_owned() } else { colour(number) }
}

/// Microseconds for people: `250 ms`, `1.5 s`.
pub(super) fn micros(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.0} µs"),
        us if us < 1e6 => format!("{} ms", short(us / 1e3)),
        us if us < 120e6 => format!("{} s", short(us / 1e6)),
        us if us < 2.0 * DAY_US => format!("{} min", short(us / 60e6)),
        us => format!("{} d", short(us / DAY_US)),
    }
}

/// A number with three digits that matter and no zeros behind them.
pub(super) fn short(number: f64) -> String {
    let places = match number.abs() {
        n if n >= 100.0 => 0,
        n if n >= 10.0 => 1,
        n if n >= 1.0 => 2,
        n if n >= 0.01 => 4,
        _ => 6,
    };
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

const DAY_US: f64 = 86_400e6;
/// Colours that the style sheet has.
pub(super) const COLOURS: usize = 10;
const NUMBER_WIDTH: f64 = 46.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, expected) in
            [(0.0, "0"), (1.5, "1.5"), (1.0, "1"), (250.4, "250"), (0.25, "0.25"), (12.34, "12.3")]
        {
            assert_eq!(short(number), expected);
        }
        assert_eq!(micros(1_500_000.0), "1.5 s");
        assert_eq!(micros(200_000.0), "200 ms");
    }

    #[test]
    fn ticks_are_round_and_within() {
        let scale = |from, to, is_logarithmic| Scale { from, to, start: 0.0, end: 100.0, is_logarithmic };
        assert_eq!(scale(0.0, 10.0, false).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(scale(3.0, 60.0, true).ticks(), [5.0, 10.0, 20.0, 50.0]);
        assert!((scale(1.0, 100.0, true).at(10.0) - 50.0).abs() < 1e-9);
        assert!((scale(5.0, 5.0, false).at(5.0) - 50.0).abs() < 1e-9);
    }
}
