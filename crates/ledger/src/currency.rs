//! The currencies accounts are kept in, and the rate that is frozen with each amount.

use crate::Money;

/// The currency of a balance or a spend limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Currency {
    /// United States dollars, in which prices are written.
    #[default]
    Usd,
    /// Chinese yuan.
    Cny,
}

impl Currency {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Usd, Self::Cny];

    /// Its code in ISO 4217, in small letters.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Cny => "cny",
        }
    }

    /// The currency of a code.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.label() == label)
    }
}

/// How many yuan a dollar is, in millionths: 7.1 is 7,100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Rate {
    /// For where no yuan occur.
    pub const ONE: Self = Self(MILLION);
    /// A hundred yuan for a dollar. Bounded so that no amount overflows; it has been between 1 and 9 since 1979.
    pub const MAX: Self = Self(100 * MILLION);

    /// So many millionths of a yuan for a dollar; `None` for zero and for more than [`Rate::MAX`].
    pub const fn from_millionths(millionths: u64) -> Option<Self> {
        match millionths {
            0 => None,
            _ if millionths > Self::MAX.0 => None,
            _ => Some(Self(millionths)),
        }
    }

    /// The millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// An amount in dollars as one in `currency`, to the nearest nano-unit, half a one up; the end of the range where
    /// it cannot be written.
    pub fn of_usd(self, usd: Money, currency: Currency) -> Money {
        match currency {
            Currency::Usd => usd,
            Currency::Cny => saturate(nearest(i128::from(usd.nano()) * i128::from(self.0), i128::from(MILLION))),
        }
    }

    /// An amount in `currency` as one in dollars; rounded to the nearest nano-unit, half a one up.
    pub fn to_usd(self, amount: Money, currency: Currency) -> Money {
        match currency {
            Currency::Usd => amount,
            Currency::Cny => saturate(nearest(i128::from(amount.nano()) * i128::from(MILLION), i128::from(self.0))),
        }
    }
}

/// The nearest whole number to a ratio, half a one up.
fn nearest(number: i128, by: i128) -> i128 {
    (number + by / 2).div_euclid(by)
}

/// The nearest amount that can be written.
pub(crate) fn saturate(nano: i128) -> Money {
    Money::from_nano(i64::try_from(nano).unwrap_or(if nano < 0 { i64::MIN } else { i64::MAX }))
}

const MILLION: u64 = 1_000_000;
