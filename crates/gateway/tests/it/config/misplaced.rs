//! Addresses and keys that are another's are warned of, each with what to write instead, and no key is shown.

use roundelay::config;

/// One provider with these lines has one warning with these words, or none.
#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    let toml = format!("[providers.some]\n{lines}\n");
    let set = |name: &str| Some(if name.ends_with("_2") { format!("{SECOND}-2") } else { SECOND.to_owned() });
    let config = config::parse(&toml, "test.toml", &set).unwrap_or_else(|faults| panic!("{toml}: {faults}"));
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), usize::from(!expected.is_empty()), "{toml}: {told:#?}");
    for word in expected {
        assert!(told[0].contains(word), "{toml}: {told:#?}");
    }
}

/// What variables hold here.
const SECOND: &str = "sk-ant-api03-never-shown";

#[test]
fn clouds_under_another_protocol_are_known_by_their_hosts() {
    let key = "api_keys = ['${file:/dev/null}-a-key-of-mine']";
    for (protocol, address, expected) in [
        ("openai", "https://mine.openai.azure.com", &["resource at Azure", "`protocol = \"azure\"`"] as &[_]),
        ("openai", "https://mine.openai.azure.com/openai/v1", &[]),
        ("anthropic", "https://mine.services.ai.azure.com/anthropic", &[]),
        ("openai", "https://bedrock-runtime.us-east-1.amazonaws.com", &["speaks Converse", "`protocol = \"bedrock\"`"]),
        ("openai", "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", &[]),
        ("gemini", "https://europe-west4-aiplatform.googleapis.com", &["Vertex AI", "`protocol = \"vertex\"`"]),
        ("openai", "https://aiplatform.googleapis.com/v1", &["Vertex AI", "endpoints/openapi"]),
        ("openai", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi", &[]),
        ("anthropic", "https://aiplatform.eu.rep.googleapis.com", &["Claude is asked", "`project`"]),
        ("vertex", "https://generativelanguage.googleapis.com/v1beta", &["AI Studio", "`protocol = \"gemini\"`"]),
        ("anthropic", "https://api.openai.com/v1", &["OpenAI's own address"]),
        ("openai", "https://api.anthropic.com/v1", &[]),
        ("openai", "https://aiplatform.googleapis.com.example/v1", &[]),
    ] {
        check(&format!("protocol = '{protocol}'\nbase_url = '{address}'\n{key}"), expected);
    }
}

#[test]
fn keys_are_known_by_how_they_begin() {
    let at = |address: &str, key: &str| format!("base_url = '{address}'\napi_keys = ['${{file:/dev/null}}{key}']");
    check(&at("https://api.openai.com/v1", "AKIAIOSFODNN7EXAMPLE"), &["id of a key of AWS's", "`access_key_id`"]);
    check(&at("https://api.openai.com/v1", "sk-ant-api03-x"), &["api_keys", "a key of Anthropic's"]);
    check(&at("https://api.anthropic.com/v1", "sk-proj-x12345"), &["a key of OpenAI's"]);
    check(&at("https://api.deepseek.com/v1", "AIzaSy-12345"), &["a key of Google's"]);
    check(&at("https://api.openai.com/v1", "sk-proj-x12345"), &[]);
    check(&at("https://api.openai.com/v1", "sk-x123456789"), &[]);
    check(&at("https://generativelanguage.googleapis.com/v1beta", "AIzaSy-12345"), &[]);
    // Who relays takes the keys it likes.
    check(&at("https://relay.example/v1", "sk-ant-api03-x"), &[]);
}

#[test]
fn one_line_says_it_of_several_keys_and_shows_none() {
    let lines = "base_url = 'https://api.openai.com/v1'\napi_keys = ['${KEY_1}', '${KEY_2}']";
    check(lines, &["a key of Anthropic's"]);
    let toml = format!("[providers.some]\n{lines}\n");
    let set = |name: &str| Some(format!("{SECOND}{name}"));
    let config = config::parse(&toml, "test.toml", &set).unwrap();
    assert!(!config.warnings[0].to_string().contains("never-shown"), "{:?}", config.warnings);
}
