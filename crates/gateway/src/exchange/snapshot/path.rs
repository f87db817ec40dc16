//! Paths that hold the name of the model.

use std::{fmt::Write as _, sync::Arc};

use roundelay_protocol::openai::Operation;

/// How such a path is written, for one deployment.
#[derive(Debug, Clone)]
pub(super) struct ModelPath {
    prefix: Arc<str>,
}

impl ModelPath {
    /// `prefix` is what every path of the provider begins with.
    pub(super) fn new(prefix: &Arc<str>) -> Self {
        Self { prefix: Arc::clone(prefix) }
    }

    /// Gemini's: `/models/{model}:generateContent`. Models of one's own are elsewhere, and say so in their name.
    pub(super) fn generate(&self, model: &str, is_streamed: bool) -> String {
        let mut path = String::with_capacity(self.prefix.len() + model.len() + 48);
        path.push_str(&self.prefix);
        let (folder, name) = match model.split_once('/') {
            Some((folder @ ("models" | "tunedModels"), name)) => (folder, name),
            _ => ("models", model),
        };
        path.push('/');
        path.push_str(folder);
        path.push('/');
        push_segment(&mut path, name);
        path.push_str(if is_streamed { ":streamGenerateContent?alt=sse" } else { ":generateContent" });
        path
    }

    /// Anthropic's at Vertex AI: `/models/{model}:rawPredict`. A version of a model stands behind an `@`, which Google's own
    /// documents write as it is.
    pub(super) fn predict(&self, model: &str, is_streamed: bool) -> String {
        let mut path = String::with_capacity(self.prefix.len() + model.len() + 32);
        path.push_str(&self.prefix);
        path.push_str("/models/");
        for (at, part) in model.split('@').enumerate() {
            path.push_str(if at == 0 { "" } else { "@" });
            push_segment(&mut path, part);
        }
        path.push_str(if is_streamed { ":streamRawPredict" } else { ":rawPredict" });
        path
    }

    /// Bedrock's: `/model/{model}/converse`. A name that is an address of AWS (an ARN) has slashes and colons, and is one
    /// segment all the same.
    pub(super) fn converse(&self, model: &str, is_streamed: bool) -> String {
        let mut path = String::with_capacity(self.prefix.len() + 2 * model.len() + 32);
        path.push_str(&self.prefix);
        path.push_str("/model/");
        push_segment(&mut path, model);
        path.push_str(if is_streamed { "/converse-stream" } else { "/converse" });
        path
    }

    /// Where it does not.
    pub(super) fn plain(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Azure's of dated versions where no deployment stands in it: `/responses?api-version=…`.
    pub(super) fn versioned(&self, operation: Operation, api_version: &str) -> String {
        format!("{}{}?api-version={api_version}", self.prefix, operation.path())
    }

    /// Azure's of dated versions: `/deployments/{deployment}/chat/completions?api-version=…`.
    pub(super) fn deployment(&self, operation: Operation, model: &str, api_version: &str) -> String {
        let mut path = String::with_capacity(self.prefix.len() + model.len() + 64);
        path.push_str(&self.prefix);
        path.push_str("/deployments/");
        push_segment(&mut path, model);
        path.push_str(operation.path());
        path.push_str("?api-version=");
        path.push_str(api_version);
        path
    }
}

/// Adds a caller's or an operator's word as one segment of a path, whatever it holds (RFC 3986, section 2.3).
fn push_segment(path: &mut String, word: &str) {
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing into a `String` cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_segment() {
        let path = ModelPath::new(&"/v1beta".into());
        for (model, expected) in [
            ("gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro"),
            ("tunedModels/mine", "/v1beta/tunedModels/mine"),
            ("../../x?key=1#", "/v1beta/models/..%2F..%2Fx%3Fkey%3D1%23"),
            ("tunedModels/../x", "/v1beta/tunedModels/..%2Fx"),
            ("é:b\r\n", "/v1beta/models/%C3%A9%3Ab%0D%0A"),
        ] {
            assert_eq!(path.generate(model, false), format!("{expected}:generateContent"));
            assert_eq!(path.generate(model, true), format!("{expected}:streamGenerateContent?alt=sse"));
        }
        assert_eq!(
            path.predict("claude-sonnet-4-5@20250929/..", true),
            "/v1beta/models/claude-sonnet-4-5@20250929%2F..:streamRawPredict"
        );
        let path = ModelPath::new(&"".into());
        let profile = "arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0";
        let expected = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x-v1%3A0/converse";
        assert_eq!(path.converse(profile, false), expected);
        assert_eq!(path.converse("../x", true), "/model/..%2Fx/converse-stream");
        let path = ModelPath::new(&"/openai".into());
        let expected = "/openai/deployments/..%2Fa%3F/chat/completions?api-version=2024-10-21";
        assert_eq!(
            path.versioned(Operation::Responses, "2025-04-01-preview"),
            "/openai/responses?api-version=2025-04-01-preview"
        );
        assert_eq!(path.deployment(Operation::Chat, "../a?", "2024-10-21"), expected);
    }
}
