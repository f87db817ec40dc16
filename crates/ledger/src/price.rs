//! What an answer costs: exact prices, tiers by the size of the input, and the charge.

use std::fmt;

use crate::{Money, Tokens, UnitPrices};

/// What a million tokens of each class cost, in nano-USD (10⁻⁹ USD), and what is no token. Any number is a price; 0 is
/// free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenPrices {
    /// Input that touched no cache.
    pub input: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Input read from a cache; as `input` when `None`.
    pub cache_read: Option<u64>,
    /// Input written to a cache; as `input` when `None`.
    pub cache_write: Option<u64>,
    /// Input written to a cache to be kept for longer than the shortest time; when `None`, twice the input, or as much as
    /// any write where that is more.
    pub cache_write_long: Option<u64>,
    /// Input that was heard; as `input` when `None`.
    pub audio_input: Option<u64>,
    /// Output that was spoken; as `output` when `None`.
    pub audio_output: Option<u64>,
    /// Input that was seen; as `input` when `None`.
    pub image_input: Option<u64>,
    /// What is billed by something else than tokens.
    pub units: UnitPrices,
}

impl TokenPrices {
    /// What a million tokens read from a cache cost.
    pub fn cache_read(&self) -> u64 {
        self.cache_read.unwrap_or(self.input)
    }

    /// What a million tokens written to a cache cost.
    pub fn cache_write(&self) -> u64 {
        self.cache_write.unwrap_or(self.input)
    }

    /// What a million tokens written to a cache cost that are to be kept for longer: where no price is written, twice the
    /// input, as Anthropic bills an hour ("prompt caching", "pricing"), or as much as any write where that is more.
    pub fn cache_write_long(&self) -> u64 {
        self.cache_write_long.unwrap_or_else(|| self.derived_write_long())
    }

    fn derived_write_long(&self) -> u64 {
        self.cache_write().max(self.input.saturating_mul(2))
    }

    /// What a million tokens of audio in the input cost.
    pub fn audio_input(&self) -> u64 {
        self.audio_input.unwrap_or(self.input)
    }

    /// What a million tokens of audio in the output cost.
    pub fn audio_output(&self) -> u64 {
        self.audio_output.unwrap_or(self.output)
    }

    /// What a million tokens of images in the input cost.
    pub fn image_input(&self) -> u64 {
        self.image_input.unwrap_or(self.input)
    }

    /// What these tokens cost, exact, and rounded once at the end: to the nearest nano-USD, half a one up.
    ///
    /// # Errors
    ///
    /// When the amount cannot be written as [`Money`].
    pub fn charge(&self, tokens: &Tokens) -> Result<Money, ChargeTooLarge> {
        let rounded = self.exact(tokens).and_then(|exact| exact.checked_add(MILLION / 2)).map(|sum| sum / MILLION);
        rounded.and_then(|nano| i64::try_from(nano).ok()).map(Money::from_nano).ok_or(ChargeTooLarge)
    }

    /// What these tokens cost in 10⁻¹⁵ USD; `None` when that cannot be written.
    pub(crate) fn exact(&self, tokens: &Tokens) -> Option<u128> {
        let classes = [
            (tokens.input, self.input),
            (tokens.image, self.image_input()),
            (tokens.cache_read, self.cache_read()),
            (tokens.cache_write, self.cache_write()),
            (tokens.cache_write_long, self.cache_write_long()),
            (tokens.audio_input, self.audio_input()),
            (tokens.output, self.output),
            (tokens.audio_output, self.audio_output()),
        ];
        classes.into_iter().try_fold(self.units.exact(&tokens.units)?, |sum, (count, price)| {
            sum.checked_add(u128::from(count) * u128::from(price))
        })
    }
}

/// What a deployment costs: a base, and tiers that take its place when the input is large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    base: TokenPrices,
    tiers: Vec<(u64, TokenPrices)>,
}

impl Price {
    /// A price without tiers.
    pub const fn flat(base: TokenPrices) -> Self {
        Self { base, tiers: Vec::new() }
    }

    /// A price with tiers: above so many input tokens, the prices of the tier hold for *all* tokens of the answer, as
    /// Google and Anthropic bill prompts above 200,000 tokens.
    ///
    /// # Errors
    ///
    /// When the tiers are not in strictly rising order.
    pub fn tiered(base: TokenPrices, tiers: Vec<(u64, TokenPrices)>) -> Result<Self, BadPrice> {
        if !tiers.is_sorted_by(|(lower, _), (higher, _)| lower < higher) {
            return Err(BadPrice::TiersOutOfOrder);
        }
        Ok(Self { base, tiers })
    }

    /// What holds below the first tier.
    pub fn base(&self) -> &TokenPrices {
        &self.base
    }

    /// Above how many input tokens which prices hold, in rising order.
    pub fn tiers(&self) -> &[(u64, TokenPrices)] {
        &self.tiers
    }

    /// What holds for an answer with that much input, cached input included.
    pub fn of(&self, total_input_tokens: u64) -> &TokenPrices {
        let reached = self.tiers.iter().rev().find(|(above, _)| total_input_tokens > *above);
        reached.map_or(&self.base, |(_, prices)| prices)
    }

    /// What these tokens cost; see [`TokenPrices::charge`].
    ///
    /// # Errors
    ///
    /// When the amount cannot be written as [`Money`].
    pub fn charge(&self, tokens: &Tokens) -> Result<Money, ChargeTooLarge> {
        self.of(tokens.total_input()).charge(tokens)
    }

    /// The name of what this price charges.
    ///
    /// FNV-1a of 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>) over the base and each tier: where it begins (0 for the base), then its
    /// prices in the order of [`TokenPrices`] and [`UnitPrices`], each as eight bytes, lowest first. A class that is not written has
    /// the price it takes, so prices that charge the same have the same name. Writes that are kept for longer are among them,
    /// at the end, only where their price is not the one they would take. It does not change between builds.
    pub fn id(&self) -> PriceId {
        let base = [(0, self.base)];
        let numbers = base.iter().chain(&self.tiers).flat_map(|&(above, prices)| {
            let cache = [prices.cache_read(), prices.cache_write()];
            let audio = [prices.audio_input(), prices.audio_output()];
            let units = prices.units.list();
            let text = [above, prices.input, prices.output].into_iter();
            let long = prices.cache_write_long.filter(|&long| long != prices.derived_write_long());
            text.chain(cache).chain(audio).chain([prices.image_input()]).chain(units).chain(long)
        });
        let hash = numbers
            .flat_map(u64::to_le_bytes)
            .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        PriceId(hash)
    }

    /// This price with each of its parts changed.
    pub(crate) fn map(&self, change: impl Fn(&TokenPrices) -> Option<TokenPrices>) -> Option<Self> {
        let tier = |(above, prices): &(u64, TokenPrices)| Some((*above, change(prices)?));
        Some(Self { base: change(&self.base)?, tiers: self.tiers.iter().map(tier).collect::<Option<_>>()? })
    }
}

/// The name of a price by its content: equal for prices that charge the same, now and after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceId(u64);

impl PriceId {
    /// The name of that number, as a store kept it.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for PriceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A charge beyond what can be written as [`Money`], about 9.2 thousand million dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeTooLarge;

impl fmt::Display for ChargeTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a charge of more dollars than can be written")
    }
}

impl std::error::Error for ChargeTooLarge {}

/// Why numbers make no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPrice {
    /// A tier does not begin above the one before it.
    TiersOutOfOrder,
    /// A price that a tariff multiplies cannot be written.
    TooLarge,
}

impl fmt::Display for BadPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TiersOutOfOrder => "the tiers of a price are not in rising order",
            Self::TooLarge => "a tariff makes a price larger than can be written",
        })
    }
}

impl std::error::Error for BadPrice {}

/// Tokens that a written price is for.
const MILLION: u128 = 1_000_000;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
