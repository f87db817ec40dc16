//! `roundelay receipts`.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{Common, Failure, reach::Reach, say, table::cell};
use crate::{
    admin::receipts::{self as acts, BadReceipt},
    auth::{Pepper, ReceiptKey},
    store::Scope,
};

/// Show, check and vouch for what was charged for an exchange.
#[derive(Debug, Args)]
pub(super) struct ReceiptsCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Show(Show),
    Verify(Verify),
    Key(Key),
}

/// Print the signed receipt of an exchange. Callers have it of `GET /v1/receipts/ID`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay receipts show x_01k9x8m2p4q7r > receipt.json")]
struct Show {
    /// The exchange's name, as in the header `x-roundelay-exchange`.
    #[arg(value_name = "ID")]
    exchange: String,
}

/// Check that a receipt is as it was signed. Exit code 1 when it is not, with what in it is not true where that is known.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay receipts verify receipt.json
  roundelay receipts verify receipt.json --key 5f0c…      anywhere, with what `receipts key` printed")]
struct Verify {
    /// The receipt.
    file: PathBuf,
    /// The key to check it with; without it, that of the data folder.
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

/// Print the key that receipts are checked with elsewhere. Whoever has it can also write receipts: give it to those
/// alone who would be believed without one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay receipts key")]
struct Key {}

impl ReceiptsCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Show(Show { exchange }) => {
                say(&issue(&exchange, common)?);
                Ok(ExitCode::SUCCESS)
            }
            Act::Verify(verify) => verify.run(common),
            Act::Key(Key {}) => {
                let key = own_key(&common.data)?;
                if common.json {
                    say(&json!({ "key": key.to_hex(), "key_id": key.id(), "algorithm": "HMAC-SHA256" }));
                } else {
                    say(&key.to_hex());
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Verify {
    fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let key = match &self.key {
            Some(hex) => {
                ReceiptKey::from_hex(hex).ok_or("a key is 64 hexadecimal digits, as `receipts key` prints it")?
            }
            None => own_key(&common.data)?,
        };
        let text = read(&self.file)?;
        let receipt = acts::parse(&text)?;
        match acts::verify(&receipt, &key) {
            Ok(()) => {
                tell(&receipt, common);
                Ok(ExitCode::SUCCESS)
            }
            Err(fault) => Err(self.explain(&receipt, &fault, common).into()),
        }
    }

    /// What is wrong, and what in it says something else than the records do, where those are here.
    fn explain(&self, receipt: &Map<String, Value>, fault: &BadReceipt, common: &Common) -> String {
        let none = "nothing in it can be trusted";
        let id = receipt.get("exchange").and_then(Value::as_str).filter(|_| self.key.is_none());
        let Some(Ok(Value::Object(truth))) = id.map(|id| issue(id, common)) else {
            return format!("{fault}: {none}");
        };
        match acts::differences(receipt, &truth) {
            same if same.is_empty() => {
                format!("{fault}: what it says is on record here, and its signature is not ours")
            }
            other => format!("{fault}: not as on record here are {}", other.join(", ")),
        }
    }
}

fn tell(receipt: &Map<String, Value>, common: &Common) {
    if common.json {
        say(&json!({ "valid": true, "exchange": receipt.get("exchange"), "paid": receipt.get("paid") }));
        return;
    }
    let text = |name: &str| receipt.get(name).map(cell).unwrap_or_default();
    let paid = receipt.get("paid").and_then(Value::as_object).into_iter().flatten();
    let paid: Vec<String> = paid.map(|(currency, amount)| format!("{} {currency}", cell(amount))).collect();
    let paid = if paid.is_empty() { "nothing".to_owned() } else { paid.join(" and ") };
    say(&format_args!("the receipt is as it was signed with key {}", text("key_id")));
    say(&format_args!("exchange {} of account {}: {paid} paid", text("exchange"), text("account")));
}

fn issue(id: &str, common: &Common) -> Result<Value, Failure> {
    let id: roundelay_ledger::ExchangeId = id.parse()?;
    match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("GET", &format!("/admin/exchanges/{id}/receipt"), None),
        Reach::Alone(store) => {
            Ok(acts::one(store.within(&Scope::All), &own_key(&common.data)?, &id.to_string(), None)?)
        }
    }
}

/// The key of a data folder that is there: a new one would vouch for nothing.
fn own_key(data: &Path) -> Result<ReceiptKey, Failure> {
    if !data.join("pepper").is_file() {
        let folder = data.display();
        return Err(format!("{folder} has no key for receipts yet: name the gateway's folder with `--data DIR`").into());
    }
    Ok(ReceiptKey::of(&Pepper::open(data)?))
}

fn read(path: &Path) -> Result<String, Failure> {
    let fault = |fault: &dyn std::fmt::Display| format!("{} cannot be read: {fault}", path.display());
    let file = File::open(path).map_err(|error| fault(&error))?;
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(|error| fault(&error))?;
    Ok(text)
}

/// A receipt has some kilobytes.
const FILE_MAX: u64 = 1 << 20;
