//! A provider that speaks by a script: OpenAI's Responses at one path, Anthropic's Messages at another, and Gemini's dialect
//! at all that name their model. How it behaves is in the name of the model.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

pub(super) const TEXT: &str = "Hello there, you";

pub(super) const WHOLE: &str = r#"{"id":"resp_up1", "object":"response","created_at":1700000000,"status":"completed","model":"gpt-6","error":null,"incomplete_details":null,"new":[1.0e2],"output":[{"id":"rs_up1","type":"reasoning","summary":[],"encrypted_content":"E+/="},{"id":"msg_up1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello there, you","annotations":[]}]}],"usage":{"input_tokens":16,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":22}}"#;

const CREATED: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_up1","object":"response","created_at":1700000000,"status":"in_progress","model":"gpt-6","output":[]}}

event: response.in_progress
data: {"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_up1","object":"response","status":"in_progress","output":[]}}

"#;

const DELTAS: &str = r#"event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"msg_up1","type":"message","role":"assistant","status":"in_progress","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","sequence_number":3,"item_id":"msg_up1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_up1","output_index":0,"content_index":0,"delta":"Hello there,", "new":[1.0e2]}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_up1","output_index":0,"content_index":0,"delta":" you"}

"#;

const END: &str = r#"event: response.output_text.done
data: {"type":"response.output_text.done","sequence_number":6,"item_id":"msg_up1","output_index":0,"content_index":0,"text":"Hello there, you"}

event: response.content_part.done
data: {"type":"response.content_part.done","sequence_number":7,"item_id":"msg_up1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Hello there, you","annotations":[]}}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":8,"output_index":0,"item":{"id":"msg_up1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello there, you","annotations":[]}]}}

event: response.completed
data: {"type":"response.completed","sequence_number":9,"response":{"id":"resp_up1","object":"response","created_at":1700000000,"status":"completed","model":"gpt-6","output":[{"id":"msg_up1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello there, you","annotations":[]}]}],"usage":{"input_tokens":16,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":22}}}

"#;

const FAILED: &str = r#"event: error
data: {"type":"error","sequence_number":2,"error":{"type":"server_error","code":"server_error","message":"The server had an error","param":null}}

event: response.failed
data: {"type":"response.failed","sequence_number":3,"response":{"id":"resp_up1","status":"failed","error":{"code":"server_error","message":"The server had an error"},"output":[]}}

"#;

const DOWN: &str =
    r#"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":"server_error"}}"#;

const GENERATED: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hello there, you"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":14,"candidatesTokenCount":4,"totalTokenCount":18},"modelVersion":"gemini-3-pro","responseId":"r1"}"#;

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[{"type":"thinking","thinking":"Hm","signature":"Sig=="},{"type":"text","text":"Hello there, you"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":6}}"#;

const MESSAGE_STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-6","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Sig=="}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello there,"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" you"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":6}}

event: message_stop
data: {"type":"message_stop"}

"#;

const OVERLOADED: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

/// The whole stream as it is sent.
pub(super) fn stream() -> String {
    format!("{CREATED}{DELTAS}{END}")
}

pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Scripted {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let asked = Arc::default();
        let scripted = Self { address: listener.local_addr().unwrap(), asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for socket in listener.incoming() {
                let asked = Arc::clone(&asked);
                thread::spawn(move || serve(socket?, &asked));
            }
            Ok::<_, std::io::Error>(())
        });
        scripted
    }

    /// The head and the body of the last request.
    pub(super) fn last(&self) -> (String, String) {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn serve(mut socket: TcpStream, asked: &Mutex<Vec<(String, String)>>) -> std::io::Result<()> {
    let Some((head, body)) = request(&mut socket) else { return Ok(()) };
    asked.lock().unwrap().push((head.clone(), body.clone()));
    let question: Value = serde_json::from_str(&body).unwrap();
    let is_stream = question["stream"] == true;
    let is_response = head.starts_with("POST /v1/responses ");
    let model = question["model"].as_str().unwrap_or("gemini");
    let (status, body) = match (is_response, model, is_stream) {
        (true, "down", _) => (500, DOWN.to_owned()),
        (true, "down-late", true) => (200, format!("{CREATED}{FAILED}")),
        (true, "down-late", false) => (500, DOWN.to_owned()),
        (true, "cut", true) => (200, format!("{CREATED}{DELTAS}")),
        (true, "fails", true) => (200, format!("{CREATED}{DELTAS}{FAILED}")),
        (true, "slow", true) => {
            thread::park_timeout(Duration::from_millis(400));
            (200, stream())
        }
        (true, "long", true) => (200, long(question["max_output_tokens"].as_u64())),
        (true, _, true) => (200, stream()),
        (true, _, false) => (200, WHOLE.to_owned()),
        (false, "gemini", _) => (200, GENERATED.to_owned()),
        (false, "overloaded", _) => (529, OVERLOADED.to_owned()),
        (false, "cut", true) => (200, MESSAGE_STREAM.split("event: message_delta").next().unwrap().to_owned()),
        (false, _, true) => (200, MESSAGE_STREAM.to_owned()),
        (false, _, false) => (200, MESSAGE.to_owned()),
    };
    let kind = if is_stream && status == 200 { "text/event-stream; charset=utf-8" } else { "application/json" };
    write!(
        socket,
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    let (first, rest) = if model == "fails" { body.split_at(body.find("event: error").unwrap()) } else { (&*body, "") };
    socket.write_all(first.as_bytes())?;
    if !rest.is_empty() {
        thread::park_timeout(Duration::from_millis(200));
    }
    socket.write_all(rest.as_bytes())
}

/// Two thousand words, whatever the limit that it is told.
fn long(_limit: Option<u64>) -> String {
    let mut stream = format!("{CREATED}{DELTAS}");
    for number in 6..2_006 {
        stream += &format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\"item_id\":\"msg_up1\",\"output_index\":0,\"content_index\":0,\"delta\":\" words\"}}\n\n"
        );
    }
    stream + END
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
