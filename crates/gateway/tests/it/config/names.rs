//! What callers may ask for, and which deployments that leads to.

use std::sync::Arc;

use roundelay::config::Found;
use roundelay_routing::Target;

use super::{PROVIDERS, read};

#[test]
fn a_model_goes_on_from_a_beginning_where_every_server_of_it_documents_that() {
    for (deployments, expected) in [
        ("anthropic/claude-sonnet-4-5", true),
        ("anthropic/claude-sonnet-4-5', 'local/claude-sonnet-4-5", false),
        ("local/claude-sonnet-4-5", false),
    ] {
        let written = |more: &str| {
            let model = format!("[models.claude-sonnet-4-5]\ndeployments = ['{deployments}']\n{more}");
            let config = read(&format!("{PROVIDERS}{model}"));
            let Some(Found::Model(index)) = config.find("claude-sonnet-4-5") else { panic!("{deployments}") };
            config.models[index].capabilities.prefill
        };
        assert_eq!(written(""), expected, "{deployments}");
        for says in [true, false] {
            assert_eq!(written(&format!("capabilities = {{ prefill = {says} }}\n")), says, "{deployments}");
        }
    }
    for (base_url, expected) in [("https://api.deepseek.com/beta", true), ("https://api.deepseek.com/v1", false)] {
        let config = read(&format!("providers.deepseek = {{ base_url = '{base_url}', api_keys = ['k'] }}\n"));
        let Some(Found::Model(index)) = config.find("deepseek-chat") else { panic!("deepseek-chat") };
        assert_eq!(config.models[index].capabilities.prefill, expected, "{base_url}");
    }
}

#[test]
fn names_find_pools_models_and_anything_of_a_provider() {
    let config = read(&format!(
        "{PROVIDERS}[models.fast]\ndeployments = {{ 'openai/gpt-4o-mini' = 3, 'local' = 1 }}\n\
         [pools.assistant]\nmembers = {{ 'claude-sonnet-4-6' = 0.6, 'local/qwen/qwen3:8b' = 0.4 }}\nfallback = ['fast']\n\
         [pools.first]\nmembers = ['gpt-4o']\nfallback = ['assistant', 'fast']"
    ));
    let model = |name: &str| match config.find(name) {
        Some(Found::Model(index)) => &config.models[index],
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(config.find("assistant"), Some(Found::Pool(0)));
    assert_eq!(config.find("first"), Some(Found::Pool(1)));
    assert_eq!(config.find("nothing"), None);
    assert_eq!(config.find("nobody/x"), None);
    assert_eq!(config.find("openai/"), None);
    let fast = model("fast");
    let places: Vec<_> = fast.deployments.iter().map(|d| (d.provider, d.upstream_model.as_deref(), d.weight)).collect();
    assert_eq!(places, [(0, Some("gpt-4o-mini"), 3.0), (2, Some("fast"), 1.0)]);
    assert_eq!(model("gpt-5.2").context_window, Some(400_000), "the catalogue is served without an entry");
    assert!(!model("claude-sonnet-4-6").capabilities.prefill);
    let qwen = model("local/qwen/qwen3:8b");
    assert!(qwen.capabilities.vision && !qwen.capabilities.prefill, "a fresh answer is no refusal");
    assert_eq!(qwen.deployments[0].upstream_model.as_deref(), Some("qwen/qwen3:8b"));
    let Some(Found::Open { model: open, upstream_model }) = config.find("openai/gpt-9/new") else {
        panic!("an open model")
    };
    assert_eq!(upstream_model, "gpt-9/new");
    assert!(config.models[open].is_open());
    assert_eq!(&*config.models[open].name, "openai/*");
    let pool = &config.pools[1];
    let Target::Pool(fallback) = pool.fallback[0] else { panic!("a pool") };
    assert_eq!(fallback.0, 0);
    let Target::Model(fallback) = pool.fallback[1] else { panic!("a model") };
    assert_eq!(&*config.models[fallback.0 as usize].name, "fast");
}

#[test]
fn members_keep_the_order_and_the_weights_of_the_file() {
    let config = read(&format!("{PROVIDERS}[pools.a]\nmembers = {{ 'o3' = 0.6, 'gpt-4o' = 0.4, 'local/a' = 0 }}"));
    let members: Vec<(&str, f64)> =
        config.pools[0].members.iter().map(|&(model, weight)| (&*config.models[model].name, weight)).collect();
    assert_eq!(members, [("o3", 0.6), ("gpt-4o", 0.4), ("local/a", 0.0)]);
}

#[test]
fn a_pool_hides_a_model_of_the_catalogue_that_nothing_asks_for() {
    let config = read(&format!("{PROVIDERS}[pools.'gpt-4o']\nmembers = ['gpt-5.2']"));
    assert_eq!(config.find("gpt-4o"), Some(Found::Pool(0)));
    assert!(!config.models.iter().any(|model| &*model.name == "gpt-4o"));
    config.layout().expect("names are unique");
}

#[test]
fn each_model_provider_and_key_is_one_deployment() {
    let config = read(
        "[providers.p]\nbase_url = 'https://h.example/v1'\napi_keys = ['a', 'b']\n[providers.q]\nbase_url = 'http://q/v1'\n\
         [models.m]\ndeployments = ['p/x', 'q']\n[models.alias]\ndeployments = ['q/m']",
    );
    let layout = config.layout().expect("a catalog");
    let listed: Vec<_> = layout.catalog.deployments.iter().map(|d| (&*d.name, d.key.0, d.weight)).collect();
    assert_eq!(
        listed,
        [
            ("p/x", 0, 0.5),
            ("p/x#2", 1, 0.5),
            ("q/m", 2, 1.0),
            ("q/m@alias", 2, 1.0),
            ("p/*", 0, 0.5),
            ("p/*#2", 1, 0.5),
            ("q/*", 2, 1.0),
        ]
    );
    let keys: Vec<_> = layout.deployments.iter().map(|d| (d.provider, d.key, d.model)).collect();
    assert_eq!(keys[..4], [(0, Some(0), 0), (0, Some(1), 0), (1, None, 0), (1, None, 1)]);
    assert_eq!(layout.deployments[1].upstream_model.as_deref(), Some("x"));
    assert_eq!(layout.deployments[4].upstream_model, None);
    assert_eq!(layout.catalog.models[0].deployments.len(), 3);
}

/// What the router knows the keys and the addresses by, of the first model's deployments.
fn identities(provider: &str) -> Vec<(String, String)> {
    let config = read(&format!("providers.p = {{ {provider} }}\n[models.m]\ndeployments = ['p/x']"));
    let catalog = config.layout().expect("a catalog").catalog;
    let first = catalog.models[0].deployments.iter().map(|id| &catalog.deployments[id.0 as usize]);
    first.map(|d| (d.key_name.to_string(), d.endpoint_name.to_string())).collect()
}

#[test]
fn health_follows_the_key_and_the_address_and_not_their_place() {
    let url = "base_url = 'https://h.example/v1'";
    let of = |keys: &str| identities(&format!("{url}, api_keys = [{keys}]"));
    let before = of("'canary-a', 'canary-b'");
    let [a, b] = &*before else { panic!("two deployments") };
    assert_ne!(a.0, b.0);
    assert_eq!(a.1, b.1);
    assert_eq!(of("'canary-b', 'canary-a'"), [b.clone(), a.clone()], "places changed");
    assert_eq!(of("'canary-b'"), std::slice::from_ref(b));
    let replaced = of("'canary-c', 'canary-b'");
    assert!(replaced[0].0 != a.0 && replaced[1] == *b, "{replaced:?}");
    assert_eq!(replaced[0].1, a.1, "the address is what it was");

    for (other, is_same_address) in [
        ("base_url = 'https://h.example/v2'", true),
        ("base_url = 'https://h.example:8443/v1'", false),
        ("base_url = 'http://h.example/v1'", false),
        ("base_url = 'https://other.example/v1'", false),
    ] {
        let there = identities(&format!("{other}, api_keys = ['canary-a']"));
        assert_eq!((there[0].1 == a.1, there[0].0 == a.0), (is_same_address, is_same_address), "{other}");
    }
    let headers = |value: &str| identities(&format!("{url}, headers = {{ x-key = '{value}' }}"));
    assert_ne!(headers("canary-a")[0].0, headers("canary-b")[0].0, "a header may hold the key");
    assert!(!format!("{before:?}").contains("canary"), "{before:?}");
}

#[test]
fn names_are_shared() {
    let config = read(PROVIDERS);
    let layout = config.layout().expect("a catalog");
    assert!(Arc::ptr_eq(&layout.catalog.models[0].name, &config.models[0].name));
}

#[test]
fn a_provider_is_asked_by_its_own_name_for_a_model_of_the_catalogue() {
    let config = read(&format!(
        "{PROVIDERS}[providers.groq]\napi_keys = ['${{OPENAI_API_KEY}}']\n\
         [models.'gpt-oss-120b']\ndeployments = ['groq', 'local']"
    ));
    let sent: Vec<_> = config.models[0].deployments.iter().map(|d| d.upstream_model.as_deref()).collect();
    assert_eq!(sent, [Some("openai/gpt-oss-120b"), Some("gpt-oss-120b")]);
}
