//! The vendors' answers, each as its vendor documents it.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{Balance, Currency, Reading, Unreadable, amount::nano};

const NOT_JSON: Unreadable = Unreadable { reason: "the answer is not the JSON that the vendor documents" };
const NO_AMOUNT: Unreadable = Unreadable { reason: "an amount is not a number" };
const DECLINED: Unreadable = Unreadable { reason: "the vendor declined in its answer" };
const NO_CURRENCY: Unreadable = Unreadable { reason: "no balance is in USD or CNY" };

#[derive(Deserialize)]
struct DeepSeek<'a> {
    is_available: Option<bool>,
    #[serde(borrow)]
    balance_infos: Vec<DeepSeekBalance<'a>>,
}

#[derive(Deserialize)]
struct DeepSeekBalance<'a> {
    currency: &'a str,
    /// What was given and what was paid in, together.
    #[serde(borrow)]
    total_balance: &'a RawValue,
}

pub(super) fn deepseek(body: &[u8]) -> Result<Reading, Unreadable> {
    let answer: DeepSeek<'_> = parse(body)?;
    let mut balances = Vec::new();
    for told in &answer.balance_infos {
        if let Some((_, currency)) = Currency::ALL.iter().find(|(code, _)| code.eq_ignore_ascii_case(told.currency)) {
            balances.push(balance(told.total_balance, *currency)?);
        }
    }
    if balances.is_empty() {
        return Err(NO_CURRENCY);
    }
    Ok(Reading { balances, is_barred: answer.is_available == Some(false) })
}

#[derive(Deserialize)]
struct OpenRouter<T> {
    data: T,
}

#[derive(Deserialize)]
struct Credits<'a> {
    #[serde(borrow)]
    total_credits: &'a RawValue,
    #[serde(borrow)]
    total_usage: &'a RawValue,
}

pub(super) fn openrouter_credits(body: &[u8]) -> Result<Reading, Unreadable> {
    let OpenRouter { data } = parse::<OpenRouter<Credits<'_>>>(body)?;
    let (credits, usage) = (nano(data.total_credits), nano(data.total_usage));
    let available_nano = credits.zip(usage).and_then(|(credits, usage)| credits.checked_sub(usage)).ok_or(NO_AMOUNT)?;
    Ok(Reading { balances: vec![Balance { currency: Currency::Usd, available_nano }], is_barred: false })
}

#[derive(Deserialize)]
struct Key<'a> {
    /// `null` for a key without a limit of its own.
    #[serde(borrow)]
    limit_remaining: Option<&'a RawValue>,
    /// Tells an answer of this vendor's from any other object.
    #[serde(rename = "usage")]
    _usage: IgnoredAny,
}

pub(super) fn openrouter_key(body: &[u8]) -> Result<Reading, Unreadable> {
    let OpenRouter { data } = parse::<OpenRouter<Key<'_>>>(body)?;
    let left = data.limit_remaining.map(|left| balance(left, Currency::Usd)).transpose()?;
    Ok(Reading { balances: left.into_iter().collect(), is_barred: false })
}

#[derive(Deserialize)]
struct Moonshot<'a> {
    status: Option<bool>,
    #[serde(borrow)]
    data: Option<MoonshotBalance<'a>>,
}

#[derive(Deserialize)]
struct MoonshotBalance<'a> {
    /// Cash and vouchers; a debt in cash is not taken off the vouchers.
    #[serde(borrow)]
    available_balance: &'a RawValue,
}

pub(super) fn moonshot(body: &[u8], currency: Currency) -> Result<Reading, Unreadable> {
    let answer: Moonshot<'_> = parse(body)?;
    let data = answer.data.filter(|_| answer.status != Some(false)).ok_or(DECLINED)?;
    Ok(Reading { balances: vec![balance(data.available_balance, currency)?], is_barred: false })
}

#[derive(Deserialize)]
struct SiliconFlow<'a> {
    status: Option<bool>,
    #[serde(borrow)]
    data: Option<SiliconFlowUser<'a>>,
}

#[derive(Deserialize)]
struct SiliconFlowUser<'a> {
    /// What was given (`balance`) and what was paid in (`chargeBalance`), together.
    #[serde(rename = "totalBalance", borrow)]
    total_balance: &'a RawValue,
}

pub(super) fn siliconflow(body: &[u8], currency: Currency) -> Result<Reading, Unreadable> {
    let answer: SiliconFlow<'_> = parse(body)?;
    let data = answer.data.filter(|_| answer.status != Some(false)).ok_or(DECLINED)?;
    Ok(Reading { balances: vec![balance(data.total_balance, currency)?], is_barred: false })
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|_| NOT_JSON)
}

fn balance(amount: &RawValue, currency: Currency) -> Result<Balance, Unreadable> {
    Ok(Balance { currency, available_nano: nano(amount).ok_or(NO_AMOUNT)? })
}
