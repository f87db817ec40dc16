//! What is no conversation goes the same way as one: routed, failed over, paid for, and passed on as it is.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod passes;
mod pays;
mod speaks;

use roundelay::store::{Store, StoredEntry};
use roundelay_ledger::{AccountId, Money};
use serde_json::{Value, json};

use crate::money::{books, open_account};
use crate::support::{Request, TestGateway, Upstream};

const USD: i64 = 1_000_000_000;

/// A million tokens cost 1 USD of input, 2 of output and 3 of speech: 1,000, 2,000 and 3,000 nano-USD each.
const BY_TOKEN: &str = "{ input = 1.0, output = 2.0, audio_output = 3.0 }";

/// A gateway with two providers, of which the first does as its model is called, and a team that has paid in advance.
struct Bench {
    gateway: TestGateway,
    key: String,
    bank: Upstream,
    spare: Upstream,
}

impl Bench {
    /// `m` is the first provider's, and `p` is `m` and then the second one's, which is honest.
    fn with(balance: i64, scenario: &str, price: &str) -> Self {
        Self::configured("", balance, scenario, price)
    }

    fn configured(server: &str, balance: i64, scenario: &str, price: &str) -> Self {
        let (bank, spare) = (Upstream::start(), Upstream::start());
        let price = if price.is_empty() { String::new() } else { format!("price = {price}\n") };
        let config = format!(
            "{server}
[providers.bank]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-bank']
timeouts = {{ headers = '5s', first_content = '5s', idle = '500ms' }}
[providers.spare]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-spare']
[models.m]
deployments = ['bank/rehearsal-{scenario}']
attempts = 1
{price}
[models.n]
deployments = ['spare/rehearsal-words-5']
{price}
[models.talker]
deployments = ['bank/rehearsal']
capabilities = {{ embeddings = false, images = false, speech = false }}
[models.vectors]
deployments = ['bank/rehearsal']
capabilities = {{ chat = false }}
[pools.p]
strategy = 'priority'
members = ['m', 'n']
",
            bank.base_url(),
            spare.base_url(),
        );
        let folder = tempfile::tempdir().unwrap();
        open_account(&folder.path().join("data"), Money::from_nano(balance));
        let gateway = TestGateway::start_in(folder, &config);
        let key = gateway.key_of("team");
        Self { gateway, key, bank, spare }
    }

    fn ask(&self, asked: &Asked, model: &str) -> Request {
        asked.to(model).bearer(&self.key)
    }

    fn requests(&self) -> (u64, u64) {
        (self.bank.control.counts().requests, self.spare.control.counts().requests)
    }

    /// Stops the gateway, and reads its books.
    fn books(self) -> Vec<StoredEntry> {
        let team = AccountId::new("team").unwrap();
        let held = self.gateway.gateway.billing.standing(&team).unwrap().held;
        assert_eq!((held, self.gateway.gateway.billing.open_holds()), (Money::ZERO, 0), "nothing stays held");
        let folder = self.gateway.stop();
        books(&Store::open(&folder.path().join("data")).unwrap())
    }
}

/// A request for a service.
#[derive(Debug, Clone)]
struct Asked {
    path: &'static str,
    fields: Value,
    /// A file, for a form.
    file: Option<String>,
}

impl Asked {
    fn new(path: &'static str, fields: Value) -> Self {
        Self { path, fields, file: None }
    }

    fn form(path: &'static str, fields: Value, file: String) -> Self {
        Self { path, fields, file: Some(file) }
    }

    fn to(&self, model: &str) -> Request {
        let mut fields = self.fields.clone();
        fields["model"] = model.into();
        let Some(file) = &self.file else { return Request::post(self.path, &fields) };
        let name = if self.path.contains("images") { "image" } else { "file" };
        let mut body = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a.bin\"\r\ncontent-type: audio/mpeg\r\n\r\n{file}\r\n"
        );
        for (name, value) in fields.as_object().unwrap() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            body += &format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        let request = Request::new("POST", self.path, None)
            .header("content-type", "multipart/form-data; boundary=edge; boundary=other");
        request.body(&(body + "--edge--\r\n"))
    }
}

fn embed() -> Asked {
    Asked::new("/v1/embeddings", json!({ "input": ["one two three", "four"], "encoding_format": "base64" }))
}

fn rerank() -> Asked {
    Asked::new("/v2/rerank", json!({ "query": "red hat", "documents": ["a red hat", "a cat", "red"], "top_n": 2 }))
}

fn moderate() -> Asked {
    Asked::new("/v1/moderations", json!({ "input": "one two" }))
}

fn draw() -> Asked {
    Asked::new("/v1/images/generations", json!({ "prompt": "a red hat", "n": 2, "quality": "low" }))
}

fn edit() -> Asked {
    Asked::form("/v1/images/edits", json!({ "prompt": "a red hat", "quality": "low" }), "png".to_owned())
}

fn speak() -> Asked {
    Asked::new("/v1/audio/speech", json!({ "input": "one two three four five", "voice": "alloy" }))
}

/// A second of it, by the rate that rehearsal goes by.
fn transcribe() -> Asked {
    Asked::form("/v1/audio/transcriptions", json!({ "language": "en" }), "x".repeat(8_044))
}

fn translate() -> Asked {
    Asked { path: "/v1/audio/translations", ..transcribe() }
}

/// All whose answer is JSON.
fn whole() -> [Asked; 7] {
    [embed(), rerank(), moderate(), draw(), edit(), transcribe(), translate()]
}
