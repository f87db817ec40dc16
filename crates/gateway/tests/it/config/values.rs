//! Strings, quantities, addresses and timers mean what they say.

use std::{fs, time::Duration};

use roundelay::config::{self, Protocol};

use super::{PROVIDERS, environment, read};

#[test]
fn strings_take_variables_defaults_files_and_dollars() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("key");
    fs::write(&secret, "sk-from-file\n").expect("written");
    let config = read(&format!(
        "[providers.p]\nbase_url = '${{NOT_SET:-https://host.example}}:8443/${{EMPTY:-v1}}/'\n\
         api_keys = ['${{file:{}}}', 'a$$b$c']",
        secret.display()
    ));
    let provider = &config.providers[0];
    assert_eq!(provider.base_url.to_string(), "https://host.example:8443/v1");
    let keys: Vec<&str> = provider.api_keys.iter().map(|key| key.expose()).collect();
    assert_eq!(keys, ["sk-from-file", "a$b$c"]);
    assert_eq!(config.warnings.len(), 1, "the key that stands in the file: {:?}", config.warnings);
    assert_eq!(config.warnings[0].path, "providers.p.api_keys[1]");
}

#[test]
fn quantities_are_read_exactly() {
    let config = read(&format!(
        "{PROVIDERS}[server]\nbody_max = '1.5MiB'\nheader_bytes_max = 2048\nheader_timeout = '250ms'\ndrain = '1h30m'\nidle_timeout = '1.5s'\n\
         [models.'gpt-4o']\nprice = {{ input = 3.00, output = 15, cache_read = '0.3', cache_write = 0.000000001 }}"
    ));
    let server = &config.server;
    assert_eq!((server.body_max, server.header_bytes_max), (1_572_864, 2048));
    assert_eq!(server.header_timeout, Duration::from_millis(250));
    assert_eq!(server.drain, Duration::from_secs(5400));
    assert_eq!(server.idle_timeout, Duration::from_millis(1500));
    let prices = config.models[0].deployments[0].prices.as_ref().expect("a price was written");
    let price = prices.standard().base();
    assert_eq!((price.input, price.output), (3_000_000_000, 15_000_000_000));
    assert_eq!((price.cache_read, price.cache_write), (Some(300_000_000), Some(1)));
    assert_eq!(price.audio_input, None);
}

#[test]
fn base_urls_are_taken_apart() {
    for (url, host, port, path, is_local) in [
        ("https://api.openai.com/v1", "api.openai.com", 443, "/v1", false),
        ("http://127.0.0.1:8000/v1/", "127.0.0.1", 8000, "/v1", true),
        ("http://[::1]:9/", "[::1]", 9, "", true),
        ("http://vllm:8000", "vllm", 8000, "", true),
        ("https://HOST.example:443/a/b", "host.example", 443, "/a/b", false),
    ] {
        let base_url = config::BaseUrl::parse(url).unwrap_or_else(|fault| panic!("{url}: {fault}"));
        assert_eq!(base_url.host.to_string(), host);
        assert_eq!((base_url.port, &*base_url.path_prefix), (port, path), "{url}");
        assert_eq!(base_url.is_local(), is_local, "{url}");
    }
}

#[test]
fn timers_are_the_models_own_then_the_providers_then_the_defaults() {
    let config = read(
        "[providers.openai]\napi_keys = ['${OPENAI_API_KEY}']\ntimeouts = { connect = '1s', idle = '9s' }\n\
         [models.'gpt-4o']\ntimeouts = { first_content = '20s', idle = '7s' }\n[models.'gpt-5']\nmax_output = 5\n\
         [models.'o3']\ntimeouts = { first_content = '10s' }",
    );
    let timeouts = |index: usize| &config.models[index].deployments[0].timeouts;
    let seconds = Duration::from_secs;
    assert_eq!((timeouts(0).connect, timeouts(0).tls), (seconds(1), seconds(5)));
    assert_eq!((timeouts(0).first_content, timeouts(0).idle), (seconds(20), seconds(7)));
    // A reasoning model thinks for minutes before its first word, unless somebody says how long it may.
    assert_eq!((timeouts(1).first_content, timeouts(1).idle), (seconds(300), seconds(9)));
    assert_eq!(config.models[1].deadline, seconds(300), "a deadline below the timer would make the timer a lie");
    assert_eq!(timeouts(2).first_content, seconds(10));
    assert_eq!(config.models[2].deadline, seconds(120));
}

#[test]
fn anthropics_dialect_is_patient_and_below_a_version() {
    let read = |keys: &str| {
        let config = read(&format!("[providers.{keys}\napi_keys = ['${{ANTHROPIC_API_KEY}}']"));
        let provider = &config.providers[0];
        (provider.base_url.to_string(), provider.timeouts.idle.as_secs(), config.warnings.len())
    };
    let at = |url: &str| read(&format!("x]\nprotocol = 'anthropic'\nbase_url = '{url}'")).0;
    assert_eq!(read("anthropic]"), ("https://api.anthropic.com/v1".to_owned(), 300, 0));
    assert_eq!(read("anthropic]\ntimeouts = { idle = '9s' }").1, 9);
    for (written, meant) in [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1"),
        ("https://api.deepseek.com/anthropic/v1/", "https://api.deepseek.com/anthropic/v1"),
        ("https://h.example/v2beta", "https://h.example/v2beta"),
        ("https://h.example/vertex", "https://h.example/vertex/v1"),
    ] {
        assert_eq!(at(written), meant, "{written}");
    }
    // The name alone says what is spoken there, which may not be meant.
    assert_eq!(read("anthropic]\nbase_url = 'https://h.example'").2, 1);
    assert_eq!(read("anthropic]\nprotocol = 'anthropic'\nbase_url = 'https://h.example'").2, 0);
    assert_eq!(read("anthropic]\nprotocol = 'openai'\nbase_url = 'https://h.example/v1'").2, 0);
    assert_eq!(read("anthropic]\nbase_url = 'https://api.anthropic.com'").2, 0);
    assert_eq!(read("x]\nbase_url = 'https://h.example/v1'").1, 60);
}

/// How the one provider of a configuration is asked what is left: vendor, seconds between polls, minimum, currency.
#[track_caller]
fn check_balance(provider: &str, expected: Option<(&str, u64, u64, &str)>) {
    let config = read(&format!("[providers.{provider}\napi_keys = ['${{OPENAI_API_KEY}}']"));
    let poll = config.providers[0].balance;
    let poll = poll.map(|poll| (poll.vendor.name(), poll.every.as_secs(), poll.min_nano_usd, poll.currency.code()));
    assert_eq!(poll, expected, "{provider}");
}

#[test]
fn balances_are_asked_for_at_the_vendors_own_address_or_where_it_is_written() {
    check_balance("deepseek]", Some(("deepseek", 300, 0, "USD")));
    check_balance("openrouter]", Some(("openrouter", 300, 0, "USD")));
    check_balance("moonshot]", Some(("moonshot", 300, 0, "USD")));
    check_balance("siliconflow]", Some(("siliconflow", 300, 0, "CNY")));
    check_balance("openai]", None);
    check_balance("moonshot]\nbase_url = 'https://api.moonshot.cn/v1'", Some(("moonshot", 300, 0, "CNY")));
    check_balance("moonshot]\nbase_url = 'https://relay.example/v1'", None);
    check_balance(
        "moonshot]\nbase_url = 'https://relay.example/v1'\nbalance_currency = 'CNY'",
        Some(("moonshot", 300, 0, "CNY")),
    );
    check_balance("deepseek]\nbalance_poll = 'off'", None);
    check_balance("deepseek]\nbalance_poll = '1m'\nbalance_min = 2.50", Some(("deepseek", 60, 2_500_000_000, "USD")));
    check_balance(
        "mine]\nbase_url = 'https://relay.example/v1'\nbalance_kind = 'siliconflow'",
        Some(("siliconflow", 300, 0, "CNY")),
    );
}

#[test]
fn clouds_are_found_by_resource_and_region() {
    let config = read(
        "[providers.azure]\nbase_url = 'https://a.openai.azure.com/'\napi_keys = ['${AZURE_OPENAI_API_KEY}']
[providers.older]\nprotocol = 'azure'\nbase_url = 'https://a.openai.azure.com/openai'\napi_version = '2024-10-21'
api_keys = ['${AZURE_OPENAI_API_KEY}']
[providers.bedrock]\nregion = 'us-gov-west-1'\nsession_token = '${EMPTY}'
access_key_id = '${AWS_ACCESS_KEY_ID}'\nsecret_access_key = '${AWS_SECRET_ACCESS_KEY}'
[providers.china]\nprotocol = 'bedrock'\nregion = 'cn-north-1'\napi_keys = ['${AZURE_OPENAI_API_KEY}']
[providers.private]\nprotocol = 'bedrock'\nregion = 'eu'
base_url = 'https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com'
access_key_id = '${AWS_ACCESS_KEY_ID}'\nsecret_access_key = '${AWS_SECRET_ACCESS_KEY}'",
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let addresses: Vec<String> = config.providers.iter().map(|provider| provider.base_url.to_string()).collect();
    assert_eq!(
        addresses,
        [
            "https://a.openai.azure.com/openai/v1",
            "https://a.openai.azure.com/openai",
            "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
            "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
        ]
    );
    let [azure, _, bedrock, china, private] = &config.providers[..] else { panic!("five providers") };
    assert!(azure.stops_on_cancel && !bedrock.stops_on_cancel);
    let key = bedrock.signing.as_ref().expect("a key that signs");
    assert_eq!(
        (&*key.region, key.access_key_id.expose(), key.session_token.is_none()),
        ("us-gov-west-1", "AKIAIOSFODNN7EXAMPLE", true)
    );
    assert!(china.signing.is_none() && china.api_keys.len() == 1);
    assert_eq!(private.signing.as_ref().map(|key| &*key.region), Some("eu-west-1"));
    let printed = format!("{config:?}");
    assert!(!printed.contains("wJalr") && !printed.contains("canary"), "{printed}");
    let secrets = config.secrets();
    assert!(secrets.iter().any(|secret| secret.expose().starts_with("wJalr")), "the log knows what to mask");
}

/// What is spoken with the one provider of a configuration, and where.
#[track_caller]
fn check_protocol(provider: &str, (protocol, base_url): (Protocol, &str)) {
    let config = read(&format!("[providers.{provider}\napi_keys = ['${{OPENAI_API_KEY}}']"));
    let found = &config.providers[0];
    assert_eq!((found.protocol, &*found.base_url.to_string()), (protocol, base_url), "{provider}");
}

#[test]
fn google_is_spoken_to_in_its_own_dialect_unless_another_is_written() {
    const HOST: &str = "https://generativelanguage.googleapis.com";
    let at = |path: &str| format!("{HOST}{path}");
    check_protocol("gemini]", (Protocol::Gemini, &at("/v1beta")));
    check_protocol("gemini]\nprotocol = 'openai'", (Protocol::OpenAi, &at("/v1beta/openai")));
    check_protocol(&format!("gemini]\nbase_url = '{HOST}/v1beta/openai'"), (Protocol::OpenAi, &at("/v1beta/openai")));
    check_protocol(&format!("gemini]\nbase_url = '{HOST}'"), (Protocol::Gemini, &at("/v1beta")));
    check_protocol(&format!("google]\nbase_url = '{HOST}/v1'"), (Protocol::Gemini, &at("/v1")));
    check_protocol("gemini]\nbase_url = 'http://h/v1'", (Protocol::OpenAi, "http://h/v1"));
    check_protocol("x]\nbase_url = 'http://h'\nprotocol = 'gemini'", (Protocol::Gemini, "http://h/v1beta"));
    let wrong = format!("[providers.x]\nprotocol = 'gemini'\nbase_url = '{HOST}/v1beta/openai'\napi_keys = []");
    let wrong = config::parse(&wrong, "test.toml", &environment).expect_err("the other dialect's address").to_string();
    assert!(wrong.contains("OpenAI's dialect"), "{wrong}");
}
