//! Hours of a day by the wall clock: `09:00-18:00`, `22:00-08:00` over midnight, `00:00-24:00` for all of it.

use std::{error::Error, fmt, str::FromStr};

/// A stretch of the day by the wall clock, its end left out. One whose end is before its beginning goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hours {
    /// Minutes after midnight, below 1440.
    start: u16,
    /// Minutes after midnight, at most 1440, not `start`.
    end: u16,
}

impl Hours {
    /// All of the day.
    pub const ALL: Self = Self { start: 0, end: DAY_MINUTES };

    /// Whether they end on the day after the one on which they begin.
    pub fn is_over_midnight(self) -> bool {
        self.end < self.start
    }

    /// The second of the day at which they begin, below 86,400.
    pub(crate) fn start_second(self) -> u32 {
        u32::from(self.start) * 60
    }

    /// The second of the day at which they end, at most 86,400; of the next day when they go over midnight.
    pub(crate) fn end_second(self) -> u32 {
        u32::from(self.end) * 60
    }
}

/// Reads two times of the day, each as `HH:MM`, with a hyphen between them. The second may be `24:00`.
impl FromStr for Hours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let (start, end) = text.split_once('-').ok_or(BadHours::NotTwoTimes)?;
        let (start, end) = (minute(start)?, minute(end)?);
        match start {
            DAY_MINUTES => Err(BadHours::StartsAfterTheDay),
            _ if start == end => Err(BadHours::NoLength { start }),
            _ => Ok(Self { start, end }),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

/// The minute of the day that `HH:MM` stands for, `24:00` included.
fn minute(text: &str) -> Result<u16, BadHours> {
    let [h1, h2, b':', m1, m2] = *text.as_bytes() else {
        return Err(BadHours::NotTwoTimes);
    };
    let pair = |tens: u8, ones: u8| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
    };
    match (pair(h1, h2), pair(m1, m2)) {
        (Some(hour @ 0..24), Some(minute @ 0..60)) => Ok(hour * 60 + minute),
        (Some(24), Some(0)) => Ok(DAY_MINUTES),
        _ => Err(BadHours::NotTwoTimes),
    }
}

/// Why a text is no stretch of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHours {
    /// It is not `HH:MM-HH:MM`.
    NotTwoTimes,
    /// It begins at `24:00`.
    StartsAfterTheDay,
    /// It ends when it begins: nothing, or a whole day?
    NoLength {
        /// The minute of the day.
        start: u16,
    },
}

impl fmt::Display for BadHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTwoTimes => {
                f.write_str("write two times of 24 hours, such as `09:00-18:00`, or `22:00-08:00` over midnight")
            }
            Self::StartsAfterTheDay => f.write_str("a day begins at `00:00`; write that, and the day meant by it"),
            Self::NoLength { start: 0 } => f.write_str("write `00:00-24:00` for the whole day"),
            Self::NoLength { .. } => f.write_str("write `00:00-24:00` for the whole day, or an end that differs"),
        }
    }
}

impl Error for BadHours {}

const DAY_MINUTES: u16 = 24 * 60;
