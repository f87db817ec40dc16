//! `generateContent`: a turn of calls follows the user's, and the turn after it has as many responses.

use serde_json::Value;

use super::{BadField, Talk, text_of};

impl Talk {
    pub(super) fn read_gemini(&mut self, body: &Value, contents: &[Value]) -> Result<(), BadField> {
        self.instructed(&text_of(&body["systemInstruction"]["parts"]));
        // Turns of one side in a row are one.
        for (at, turn) in contents.chunk_by(|one, next| is_models(one) == is_models(next)).enumerate() {
            let parts: Vec<&Value> =
                turn.iter().flat_map(|one| one["parts"].as_array().into_iter().flatten()).collect();
            if parts.is_empty() {
                return bad("GenerateContentRequest.contents.parts: contents.parts must not be empty.");
            }
            let responses: Vec<&Value> =
                parts.iter().map(|part| &part["functionResponse"]).filter(|r| r.is_object()).collect();
            self.read_responses_of_functions(&responses)?;
            let calls = parts.iter().map(|part| &part["functionCall"]).filter(|call| call.is_object());
            let text = turn.iter().map(|one| text_of(&one["parts"])).filter(|text| !text.is_empty());
            let text = text.collect::<Vec<_>>().join(" ");
            if is_models(&turn[0]) {
                self.model_says(&text);
                for call in calls {
                    if at == 0 {
                        return bad(CALL_OUT_OF_TURN);
                    }
                    self.calls(&Value::Null, &call["name"], &call["args"]);
                }
            } else if !text.is_empty() {
                self.user_says(&text);
            }
        }
        if self.open.is_empty() { Ok(()) } else { bad(RESPONSES_OUT_OF_NUMBER) }
    }

    fn read_responses_of_functions(&mut self, responses: &[&Value]) -> Result<(), BadField> {
        if self.open.is_empty() && !responses.is_empty() {
            return bad(RESPONSE_OUT_OF_TURN);
        }
        if self.open.len() != responses.len() {
            return bad(RESPONSES_OUT_OF_NUMBER);
        }
        self.open.clear();
        for response in responses {
            let response = &response["response"];
            let told = ["output", "result", "error"].iter().find_map(|name| response[*name].as_str());
            self.result(told.map_or_else(|| response.to_string(), str::to_owned));
        }
        Ok(())
    }
}

fn is_models(content: &Value) -> bool {
    content["role"] == "model"
}

fn bad(message: &'static str) -> Result<(), BadField> {
    Err(BadField::new("contents", message))
}

const RESPONSES_OUT_OF_NUMBER: &str = "Please ensure that the number of function response parts is equal to the \
    number of function call parts of the function call turn.";
const RESPONSE_OUT_OF_TURN: &str =
    "Please ensure that function response turn comes immediately after a function call turn.";
const CALL_OUT_OF_TURN: &str =
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn.";
