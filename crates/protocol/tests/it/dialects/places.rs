//! What is lost is named by its place in the caller's own body.

use roundelay_protocol::{
    chat::{Capabilities, Dialect, Issuer, Losses, Target, Why},
    translate::{self, Manner},
};

/// What a body loses on its way to a provider, as `place` or `place;changed`.
fn lost_on(from: Dialect, to: Dialect, body: &str, capabilities: Capabilities) -> Vec<String> {
    let request = translate::decode_request(from, body.as_bytes()).unwrap();
    let target = Target { capabilities, issuer: Some(Issuer(7)), ..Target::default() };
    let mut losses = Losses::default();
    translate::encode_request(&request, &target, &Manner::of(to), &mut losses);
    translate::locate(&mut losses, &request, body.as_bytes());
    let told = losses.iter().map(|loss| match loss.why {
        Why::Changed => format!("{};changed", loss.path),
        _ => loss.path.clone(),
    });
    told.collect()
}

#[track_caller]
fn check(from: Dialect, to: Dialect, body: &str, expected: &[&str]) {
    assert_eq!(lost_on(from, to, body, Capabilities::default()), expected);
}

const CHAT: Dialect = Dialect::OpenaiChat;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const ANTHROPIC: Dialect = Dialect::Anthropic;
const GEMINI: Dialect = Dialect::Gemini;
const BEDROCK: Dialect = Dialect::Bedrock;

#[test]
fn a_chat_callers_places_are_his_own() {
    let conversation = r#"{"model":"m", "seed" : 7, "n":2, "logit_bias":{"1":2}, "messages":[
        {"role":"system","content":"S"},
        {"role":"user","content":"A","name":"ann"},
        {"role":"assistant","content":null,"tool_calls":[
            {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},
            {"id":"c2","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]},
        {"role":"tool","tool_call_id":"c1","content":"r"},
        {"role":"tool","tool_call_id":"c2","content":"r"},
        {"role":"user","name":"bob","content":[
            {"type":"text","text":"B"},
            {"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},
            {"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}],
        "tools":[{"type":"function","function":{"name":"g"}},
                 {"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true}}],
        "response_format":{"type":"json_object"}, "parallel_tool_calls":false, "prompt_cache_key":"k"}"#;
    check(
        CHAT,
        ANTHROPIC,
        conversation,
        &[
            "messages[1].name",
            "messages[2].tool_calls[1].function.arguments;changed",
            "messages[5].content[1].image_url.detail",
            "messages[5].content[2]",
            "messages[5].name",
            "response_format",
            "seed",
            "logit_bias",
            "prompt_cache_key",
            "n",
        ],
    );
    check(
        CHAT,
        GEMINI,
        conversation,
        &[
            "messages[1].name",
            "messages[2].tool_calls[1].function.arguments;changed",
            "messages[5].content[1].image_url.detail",
            "messages[5].name",
            "tools[1].function.strict",
            "parallel_tool_calls",
            "logit_bias",
            "prompt_cache_key",
        ],
    );
    check(
        CHAT,
        ANTHROPIC,
        r#"{"model":"m","reasoning_effort":"minimal","messages":[{"role":"user","content":"a"},
            {"role":"assistant","refusal":"No."},{"role":"user","content":"b"}],
            "tools":[{"type":"custom","custom":{"name":"patch"}}]}"#,
        &["messages[1];changed", "tools[0];changed", "reasoning_effort;changed"],
    );
}

#[test]
fn a_responses_callers_places_are_his_own() {
    check(
        RESPONSES,
        CHAT,
        r#"{"model":"m","instructions":"I","input":[
            {"role":"user","content":"a"},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"T"}]},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"c","output":[
                {"type":"input_text","text":"r"},
                {"type":"input_image","image_url":"https://example.com/a.png"}]}],
            "tools":[{"type":"function","name":"f"},{"type":"web_search","x":1}],
            "max_tool_calls":3,"reasoning":{"effort":"low","summary":"auto","generate_summary":"auto"}}"#,
        &[
            "input[1]",
            "input[3].output;changed",
            "tools[1]",
            "reasoning.summary",
            "max_tool_calls",
            "reasoning.generate_summary",
        ],
    );
    check(
        RESPONSES,
        ANTHROPIC,
        r#"{"model":"m","input":"hello","text":{"verbosity":"low","format":{"type":"json_object"}},
            "tools":[{"type":"namespace","name":"files","description":"All of files.",
                "tools":[{"type":"function","name":"read"},{"type":"custom","name":"edit"}]}]}"#,
        &["tools[0].description", "tools[0].tools[1];changed", "text.format", "text.verbosity"],
    );
}

#[test]
fn an_anthropic_callers_places_are_his_own() {
    check(
        ANTHROPIC,
        GEMINI,
        r#"{"model":"m","max_tokens":9,"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}],
            "messages":[{"role":"user","content":"a"},
                {"role":"assistant","content":[{"type":"thinking","thinking":"T","signature":"x"},
                    {"type":"tool_use","id":"t","name":"f","input":{}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r",
                    "cache_control":{"type":"ephemeral"}}]}],
            "tools":[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}},
                {"type":"web_search_20250305","name":"web_search"}],
            "metadata":{"user_id":"u"},"container":"c"}"#,
        &[
            "system[0].cache_control",
            "messages[1].content[0]",
            "messages[2].content[0].cache_control",
            "tools[0].cache_control",
            "tools[1]",
            "metadata.user_id",
            "container",
        ],
    );
    check(
        ANTHROPIC,
        RESPONSES,
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],"top_k":3,"stop_sequences":["x"],
            "thinking":{"type":"enabled","budget_tokens":2000}}"#,
        &["thinking.budget_tokens;changed", "top_k", "stop_sequences"],
    );
}

#[test]
fn a_gemini_callers_places_are_his_own() {
    check(
        GEMINI,
        ANTHROPIC,
        r#"{"contents":[{"role":"user","parts":[{"text":"a"},{"inlineData":{"mimeType":"audio/wav","data":"UklGRg=="}}]},
                {"role":"model","parts":[{"text":"b","thoughtSignature":"x"}]},
                {"role":"user","parts":[{"text":"c"}]}],
            "generationConfig":{"seed":7,"candidateCount":2,"temperature":1.5,"mediaResolution":"MEDIA_RESOLUTION_LOW"},
            "safetySettings":[{"category":"X","threshold":"Y"}],"tools":[{"functionDeclarations":[{"name":"f"}]},{"googleSearch":{}}]}"#,
        &[
            "contents[0].parts[1]",
            "contents[1].parts[0].thoughtSignature",
            "tools[1]",
            "generationConfig.temperature;changed",
            "generationConfig.seed",
            "generationConfig.candidateCount",
            "generationConfig.mediaResolution",
            "safetySettings",
        ],
    );
    check(
        GEMINI,
        ANTHROPIC,
        r#"{"contents":{"parts":[{"text":"a"}]},"generation_config":{"presence_penalty":0.5}}"#,
        &["generation_config.presence_penalty"],
    );
}

#[test]
fn a_bedrock_callers_places_are_his_own() {
    check(
        BEDROCK,
        CHAT,
        r#"{"messages":[{"role":"user","content":[{"text":"a"},{"cachePoint":{"type":"default"}}]}],
            "toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}},{"cachePoint":{"type":"default"}}]},
            "additionalModelRequestFields":{"top_k":3,"anthropic_beta":["x"]},
            "guardrailConfig":{"guardrailIdentifier":"g"}}"#,
        &[
            "toolConfig.tools[0]",
            "additionalModelRequestFields.top_k",
            "additionalModelRequestFields.anthropic_beta",
            "guardrailConfig",
        ],
    );
}

#[test]
fn a_place_is_found_however_the_turns_were_joined() {
    // Two of the user's messages are one turn, and the names keep others apart.
    check(
        CHAT,
        ANTHROPIC,
        r#"{"model":"m","messages":[{"role":"user","content":"a"},
            {"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]},
            {"role":"user","name":"n","content":"c"}]}"#,
        &["messages[1].content[0]", "messages[2].name"],
    );
}

/// Members of a body that ask for nothing are no loss, wherever it goes; the same members with another value are, at
/// least at one provider.
#[track_caller]
fn check_nothing(from: Dialect, nothing: &str, something: &str) {
    let plain = match from {
        CHAT => r#""model":"m","messages":[{"role":"user","content":"a"}]"#,
        RESPONSES => r#""model":"m","input":"a""#,
        ANTHROPIC => r#""model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}]"#,
        GEMINI => r#""contents":[{"role":"user","parts":[{"text":"a"}]}]"#,
        BEDROCK => r#""messages":[{"role":"user","content":[{"text":"a"}]}]"#,
    };
    // A model that takes no sampling loses nothing by what it would do anyway.
    let plainest = Capabilities { sampling: false, ..Capabilities::default() };
    let mut is_lost = something.is_empty();
    for to in Dialect::ALL.into_iter().filter(|to| *to != from) {
        for capabilities in [Capabilities::default(), plainest] {
            let lost = lost_on(from, to, &format!("{{{plain},{nothing}}}"), capabilities);
            assert_eq!(lost, <[&str; 0]>::default(), "{nothing} at {}", to.name());
            if !something.is_empty() {
                is_lost |= !lost_on(from, to, &format!("{{{plain},{something}}}"), capabilities).is_empty();
            }
        }
    }
    assert!(is_lost, "{something} is nowhere lost");
}

#[test]
fn what_asks_for_nothing_is_no_loss() {
    for (nothing, something) in [
        (r#""n":1"#, r#""n":2"#),
        (r#""logprobs":false"#, r#""logprobs":true"#),
        (r#""top_logprobs":0"#, r#""top_logprobs":2"#),
        (r#""logit_bias":{ }"#, r#""logit_bias":{"1":1}"#),
        (r#""presence_penalty":0"#, r#""presence_penalty":0.5"#),
        (r#""frequency_penalty":0.0"#, r#""frequency_penalty":0.5"#),
        (r#""temperature":1"#, r#""temperature":0.5"#),
        (r#""top_p":1.0"#, r#""top_p":0.5"#),
        (r#""parallel_tool_calls":true"#, ""),
        (r#""service_tier":"auto""#, r#""service_tier":"flex""#),
        (r#""store":false"#, r#""store":true"#),
        (r#""metadata":{}"#, r#""metadata":{"a":"b"}"#),
        (r#""verbosity":"medium""#, r#""verbosity":"low""#),
        (r#""modalities":["text"]"#, r#""modalities":["text","audio"]"#),
        (r#""stop":null"#, r#""stop":"x""#),
        (r#""stop":[]"#, r#""stop":["x"]"#),
        (r#""seed":null"#, r#""seed":7"#),
        (r#""stream_options":{"include_usage":true}"#, ""),
        (r#""response_format":{"type":"text"}"#, r#""response_format":{"type":"json_object"}"#),
        (r#""tool_choice":"auto","tools":[]"#, ""),
        (r#""prompt_cache_retention":"in_memory""#, r#""prompt_cache_retention":"24h""#),
    ] {
        check_nothing(CHAT, nothing, something);
    }
    for (nothing, something) in [
        (r#""background":false"#, r#""background":true"#),
        (r#""truncation":"disabled""#, r#""truncation":"auto""#),
        (r#""store":true"#, ""),
        (r#""store":false"#, ""),
        (r#""metadata":{"a":"b"}"#, ""),
        (r#""stream_options":{"include_obfuscation":false}"#, ""),
        (r#""previous_response_id":null"#, r#""previous_response_id":"resp_1""#),
        (r#""conversation":null"#, r#""conversation":"conv_1""#),
        (r#""include":[]"#, r#""include":["file_search_call.results"]"#),
        (r#""include":["reasoning.encrypted_content"]"#, ""),
        (r#""parallel_tool_calls":true"#, ""),
        (r#""service_tier":"auto""#, r#""service_tier":"flex""#),
        (r#""top_logprobs":0"#, r#""top_logprobs":2"#),
        (r#""temperature":1"#, r#""temperature":0.5"#),
        (r#""text":{"verbosity":"medium"}"#, r#""text":{"verbosity":"low"}"#),
        (r#""max_tool_calls":null"#, r#""max_tool_calls":3"#),
        (r#""tool_choice":"auto""#, ""),
    ] {
        check_nothing(RESPONSES, nothing, something);
    }
    for (nothing, something) in [
        (r#""temperature":1"#, r#""temperature":0.5"#),
        (r#""stop_sequences":[]"#, r#""stop_sequences":["x"]"#),
        (r#""thinking":{"type":"disabled"}"#, ""),
        (r#""service_tier":"auto""#, ""),
        (r#""context_management":{}"#, r#""context_management":{"edits":[{"type":"x"}]}"#),
        (r#""mcp_servers":[]"#, r#""mcp_servers":[{"url":"x"}]"#),
        (r#""container":null"#, r#""container":"c""#),
    ] {
        check_nothing(ANTHROPIC, nothing, something);
    }
    let config =
        |inside: &str| if inside.is_empty() { String::new() } else { format!(r#""generationConfig":{{{inside}}}"#) };
    for (nothing, something) in [
        (r#""candidateCount":1"#, r#""candidateCount":2"#),
        (r#""responseLogprobs":false"#, r#""responseLogprobs":true"#),
        (r#""logprobs":0"#, r#""logprobs":2"#),
        (r#""presencePenalty":0"#, r#""presencePenalty":0.5"#),
        (r#""frequencyPenalty":0"#, r#""frequencyPenalty":0.5"#),
        (r#""responseModalities":["TEXT"]"#, r#""responseModalities":["IMAGE"]"#),
        (r#""stopSequences":[]"#, r#""stopSequences":["x"]"#),
        (r#""responseMimeType":"text/plain""#, ""),
    ] {
        check_nothing(GEMINI, &config(nothing), &config(something));
    }
    check_nothing(GEMINI, r#""safetySettings":[]"#, r#""safetySettings":[{"category":"X"}]"#);
    for (nothing, something) in [
        (r#""serviceTier":{"type":"default"}"#, r#""serviceTier":{"type":"reserved"}"#),
        (r#""performanceConfig":{"latency":"standard"}"#, r#""performanceConfig":{"latency":"optimized"}"#),
        (r#""requestMetadata":{}"#, r#""requestMetadata":{"a":"b"}"#),
        (r#""additionalModelResponseFieldPaths":[]"#, r#""additionalModelResponseFieldPaths":["/a"]"#),
    ] {
        check_nothing(BEDROCK, nothing, something);
    }
}

#[test]
fn what_the_gateway_added_is_told_without_a_place() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    let mut losses = Losses::default();
    let request = translate::decode_request(CHAT, body.as_bytes()).unwrap();
    losses.add(Why::Label, "turns.9.parts.1.name", "the name of a file");
    losses.add(Why::Issuer, "thoughts", "their deployment refused them");
    losses.add(Why::NoPeer, "turns.9", "audio");
    translate::locate(&mut losses, &request, body.as_bytes());
    let places: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
    assert_eq!(places, ["messages[].name", "thoughts", "messages[]"]);
}

#[test]
fn numbers_of_a_list_that_was_put_together_are_not_told() {
    let mut losses = Losses::default();
    for path in ["input[7].content[1].detail", "inputs[7]", "tools[2]", "input"] {
        losses.add(Why::NoPeer, path, "audio");
    }
    losses.forget_numbers("input");
    let places: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
    assert_eq!(places, ["input[].content[1].detail", "inputs[7]", "tools[2]", "input"]);
}

#[test]
fn what_is_lost_in_many_places_is_told_once() {
    let mut messages = String::new();
    for turn in 0..60 {
        messages +=
            &format!(r#"{{"role":"user","name":"n{turn}","content":"a"}},{{"role":"assistant","content":"b"}},"#);
    }
    let body = format!(r#"{{"model":"m","seed":1,"messages":[{messages}{{"role":"user","content":"c"}}]}}"#);
    let request = translate::decode_request(CHAT, body.as_bytes()).unwrap();
    let mut losses = Losses::default();
    translate::encode_request(&request, &Target::default(), &Manner::of(ANTHROPIC), &mut losses);
    translate::locate(&mut losses, &request, body.as_bytes());
    let told: Vec<_> = losses.told().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["messages[].name (60)", "seed"]);
}
