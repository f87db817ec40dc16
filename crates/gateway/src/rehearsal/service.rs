//! What is no conversation: embeddings, a reranker, moderations, images, speech and transcripts, all made of the words that
//! came.

mod fields;
mod media;

use serde_json::{Value, json};

use self::fields::Fields;
use super::http::Request;
use super::scenario::{Counting, Scenario};

/// Which service a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Embeddings,
    Rerank,
    Moderations,
    Images,
    ImageEdits,
    Speech,
    Transcriptions,
}

/// An answer, ready to be played.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) content_type: &'static str,
    /// Sent one after the other where it is a stream, else in one.
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) is_stream: bool,
}

/// A request that cannot be answered: the field, and what is wrong with it.
#[derive(Debug)]
pub(super) struct BadField(pub(super) &'static str, pub(super) &'static str);

impl Service {
    /// By the end of a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        const PATHS: [(&str, Service); 9] = [
            ("/embeddings", Service::Embeddings),
            ("/rerank", Service::Rerank),
            ("/moderations", Service::Moderations),
            ("/images/generations", Service::Images),
            ("/images/edits", Service::ImageEdits),
            ("/images/variations", Service::ImageEdits),
            ("/audio/speech", Service::Speech),
            ("/audio/transcriptions", Service::Transcriptions),
            ("/audio/translations", Service::Transcriptions),
        ];
        PATHS.into_iter().find_map(|(end, service)| path.ends_with(end).then_some(service))
    }

    /// The model that is asked for.
    pub(super) fn model(request: &Request) -> Result<String, BadField> {
        let fields = Fields::read(request).ok_or(BadField("body", "we could not parse the body"))?;
        fields.text("model").ok_or(BadField("model", "you must provide a model parameter"))
    }

    /// Answers honestly, at the length that the scenario names.
    pub(super) fn answer(self, request: &Request, scenario: &Scenario) -> Result<Reply, BadField> {
        let fields = Fields::read(request).ok_or(BadField("body", "we could not parse the body"))?;
        let counting = scenario.shape.counting;
        match self {
            Self::Embeddings => Ok(json_reply(embeddings(&fields, counting)?)),
            Self::Rerank => Ok(json_reply(rerank(&fields, counting)?)),
            Self::Moderations => Ok(json_reply(moderations(&fields)?)),
            Self::Images | Self::ImageEdits => images(self, &fields, counting),
            Self::Speech => speech(&fields, counting),
            Self::Transcriptions => transcript(&fields, scenario),
        }
    }
}

fn json_reply(body: Value) -> Reply {
    Reply { content_type: "application/json", pieces: vec![body.to_string().into_bytes()], is_stream: false }
}

fn event(event: &Value) -> Vec<u8> {
    format!("data: {event}\n\n").into_bytes()
}

/// Adds what is counted, where anything is.
fn with_usage(mut body: Value, counting: Counting, usage: impl FnOnce(u64) -> Value) -> Value {
    match counting {
        Counting::Honest => body["usage"] = usage(1),
        Counting::Zero | Counting::Early => body["usage"] = usage(0),
        Counting::Hidden => {}
    }
    body
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn embeddings(fields: &Fields, counting: Counting) -> Result<Value, BadField> {
    let inputs = fields.texts("input").ok_or(BadField("input", "you must provide an input parameter"))?;
    let dimensions = fields.number("dimensions").unwrap_or(DIMENSIONS).clamp(1, DIMENSIONS_MAX);
    let is_base64 = fields.text("encoding_format").as_deref() == Some("base64");
    let data = inputs.iter().enumerate().map(|(index, text)| {
        let vector = media::vector(text, dimensions);
        let embedding = if is_base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            media::base64(&bytes).into()
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let data: Vec<Value> = data.collect();
    let tokens: u64 = inputs.iter().map(|text| words(text)).sum();
    let body = json!({"object": "list", "data": data, "model": fields.text("model")});
    Ok(with_usage(body, counting, |times| json!({"prompt_tokens": tokens * times, "total_tokens": tokens * times})))
}

/// The more of the query's words a document has, the better it is.
fn rerank(fields: &Fields, counting: Counting) -> Result<Value, BadField> {
    let query = fields.text("query").ok_or(BadField("query", "you must provide a query parameter"))?;
    let documents = fields.texts("documents").ok_or(BadField("documents", "you must provide documents"))?;
    let asked: Vec<&str> = query.split_whitespace().collect();
    let score = |document: &str| {
        let found = asked.iter().filter(|word| document.split_whitespace().any(|other| other == **word)).count();
        found as f64 / asked.len().max(1) as f64
    };
    let mut results: Vec<(usize, f64)> = documents.iter().map(|text| score(text)).enumerate().collect();
    results.sort_by(|one, other| other.1.total_cmp(&one.1));
    results.truncate(fields.number("top_n").unwrap_or(documents.len()));
    let results: Vec<Value> =
        results.iter().map(|(index, score)| json!({"index": index, "relevance_score": score})).collect();
    let mut body = json!({"id": "rerank-rehearsal", "results": results});
    if counting == Counting::Honest {
        body["meta"] = json!({"billed_units": {"search_units": documents.len().div_ceil(100)}});
    }
    Ok(body)
}

fn moderations(fields: &Fields) -> Result<Value, BadField> {
    let inputs = fields.texts("input").ok_or(BadField("input", "you must provide an input parameter"))?;
    let result = |text: &String| {
        let is_violent = text.contains("violence");
        json!({
            "flagged": is_violent,
            "categories": {"violence": is_violent},
            "category_scores": {"violence": if is_violent { 0.9 } else { 0.0 }},
            "category_applied_input_types": {"violence": ["text"]},
        })
    };
    let results: Vec<Value> = inputs.iter().map(result).collect();
    Ok(json!({"id": "modr-rehearsal", "model": fields.text("model"), "results": results}))
}

fn images(service: Service, fields: &Fields, counting: Counting) -> Result<Reply, BadField> {
    let count = fields.number("n").unwrap_or(1).clamp(1, 10);
    let prompt = fields.text("prompt").map_or(0, |prompt| words(&prompt));
    let image = media::base64(media::PNG);
    let usage = |images: u64| {
        move |times: u64| {
            let (input, output) = (prompt * times, IMAGE_TOKENS * images * times);
            let details = json!({"text_tokens": input, "image_tokens": 0});
            json!({"input_tokens": input, "input_tokens_details": details, "output_tokens": output, "total_tokens": input + output})
        }
    };
    if !fields.is_true("stream") {
        let data: Vec<Value> = (0..count).map(|_| json!({"b64_json": image})).collect();
        let body = json!({"created": CREATED, "data": data});
        return Ok(json_reply(with_usage(body, counting, usage(count as u64))));
    }
    let name = if service == Service::Images { "image_generation" } else { "image_edit" };
    let told = |kind: &str| {
        json!({
            "type": format!("{name}.{kind}"), "b64_json": image, "created_at": CREATED, "size": "1024x1024",
            "quality": "low", "background": "opaque", "output_format": "png",
        })
    };
    let mut pieces = Vec::new();
    for index in 0..fields.number("partial_images").unwrap_or(0).min(3) {
        let mut partial = told("partial_image");
        partial["partial_image_index"] = index.into();
        pieces.push(event(&partial));
    }
    for _ in 0..count {
        pieces.push(event(&with_usage(told("completed"), counting, usage(1))));
    }
    Ok(Reply { content_type: EVENTS, pieces, is_stream: true })
}

/// A token of it for each word, and a piece for each token.
fn speech(fields: &Fields, counting: Counting) -> Result<Reply, BadField> {
    let input = fields.text("input").ok_or(BadField("input", "you must provide an input parameter"))?;
    let count = words(&input).max(1);
    let wav = media::wav(count);
    let piece = wav.len().div_ceil(count as usize);
    if fields.text("stream_format").as_deref() != Some("sse") {
        let pieces = wav.chunks(piece).map(<[u8]>::to_vec).collect();
        return Ok(Reply { content_type: "audio/wav", pieces, is_stream: true });
    }
    let delta = |bytes: &[u8]| event(&json!({"type": "speech.audio.delta", "audio": media::base64(bytes)}));
    let mut pieces: Vec<Vec<u8>> = wav.chunks(piece).map(delta).collect();
    let done = with_usage(json!({"type": "speech.audio.done"}), counting, |times| {
        let count = count * times;
        json!({"input_tokens": count, "output_tokens": count, "total_tokens": 2 * count})
    });
    pieces.push(event(&done));
    Ok(Reply { content_type: EVENTS, pieces, is_stream: true })
}

fn transcript(fields: &Fields, scenario: &Scenario) -> Result<Reply, BadField> {
    let bytes = fields.file("file").ok_or(BadField("file", "you must provide a file"))?;
    let spoken: Vec<&str> =
        ["words", "that", "were", "heard"].into_iter().cycle().take(scenario.length() as usize).collect();
    let text = spoken.join(" ");
    // At the rate of the speech above.
    let seconds = bytes.saturating_sub(media::WAV_HEAD).div_ceil(media::BYTES_PER_SECOND) as u64;
    let counting = scenario.shape.counting;
    let format = fields.text("response_format").unwrap_or_else(|| "json".to_owned());
    if fields.is_true("stream") {
        let delta = |word: &&str| event(&json!({"type": "transcript.text.delta", "delta": format!("{word} ")}));
        let mut pieces: Vec<Vec<u8>> = spoken.iter().map(delta).collect();
        let done = json!({"type": "transcript.text.done", "text": text});
        let heard = seconds * 10;
        pieces.push(event(&with_usage(done, counting, |times| {
            let (heard, spoken) = (heard * times, spoken.len() as u64 * times);
            let details = json!({"text_tokens": 0, "audio_tokens": heard});
            json!({"type": "tokens", "input_tokens": heard, "input_token_details": details, "output_tokens": spoken,
                "total_tokens": heard + spoken})
        })));
        return Ok(Reply { content_type: EVENTS, pieces, is_stream: true });
    }
    let plain =
        |body: String| Reply { content_type: "text/plain; charset=utf-8", pieces: vec![body.into()], is_stream: false };
    Ok(match format.as_str() {
        "text" => plain(format!("{text}\n")),
        "srt" => plain(format!("1\n00:00:00,000 --> 00:00:{seconds:02},000\n{text}\n")),
        "vtt" => plain(format!("WEBVTT\n\n00:00.000 --> 00:{seconds:02}.000\n{text}\n")),
        "verbose_json" => {
            let body = json!({"task": "transcribe", "language": "english", "duration": seconds as f64, "text": text, "segments": []});
            json_reply(with_usage(body, counting, |times| json!({"type": "duration", "seconds": seconds * times})))
        }
        _ => json_reply(with_usage(
            json!({"text": text}),
            counting,
            |times| json!({"type": "duration", "seconds": seconds * times}),
        )),
    })
}

const EVENTS: &str = "text/event-stream; charset=utf-8";
/// 2026-01-01, as in other answers.
const CREATED: u64 = 1_767_225_600;
const DIMENSIONS: usize = 8;
const DIMENSIONS_MAX: usize = 4_096;
/// An image of low quality.
const IMAGE_TOKENS: u64 = 272;
