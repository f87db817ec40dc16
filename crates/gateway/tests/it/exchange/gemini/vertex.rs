//! Gemini at Vertex AI: a project's paths, and tokens for a service account.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::thread;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::until;
use super::scripted::Scripted;
use crate::support::{Answer, Request, TestGateway, Upstream};

/// Gives out `ya29.1`, `ya29.2` and so on, that last so many seconds; or refuses, where they last none.
struct Tokens {
    address: SocketAddr,
    /// The forms that asked.
    asked: Arc<Mutex<Vec<String>>>,
    /// Whether it hears who asks, and says nothing.
    silent: Arc<AtomicBool>,
}

impl Tokens {
    fn start(lasts: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let silent = Arc::new(AtomicBool::new(false));
        let (heard, is_silent) = (Arc::clone(&asked), Arc::clone(&silent));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, heard, is_silent) = (socket.unwrap(), Arc::clone(&heard), Arc::clone(&is_silent));
                thread::spawn(move || {
                    while let Some(form) = form(&mut socket) {
                        if is_silent.load(Ordering::Relaxed) {
                            continue;
                        }
                        let mut heard = heard.lock().unwrap();
                        heard.push(form);
                        let (status, body) = match lasts {
                            0 => (
                                400,
                                json!({ "error": "invalid_grant", "error_description": "Invalid JWT Signature." }),
                            ),
                            _ => (200, json!({ "access_token": format!("ya29.{}", heard.len()), "expires_in": lasts })),
                        };
                        let body = body.to_string();
                        drop(heard);
                        let length = body.len();
                        if write!(socket, "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}").is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, asked, silent }
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn form(socket: &mut TcpStream) -> Option<String> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
            return Some(body.to_owned());
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(ALPHABET[(word >> (18 - 6 * place) & 63) as usize]);
            out.push(if place <= three.len() { letter } else { '=' });
        }
    }
    out
}

fn from_base64url(text: &str) -> Vec<u8> {
    let (mut out, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let letter = match letter {
            b'-' => b'+',
            b'_' => b'/',
            letter => letter,
        };
        word = word << 6 | u32::try_from(ALPHABET.iter().position(|&known| known == letter).unwrap()).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits & 255) as u8);
        }
    }
    out
}

/// Writes the file of a service account whose tokens come from there.
fn write_account(path: &Path, tokens: &Tokens) -> KeyPair {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let account = json!({
        "type": "service_account",
        "project_id": "project-1",
        "private_key_id": "key-1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(der.as_ref())),
        "client_email": "gateway@project-1.iam.gserviceaccount.com",
        "token_uri": format!("http://{}/token", tokens.address),
    });
    fs::write(path, account.to_string()).unwrap();
    key
}

struct House {
    gateway: TestGateway,
    vertex: Scripted,
    tokens: Tokens,
    key: KeyPair,
    _gpt: Upstream,
}

impl House {
    fn start(lasts: u64) -> Self {
        let (vertex, gpt, tokens) = (Scripted::start(), Upstream::start(), Tokens::start(lasts));
        let folder = tempfile::tempdir().unwrap();
        let account = folder.path().join("account.json");
        let key = write_account(&account, &tokens);
        let toml = format!(
            "[providers.vertex]
base_url = 'http://{}'
location = 'europe-west4'
credentials = '{}'
[providers.gpt]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-gpt']
[models.pro]
deployments = ['vertex/gemini-3-pro']
attempts = 1
[models.gpt]
deployments = ['gpt/rehearsal-words-5']
[pools.both]
strategy = 'priority'
members = ['pro', 'gpt']
",
            vertex.address,
            account.display(),
            gpt.base_url()
        );
        Self { gateway: TestGateway::start_in(folder, &toml), vertex, tokens, key, _gpt: gpt }
    }

    fn ask(&self, model: &str, stream: bool) -> Answer {
        let messages = json!([{ "role": "user", "content": "Hello" }]);
        let body = json!({ "model": model, "stream": stream, "messages": messages });
        Request::post("/v1/chat/completions", &body).bearer(&self.gateway.key).send(self.gateway.callers)
    }
}

#[test]
fn a_service_account_is_asked_for_a_token_once_and_its_project_pays() {
    let house = House::start(3_599);
    for stream in [false, true, false] {
        let answer = house.ask("pro", stream);
        assert!(answer.status == 200 && answer.body.contains("Hello there,"), "{}", answer.body);
        let (head, _) = house.vertex.last();
        let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path =
            format!("/v1/projects/project-1/locations/europe-west4/publishers/google/models/gemini-3-pro:{verb}");
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        assert!(head.contains("\r\nauthorization: Bearer ya29.1\r\n") && !head.contains("x-goog-api-key"), "{head}");
    }
    assert_eq!(house.tokens.count(), 1, "a token is good for an hour");
    let form = house.tokens.asked.lock().unwrap()[0].clone();
    let assertion =
        form.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=").unwrap();
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let public: PublicKeyX509Der<'_> = house.key.public_key().as_der().unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_ref());
    public.verify(message.as_bytes(), &from_base64url(signature)).expect("it is signed with the account's key");
    let [header, claims] = message.split('.').collect::<Vec<_>>()[..] else { panic!("{message}") };
    let [header, claims] = [header, claims].map(|part| serde_json::from_slice::<Value>(&from_base64url(part)).unwrap());
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    assert_eq!(claims["iss"], "gateway@project-1.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], format!("http://{}/token", house.tokens.address));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_600);
}

#[test]
fn a_token_is_renewed_before_a_request_needs_it() {
    // It is used for a second, and then another one.
    let house = House::start(11);
    until("a second token was given", || house.tokens.count() > 1);
    assert_eq!(house.ask("pro", false).status, 200);
    assert!(!house.vertex.last().0.contains("ya29.1\r\n"), "{}", house.vertex.last().0);
}

#[test]
fn a_reload_keeps_the_token_and_no_request_waits_for_another() {
    let house = House::start(3_599);
    assert_eq!(house.ask("pro", false).status, 200);
    house.tokens.silent.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(house.gateway.operator("POST", "/admin/reload", None).status, 200);
        let answer = house.ask("pro", false);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(house.vertex.last().0.contains("\r\nauthorization: Bearer ya29.1\r\n"));
    }
    assert_eq!(house.tokens.count(), 1);
}

#[test]
fn refused_credentials_are_the_operators_business_and_another_may_answer() {
    let house = House::start(0);
    let answer = house.ask("pro", false);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("upstream_auth")), "{}", answer.body);
    assert!(!answer.body.contains("JWT"), "{}", answer.body);
    assert_eq!(house.ask("both", true).status, 200);
    assert_eq!(house.vertex.last().0, "", "nothing was sent");
}

#[test]
fn what_vertex_needs_is_said_where_it_is_missing() {
    let check = |toml: &str, part: &str| {
        let found = roundelay::config::parse(toml, "test.toml", &|_| None);
        let found = found.map(|config| config.providers[0].base_url.to_string()).map_err(|faults| faults.to_string());
        let (Ok(text) | Err(text)) = found;
        assert!(text.contains(part), "{toml}: {text}");
    };
    let keys = "api_keys = ['AQ.key']";
    check(
        &format!("[providers.vertex]\n{keys}\nproject = 'p'"),
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google",
    );
    check(
        &format!("[providers.vertex]\n{keys}\nproject = 'p'\nlocation = 'us-east5'"),
        "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/google",
    );
    // A key of the express mode names its project itself.
    check(
        &format!("[providers.v]\nprotocol = 'vertex'\n{keys}"),
        "https://aiplatform.googleapis.com/v1/publishers/google",
    );
    check("[providers.vertex]\ncredentials = 'workload'", "which project pays is not known");
    check("[providers.vertex]\nproject = 'p'", "this provider has no API key");
    check("[providers.vertex]\nproject = 'p/../q'\napi_keys = ['AQ.key']", "characters that no such name has");
    check("[providers.openai]\napi_keys = ['k-123456']\nproject = 'p'", "`protocol = \"vertex\"` alone");
    check("[providers.vertex]\nproject = 'p'\ncredentials = '/nowhere.json'", "`/nowhere.json`: there is no such file");
}
