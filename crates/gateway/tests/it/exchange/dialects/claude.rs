//! A provider that speaks Anthropic's Messages by a script. How it behaves is in the name of the model.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

pub(in super::super) const TEXT: &str = "Hello there, you";

pub(super) const WHOLE: &str = r#"{"id":"msg_1", "type":"message","role":"assistant","model":"claude-opus-4-6","content":[{"type":"text","text":"Hello there, you","new":1.50}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":6}}"#;

const BEGIN: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":1}}}

"#;

pub(super) const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello there,"}, "new":[1.0e2]}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" you"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":6}}

event: message_stop
data: {"type":"message_stop"       }

"#;

const TOOL: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"tool","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{"city":"Zürich"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":6}}"#;

const TOOL_STREAM: &str = r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Zür"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"ich\"}"}}

data: {"type":"content_block_stop","index":0}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":6}}

data: {"type":"message_stop"}

"#;

const OVERLOADED: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
const BAD: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too many"}}"#;

const FORGOTTEN: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#;

pub(in super::super) struct Claude {
    pub(in super::super) address: SocketAddr,
    last: Arc<Mutex<(String, String)>>,
}

impl Claude {
    pub(in super::super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let last = Arc::new(Mutex::new((String::new(), String::new())));
        let asked = Arc::clone(&last);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, asked) = (socket.unwrap(), Arc::clone(&asked));
                thread::spawn(move || {
                    while let Some((head, body)) = request(&mut socket) {
                        let question: Value = serde_json::from_str(&body).unwrap();
                        *asked.lock().unwrap() = (head, body);
                        if answer(&mut socket, &question).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, last }
    }

    /// The head and the body of the last request.
    pub(in super::super) fn last(&self) -> (String, String) {
        self.last.lock().unwrap().clone()
    }
}

fn answer(socket: &mut TcpStream, question: &Value) -> std::io::Result<()> {
    let is_stream = question["stream"] == true;
    let (status, body) = match (question["model"].as_str().unwrap(), is_stream) {
        ("overloaded", _) | ("overloaded-late", false) => (529, OVERLOADED.to_owned()),
        ("bad", _) => (400, BAD.to_owned()),
        ("forgetful", _) if question.to_string().contains("signature") => (400, FORGOTTEN.to_owned()),
        ("tool", false) => (200, TOOL.to_owned()),
        ("tool", true) => (200, format!("{BEGIN}{TOOL_STREAM}")),
        ("overloaded-late", true) => (200, format!("{BEGIN}event: error\ndata: {OVERLOADED}\n\n")),
        ("cut", true) => (200, STREAM.split("event: content_block_stop").next().unwrap().to_owned()),
        (_, false) => (200, WHOLE.to_owned()),
        (_, true) => (200, STREAM.to_owned()),
    };
    let kind = if is_stream && status == 200 { "text/event-stream; charset=utf-8" } else { "application/json" };
    if question["model"] == "slow" {
        thread::park_timeout(Duration::from_millis(400));
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
