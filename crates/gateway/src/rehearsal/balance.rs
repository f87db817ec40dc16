//! What is left on an account, told as DeepSeek, OpenRouter, Moonshot and SiliconFlow tell it.

use serde_json::{Value, json};

/// What is left behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purse {
    /// A decimal number.
    pub amount: String,
    /// As DeepSeek tells it; the other vendors' answers name no currency.
    pub currency: String,
    /// What the key's own limit leaves it, as OpenRouter tells it; with one, the account is not for the key to see.
    pub key_limit: Option<String>,
}

impl Default for Purse {
    fn default() -> Self {
        Self { amount: "100.00".to_owned(), currency: "USD".to_owned(), key_limit: None }
    }
}

impl Purse {
    /// Reads `{"amount": "12.50", "currency": "CNY", "key_limit": null}`, with `key` for whose it is; `amount` is needed.
    pub(super) fn from_json(body: &[u8]) -> Option<(Option<String>, Self)> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let is_known = |name: &String| ["amount", "currency", "key_limit", "key"].contains(&name.as_str());
        if !body.as_object()?.keys().all(is_known) {
            return None;
        }
        let usual = Self::default();
        let currency = match &body["currency"] {
            Value::Null => usual.currency,
            Value::String(code) => code.clone(),
            _ => return None,
        };
        let key = match &body["key"] {
            Value::Null => None,
            Value::String(key) => Some(key.clone()),
            _ => return None,
        };
        let key_limit = match &body["key_limit"] {
            Value::Null => None,
            limit => Some(decimal(limit)?),
        };
        Some((key, Self { amount: decimal(&body["amount"])?, currency, key_limit }))
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"amount": self.amount, "currency": self.currency, "key_limit": self.key_limit})
    }
}

/// A number, or a string that holds one.
fn decimal(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    text.parse::<f64>().is_ok_and(f64::is_finite).then_some(text)
}

/// The status and body of an answer at a path; `None` where no vendor tells a balance there.
pub(super) fn told(path: &str, purse: &Purse) -> Option<(u16, Value)> {
    let Purse { amount, currency, key_limit } = purse;
    let is_left = amount.parse::<f64>().is_ok_and(|amount| amount > 0.0);
    let body = if path.ends_with("/users/me/balance") {
        let data = json!({"available_balance": number(amount), "voucher_balance": 0, "cash_balance": number(amount)});
        json!({"code": 0, "data": data, "scode": "0x0", "status": true})
    } else if path.ends_with("/user/balance") {
        let told = json!({
            "currency": currency, "total_balance": amount, "granted_balance": "0.00", "topped_up_balance": amount,
        });
        json!({"is_available": is_left, "balance_infos": [told]})
    } else if path.ends_with("/user/info") {
        let data = json!({
            "id": "rehearsal", "status": "normal",
            "balance": "0.00", "chargeBalance": amount, "totalBalance": amount,
        });
        json!({"code": 20000, "message": "OK", "status": true, "data": data})
    } else if path.ends_with("/credits") {
        if key_limit.is_some() {
            let refusal = json!({"code": 403, "message": "Only management keys can perform this operation"});
            return Some((403, json!({"error": refusal})));
        }
        json!({"data": {"total_credits": number(amount), "total_usage": 0}})
    } else if path.ends_with("/key") {
        let limit = key_limit.as_deref().map(number);
        json!({"data": {
            "label": "rehearsal", "limit": limit, "limit_remaining": limit, "usage": 0, "is_free_tier": false,
        }})
    } else {
        return None;
    };
    Some((200, body))
}

fn number(text: &str) -> Value {
    text.parse::<f64>().map_or(Value::Null, Value::from)
}
