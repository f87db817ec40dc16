//! Recorded answers of real providers. `ROUNDELAY_TEST_DATA` names the folder that holds `fixtures/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use roundelay_protocol::{
    openai::{Content, answer::Answer, chunk::Chunk, stream::Terminal},
    sse::{Limits, Reader},
};
use serde_json::Value;

/// Every file below the fixtures folder, or a word on why there is none.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let Some(root) = std::env::var_os("ROUNDELAY_TEST_DATA") else {
        let mut stderr = std::io::stderr();
        let _ = std::io::Write::write_all(&mut stderr, b"skipped: ROUNDELAY_TEST_DATA is not set\n");
        return Vec::new();
    };
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(root).join("fixtures")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    assert!(!files.is_empty(), "ROUNDELAY_TEST_DATA holds no fixtures");
    files
}

/// The recording as a stream: some are kept as one JSON a line, without the frame around it.
pub(crate) fn as_stream(path: &Path, text: &str) -> Vec<u8> {
    if path.extension().is_some_and(|ext| ext == "sse") {
        return text.as_bytes().to_vec();
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(|line| format!("data: {line}\n\n").into_bytes()).collect()
}

fn data_of(stream: &[u8], piece: usize) -> Vec<Bytes> {
    let mut reader = Reader::new(Limits::default());
    let mut data = Vec::new();
    for piece in stream.chunks(piece) {
        reader.push(Bytes::copy_from_slice(piece));
        while let Some(event) = reader.next() {
            data.extend(event.unwrap().data);
        }
    }
    data.extend(reader.finish().and_then(|event| event.unwrap().data));
    data
}

fn is_chat_chunk(json: &Value) -> bool {
    json["object"].as_str().is_some_and(|object| object.starts_with("chat.completion"))
        || json["choices"].is_array() && json["output"].is_null()
}

#[test]
fn every_recorded_chat_stream_ends_with_its_typed_terminal() {
    let mut seen = 0;
    for path in fixtures() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let is_stream = path.extension().is_some_and(|ext| ext == "txt" || ext == "sse");
        let stream = as_stream(&path, &text);
        let data = data_of(&stream, 16 * 1024);
        let Some(first) = data.first().and_then(|data| serde_json::from_slice::<Value>(data).ok()) else {
            continue;
        };
        if !is_stream || !is_chat_chunk(&first) {
            continue;
        }
        seen += 1;
        let name = path.display();
        for piece in [1, 7, 100] {
            assert_eq!(data_of(&stream, piece), data, "{name} in pieces of {piece}");
        }
        let mut terminal = Terminal::new(1);
        let (mut content, mut usage, mut whole_at) = (Content::None, None, None);
        for (number, data) in data.iter().enumerate().filter(|(_, data)| &data[..] != b"[DONE]") {
            let chunk = Chunk::scan(data).unwrap_or_else(|e| panic!("{name}, chunk {number}: {e}"));
            assert!(!chunk.is_error, "{name}, chunk {number}");
            assert!(whole_at.is_none() || !chunk.has_content(), "{name}: content after the end");
            terminal.observe(&chunk);
            whole_at = whole_at.or_else(|| terminal.is_whole().then_some(number));
            content = content.max(chunk.content);
            usage = chunk.usage.or(usage);
        }
        assert!(whole_at.is_some(), "{name} has no typed end");
        assert_ne!(content, Content::None, "{name} has no content");
        if text.contains("\"completion_tokens\"") {
            let usage = usage.unwrap_or_else(|| panic!("{name}: its usage was not read"));
            assert!(usage.completion() > 0 && usage.prompt() > 0, "{name}: {usage:?}");
        }
    }
    assert!(seen >= 15 || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "only {seen} chat streams");
}

#[test]
fn every_recorded_chat_answer_is_whole_and_its_usage_adds_up() {
    let mut seen = 0;
    for path in fixtures() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Ok(json) = serde_json::from_str::<Value>(&text) else { continue };
        if !json["choices"].is_array() || path.extension().is_none_or(|ext| ext != "json") {
            continue;
        }
        seen += 1;
        let name = path.display();
        let answer = Answer::scan(text.as_bytes()).unwrap();
        assert!(!answer.is_error && answer.has_content() && answer.finish.is_some(), "{name}: {answer:?}");
        let usage = answer.usage.unwrap_or_else(|| panic!("{name}: its usage was not read"));
        assert_eq!(usage.prompt(), json["usage"]["prompt_tokens"].as_u64().unwrap(), "{name}");
        let total = json["usage"]["total_tokens"].as_u64().unwrap();
        assert_eq!(usage.prompt() + usage.completion(), total, "{name}: {usage:?}");
    }
    assert!(seen >= 10 || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "only {seen} chat answers");
}
