//! One answer of each provider's kind, and its tokens in classes that do not overlap, worked out by hand.
//!
//! Each row says: input, read from a cache, written to one, output, reasoning within it.

use std::{fs, path::PathBuf};

use roundelay_protocol::{
    openai::{answer::Answer, chunk::Chunk},
    usage::Usage,
};
use serde_json::Value;

type Row = (u64, u64, u64, u64, u64);

/// `whole` is the prompt and the completion as billed.
#[track_caller]
fn check(what: &str, found: Option<Usage>, row: Row, whole: (u64, u64)) {
    let (input, cache_read, cache_write, output, reasoning) = row;
    let expected = Usage { input, cache_read, cache_write, output, reasoning, ..Usage::default() };
    assert_eq!(found, Some(expected), "{what}");
    assert_eq!((expected.prompt(), expected.completion()), whole, "{what}: the row does not add up");
    assert!(reasoning <= output, "{what}: reasoning is a part of the output");
}

/// The usage of a whole answer, or the last one of a stream that is kept as one chunk a line.
fn usage_of(text: &str) -> Option<Usage> {
    if serde_json::from_str::<Value>(text).is_ok() {
        return Answer::scan(text.as_bytes()).unwrap().usage;
    }
    let lines = text.lines().map(|line| line.trim().trim_start_matches("data: "));
    let chunks = lines.filter(|line| line.starts_with('{')).map(|line| Chunk::scan(line.as_bytes()).unwrap());
    chunks.filter_map(|chunk| chunk.usage).next_back()
}

#[test]
fn recorded_answers_of_every_provider_give_disjoint_classes() {
    let Some(root) = std::env::var_os("ROUNDELAY_TEST_DATA") else { return };
    let root = PathBuf::from(root).join("fixtures/vercel-ai");
    let rows: [(&str, Row, (u64, u64)); 26] = [
        ("alibaba/alibaba-tool-call.json", (295, 0, 0, 22, 0), (295, 22)),
        ("alibaba/alibaba-tool-call.chunks.txt", (295, 0, 0, 22, 0), (295, 22)),
        ("azure/azure-deepseek-reasoning.1.json", (19, 0, 0, 1969, 0), (19, 1969)),
        // Its count of reasoning stands beside the others, not within details.
        ("azure/azure-deepseek-reasoning.1.chunks.txt", (19, 0, 0, 1720, 0), (19, 1720)),
        // Hits and misses, and once more as details: 495 = 320 + 175.
        ("deepseek/chat__deepseek-json.json", (175, 320, 0, 144, 118), (495, 144)),
        ("deepseek/chat__deepseek-reasoning.json", (18, 0, 0, 345, 315), (18, 345)),
        ("deepseek/chat__deepseek-text.chunks.txt", (13, 0, 0, 400, 0), (13, 400)),
        ("deepseek/chat__deepseek-tool-call.chunks.txt", (19, 320, 0, 83, 39), (339, 83)),
        ("groq/groq-reasoning.chunks.txt", (17, 0, 0, 1107, 963), (17, 1107)),
        ("groq/groq-text.chunks.txt", (45, 0, 0, 662, 0), (45, 662)),
        ("groq/groq-tool-call.chunks.txt", (210, 0, 0, 15, 0), (210, 15)),
        ("mistral/mistral-incremental-tool-call.chunks.txt", (43, 128, 0, 14, 0), (171, 14)),
        ("mistral/mistral-reasoning.chunks.txt", (10, 0, 0, 46, 0), (10, 46)),
        // The count of cached tokens stands beside the others.
        ("moonshotai/moonshotai-reasoning.json", (10, 10, 0, 30, 22), (20, 30)),
        ("moonshotai/moonshotai-text.json", (9, 0, 0, 5, 0), (9, 5)),
        ("openai/chat__openai-text.chunks.txt", (16, 0, 0, 300, 0), (16, 300)),
        ("openai/chat__azure-model-router.1.chunks.txt", (15, 0, 0, 78, 64), (15, 78)),
        ("openai/completion__openai-completion-text.json", (14, 0, 0, 16, 0), (14, 16)),
        ("perplexity/perplexity-citations.json", (10, 0, 0, 251, 0), (10, 251)),
        ("perplexity/perplexity-citations.chunks.txt", (10, 0, 0, 336, 0), (10, 336)),
        // The completion leaves reasoning out: 12 + 1 + 228 = 241, the total. Output is 1 + 228.
        ("xai/xai-text.json", (10, 2, 0, 229, 228), (12, 229)),
        ("xai/xai-text.chunks.txt", (1, 11, 0, 291, 290), (12, 291)),
        ("xai/xai-tool-call.chunks.txt", (1, 290, 0, 222, 196), (291, 222)),
        ("openai-compatible/chat__xai-text.json", (10, 2, 0, 322, 320), (12, 322)),
        ("openai-compatible/chat__xai-text.chunks.txt", (1, 11, 0, 342, 340), (12, 342)),
        ("openai-compatible/chat__xai-tool-call.chunks.txt", (1, 306, 0, 253, 227), (307, 253)),
    ];
    for (path, row, whole) in rows {
        let text = fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        check(path, usage_of(&text), row, whole);
    }
}

/// Of vendors of whom there is no recording here: usage as their documents show it.
#[test]
fn documented_usage_gives_disjoint_classes() {
    for (vendor, usage, row, whole) in [
        // OpenAI, "prompt caching": reads and writes are within the prompt. 2006 = 86 + 1920.
        (
            "openai",
            r#"{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
                "prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}"#,
            (86, 1920, 0, 300, 0),
            (2006, 300),
        ),
        // OpenRouter, "usage accounting": its own price beside the counts. 194 = 94 + 100.
        (
            "openrouter",
            r#"{"completion_tokens":20,"completion_tokens_details":{"reasoning_tokens":12},"cost":0.95,
                "cost_details":{"upstream_inference_cost":19},"prompt_tokens":194,
                "prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":100,"audio_tokens":0},"total_tokens":214}"#,
            (94, 0, 100, 20, 12),
            (194, 20),
        ),
        // Zhipu, "context caching". 1200 = 400 + 800.
        (
            "zhipu",
            r#"{"prompt_tokens":1200,"completion_tokens":300,"total_tokens":1500,
                "prompt_tokens_details":{"cached_tokens":800}}"#,
            (400, 800, 0, 300, 0),
            (1200, 300),
        ),
        // Alibaba, "context cache", explicit: the write is told three ways, and counts once. 1680 = 75 + 0 + 1605.
        (
            "qwen",
            r#"{"prompt_tokens":1680,"completion_tokens":100,"total_tokens":1780,"prompt_tokens_details":{
                "cache_creation":{"ephemeral_5m_input_tokens":1605},"cache_creation_input_tokens":1605,
                "cache_type":"ephemeral","cached_tokens":0}}"#,
            (75, 0, 1605, 100, 0),
            (1680, 100),
        ),
        // Groq names its usage a second time in the last chunk.
        (
            "groq",
            r#"{"queue_time":0.01,"prompt_tokens":4641,"prompt_time":0.1,"completion_tokens":1817,"total_tokens":6458,
                "prompt_tokens_details":{"cached_tokens":4608}}"#,
            (33, 4608, 0, 1817, 0),
            (4641, 1817),
        ),
    ] {
        let answer = format!(r#"{{"choices":[],"usage":{usage}}}"#);
        check(vendor, Answer::scan(answer.as_bytes()).unwrap().usage, row, whole);
        check(vendor, Chunk::scan(answer.as_bytes()).unwrap().usage, row, whole);
        let groq = format!(r#"{{"choices":[],"x_groq":{{"id":"r","usage":{usage}}}}}"#);
        check(vendor, Chunk::scan(groq.as_bytes()).unwrap().usage, row, whole);
    }
}
