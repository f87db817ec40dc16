//! What every mistake is answered with: its place, and what to write instead.

use std::path::Path;

use roundelay::config::{self, Continuation};

use super::{PROVIDERS, environment, read, refuse};

/// `text` after `PROVIDERS` gives one complaint, at `place` (line:column) about `path`, with these words in it.
#[track_caller]
pub(super) fn check(text: &str, place: &str, path: &str, words: &[&str]) {
    let complaints = refuse(&format!("{PROVIDERS}{text}"));
    assert_eq!(complaints.len(), 1, "more than one complaint:\n{complaints}");
    let complaint = complaints.iter().next().expect("one complaint");
    assert_eq!(format!("{}:{}", complaint.line, complaint.column), place, "{complaint}");
    assert_eq!(complaint.path, path, "{complaint}");
    for word in words {
        assert!(complaint.to_string().contains(word), "`{word}` is not in: {complaint}");
    }
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    check("[server]\nlistn = '127.0.0.1:1'", "5:1", "server.listn", &["unknown key `listn`", "did you mean `listen`?"]);
    check("[sever]\nlisten = '127.0.0.1:1'", "4:2", "sever", &["did you mean `server`?"]);
    check(
        "[pools.a]\nmembers = ['gpt-4o']\nstartegy = 'weighted'",
        "6:1",
        "pools.a.startegy",
        &["did you mean `strategy`?"],
    );
    check(
        "[providers.x]\nbase_url = 'http://h/v1'\ntimeouts = { first_contnet = '5s' }",
        "6:14",
        "providers.x.timeouts.first_contnet",
        &["first_content"],
    );
    check(
        "[models.'gpt-4o']\ncapabilities = { eyes = true }",
        "5:18",
        "models.gpt-4o.capabilities.eyes",
        &["known here: reasoning, tools"],
    );
    check("[routing.breaker]\nconsecutiv = 3", "5:1", "routing.breaker.consecutiv", &["`consecutive`"]);
    check("[log]\nformats = 'json'", "5:1", "log.formats", &["`format`"]);
}

#[test]
fn values_are_refused_with_what_to_write() {
    check("[server]\nbody_max = '10 mb'", "5:12", "server.body_max", &["`10 mb`", "\"10MB\""]);
    check("[server]\nheader_timeout = 10", "5:18", "server.header_timeout", &["`10`", "\"5s\""]);
    check("[server]\nheader_timeout = '0s'", "5:18", "server.header_timeout", &["`0s`"]);
    check("[server]\nlisten = 'here'", "5:10", "server.listen", &["`here`", "127.0.0.1:8600"]);
    check("[server]\nlisten = '127.0.0.1:8601'", "4:1", "server.admin", &["cannot share"]);
    check("[server]\nworkers = -1", "5:11", "server.workers", &["`-1`", "from 0 to 1024"]);
    check("[server]\nworkers = true", "5:11", "server.workers", &["boolean"]);
    check("[log]\nlevel = 'wran'", "5:9", "log.level", &["did you mean `warn`?"]);
    check(
        "[providers.x]\nbase_url = 'http://h/v1'\nprotocol = 'Claude'",
        "6:12",
        "providers.x.protocol",
        &["did you mean `anthropic`?"],
    );
    check("[pools.a]\nmembers = ['gpt-4o']\nattempts = 0", "6:12", "pools.a.attempts", &["from 1 to 10"]);
    check("[pools.a]\nmembers = { 'gpt-4o' = -1 }", "5:13", "pools.a.members.gpt-4o", &["not a weight"]);
    check("[pools.a]\nmembers = { 'gpt-4o' = nan }", "5:13", "pools.a.members.gpt-4o", &["not a weight"]);
    check("[pools.a]\nmembers = { 'gpt-4o' = 0 }", "5:1", "pools.a.members", &["every weight is 0"]);
    check("[models.'gpt-4o']\ncontext_window = 1.5", "5:18", "models.gpt-4o.context_window", &["`1.5`"]);
    check(
        "[models.'gpt-4o']\nprice = { input = 0.0000000001, output = 1 }",
        "5:19",
        "models.gpt-4o.price.input",
        &["nine places"],
    );
    check("[models.'gpt-4o']\nprice = { input = 1 }", "5:9", "models.gpt-4o.price.output", &["needs `output`"]);
    check("[routing.breaker]\nsuccess_ratio = 50", "5:17", "routing.breaker.success_ratio", &["from 0 to 1"]);
    check("[routing.breaker]\nopen = '10m'", "5:1", "routing.breaker.open", &["longer than `open_max`"]);
}

#[test]
fn providers_are_refused_with_what_to_write() {
    check("[providers.mine]\napi_keys = []", "4:12", "providers.mine", &["needs a `base_url`"]);
    check("[providers.opneai]\napi_keys = []", "4:12", "providers.opneai", &["did you mean the provider `openai`?"]);
    check("[providers.groq]", "4:12", "providers.groq", &["no API key", "${GROQ_API_KEY}"]);
    check(
        "[providers.groq]\napi_keys = ['${GROQ_API_KEY}']",
        "5:13",
        "providers.groq.api_keys[0]",
        &["`GROQ_API_KEY` is not set", "${GROQ_API_KEY:-"],
    );
    check("[providers.groq]\napi_keys = [\n  '${EMPTY}',\n]", "6:3", "providers.groq.api_keys[0]", &["is empty"]);
    check("[providers.groq]\napi_keys = ['a', 'a']", "5:18", "providers.groq.api_keys[1]", &["twice"]);
    check(
        "[providers.groq]\napi_keys = ['${file:/nowhere/at/all}']",
        "5:13",
        "providers.groq.api_keys[0]",
        &["`/nowhere/at/all`: there is no such file"],
    );
    check("[providers.groq]\napi_keys = ['${GROQ']", "5:13", "providers.groq.api_keys[0]", &["without its `}`"]);
    check("[providers.groq]\napi_keys = 'a'", "5:12", "providers.groq.api_keys", &["a list of strings"]);
    for (url, words) in [
        ("ftp://h/v1", "https:// and http://"),
        ("h/v1", "not a URL"),
        ("http://u:p@h/v1", "keys belong into `api_keys`"),
        ("http://h/v1?key=1", "no query"),
        ("http://h/v1#x", "no query and no fragment"),
        ("http://h/../v1", "`.` or `..`"),
        ("http://h/v1/chat/completions", "one operation"),
        ("http://2130706433/v1", "not a URL"),
        ("http://h:0/v1", "not a URL"),
        ("http://h:99999/v1", "not a URL"),
    ] {
        check(&format!("[providers.x]\nbase_url = '{url}'"), "5:12", "providers.x.base_url", &[words]);
    }
    check("[providers.x]\nbase_url = 'http://localhost:8600/v1'", "4:12", "providers.x", &["own address"]);
    check(
        "[providers.x]\nbase_url = 'http://h/v1'\nheaders = { authorization = 'x' }",
        "6:13",
        "providers.x.headers.authorization",
        &["writes this header itself"],
    );
}

#[test]
fn clouds_are_refused_with_what_to_write() {
    let azure = |text: &str| format!("[providers.azure]\n{text}");
    let address = "base_url = 'https://a.openai.azure.com'\napi_keys = ['${OPENAI_API_KEY}']";
    check(&azure("api_keys = []"), "4:12", "providers.azure", &["address of its own", "openai.azure.com"]);
    check(&azure("base_url = 'https://a.openai.azure.com'"), "4:12", "providers.azure", &["AZURE_OPENAI_API_KEY"]);
    check(
        &azure("base_url = 'https://a.openai.azure.com/openai/deployments/x'\napi_keys = ['${OPENAI_API_KEY}']"),
        "5:1",
        "providers.azure.base_url",
        &["of a deployment", "`api_version`"],
    );
    for version in ["2024", "2024-10-21-beta", "latest"] {
        let text = azure(&format!("{address}\napi_version = '{version}'"));
        check(&text, "7:1", "providers.azure.api_version", &["no version of Azure's", "2024-10-21"]);
    }
    check(
        "[providers.x]\nbase_url = 'http://h/v1'\napi_version = 'preview'",
        "6:1",
        "providers.x.api_version",
        &["Azure alone"],
    );

    let entra = "tenant = 'a.example'\nclient_id = 'x'\nclient_secret = '${OPENAI_API_KEY}'";
    let resource = "base_url = 'https://a.openai.azure.com'";
    check(
        &azure(&format!("{resource}\ntenant = 'a.example'\nclient_id = 'x'")),
        "6:1",
        "providers.azure.tenant",
        &["`client_secret` beside it"],
    );
    check(&azure(&format!("{address}\n{entra}")), "6:1", "providers.azure.api_keys", &["not both"]);
    check(
        &azure(&format!("{resource}\n{}", entra.replace("a.example", "a/b"))),
        "6:1",
        "providers.azure.tenant",
        &["no name of a tenant"],
    );
    check(
        &azure(&format!("{resource}\n{entra}\nauthority = 'login'")),
        "9:1",
        "providers.azure.authority",
        &["not a URL", "https://login.microsoftonline.com"],
    );
    check(
        &format!("[providers.x]\nbase_url = 'http://h/v1'\n{entra}"),
        "6:1",
        "providers.x.tenant",
        &["`protocol = \"azure\"` alone"],
    );

    let bedrock = |text: &str| format!("[providers.bedrock]\n{text}");
    let (id, secret) = ("access_key_id = '${OPENAI_API_KEY}'", "secret_access_key = '${OPENAI_API_KEY}'");
    check(&bedrock(&format!("{id}\n{secret}")), "4:12", "providers.bedrock", &["which region", "us-east-1"]);
    check(
        &bedrock(&format!("region = 'eu'\n{id}\n{secret}")),
        "5:1",
        "providers.bedrock.region",
        &["no region of AWS"],
    );
    check(
        &bedrock("region = 'us-east-1'"),
        "4:12",
        "providers.bedrock",
        &["${AWS_BEARER_TOKEN_BEDROCK}", "${AWS_SECRET_ACCESS_KEY}"],
    );
    check(
        &bedrock(&format!("region = 'us-east-1'\n{id}")),
        "6:1",
        "providers.bedrock.access_key_id",
        &["`secret_access_key` beside it"],
    );
    check(
        &bedrock(&format!("region = 'us-east-1'\n{id}\nsecret_access_key = '${{EMPTY}}'")),
        "7:1",
        "providers.bedrock.secret_access_key",
        &["is empty"],
    );
    check(
        &bedrock(&format!("region = 'us-east-1'\n{id}\n{secret}\napi_keys = ['${{OPENAI_API_KEY}}']")),
        "8:1",
        "providers.bedrock.api_keys",
        &["not both"],
    );
    check(
        &bedrock(&format!("base_url = 'https://proxy.example'\n{id}\n{secret}")),
        "6:1",
        "providers.bedrock.access_key_id",
        &["not known for which region"],
    );
    check(
        &bedrock(
            "base_url = 'https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1'\napi_keys = ['${OPENAI_API_KEY}']",
        ),
        "5:1",
        "providers.bedrock.base_url",
        &["OpenAI-compatible", "protocol = \"openai\""],
    );
    check(
        &format!("[providers.x]\nbase_url = 'http://h/v1'\n{id}\n{secret}"),
        "6:1",
        "providers.x.access_key_id",
        &["nothing is signed", "protocol = \"bedrock\""],
    );
}

#[test]
fn references_are_refused_with_what_to_write() {
    check(
        "[pools.a]\nmembers = { 'gpt-4O-mini' = 1 }",
        "5:13",
        "pools.a.members.gpt-4O-mini",
        &["no model `gpt-4O-mini`", "did you mean `gpt-4o-mini`?"],
    );
    check("[pools.a]\nmembers = ['lcoal/x']", "5:12", "pools.a.members[0]", &["no provider `lcoal`", "`local`"]);
    check("[pools.a]\nmembers = ['grok-4.6']", "5:12", "pools.a.members[0]", &["no provider here serves", "`xai`"]);
    check("[pools.a]\nmembers = ['gpt-4o']\nfallback = ['gtp-5']", "6:13", "pools.a.fallback[0]", &["`gpt-5`"]);
    check("[pools.a]\nmembers = ['gpt-4o', 'gpt-4o']", "5:22", "pools.a.members[1]", &["twice"]);
    check("[pools.a]\nmembers = []", "5:1", "pools.a.members", &["at least one member"]);
    check("[pools.a]\nattempts = 2", "4:8", "pools.a", &["needs members"]);
    check(
        "[pools.a]\nmembers = ['gpt-4o']\n[pools.b]\nmembers = ['a']",
        "7:12",
        "pools.b.members[0]",
        &["`a` is a pool", "`fallback`"],
    );
    check(
        "[pools.x]\nmembers = ['gpt-4o']\n[models.x]\ndeployments = ['local']",
        "4:8",
        "pools.x",
        &["both a pool and a model"],
    );
    check(
        "[pools.'gpt-4o']\nmembers = ['gpt-4o']",
        "5:12",
        "pools.gpt-4o.members[0]",
        &["both a pool here and a model"],
    );
    check("[pools.a]\nmembers = ['gpt-4o']\nfallback = ['a']", "4:8", "pools.a", &["leads back to itself"]);
    check("[models.mine]\ncontext_window = 10", "4:9", "models.mine", &["needs `deployments`"]);
    check("[models.'grok-4.6']\ncontext_window = 10", "4:9", "models.\"grok-4.6\"", &["configure `xai`"]);
    check("[models.mine]\ndeployments = ['local/a', 'local/a']", "5:27", "models.mine.deployments[1]", &["twice"]);
    check("[models.mine]\ndeployments = ['local/']", "5:16", "models.mine.deployments[0]", &["after the `/`"]);
    check("[models.mine]\ndeployments = []", "5:1", "models.mine.deployments", &["needs a deployment"]);
}

#[test]
fn a_provider_that_is_this_gateway_is_refused_however_it_is_written() {
    for (listen, base_url) in [
        ("127.0.0.1:9000", "http://localhost:9000/v1"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000/v1"),
        ("[::]:9000", "http://[::1]:9000/v1"),
        ("192.168.1.5:9000", "http://192.168.1.5:9000/v1"),
    ] {
        check(
            &format!("[server]\nlisten = '{listen}'\n[providers.x]\nbase_url = '{base_url}'"),
            "6:12",
            "providers.x",
            &["own address"],
        );
    }
    read("[server]\nlisten = '192.168.1.5:9000'\n[providers.x]\nbase_url = 'http://192.168.1.6:9000/v1'");
}

#[test]
fn a_longer_fallback_cycle_is_told_of_each_pool_in_it() {
    let complaints = refuse(&format!(
        "{PROVIDERS}[pools.a]\nmembers = ['gpt-4o']\nfallback = ['b']\n[pools.b]\nmembers = ['gpt-5']\nfallback = ['a']\n\
         [pools.c]\nmembers = ['gpt-4o']\nfallback = ['a']"
    ));
    let paths: Vec<&str> = complaints.iter().map(|complaint| complaint.path.as_str()).collect();
    assert_eq!(paths, ["pools.a", "pools.b"], "{complaints}");
}

#[test]
fn what_summaries_are_made_with_is_checked() {
    let pool = "[pools.talk]\nmembers = ['gpt-4o']\n";
    let says = |text: &str| format!("{pool}[handover]\n{text}");
    check(&says("summariser = 'gpt-4oo'"), "7:14", "handover.summariser", &["no model `gpt-4oo`", "`gpt-4o`"]);
    check(&says("summariser = 'tlk'"), "7:14", "handover.summariser", &["did you mean the pool `talk`?"]);
    check(&says("summarizer = 'talk'"), "7:1", "handover.summarizer", &["did you mean `summariser`?"]);
    check(&says("keep = 'sealed'"), "7:1", "handover.keep", &["needs a `key`", "${file:"]);
    check(&says("keep = 'sealed'\nkey = 'short'"), "8:7", "handover.key", &["too short", "openssl rand"]);
    let key = "k".repeat(32);
    check(&says(&format!("key = '{key}'")), "7:7", "handover.key", &["`keep = \"sealed\"`"]);
    check(&says("keep = 'disk'"), "7:8", "handover.keep", &["`memory`, `sealed`"]);
    check(&says("after = 10"), "7:9", "handover.after", &["from 100"]);
    let read = read(&format!("{PROVIDERS}{}", says(&format!("summariser = 'talk'\nkeep = 'sealed'\nkey = '{key}'"))));
    assert_eq!(read.summaries.summariser.as_deref(), Some("talk"));
    assert!(read.secrets().iter().any(|secret| secret.expose() == key), "it is masked like other secrets");
}

#[test]
fn what_becomes_of_a_cut_answer_is_one_of_three() {
    let pool = "[pools.a]\nmembers = ['gpt-4o']\n";
    let of = |line: &str| read(&format!("{PROVIDERS}{pool}{line}")).pools[0].continuation;
    for (line, expected) in [
        ("", Continuation::Off),
        ("continuation = false", Continuation::Off),
        ("continuation = true", Continuation::On),
        ("continuation = 'prompt'", Continuation::Prompt),
        ("continuation = '${NOT_SET:-true}'", Continuation::On),
    ] {
        assert_eq!(of(line), expected, "{line}");
    }
    let wrong = format!("{pool}continuation = 'promt'");
    check(&wrong, "6:16", "pools.a.continuation", &["`promt`", "did you mean `prompt`?"]);
    check(&format!("{pool}buffer_tools = 1"), "6:16", "pools.a.buffer_tools", &["true or false"]);
    let provider = "[providers.x]\nbase_url = 'http://h/v1'\nwhole_answers = 'stream'";
    check(provider, "6:17", "providers.x.whole_answers", &["`streamed`"]);
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let complaints = refuse(
        "[pools.a]\nmembers = ['nothing']\nstrategy = 'wieghted'\n[server]\nworkers = 'many'\nlisten = 1\n[providers.groq]\n",
    );
    let lines: Vec<usize> = complaints.iter().map(|complaint| complaint.line).collect();
    assert_eq!(lines, [2, 3, 5, 6, 7], "{complaints}");
    let text = complaints.to_string();
    assert_eq!(text.split("\n\n").count(), 5, "one paragraph a fault");
    assert!(text.starts_with("test.toml:2:12: pools.a.members[0]: there is no model `nothing`\n  "), "{text}");
    let json = serde_json::to_value(&complaints).expect("strings and numbers");
    assert_eq!(json[1]["path"], "pools.a.strategy");
    assert_eq!(json[1]["line"], 3);
}

#[test]
fn broken_text_is_told_with_its_line() {
    let duplicate = refuse("[server]\nworkers = 1\nworkers = 2\n");
    assert_eq!(duplicate.iter().next().map(|complaint| complaint.line), Some(3), "{duplicate}");
    assert!(duplicate.to_string().contains("duplicate key `workers`"), "{duplicate}");
    let unclosed = refuse("[server]\nlisten = '127.0.0.1:8600\nworkers = 1\n");
    assert_eq!(unclosed.iter().next().map(|complaint| complaint.line), Some(2), "{unclosed}");
}

/// `text` is refused with at least so many complaints, and none of them holds the canary.
#[track_caller]
fn check_secret(text: &str, at_least: usize) {
    let canary = "sk-canary-openai";
    let complaints = refuse(text);
    assert!(complaints.len() >= at_least, "{text}\n{complaints}");
    assert!(!complaints.to_string().contains(canary), "{text}\n{complaints}");
    assert!(!format!("{complaints:?}").contains(canary), "{text}\n{complaints}");
}

#[test]
fn secrets_are_in_no_complaint_and_no_debug() {
    let canary = "sk-canary-openai";
    check_secret(
        "[server]\nlisten = '${OPENAI_API_KEY}'\nworkers = '${OPENAI_API_KEY}'\n\
        [log]\nlevel = '${OPENAI_API_KEY}'\n[providers.openai]\nbase_url = 'http://${OPENAI_API_KEY}@h'\n\
        api_keys = ['${OPENAI_API_KEY}', '${OPENAI_API_KEY}', '${OPENAI_API_KEY} ']\n\
        [providers.b]\nbase_url = '${OPENAI_API_KEY}'\n[pools.a]\nstrategy = 'sk-canary-openai'\n",
        8,
    );
    // As a whole name, as a provider, as a provider's model, as a default, and in the file itself.
    for name in [
        "${OPENAI_API_KEY}",
        "${OPENAI_API_KEY}/x",
        "x/${OPENAI_API_KEY}",
        "${NOT_SET:-sk-canary-openai}",
        "sk-canary-openai",
        "sk-canary-openai/x",
    ] {
        for section in [
            format!("[models.m]\ndeployments = ['{name}']"),
            format!("[pools.a]\nmembers = ['{name}']"),
            format!("[pools.a]\nmembers = ['gpt-4o']\nfallback = ['{name}']"),
        ] {
            check_secret(&format!("{PROVIDERS}{section}"), 1);
        }
    }
    // The canary is a name that is known: then all is well but for how it is used.
    for section in [
        "[pools.a]\nmembers = ['${OPENAI_API_KEY}', '${OPENAI_API_KEY}']\n[models.sk-canary-openai]\ndeployments = ['local']",
        "[pools.a]\nmembers = ['${OPENAI_API_KEY}']\n[pools.b]\nmembers = ['local/${OPENAI_API_KEY}', 'local/${OPENAI_API_KEY}']",
    ] {
        check_secret(&format!("{PROVIDERS}{section}"), 1);
    }
    // Every other value of the configuration.
    let keys = config::known_keys();
    for key in &keys {
        let Some((section, last)) = key.rsplit_once('.') else { continue };
        let section = section.replace('*', "openai");
        if last == "*" || keys.iter().any(|other| other.starts_with(&format!("{key}."))) {
            continue;
        }
        for value in ["'${OPENAI_API_KEY}'", "['${OPENAI_API_KEY}', '${OPENAI_API_KEY}']"] {
            let text = format!("[{section}]\n{last} = {value}\n[providers.x]\nunknown = 1\n");
            check_secret(&text, 1);
        }
    }
    let config =
        read("[providers.openai]\napi_keys = ['${OPENAI_API_KEY}']\nheaders = { x-team = '${OPENAI_API_KEY}' }");
    assert_eq!(config.providers[0].api_keys[0].expose(), canary);
    assert!(!format!("{config:?}").contains(canary));
}

#[test]
fn a_missing_file_is_told_by_name() {
    let complaints = config::load(Path::new("/nowhere/roundelay.toml"), &environment).expect_err("no such file");
    assert!(complaints.to_string().starts_with("/nowhere/roundelay.toml: there is no such file"), "{complaints}");
}

#[test]
fn a_file_without_providers_is_told_how_to_begin() {
    let complaints = refuse("[server]\nworkers = 1\n");
    assert_eq!(complaints.len(), 1, "{complaints}");
    assert!(complaints.to_string().contains("no provider is configured"), "{complaints}");
    assert!(complaints.to_string().contains("[providers.openai]"), "{complaints}");
}

#[test]
fn balances_are_asked_for_only_where_somebody_knows_how() {
    let mine = "[providers.x]\nbase_url = 'http://h/v1'\n";
    let unknown = ["nobody knows how this provider tells its balance", "balance_kind", "siliconflow"];
    check(&format!("{mine}balance_poll = '5m'"), "6:1", "providers.x.balance_poll", &unknown);
    check(&format!("{mine}balance_min = 1"), "6:1", "providers.x.balance_min", &unknown);
    check(
        &format!("{mine}balance_kind = 'depseek'"),
        "6:16",
        "providers.x.balance_kind",
        &["did you mean `deepseek`?"],
    );
    let mine = format!("{mine}balance_kind = 'deepseek'\n");
    check(&format!("{mine}balance_poll = '5s'"), "7:1", "providers.x.balance_poll", &["too often", "10s"]);
    check(&format!("{mine}balance_poll = 'of'"), "7:16", "providers.x.balance_poll", &["`of`"]);
    check(&format!("{mine}balance_poll = 5"), "7:16", "providers.x.balance_poll", &["a string"]);
    check(
        &format!("{mine}balance_poll = 'off'\nbalance_min = 1"),
        "8:1",
        "providers.x.balance_min",
        &["`balance_poll`"],
    );
    check(&format!("{mine}balance_currency = 'EUR'"), "7:20", "providers.x.balance_currency", &["`USD`, `CNY`"]);
    check("[currency]\ncny_per_usd = 0", "5:15", "currency.cny_per_usd", &["from 1 to 100"]);
}

#[test]
fn what_becomes_of_conversations_is_refused_with_the_choices_there_are() {
    let pool = |key: &str| format!("[pools.a]\nmembers = ['gpt-4o']\n{key}");
    let choices = ["`\"false\"`, `\"true\"`, `\"prompt\"`"];
    check(&pool("continuation = 1"), "6:16", "pools.a.continuation", &choices);
    check(&pool("continuation = 'promt'"), "6:16", "pools.a.continuation", &["did you mean `prompt`?", "`true`"]);
    check(&pool("handover = true"), "6:12", "pools.a.handover", &["`\"auto\"`, `\"full\"`, `\"summary\"`"]);
    check("[handover]\nkeep = 'sealed'\nkey = '${NOPE}'", "6:7", "handover.key", &["`NOPE` is not set"]);
}

/// `text` after `PROVIDERS` is taken with warnings that have these words, in order.
#[track_caller]
fn check_warned(text: &str, words: &[&str]) {
    let config = read(&format!("{PROVIDERS}{text}"));
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), words.len(), "{told:?}");
    for (told, word) in told.iter().zip(words) {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
}

#[test]
fn what_will_not_be_as_it_seems_to_be_meant_is_warned_of() {
    let key = "0123456789abcdef0123456789abcdef";
    let sealed = format!("[handover]\nkeep = 'sealed'\nkey = '{key}'\n");
    check_warned(&sealed, &["handover.keep: nothing is kept"]);
    check_warned(&format!("{sealed}summariser = 'gpt-4o'"), &[]);
    let goes_on = |key: &str| format!("[models.a]\ndeployments = ['local/a']\n{key}[pools.p]\nmembers = ['a']\n");
    check_warned(&goes_on(""), &[]);
    check_warned(
        &format!("{}continuation = true", goes_on("")),
        &["pools.p.continuation: no model of this pool goes on"],
    );
    check_warned(&format!("{}continuation = 'prompt'", goes_on("")), &[]);
    let prefills = goes_on("capabilities = { prefill = true }\n");
    check_warned(&format!("{prefills}continuation = true"), &[]);
    let small = goes_on("context_window = 8000\n");
    check_warned(
        &format!("{small}[handover]\nsummariser = 'a'"),
        &["handover.summariser: it has a window of 8000 tokens"],
    );
    check_warned(&format!("{small}[handover]\nsummariser = 'a'\nafter = 4000"), &[]);
    check_warned(&format!("{small}[handover]\nverbatim = 8000"), &["handover.verbatim: no model of a pool has room"]);
    check_warned(&format!("{small}[handover]\nsummary_max = 9000"), &["handover.summary_max: no model"]);
}
