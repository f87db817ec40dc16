//! What is left on the account behind a key, where a vendor tells: what to ask for, and what the answer says.
//!
//! Pure: the caller sends the questions and hands over the bodies. Amounts are exact in their own currency; what one
//! currency is worth in another is not known here.

mod amount;
mod answers;

use std::{error::Error, fmt};

/// A vendor that tells what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    DeepSeek,
    OpenRouter,
    Moonshot,
    SiliconFlow,
}

/// One `GET` that tells something of what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// <https://api-docs.deepseek.com/api/get-user-balance>
    DeepSeekBalance,
    /// What the account has left; an ordinary key may be refused this:
    /// <https://openrouter.ai/docs/api/api-reference/credits/get-credits>
    OpenRouterCredits,
    /// What the key's own limit leaves it: <https://openrouter.ai/docs/api/api-reference/api-keys/get-current-key>
    OpenRouterKey,
    /// <https://platform.moonshot.ai/docs/api/balance>
    MoonshotBalance,
    /// <https://docs.siliconflow.cn/cn/api-reference/userinfo/get-user-info>
    SiliconFlowUser,
}

/// What amounts are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Currency {
    /// US dollars.
    Usd,
    /// Chinese yuan.
    Cny,
}

/// What is left in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    pub currency: Currency,
    /// Billionths of the currency's unit; negative for a debt. Digits below that are cut off.
    pub available_nano: i64,
}

/// What one answer says, or several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Each currency's; none where the answer sets no limit.
    pub balances: Vec<Balance>,
    /// The vendor says that calls will be refused, whatever the amounts.
    pub is_barred: bool,
}

/// An answer that does not say what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What was expected or found, as a lowercase fragment; never a part of the answer.
    pub reason: &'static str,
}

impl Vendor {
    /// Every vendor with its stable name for configuration and records.
    pub const ALL: [(&'static str, Self); 4] = [
        ("deepseek", Self::DeepSeek),
        ("openrouter", Self::OpenRouter),
        ("moonshot", Self::Moonshot),
        ("siliconflow", Self::SiliconFlow),
    ];

    /// The vendor of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, vendor)| *vendor)
    }

    /// The stable name for configuration and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeepSeek => "deepseek",
            Self::OpenRouter => "openrouter",
            Self::Moonshot => "moonshot",
            Self::SiliconFlow => "siliconflow",
        }
    }

    /// The hosts of its own API.
    pub fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::DeepSeek => &["api.deepseek.com"],
            Self::OpenRouter => &["openrouter.ai"],
            Self::Moonshot => &["api.moonshot.ai", "api.moonshot.cn"],
            Self::SiliconFlow => &["api.siliconflow.cn", "api.siliconflow.com"],
        }
    }

    /// What to ask it. Several answers belong [together](Reading::and).
    pub fn questions(self) -> &'static [Question] {
        match self {
            Self::DeepSeek => &[Question::DeepSeekBalance],
            Self::OpenRouter => &[Question::OpenRouterKey, Question::OpenRouterCredits],
            Self::Moonshot => &[Question::MoonshotBalance],
            Self::SiliconFlow => &[Question::SiliconFlowUser],
        }
    }

    /// What it counts in at that host where its answers do not say. Moonshot and SiliconFlow bill yuan inside China and
    /// dollars outside, at two hosts.
    pub fn currency_at(self, host: &str) -> Currency {
        match self {
            Self::DeepSeek | Self::OpenRouter => Currency::Usd,
            Self::Moonshot if host.ends_with(".cn") => Currency::Cny,
            Self::Moonshot => Currency::Usd,
            Self::SiliconFlow if host.ends_with(".com") => Currency::Usd,
            Self::SiliconFlow => Currency::Cny,
        }
    }
}

impl Question {
    /// Its path at an API whose other paths begin with `prefix`, such as `/v1`.
    pub fn path(self, prefix: &str) -> String {
        match self {
            // The one that is not below the version: <https://api.deepseek.com/user/balance>.
            Self::DeepSeekBalance => {
                let root = ["/v1", "/beta"].iter().find_map(|version| prefix.strip_suffix(version));
                format!("{}/user/balance", root.unwrap_or(prefix))
            }
            Self::OpenRouterCredits => format!("{prefix}/credits"),
            Self::OpenRouterKey => format!("{prefix}/key"),
            Self::MoonshotBalance => format!("{prefix}/users/me/balance"),
            Self::SiliconFlowUser => format!("{prefix}/user/info"),
        }
    }

    /// Reads the body of an answer of status 200. `currency` is what the amounts are in where the body does not say.
    ///
    /// # Errors
    ///
    /// When the body is not what the vendor documents. Members that nobody knows are no fault.
    pub fn read(self, body: &[u8], currency: Currency) -> Result<Reading, Unreadable> {
        match self {
            Self::DeepSeekBalance => answers::deepseek(body),
            Self::OpenRouterCredits => answers::openrouter_credits(body),
            Self::OpenRouterKey => answers::openrouter_key(body),
            Self::MoonshotBalance => answers::moonshot(body, currency),
            Self::SiliconFlowUser => answers::siliconflow(body, currency),
        }
    }
}

impl Currency {
    /// Every currency with its ISO 4217 code.
    pub const ALL: [(&'static str, Self); 2] = [("USD", Self::Usd), ("CNY", Self::Cny)];

    /// The ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Cny => "CNY",
        }
    }
}

impl Reading {
    /// Both bounds hold at once: of two limits the one that leaves less. Both are in the same currency.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let is_barred = self.is_barred || other.is_barred;
        let left = |reading: &Self| reading.balances.iter().map(|balance| balance.available_nano).min();
        let other_is_less = match (left(&self), left(&other)) {
            (Some(mine), Some(theirs)) => theirs < mine,
            (mine, _) => mine.is_none(),
        };
        let balances = if other_is_less { other.balances } else { self.balances };
        Self { balances, is_barred }
    }

    /// Everything in nano-USD, with so many yuan to a dollar; `None` where no limit was told. Rounded down.
    pub fn nano_usd(&self, cny_per_usd: f64) -> Option<i64> {
        let in_usd = |balance: &Balance| match balance.currency {
            Currency::Usd => balance.available_nano,
            Currency::Cny => (balance.available_nano as f64 / cny_per_usd).floor() as i64,
        };
        self.balances.iter().map(in_usd).reduce(i64::saturating_add)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl Error for Unreadable {}
