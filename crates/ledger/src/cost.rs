//! What tokens cost before anybody's multiplier or currency: exact, so that rounding happens once.

use crate::{ChargeTooLarge, Currency, Factor, Money, Price, Quote, Rate, Tokens};

/// A cost at list price, in 10⁻¹⁵ USD: one token at a nano-dollar a million tokens. From nothing to 100,000 USD, so
/// that no multiplier and no rate can make it overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ListCost(u128);

impl ListCost {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// 100,000 USD, beyond any one answer.
    pub const MAX: Self = Self(100_000 * NANO_PER_USD * PARTS_PER_NANO);

    /// An amount of dollars at list price.
    ///
    /// # Errors
    ///
    /// When it is negative or above [`ListCost::MAX`].
    pub fn from_usd(amount: Money) -> Result<Self, ChargeTooLarge> {
        let nano = u128::try_from(amount.nano()).map_err(|_| ChargeTooLarge)?;
        Self::from_parts(nano * PARTS_PER_NANO)
    }

    /// What these tokens cost at that price.
    ///
    /// # Errors
    ///
    /// When it is above [`ListCost::MAX`].
    pub fn of(price: &Price, tokens: &Tokens) -> Result<Self, ChargeTooLarge> {
        Self::from_parts(price.of(tokens.total_input()).exact(tokens).ok_or(ChargeTooLarge)?)
    }

    /// So many 10⁻¹⁵ USD.
    ///
    /// # Errors
    ///
    /// When it is above [`ListCost::MAX`].
    pub const fn from_parts(parts: u128) -> Result<Self, ChargeTooLarge> {
        if parts > Self::MAX.0 { Err(ChargeTooLarge) } else { Ok(Self(parts)) }
    }

    /// The number of 10⁻¹⁵ USD.
    pub const fn parts(self) -> u128 {
        self.0
    }

    /// To the nearest nano-dollar, half a one up.
    pub fn usd(self) -> Money {
        self.nearest(Conversion::LIST, Currency::Usd)
    }

    /// The sum, at most [`ListCost::MAX`].
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0).min(Self::MAX.0))
    }

    /// The difference, at least nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What it comes to for a payer, rounded once: to the nearest nano-unit, half a one up.
    pub fn nearest(self, conversion: Conversion, currency: Currency) -> Money {
        let (numerator, denominator) = conversion.ratio(currency);
        Self::written((self.0 * numerator + denominator / 2) / denominator)
    }

    /// What has to be held for it, so that its charge cannot be above: rounded up.
    pub fn ceiling(self, conversion: Conversion, currency: Currency) -> Money {
        let (numerator, denominator) = conversion.ratio(currency);
        Self::written((self.0 * numerator).div_ceil(denominator))
    }

    /// The largest cost whose [`ListCost::ceiling`] is within `amount`; `None` when every one is, because all is free.
    pub(crate) fn within(amount: Money, conversion: Conversion, currency: Currency) -> Option<Self> {
        let (numerator, denominator) = conversion.ratio(currency);
        let nano = u128::try_from(amount.nano()).unwrap_or(0);
        (nano * denominator).checked_div(numerator).map(|parts| Self(parts.min(Self::MAX.0)))
    }

    fn written(nano: u128) -> Money {
        Money::from_nano(i64::try_from(nano).expect("100,000 USD times 100 times 100 is below 9.2e18 nano-units"))
    }
}

/// From list price to what a payer owes: a multiplier and a rate, frozen with the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// How many times the list price, at most [`Conversion::MULTIPLIER_MAX`].
    multiplier: Factor,
    rate: Rate,
}

impl Conversion {
    /// A hundred times the list price. Bounded so that no amount overflows.
    pub const MULTIPLIER_MAX: Factor = Factor::from_millionths(100_000_000);
    /// The list price, in dollars.
    pub const LIST: Self = Self { multiplier: Factor::ONE, rate: Rate::ONE };

    /// Joins both; `None` when the multiplier is above [`Conversion::MULTIPLIER_MAX`].
    pub fn new(multiplier: Factor, rate: Rate) -> Option<Self> {
        (multiplier <= Self::MULTIPLIER_MAX).then_some(Self { multiplier, rate })
    }

    /// How many times the list price.
    pub const fn multiplier(self) -> Factor {
        self.multiplier
    }

    /// Yuan for a dollar.
    pub const fn rate(self) -> Rate {
        self.rate
    }

    /// Nano-units of a currency for 10⁻¹⁵ USD, as a ratio.
    fn ratio(self, currency: Currency) -> (u128, u128) {
        let multiplier = u128::from(self.multiplier.millionths());
        match currency {
            Currency::Usd => (multiplier, PARTS_PER_NANO * MILLION),
            Currency::Cny => (multiplier * u128::from(self.rate.millionths()), PARTS_PER_NANO * MILLION * MILLION),
        }
    }
}

impl Quote {
    /// What these tokens cost at list price.
    ///
    /// # Errors
    ///
    /// When it is above [`ListCost::MAX`].
    pub fn cost(&self, tokens: &Tokens) -> Result<ListCost, ChargeTooLarge> {
        ListCost::of(&self.price, tokens)
    }

    /// So much input and output in the classes that cost most, which is a bound whatever the provider counts them as.
    /// Audio is among them only where the request has to do with it.
    pub fn dearest(&self, input: u64, output: u64, has_audio: bool) -> Tokens {
        let prices = self.price.of(input);
        let mut tokens = Tokens::default();
        let audio = |price: u64| if has_audio { price } else { 0 };
        // An image that is known to cost more than text is held as such wherever one may be.
        let text = prices.input.max(prices.image_input());
        *match [text, prices.cache_write(), prices.cache_read(), audio(prices.audio_input())] {
            [text, write, read, heard] if text >= write.max(read).max(heard) => {
                if prices.image_input() > prices.input {
                    &mut tokens.image
                } else {
                    &mut tokens.input
                }
            }
            [_, write, read, heard] if write >= read.max(heard) => &mut tokens.cache_write,
            [_, _, read, heard] if read >= heard => &mut tokens.cache_read,
            _ => &mut tokens.audio_input,
        } = input;
        *if prices.output >= audio(prices.audio_output()) { &mut tokens.output } else { &mut tokens.audio_output } =
            output;
        tokens
    }

    /// The same tokens, where any of the input may be written to a cache to be kept for longer.
    #[must_use]
    pub fn kept_long(&self, tokens: &Tokens) -> Tokens {
        let input = tokens.total_input();
        let long = Tokens {
            cache_write_long: input,
            output: tokens.output,
            audio_output: tokens.audio_output,
            ..Tokens::default()
        };
        let prices = self.price.of(input);
        if prices.exact(&long) > prices.exact(tokens) { long } else { *tokens }
    }

    /// How many tokens of output, of its dearest class, `spendable` affords besides `given` tokens; `None` when not even
    /// those. The largest number when output is free.
    pub fn output_affordable(&self, given: &Tokens, spendable: ListCost, has_audio: bool) -> Option<u64> {
        let prices = self.price.of(given.total_input());
        let rest = spendable.0.checked_sub(prices.exact(given)?)?;
        let each = if has_audio { prices.output.max(prices.audio_output()) } else { prices.output };
        let count = rest.checked_div(u128::from(each));
        Some(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(u64::MAX))
    }
}

/// Parts of a [`ListCost`] in a nano-dollar.
const PARTS_PER_NANO: u128 = 1_000_000;
const NANO_PER_USD: u128 = 1_000_000_000;
const MILLION: u128 = 1_000_000;
