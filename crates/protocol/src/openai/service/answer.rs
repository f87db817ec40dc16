//! A whole answer of a service: whether it holds anything, and what was counted.

use crate::{
    estimate::Output,
    json::{Kind, Malformed, Reader},
    openai::{Content, Service, answer::Answer},
    usage::{self, Usage, from_seconds},
};

/// Reads the body of an answer. Images that it brings are counted, as is what its usage tells.
///
/// # Errors
/// When the body is not a JSON object.
pub fn scan(service: Service, body: &[u8]) -> Result<Answer, Malformed> {
    let mut reader = Reader::new(body)?;
    let mut answer = Answer::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| seen.member(service, reader, key, &mut answer))?;
    reader.end()?;
    if let Some(ms) = seen.duration_ms {
        // A transcript with its length, and no usage: that is what it is billed by.
        answer.usage.get_or_insert_with(Usage::default).units.audio_ms = ms;
    }
    if service.makes_images() {
        answer.output.images = seen.pieces;
        if let Some(usage) = &mut answer.usage {
            usage.units.images = seen.pieces;
        }
    }
    let has_content = seen.pieces > 0 || seen.has_text;
    answer.content = if has_content { Content::Text } else { Content::None };
    answer.is_error |= seen.is_error_object || !has_content && seen.has_message;
    Ok(answer)
}

/// An answer that is no JSON, of which nothing is known but that it is there. A transcript of silence is empty.
pub fn of_text(body: &[u8]) -> Answer {
    let output = Output { text_bytes: body.len() as u64, ..Output::default() };
    Answer { content: Content::Text, output, ..Answer::default() }
}

#[derive(Default)]
struct Seen {
    /// Vectors, results or images.
    pieces: u64,
    has_text: bool,
    has_message: bool,
    is_error_object: bool,
    duration_ms: Option<u64>,
}

impl Seen {
    fn member(
        &mut self,
        service: Service,
        reader: &mut Reader<'_>,
        key: &str,
        answer: &mut Answer,
    ) -> Result<(), Malformed> {
        match key {
            "data" | "results" | "embeddings" => self.pieces(reader)?,
            // An empty transcript is one of silence.
            "text" if service.hears() => {
                self.has_text = reader.kind()? == Kind::String;
                answer.output.text_bytes += reader.skip()?.len() as u64;
            }
            "duration" if service.hears() => {
                self.duration_ms = from_seconds(reader.raw()?.trim_matches('"'));
            }
            "usage" => {
                if let Some((usage, place)) = usage::read_service(reader)? {
                    (answer.usage, answer.cost_place) = (usage.or(answer.usage), Some(place));
                }
            }
            // Cohere's, with what is billed in it.
            "meta" if reader.kind()? == Kind::Object => reader.object(|reader, key| {
                match key {
                    "billed_units" => {
                        let billed = usage::read_service(reader)?.and_then(|(usage, _)| usage);
                        answer.usage = answer.usage.or(billed);
                    }
                    _ => reader.pass()?,
                }
                Ok::<_, Malformed>(())
            })?,
            "error" => answer.is_error |= !matches!(reader.raw()?, "null" | "false" | "0" | "\"\"" | "{}" | "[]"),
            "object" => self.is_error_object = reader.raw()? == "\"error\"",
            "message" | "detail" => {
                self.has_message = true;
                reader.pass()?;
            }
            _ => reader.pass()?,
        }
        Ok(())
    }

    fn pieces(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        match reader.kind()? {
            Kind::Array => reader.array(|reader| {
                self.pieces += 1;
                reader.pass()
            }),
            // Cohere's vectors by their type.
            Kind::Object => {
                self.pieces += 1;
                reader.pass()
            }
            Kind::String | Kind::Number | Kind::True | Kind::False | Kind::Null => reader.pass(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openai::with_cost, usage::Units};

    fn scan(service: Service, body: &str) -> Answer {
        super::scan(service, body.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}: {body}"))
    }

    fn counted(service: Service, body: &str) -> Option<Usage> {
        let answer = scan(service, body);
        assert!(answer.has_content() && !answer.is_error, "{body}");
        answer.usage
    }

    #[test]
    fn each_service_says_in_its_own_way_what_is_billed() {
        let none = Usage::default();
        let units = |units| Some(Usage { units, ..none });
        let embedded = r#"{"object":"list","data":[{"index":0,"embedding":"AACAPw=="}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
        assert_eq!(counted(Service::Embeddings, embedded), Some(Usage { input: 3, ..none }));
        let ranked = r#"{"id":"r","results":[{"index":0,"relevance_score":0.9}],"meta":{"api_version":{},"billed_units":{"search_units":1}}}"#;
        assert_eq!(counted(Service::Rerank, ranked), units(Units { searches: 1, ..Units::default() }));
        let jina = r#"{"results":[{"index":0}],"usage":{"total_tokens":40}}"#;
        assert_eq!(counted(Service::Rerank, jina), Some(Usage { input: 40, ..none }));
        assert_eq!(counted(Service::Moderations, r#"{"id":"m","results":[{"flagged":false}]}"#), None);
        let images = r#"{"created":1,"data":[{"b64_json":"A"},{"b64_json":"B"}],"usage":{"input_tokens":5,"output_tokens":544,"total_tokens":549}}"#;
        let two = Units { images: 2, ..Units::default() };
        assert_eq!(counted(Service::Images, images), Some(Usage { input: 5, output: 544, units: two, ..none }));
        let heard = |audio_ms| units(Units { audio_ms, ..Units::default() });
        let by_seconds = r#"{"text":"","usage":{"type":"duration","seconds":2}}"#;
        assert_eq!(counted(Service::Transcriptions, by_seconds), heard(2_000));
        let verbose = r#"{"task":"translate","duration":8.47,"text":"a"}"#;
        assert_eq!(counted(Service::Translations, verbose), heard(8_470));
        assert_eq!(counted(Service::Translations, r#"{"duration":"8.47","text":"a"}"#), heard(8_470));
        assert_eq!(counted(Service::Transcriptions, r#"{"text":"a"}"#), None);
    }

    #[test]
    fn images_that_nobody_counted_are_counted_here() {
        let answer = scan(Service::Images, r#"{"data":[{"url":"u"},{"url":"v"}]}"#);
        assert_eq!((answer.usage, answer.output.images), (None, 2));
    }

    #[test]
    fn an_error_with_a_good_status_is_one_and_an_empty_answer_is_empty() {
        for body in
            [r#"{"error":{"message":"m"}}"#, r#"{"object":"error","message":"m"}"#, r#"{"message":"no such model"}"#]
        {
            assert!(scan(Service::Embeddings, body).is_error, "{body}");
        }
        assert!(scan(Service::Embeddings, r#"{"data":[],"error":null}"#).is_empty());
        assert!(super::scan(Service::Embeddings, b"<html>").is_err());
    }

    #[test]
    fn the_cost_goes_into_the_usage_and_every_other_byte_stays() {
        let body = r#"{"data":[{"embedding":"AAAA"}] ,"usage":{"prompt_tokens":3}}"#;
        let place = scan(Service::Embeddings, body).cost_place.unwrap();
        let priced = with_cost(body.as_bytes(), place, "0.5");
        assert_eq!(String::from_utf8(priced).unwrap(), body.replace("{\"prompt", "{\"cost\":0.5,\"prompt"));
    }
}
