//! `[currency]`, and prices in yuan: the number that was listed is kept, and a price in dollars is made of it.

use roundelay_ledger::{Price, TokenPrices, UnitPrices};
pub use roundelay_protocol::balance::Currency;

use super::reader::Section;

/// How many yuan make a dollar, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CnyPerUsd(u64);

impl CnyPerUsd {
    /// What holds when nothing is written: about what it has been since 2023, when it moved between 6.7 and 7.35.
    pub const DEFAULT: Self = Self(7_100_000);

    /// Reads `[currency]`.
    pub(super) fn read(section: Section<'_>) -> Self {
        let rate = section.rate_millionths("cny_per_usd", 1..=100);
        section.finish();
        rate.map_or(Self::DEFAULT, Self)
    }

    /// As a number, for what is shown and compared.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// What was listed in that currency, in dollars. Each class is rounded once, to the nearest nano-USD a million
    /// tokens (10⁻¹⁵ USD a token), half a one up.
    pub(super) fn price_in_usd(self, listed: &Price, currency: Currency) -> Price {
        if currency == Currency::Usd {
            return listed.clone();
        }
        let tiers = listed.tiers().iter().map(|(above, prices)| (*above, self.in_usd(prices))).collect();
        Price::tiered(self.in_usd(listed.base()), tiers).expect("the tiers begin where they began")
    }

    fn in_usd(self, listed: &TokenPrices) -> TokenPrices {
        let usd = |nano_cny: u64| {
            let exact = u128::from(nano_cny) * 1_000_000 + u128::from(self.0 / 2);
            u64::try_from(exact / u128::from(self.0)).expect("a yuan is no more than a dollar here")
        };
        TokenPrices {
            input: usd(listed.input),
            output: usd(listed.output),
            cache_read: listed.cache_read.map(usd),
            cache_write: listed.cache_write.map(usd),
            cache_write_long: listed.cache_write_long.map(usd),
            audio_input: listed.audio_input.map(usd),
            audio_output: listed.audio_output.map(usd),
            image_input: listed.image_input.map(usd),
            units: UnitPrices {
                image: usd(listed.units.image),
                second: usd(listed.units.second),
                characters: usd(listed.units.characters),
                search: usd(listed.units.search),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_become_dollars_to_the_nearest_nano() {
        let listed = TokenPrices {
            input: 8_000_000_000,
            output: 28_000_000_000,
            cache_read: Some(7),
            cache_write: Some(0),
            audio_input: None,
            ..TokenPrices::default()
        };
        let price = Price::tiered(listed, vec![(32_000, listed)]).expect("one tier");
        let usd = CnyPerUsd(7_000_000).price_in_usd(&price, Currency::Cny);
        // 8 / 7 = 1.142857142857…, 28 / 7 = 4, 7 / 7 = 1.
        assert_eq!((usd.base().input, usd.base().output), (1_142_857_143, 4_000_000_000));
        assert_eq!((usd.base().cache_read, usd.base().cache_write, usd.base().audio_input), (Some(1), Some(0), None));
        assert_eq!(usd.tiers(), [(32_000, *usd.base())]);
        assert_eq!(CnyPerUsd(7_000_000).price_in_usd(&price, Currency::Usd), price);
        assert_eq!(CnyPerUsd::DEFAULT.as_f64().to_string(), "7.1");
    }
}
