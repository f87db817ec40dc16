//! Questions for numbers, times, sizes and money, each with its range and the way to write it.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use toml::de::DeValue;

use super::{Section, Text, quantity};

impl Section<'_> {
    /// A whole number within `range`.
    pub(in super::super) fn count(&self, key: &'static str, range: Range<u64>) -> Option<u64> {
        let least = range.start;
        let most = range.end - 1;
        self.quantity(
            key,
            quantity::count,
            |count| range.contains(count),
            || format!("write a whole number from {least} to {most}"),
        )
    }

    /// A number within `range`, its end included.
    pub(in super::super) fn number(&self, key: &'static str, least: f64, most: f64) -> Option<f64> {
        self.quantity(
            key,
            quantity::number,
            |number| (least..=most).contains(number),
            || format!("write a number from {least} to {most}"),
        )
    }

    /// A length of time, more than nothing and at most a week.
    pub(in super::super) fn duration(&self, key: &'static str) -> Option<Duration> {
        let is_allowed = |duration: &Duration| !duration.is_zero() && *duration <= quantity::WEEK;
        self.quantity(key, quantity::duration, is_allowed, || {
            "write a time of at most a week with its unit: `\"250ms\"`, `\"5s\"`, `\"30m\"`, `\"1h\"`".to_owned()
        })
    }

    /// A length of time that may be nothing, and at most ten years.
    pub(in super::super) fn length(&self, key: &'static str) -> Option<Duration> {
        let is_allowed = |length: &Duration| *length <= quantity::DECADE;
        self.quantity(key, quantity::duration, is_allowed, || {
            "write a time with its unit: `\"0s\"`, `\"250ms\"`, `\"30m\"`, `\"12d\"`".to_owned()
        })
    }

    /// A length of time that may be nothing, at most a week.
    pub(in super::super) fn wait(&self, key: &'static str) -> Option<Duration> {
        let is_allowed = |duration: &Duration| *duration <= quantity::WEEK;
        self.quantity(key, quantity::duration, is_allowed, || {
            "write a time of at most a week with its unit, or `\"0s\"`: `\"250ms\"`, `\"5s\"`".to_owned()
        })
    }

    /// A size in bytes within `range`.
    pub(in super::super) fn size(&self, key: &'static str, range: Range<u64>) -> Option<u64> {
        let least = range.start;
        let most = range.end - 1;
        self.quantity(
            key,
            quantity::size,
            |size| range.contains(size),
            || format!("write a size from {least} to {most} bytes: `65536`, `\"64KiB\"`, `\"10MB\"`"),
        )
    }

    /// Nano-USD from a decimal number of USD.
    pub(in super::super) fn nano_usd(&self, key: &'static str) -> Option<u64> {
        self.quantity(
            key,
            quantity::nano_usd,
            |_| true,
            || "write USD as a decimal number with at most nine places: `3.00`".to_owned(),
        )
    }

    /// Millionths from a decimal factor of at most a million.
    pub(in super::super) fn millionths(&self, key: &'static str) -> Option<u64> {
        self.quantity(
            key,
            quantity::millionths,
            |millionths| *millionths <= quantity::MILLIONTHS_MAX,
            || "write a factor from 0 to 1000000 with at most six places: `0.5` is half the price".to_owned(),
        )
    }

    /// Millionths from a decimal number within `range` of whole numbers.
    pub(in super::super) fn rate_millionths(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (range.start() * 1_000_000, range.end() * 1_000_000);
        self.quantity(
            key,
            quantity::millionths,
            |millionths| (least..=most).contains(millionths),
            || format!("write a number from {} to {} with at most six places", range.start(), range.end()),
        )
    }

    fn quantity<T>(
        &self,
        key: &'static str,
        parse: fn(&str) -> Option<T>,
        is_allowed: impl Fn(&T) -> bool,
        instead: impl Fn() -> String,
    ) -> Option<T> {
        let (place, value) = self.ask(key)?;
        let text = match value.get_ref() {
            DeValue::String(_) => self.text_of(place.clone(), value)?.value,
            DeValue::Integer(digits) if digits.radix() == 10 => Text::written(digits.as_str()),
            DeValue::Float(digits) => Text::written(digits.as_str()),
            _ => {
                self.wrong_type(&place, value, "a quantity");
                return None;
            }
        };
        let quantity = parse(&text.text).filter(is_allowed);
        if quantity.is_none() {
            self.reading().complain(&place, format!("`{}` does not fit here", text.shown()), Some(instead()));
        }
        quantity
    }
}
