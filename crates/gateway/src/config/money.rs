//! `[money]`: what is done where money is not known, or nobody reads what it pays for.

use roundelay_ledger::Money;

use super::reader::{At, Section};

/// What `[money]` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoneySettings {
    /// What a deployment without a price means for an account that pays beforehand.
    pub unknown_price: UnknownPrice,
    /// What becomes of an answer whose caller went away.
    pub on_disconnect: OnDisconnect,
    /// What is done with requests for which a provider may charge more than its list says.
    pub surcharges: Surcharges,
}

/// What is done, for who can run out of money, with requests for which a provider may charge more than its list says.
/// Others are served in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Surcharges {
    /// They are refused. The default: what is set aside would be too little, and the house would pay the rest.
    #[default]
    Refuse,
    /// They are passed on, and charged at list price.
    Pass,
}

/// What becomes of an answer whose caller went away, where its key does not say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It is given up, and paid as `who_pays` says. The default: nobody pays for what nobody reads.
    #[default]
    Cancel,
    /// It is read to its end, so that its usage is known, and paid whole.
    Drain,
}

impl OnDisconnect {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cancel, Self::Drain];

    /// The word for it in stores, commands and configuration.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Drain => "drain",
        }
    }

    /// What a word stands for.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.label() == label)
    }
}

/// What a deployment without a price means for an account that pays beforehand. An account that pays afterwards is
/// served in any case, so that somebody who has just begun is not stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownPrice {
    /// It is not used. The default: a balance that nothing is taken from would be no limit, and nobody would notice.
    #[default]
    Refuse,
    /// It costs nothing.
    Free,
    /// Each request sets this aside, and is charged it once it was answered.
    Hold(Money),
}

/// Reads `[money]`.
pub(super) fn read(section: Section<'_>) -> MoneySettings {
    let unknown_price = read_unknown_price(&section).unwrap_or_default();
    let choices = OnDisconnect::ALL.map(|one| (one.label(), one));
    let on_disconnect = section.choice("on_disconnect", &choices).unwrap_or_default();
    let choices = [("refuse", Surcharges::Refuse), ("pass", Surcharges::Pass)];
    let surcharges = section.choice("surcharges", &choices).unwrap_or_default();
    section.finish();
    MoneySettings { unknown_price, on_disconnect, surcharges }
}

fn read_unknown_price(section: &Section<'_>) -> Option<UnknownPrice> {
    let At { value: text, place } = section.text("unknown_price")?;
    let (message, instead) = match text.text.split_once(':') {
        None if text.text == "refuse" => return Some(UnknownPrice::Refuse),
        None if text.text == "free" => return Some(UnknownPrice::Free),
        Some(("hold", amount)) => match amount.parse::<Money>() {
            Ok(amount) if amount > HOLD_MAX => ("this is more than anybody pays for a request".to_owned(), HOLD),
            Ok(amount) if amount > Money::ZERO => return Some(UnknownPrice::Hold(amount)),
            Ok(_) => ("this would set nothing aside".to_owned(), "write `\"free\"`, or an amount above 0"),
            Err(fault) => (format!("the amount is {fault}"), HOLD),
        },
        _ => (format!("`{}` is not one of the choices", text.shown()), CHOICES),
    };
    section.reading().complain(&place, message, Some(instead.to_owned()));
    None
}

/// A slip of the keyboard is refused: 1,000 USD is far above what the longest context of the dearest model costs.
const HOLD_MAX: Money = Money::from_nano(1_000_000_000_000);
const HOLD: &str = "write USD for each request, at most 1000: `\"hold:0.05\"`";
const CHOICES: &str = "write `\"refuse\"`, `\"free\"`, or an amount of USD for each request: `\"hold:0.05\"`";
