//! Prices that depend on the clock, and the quote that is frozen for one exchange.

use std::sync::Arc;

use roundelay_calendar::{Turn, UnixTime, Window};

use crate::{BadPrice, ChargeTooLarge, Money, Price, PriceId, TokenPrices, Tokens, UnitPrices};

/// What is different about a price while a window holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// While it holds.
    pub window: Window,
    /// What it does to the price.
    pub effect: Effect,
}

/// What a tariff does to a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Each class, in each tier, costs so many times as much.
    Multiply(Factors),
    /// Another price in its place.
    Replace(Price),
}

/// A factor for each class of tokens. Images that are made count as output, and what else is no token as input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// Of input.
    pub input: Factor,
    /// Of output.
    pub output: Factor,
    /// Of input read from a cache; as `input` when `None`.
    pub cache_read: Option<Factor>,
    /// Of input written to a cache; as `input` when `None`.
    pub cache_write: Option<Factor>,
    /// Of audio in the input; as `input` when `None`.
    pub audio_input: Option<Factor>,
    /// Of audio in the output; as `output` when `None`.
    pub audio_output: Option<Factor>,
}

impl Factors {
    /// The same for every class.
    pub const fn all(factor: Factor) -> Self {
        Self {
            input: factor,
            output: factor,
            cache_read: None,
            cache_write: None,
            audio_input: None,
            audio_output: None,
        }
    }

    fn apply(&self, prices: &TokenPrices) -> Option<TokenPrices> {
        // A class stays "as `input`" when neither its price nor its factor was written.
        let apply = |price: Option<u64>, factor: Option<Factor>, prices_like: u64, factor_like: Factor| {
            if price.is_none() && factor.is_none() {
                return Some(None);
            }
            factor.unwrap_or(factor_like).of(price.unwrap_or(prices_like)).map(Some)
        };
        Some(TokenPrices {
            input: self.input.of(prices.input)?,
            output: self.output.of(prices.output)?,
            cache_read: apply(prices.cache_read, self.cache_read, prices.input, self.input)?,
            cache_write: apply(prices.cache_write, self.cache_write, prices.input, self.input)?,
            // What is derived from prices that were changed is changed with them.
            cache_write_long: match prices.cache_write_long {
                Some(long) => Some(self.cache_write.unwrap_or(self.input).of(long)?),
                None => None,
            },
            audio_input: apply(prices.audio_input, self.audio_input, prices.input, self.input)?,
            audio_output: apply(prices.audio_output, self.audio_output, prices.output, self.output)?,
            image_input: apply(prices.image_input, None, prices.input, self.input)?,
            units: UnitPrices {
                image: self.output.of(prices.units.image)?,
                ..prices.units.map(|price| self.input.of(price))?
            },
        })
    }
}

/// An exact ratio, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(u64);

impl Factor {
    /// Leaves a price as it is.
    pub const ONE: Self = Self(MILLION);

    /// So many millionths: 500,000 is a half.
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// The millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// The product, to the nearest millionth, half a one up; `None` when it cannot be written.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        other.of(self.0).map(Self)
    }

    /// The price times this ratio, to the nearest nano-USD a million tokens (10⁻¹⁵ USD a token), half a one up.
    fn of(self, price: u64) -> Option<u64> {
        let exact = u128::from(price) * u128::from(self.0);
        u64::try_from((exact + u128::from(MILLION / 2)) / u128::from(MILLION)).ok()
    }
}

/// A price with its tariffs. Cloning is a few counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceList {
    standard: Named,
    tariffs: Vec<(Window, Named)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    price: Arc<Price>,
    id: PriceId,
}

impl Named {
    fn new(price: Price) -> Self {
        Self { id: price.id(), price: Arc::new(price) }
    }
}

impl PriceList {
    /// A price that does not depend on the clock.
    pub fn constant(price: Price) -> Self {
        Self { standard: Named::new(price), tariffs: Vec::new() }
    }

    /// A price, and tariffs of which the first whose window holds counts.
    ///
    /// # Errors
    ///
    /// [`BadPrice::TooLarge`] when a tariff makes a price that cannot be written.
    pub fn new(price: Price, tariffs: Vec<Tariff>) -> Result<Self, BadPrice> {
        let tariffs = tariffs.into_iter().map(|Tariff { window, effect }| {
            let price = match effect {
                Effect::Multiply(factors) => price.map(|prices| factors.apply(prices)).ok_or(BadPrice::TooLarge)?,
                Effect::Replace(price) => price,
            };
            Ok((window, Named::new(price)))
        });
        let tariffs = tariffs.collect::<Result<_, BadPrice>>()?;
        Ok(Self { standard: Named::new(price), tariffs })
    }

    /// What holds outside of all tariffs.
    pub fn standard(&self) -> &Price {
        &self.standard.price
    }

    /// When each tariff holds, in their order.
    pub fn windows(&self) -> impl Iterator<Item = &Window> + Clone {
        self.tariffs.iter().map(|(window, _)| window)
    }

    /// What holds at that instant, to be kept for as long as the exchange lasts.
    pub fn at(&self, at: UnixTime) -> Quote {
        let turn = Turn::of(self.windows(), at);
        let named = turn.index.map_or(&self.standard, |index| &self.tariffs[index].1);
        Quote { price: Arc::clone(&named.price), id: named.id, at, until: turn.until, tariff: turn.index }
    }
}

/// The price at one instant. Plan, hold and settlement of an exchange use one quote, so that what was expected is what
/// is charged, whatever the clock does meanwhile. Cloning is one counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// What holds.
    pub price: Arc<Price>,
    /// Its name, for records.
    pub id: PriceId,
    /// The instant it was taken for.
    pub at: UnixTime,
    /// The first instant at which another tariff, or none, counts; `None` when that never comes.
    pub until: Option<UnixTime>,
    /// Which tariff counts, by its place in the list; `None` when none does.
    pub tariff: Option<usize>,
}

impl Quote {
    /// What these tokens cost; see [`TokenPrices::charge`].
    ///
    /// # Errors
    ///
    /// When the amount cannot be written as [`Money`].
    pub fn charge(&self, tokens: &Tokens) -> Result<Money, ChargeTooLarge> {
        self.price.charge(tokens)
    }
}

const MILLION: u64 = 1_000_000;
