//! A provider that speaks Gemini's dialect by a script. How it behaves is in the name of the model, which is in the path.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(super) const TEXT: &str = "Hello there, you";

/// 10 tokens of input, 4 more from a cache, 4 of output and 2 of thought.
pub(super) const WHOLE: &str = r#"{"candidates": [{"content": {"parts": [{"text": "Hello there, you","thoughtSignature": "c2lnbmVk"}],"role": "model"},"finishReason": "STOP","index": 0,"new": 1.50}],
"usageMetadata": {"promptTokenCount": 14,"cachedContentTokenCount": 4,"candidatesTokenCount": 4,"thoughtsTokenCount": 2,"totalTokenCount": 20},"modelVersion": "gemini-3-pro","responseId": "r1"}"#;

pub(super) const STREAM: &str = "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Hello there,\"}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 14,\"totalTokenCount\": 14},\"modelVersion\": \"gemini-3-pro\",\"responseId\": \"r1\"}\r\n\r\n\
data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \" you\"}],\"role\": \"model\"},\"index\": 0}],\"new\": [1.0e2]}\r\n\r\n\
data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\",\"thoughtSignature\": \"c2lnbmVk\"}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 14,\"cachedContentTokenCount\": 4,\"candidatesTokenCount\": 4,\"thoughtsTokenCount\": 2,\"totalTokenCount\": 20},\"modelVersion\": \"gemini-3-pro\",\"responseId\": \"r1\"}\r\n\r\n";

const TOOL: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Let me see","thought":true},{"functionCall":{"name":"f","args":{"city":"Zürich"}},"thoughtSignature":"c2lnbmVk"},{"functionCall":{"name":"f","args":{"city":"Genf"}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":6,"totalTokenCount":16}}"#;
const MALFORMED: &str = r#"{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL","index":0}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10}}"#;
const BLOCKED: &str =
    r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10}}"#;
const OVERLOADED: &str = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
const BAD: &str = r#"{"error":{"code":400,"message":"Unknown name \"x\"","status":"INVALID_ARGUMENT"}}"#;
const KEY: &str = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    last: Arc<Mutex<(String, String)>>,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let last = Arc::new(Mutex::new((String::new(), String::new())));
        let asked = Arc::clone(&last);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, asked) = (socket.unwrap(), Arc::clone(&asked));
                thread::spawn(move || {
                    while let Some((head, body)) = request(&mut socket) {
                        let line = head.lines().next().unwrap_or_default().to_owned();
                        *asked.lock().unwrap() = (head, body);
                        if answer(&mut socket, &line).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, last }
    }

    /// The head and the body of the last request.
    pub(crate) fn last(&self) -> (String, String) {
        self.last.lock().unwrap().clone()
    }
}

fn answer(socket: &mut TcpStream, line: &str) -> std::io::Result<()> {
    let path = line.split(' ').nth(1).unwrap_or_default();
    let (model, verb) = path.rsplit('/').next().unwrap_or_default().rsplit_once(':').unwrap_or_default();
    let is_stream = verb == "streamGenerateContent?alt=sse";
    let event = |data: &str| format!("data: {data}\r\n\r\n");
    let (status, body) = match (model, is_stream) {
        _ if !is_stream && verb != "generateContent" => (404, String::new()),
        ("overloaded", _) | ("overloaded-late", false) => (503, OVERLOADED.to_owned()),
        ("bad", _) => (400, BAD.to_owned()),
        ("key", _) => (400, KEY.to_owned()),
        ("overloaded-late", true) => (200, event(OVERLOADED)),
        ("cut", true) => (
            200,
            STREAM
                .split("data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\"")
                .next()
                .unwrap()
                .to_owned(),
        ),
        ("tool" | "malformed" | "blocked" | "empty", _) => {
            let body = match model {
                "tool" => TOOL,
                "malformed" => MALFORMED,
                "empty" => r#"{"candidates":[],"usageMetadata":{"promptTokenCount":10}}"#,
                _ => BLOCKED,
            };
            (200, if is_stream { event(body) } else { body.to_owned() })
        }
        (_, false) => (200, WHOLE.to_owned()),
        (_, true) => (200, STREAM.to_owned()),
    };
    let kind = if is_stream && status == 200 { "text/event-stream" } else { "application/json; charset=UTF-8" };
    if model == "slow" {
        thread::park_timeout(Duration::from_millis(1_400));
    }
    if model == "late-error" {
        // What comes in one piece is not shown before all of it is understood.
        let (shown, error) = (STREAM.split_inclusive("\r\n\r\n").next().unwrap_or_default(), event(OVERLOADED));
        let length = shown.len() + error.len();
        write!(socket, "HTTP/1.1 200 x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{shown}")?;
        thread::park_timeout(Duration::from_millis(100));
        return write!(socket, "{error}");
    }
    write!(socket, "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A whole request, by its length.
fn request(socket: &mut TcpStream) -> Option<(String, String)> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            return Some((format!("{head}\r\n"), body.to_owned()));
        }
    }
}
