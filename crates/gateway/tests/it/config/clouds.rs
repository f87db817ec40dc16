//! Clouds' hosts, regions, roles and keys: what cannot go together is told, and nothing is said of a host that nobody knows.

use roundelay::config;

use super::PROVIDERS;

/// What variables hold here.
fn variable(name: &str) -> Option<String> {
    let value = match name {
        "ID" => "AKIAIOSFODNN7EXAMPLE",
        "LENT_ID" => "ASIAIOSFODNN7EXAMPLE",
        "SECRET" => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "REGION" => "us-eats-1",
        "GCE_METADATA_HOST" => return None,
        _ => "k-1234567",
    };
    Some(value.to_owned())
}

/// One provider with these lines is warned of with one line, with these words, or not at all.
#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    let toml = format!("[providers.some]\n{lines}\n");
    let config = config::parse(&toml, "test.toml", &variable).unwrap_or_else(|faults| panic!("{toml}: {faults}"));
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), usize::from(!expected.is_empty()), "{toml}: {told:#?}");
    for word in expected {
        assert!(told[0].contains(word), "{toml}: {told:#?}");
    }
}

/// One provider with these lines is refused, with one line.
#[track_caller]
fn refuse(lines: &str, expected: &[&str]) {
    let toml = format!("[providers.some]\n{lines}\n");
    let faults = config::parse(&toml, "test.toml", &variable).map(drop).expect_err(&toml);
    assert_eq!(faults.len(), 1, "{toml}: {faults}");
    for word in expected {
        assert!(faults.to_string().contains(word), "{toml}: {faults}");
    }
}

const KEY: &str = "api_keys = ['${KEY}']";

#[test]
fn another_vendors_host_is_known_under_every_cloud() {
    let project = "project = 'p'\ncredentials = 'workload'";
    for (protocol, address, expected) in [
        ("azure", "https://api.openai.com/v1", &["address of `openai`", "`protocol = \"openai\"`"] as &[_]),
        ("azure", "https://eu.api.openai.com/v1", &["address of `openai`"]),
        ("azure", "https://api.deepseek.com", &["address of `deepseek`"]),
        ("azure", "https://bedrock-runtime.us-east-1.amazonaws.com", &["Amazon Bedrock"]),
        ("azure", "https://aiplatform.googleapis.com", &["Vertex AI"]),
        ("bedrock", "https://api.anthropic.com", &["address of `anthropic`", "`protocol = \"anthropic\"`"]),
        ("bedrock", "https://mine.openai.azure.com", &["resource at Azure", "`protocol = \"azure\"`"]),
        ("azure", "https://mine.openai.azure.us", &[]),
        ("azure", "https://mine.openai.azure.cn", &[]),
        ("azure", "https://mine.cognitiveservices.azure.cn", &[]),
        ("azure", "https://mine.services.ai.azure.com", &[]),
        ("azure", "https://mine.azure-api.net/gpt", &[]),
        ("azure", "https://api.openai.com.relay.example/v1", &[]),
        ("azure", "https://openai.azure.corp.example", &[]),
        ("azure", "http://10.0.0.7:8080", &[]),
        ("azure", "https://mine.openai.azur.com", &["did you mean `openai.azure.com`?"]),
        ("azure", "https://mine.opnai.azure.com", &["did you mean `openai.azure.com`?"]),
    ] {
        let region = if protocol == "bedrock" { "region = 'us-east-1'" } else { "" };
        check(&format!("protocol = '{protocol}'\nbase_url = '{address}'\n{KEY}\n{region}"), expected);
    }
    for (protocol, address, expected) in [
        ("anthropic", "https://api.anthropic.com", &["address of `anthropic`", "Google", "leave it out"] as &[_]),
        ("vertex", "https://api.openai.com/v1", &["address of `openai`", "leave it out"]),
        ("anthropic", "https://mine.services.ai.azure.com/anthropic", &["resource at Azure"]),
        ("vertex", "https://generativelanguage.googleapis.com", &["leave `base_url` out", "`protocol = \"gemini\"`"]),
        ("vertex", "https://aiplatform.googleapi.com", &["did you mean `googleapis.com`?"]),
        ("anthropic", "https://relay.example/vertex", &[]),
        ("vertex", "http://proxy:8080/v1", &[]),
    ] {
        check(&format!("protocol = '{protocol}'\nbase_url = '{address}'\n{project}"), expected);
    }
}

#[test]
fn regions_are_compared_with_the_host_that_is_asked() {
    let at = |region: &str, address: &str| {
        let address = if address.is_empty() { String::new() } else { format!("base_url = 'https://{address}'") };
        format!("protocol = 'bedrock'\nregion = '{region}'\n{address}\n{KEY}")
    };
    for region in ["us-east-1", "us-gov-west-1", "cn-northwest-1", "ap-southeast-7", "mx-central-1", "il-central-1"] {
        check(&at(region, ""), &[]);
    }
    check(&at("eu-centrl-1", ""), &["some.region", "no region `eu-centrl-1`", "did you mean `eu-central-1`?"]);
    check(&at("ue-west-1", ""), &["did you mean `eu-west-1`?"]);
    let frankfurt = "bedrock-runtime.eu-central-1.amazonaws.com";
    check(&at("us-east-1", frankfurt), &["some.region", "not the region of the address", "\"eu-central-1\"`"]);
    check(&at("eu-central-1", frankfurt), &[]);
    check(&at("frankfurt", frankfurt), &[]);
    check(&at("eu-west-1", "vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com"), &[]);
    check(&at("eu-west-1", "bedrock-runtime-fips.eu-west-2.amazonaws.com"), &["not the region"]);
    check(&at("eu-west-1", "bedrock-runtime.eu-wset-1.amazonaws.com"), &["not the region"]);
    // What stands before Bedrock has a region of its own.
    check(&at("eu-west-1", "x1.execute-api.us-east-1.amazonaws.com"), &[]);
    check(&at("eu-wset-1", "bedrock.relay.example"), &[]);
    // What a variable holds is not shown.
    let toml = format!("[providers.bedrock]\nregion = '${{REGION}}'\n{KEY}");
    let told = config::parse(&toml, "test.toml", &variable).unwrap().warnings;
    assert!(told.len() == 1 && !told[0].to_string().contains("-1`?"), "{told:?}");
    assert!(!told[0].to_string().contains("eats"), "{told:?}");
}

#[test]
fn locations_are_compared_with_the_host_that_is_asked() {
    let at = |location: &str, address: &str| {
        let address = if address.is_empty() { String::new() } else { format!("base_url = 'https://{address}'") };
        let location = if location.is_empty() { String::new() } else { format!("location = '{location}'") };
        format!("protocol = 'vertex'\nproject = 'p'\ncredentials = 'workload'\n{location}\n{address}")
    };
    for location in ["", "global", "us", "eu", "europe-west4", "us-central1", "northamerica-northeast2", "me-west1"] {
        check(&at(location, ""), &[]);
    }
    check(&at("europe-wset4", ""), &["some.location", "no location `europe-wset4`", "did you mean `europe-west4`?"]);
    check(&at("us-central1-a", ""), &["no location `us-central1-a`", "`europe-west4`"]);
    check(&at("euorpe-west4", ""), &["did you mean `europe-west4`?"]);
    let dutch = "europe-west4-aiplatform.googleapis.com";
    check(&at("europe-west4", dutch), &[]);
    check(&at("us-central1", dutch), &["some.location", "not the location of the address", "\"europe-west4\"`"]);
    check(&at("", dutch), &["some.location", "`global` is asked", "`location = \"europe-west4\"`"]);
    check(&at("eu", "aiplatform.eu.rep.googleapis.com"), &[]);
    check(&at("us", "aiplatform.eu.rep.googleapis.com"), &["not the location of the address"]);
    check(&at("europe-west4", "aiplatform.googleapis.com"), &[]);
    check(&at("europe-wset4", "aiplatform.googleapis.com"), &["some.location", "did you mean `europe-west4`?"]);
    check(&at("global", "global-aiplatform.googleapis.com"), &["some.base_url", "no such host"]);
    check(&at("here", "relay.example"), &[]);
    check(&at("", "psc-europe-west4.p.googleapis.com"), &[]);
    // Without a project no location is asked.
    check(&format!("protocol = 'vertex'\nbase_url = 'https://{dutch}/v1'\nheaders = {{ x-goog-api-key = 'k' }}"), &[]);
}

#[test]
fn roles_are_known_by_their_shape() {
    let role = |region: &str, arn: &str| {
        format!("protocol = 'bedrock'\nregion = '{region}'\ncredentials = 'workload'\nrole_arn = '{arn}'")
    };
    let set = |name: &str| (name == "AWS_ENDPOINT_URL_STS").then(|| "http://sts.internal".to_owned());
    for (region, arn, expected) in [
        ("us-east-1", "arn:aws:iam::123456789012:role/models", &[] as &[_]),
        ("us-east-1", "arn:aws:iam::123456789012:role/team/models+a@b", &[]),
        ("us-gov-west-1", "arn:aws-us-gov:iam::123456789012:role/models", &[]),
        ("cn-north-1", "arn:aws-cn:iam::123456789012:role/models", &[]),
        ("us-east-1", "arn:aws:iam::12345:roles/x", &["some.role_arn", "`arn:aws:iam::123456789012:role/NAME`"]),
        ("us-east-1", "arn:aws:sts::123456789012:assumed-role/a/b", &["no name of a role"]),
        ("us-east-1", "models", &["no name of a role"]),
        ("cn-north-1", "arn:aws:iam::123456789012:role/models", &["another part of AWS", "`arn:aws-cn:iam::"]),
    ] {
        let toml = format!("[providers.some]\n{}\n", role(region, arn));
        let told = config::parse(&toml, "test.toml", &|_| None).unwrap_or_else(|faults| panic!("{faults}")).warnings;
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), usize::from(!expected.is_empty()), "{toml}: {told:#?}");
        assert!(expected.iter().all(|word| told[0].contains(word)), "{toml}: {told:#?}");
        let own = config::parse(&toml, "test.toml", &set).unwrap().warnings;
        assert!(own.is_empty(), "a server of one's own may have names of its own: {own:?}");
    }
}

#[test]
fn the_halves_of_a_key_of_awss_are_told_apart() {
    let key = |id: &str, secret: &str, more: &str| {
        let here = "protocol = 'bedrock'\nregion = 'us-east-1'";
        format!("{here}\naccess_key_id = '{id}'\nsecret_access_key = '{secret}'\n{more}")
    };
    let relay = "base_url = 'https://relay.example'";
    check(&key("${ID}", "${SECRET}", ""), &[]);
    check(&key("${LENT_ID}", "${SECRET}", "session_token = '${KEY}'"), &[]);
    check(&key("${LENT_ID}", "${SECRET}", "session_token = ''"), &["some.session_token", "lent for a time"]);
    refuse(&key("${SECRET}", "${ID}", ""), &["some.access_key_id", "each other's place"]);
    refuse(&key("${SECRET}", "${ID}", relay), &["each other's place"]);
    refuse(&key("${ID}", "${LENT_ID}", relay), &["some.secret_access_key", "the id of a key"]);
    refuse(&key("${SECRET}", "${SECRET}", ""), &["some.access_key_id", "no id of a key", "`AKIA`"]);
    refuse(&key("test", "${SECRET}", ""), &["no id of a key"]);
    check(&key("test", "${SECRET}", relay), &[]);
    let told = config::parse(&format!("[providers.some]\n{}", key("${SECRET}", "${ID}", "")), "test.toml", &variable);
    let told = told.expect_err("the halves are swapped").to_string();
    assert!(!told.contains("wJalr") && !told.contains("IOSFODNN"), "{told}");
}

#[test]
fn versions_of_azures_are_days() {
    let at = |version: &str| {
        format!("protocol = 'azure'\nbase_url = 'https://a.openai.azure.com'\n{KEY}\napi_version = '{version}'")
    };
    check(&at("2024-10-21"), &[]);
    check(&at("2025-04-01-preview"), &[]);
    for version in ["2024-13-45", "2024-02-30", "0000-00-00-preview"] {
        refuse(&at(version), &["some.api_version", "no version of Azure's"]);
    }
}

#[test]
fn credentials_are_spelt_as_they_are_and_stand_where_they_are_taken() {
    let clouds = [
        "protocol = 'bedrock'\nregion = 'us-east-1'",
        "protocol = 'azure'\nbase_url = 'https://a.openai.azure.com'",
        "protocol = 'vertex'\nproject = 'p'",
    ];
    for cloud in clouds {
        for word in ["workloads", "Workload", "workloud"] {
            let expected = ["some.credentials", "did you mean `workload`?"];
            refuse(&format!("{cloud}\ncredentials = '{word}'"), &expected);
        }
    }
    for cloud in &clouds[..2] {
        refuse(&format!("{cloud}\ncredentials = '/a/key.json'"), &["files of credentials are Google's alone"]);
    }
    refuse(&format!("{}\ncredentials = '/no/such.json'", clouds[2]), &["no such file"]);
    let plain = format!("base_url = 'https://api.openai.com/v1'\n{KEY}");
    let three = ["\"vertex\"", "\"azure\"", "\"bedrock\""];
    refuse(&format!("{plain}\ncredentials = 'workload'"), &three);
    refuse(&format!("{plain}\nlocation = 'us'"), &["some.location", "`protocol = \"vertex\"`"]);
}

#[test]
fn one_address_is_warned_of_once() {
    let at = |address: &str| format!("[providers.anthropic]\nbase_url = '{address}'\n{KEY}");
    for (address, expected) in [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "`protocol = \"bedrock\"`"),
        ("https://api.openai.com/v1", "OpenAI's own address"),
        ("https://relay.example/v1", "Anthropic's own dialect is spoken here"),
    ] {
        let told = config::parse(&at(address), "test.toml", &variable).unwrap().warnings;
        assert!(told.len() == 1 && told[0].to_string().contains(expected), "{told:#?}");
    }
}

/// What is said of prices at three places of Bedrock's, one of Azure's, and a server of one's own.
#[track_caller]
fn check_prices(lines: &str, expected: &[&str]) {
    let bedrock = |region: &str| format!("{{ protocol = 'bedrock', region = '{region}', {KEY} }}");
    let toml = format!(
        "{PROVIDERS}providers.east = {}\nproviders.west = {}\nproviders.azure = {{ base_url = \
         'https://a.openai.azure.com', {KEY} }}\nproviders.relay = {{ protocol = 'bedrock', region = 'us-east-1', \
         base_url = 'https://relay.example', {KEY} }}\n{lines}",
        bedrock("us-east-1"),
        bedrock("us-west-2"),
    );
    let config = config::parse(&toml, "test.toml", &variable).unwrap_or_else(|faults| panic!("{faults}"));
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expected.len(), "{lines}: {told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{lines}: {told:#?}");
    }
}

#[test]
fn a_clouds_model_without_a_price_is_told_once() {
    let model = "[models.m]\ndeployments = ['east/a', 'east/b', 'west/a', 'local/a']\n";
    check_prices(model, &["models.m: no price of `m` at east and west is known"]);
    check_prices(&format!("{model}strategy = 'cheapest'"), &["at east and west and local is known: `cheapest`"]);
    let pool = "[pools.p]\nmembers = ['m']\nstrategy = 'cheapest'\n";
    check_prices(&format!("{model}{pool}"), &["models.m: no price of `m` at east and west is known"]);
    check_prices(&format!("{model}price = {{ input = 1, output = 2 }}\n{pool}"), &[]);
    check_prices(
        "[models.m]\ndeployments = { east = { price = { input = 1, output = 2 } }, azure = 1 }",
        &["at azure is"],
    );
    check_prices("[models.m]\ndeployments = ['relay', 'local']", &[]);
    let two = "[pools.p]\nmembers = ['azure/x', 'local/y']\n[pools.q]\nmembers = ['azure/x']\nfallback = ['east/z']";
    check_prices(two, &["pools.p.members[0]: no price of `azure/x`", "pools.q.fallback[0]: no price of `east/z`"]);
    let dear = "[pools.p]\nmembers = ['azure/x']\nstrategy = 'cheapest'";
    check_prices(dear, &["no price of `azure/x` at azure is known: `cheapest` chooses it last"]);
}

#[test]
fn warnings_stand_beside_faults() {
    let toml = format!(
        "[providers.bedrock]\nregion = 'eu-centrl-1'\n{KEY}\n[providers.azure]\nbase_url = 'https://api.openai.com/v1'\n{KEY}\n\
         [providers.x]\nbase_url = 'http://h/v1/chat/completions'\n\
         [models.m]\ndeployments = ['bedrock']\n\
         [models.n]\ndeployments = ['bedrock']\nprice = {{ input = 1 }}\n\
         [pools.p]\nmembers = ['n']\nstrategy = 'cheapest'"
    );
    let faults = config::parse(&toml, "test.toml", &variable).map(drop).expect_err("two faults");
    let paths = |complaints: &[config::Complaint]| -> Vec<String> {
        complaints.iter().map(|complaint| complaint.path.clone()).collect()
    };
    let told: Vec<config::Complaint> = faults.iter().cloned().collect();
    assert_eq!(paths(&told), ["providers.x.base_url", "models.n.price.output"], "{faults}");
    let expected = ["providers.bedrock.region", "providers.azure.base_url", "models.m"];
    assert_eq!(paths(faults.warnings()), expected, "{:#?}", faults.warnings());
}
