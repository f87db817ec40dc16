//! `credentials = "workload"`: what a machine, a container or a cluster gives, asked for where the clouds' own SDKs ask.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use serde_json::json;

use super::signature::is_genuine;
use super::{Caller, PRICE, ask};
use crate::support::{Asked, Said, Scripted, TestGateway};

const JSON: &str = "content-type: application/json\r\n";
const XML: &str = "content-type: text/xml\r\n";
const SECRET: &str = "lent/Secret+1";
const SESSION: &str = "lent-session-1==";

/// A gateway in front of Bedrock, in that environment.
struct Aws {
    gateway: TestGateway,
    bedrock: Scripted,
}

impl Aws {
    fn start(written: &str, environment: &[(&str, String)]) -> Self {
        let bedrock = Scripted::start(|asked| {
            let quoted = asked.fields("x-amz-security-token").join("");
            if asked.target().contains("quotes") {
                let body = json!({ "message": format!("the token {quoted} is not good") });
                return Said::new(403, "x-amzn-errortype: ExpiredTokenException\r\n", body.to_string());
            }
            let message = json!({ "role": "assistant", "content": [{ "text": "Hello there" }] });
            let usage = json!({ "inputTokens": 1, "outputTokens": 2, "totalTokens": 3 });
            let whole = json!({ "output": { "message": message }, "stopReason": "end_turn", "usage": usage });
            Said::new(200, JSON, whole.to_string())
        });
        let local = Scripted::start(|_| Said::new(200, JSON, chat_answer()));
        let toml = format!(
            "[providers.bedrock]
base_url = 'http://{}'
region = 'eu-central-1'
{written}
[models.nova]
deployments = ['bedrock/amazon.nova-lite-v1:0']
attempts = 1
{PRICE}
[providers.local]
base_url = 'http://{}'
api_keys = ['local-key-1']
protocol = 'openai'
[models.other]
deployments = ['local/other']
{PRICE}
[pools.either]
members = ['nova', 'other']
strategy = 'priority'
attempts = 1
[models.quotes]
deployments = ['bedrock/quotes']
attempts = 1
{PRICE}",
            bedrock.address, local.address
        );
        let lookup = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let folder = tempfile::tempdir().unwrap();
        Self { gateway: TestGateway::start_among(folder, &toml, &lookup), bedrock }
    }

    /// Asks twice, and says with which key and token the requests were signed.
    #[track_caller]
    fn signed_with(&self, secret: &str) -> (String, String) {
        for _ in 0..2 {
            let answer = ask(&self.gateway, Caller::Chat, "nova", false);
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        let asked = self.bedrock.last();
        assert!(is_genuine(&asked, secret), "{}", asked.head);
        let authorization = asked.fields("authorization")[0];
        assert!(authorization.contains("/eu-central-1/bedrock/aws4_request"), "{authorization}");
        let (_, id) = authorization.split_once("Credential=").unwrap();
        (id.split('/').next().unwrap().to_owned(), asked.fields("x-amz-security-token").join(","))
    }
}

fn chat_answer() -> String {
    let message = json!({ "role": "assistant", "content": "Hello there" });
    let usage = json!({ "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    json!({ "id": "c", "object": "chat.completion", "model": "gpt", "created": 1, "choices": [choice], "usage": usage })
        .to_string()
}

fn in_an_hour() -> String {
    jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 3_600).unwrap().to_string()
}

fn told(id: &str) -> String {
    json!({ "Code": "Success", "AccessKeyId": id, "SecretAccessKey": SECRET, "Token": SESSION,
        "Expiration": in_an_hour() })
    .to_string()
}

/// STS, which lends `id` for whatever it is asked for.
fn sts(id: &'static str) -> Scripted {
    Scripted::start(move |asked| {
        let (action, _) = asked.body.strip_prefix("Action=").unwrap().split_once('&').unwrap();
        let ends = in_an_hour();
        let body = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\n <AssumedRoleUser>\
             <Arn>arn:x</Arn></AssumedRoleUser>\n <Credentials><AccessKeyId>{id}</AccessKeyId>\n \
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{SESSION}</SessionToken>\
             <Expiration>{ends}</Expiration></Credentials></{action}Result></{action}Response>"
        );
        Said::new(200, XML, body)
    })
}

fn url(server: &Scripted) -> String {
    format!("http://{}", server.address)
}

#[test]
fn a_machine_has_the_keys_of_its_role() {
    let metadata = Scripted::start(|asked| match (&asked.head[..3], asked.target()) {
        ("PUT", "/latest/api/token") => {
            assert_eq!(asked.fields("x-aws-ec2-metadata-token-ttl-seconds").len(), 1);
            Said::new(200, "", "session-1")
        }
        _ if asked.fields("x-aws-ec2-metadata-token") != ["session-1"] => Said::new(401, "", ""),
        ("GET", "/latest/meta-data/iam/security-credentials/") => Said::new(200, "", "gateway-role\n"),
        ("GET", "/latest/meta-data/iam/security-credentials/gateway-role") => Said::new(200, JSON, told("ASIAMACHINE")),
        _ => Said::new(404, "", ""),
    });
    let aws = Aws::start("credentials = 'workload'", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url(&metadata))]);
    assert_eq!(aws.signed_with(SECRET), ("ASIAMACHINE".to_owned(), SESSION.to_owned()));
    assert_eq!(metadata.all().len(), 3, "asked once, for an hour");
    assert_eq!(aws.gateway.operator("GET", "/readyz", None).json()["warnings"], json!([]));
}

#[test]
fn a_machine_without_a_role_is_said_to_have_none() {
    let metadata = Scripted::start(|asked| match &asked.head[..3] {
        "PUT" => Said::new(200, "", "session-1"),
        _ => Said::new(404, "", "<html>"),
    });
    let aws = Aws::start("credentials = 'workload'", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url(&metadata))]);
    let why = format!("the metadata server of a machine (IMDSv2) at {}: the machine has no role", url(&metadata));
    // The first waits for what is asked; it is known of the second that nothing was given.
    for (number, tried) in [(1, json!(["no_token"])), (2, json!([]))] {
        let answer = ask(&aws.gateway, Caller::Chat, "nova", false);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("upstream_auth")), "{}", answer.body);
        assert!(
            answer.body.contains("no access token could be had") && !answer.body.contains("IMDS"),
            "{}",
            answer.body
        );
        let id = answer.header("x-roundelay-exchange").unwrap();
        let record = aws.gateway.operator("GET", &format!("/admin/exchanges/{id}"), None).json();
        let outcomes: Vec<_> =
            record["attempts"].as_array().unwrap().iter().map(|one| one["outcome"].clone()).collect();
        assert_eq!(json!(outcomes), tried, "{number}");
        assert_eq!(
            record["decision"]["without_token"],
            json!([{ "deployment": "bedrock/amazon.nova-lite-v1:0", "why": why }])
        );
    }
    let answer = ask(&aws.gateway, Caller::Chat, "either", false);
    assert_eq!(answer.status, 200, "the one attempt is made where there is a key: {}", answer.body);
    assert!(aws.bedrock.all().is_empty(), "nothing is sent unsigned");
    let deployments = aws.gateway.operator("GET", "/admin/deployments", None);
    assert!(!deployments.body.contains("key_rejected"), "{}", deployments.body);
    let ready = aws.gateway.operator("GET", "/readyz", None);
    assert_eq!(ready.status, 200, "others may answer");
    assert!(ready.body.contains("the provider `bedrock` is given no access token; the log says why"), "{}", ready.body);
}

#[test]
fn a_container_asks_the_server_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "container-token-1\n").unwrap();
    let server = Scripted::start(|asked| match asked.fields("authorization")[..] {
        // Without an end they are good until they are refused.
        ["container-token-1"] => {
            let keys = json!({ "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": SECRET, "Token": SESSION });
            Said::new(200, JSON, keys.to_string())
        }
        _ => Said::new(401, JSON, r#"{"code":"AccessDenied","message":"no"}"#),
    });
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials/?a=b", url(&server))),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
    ];
    let aws = Aws::start("credentials = 'workload'", &environment);
    assert_eq!(aws.signed_with(SECRET).0, "ASIACONTAINER");
    assert_eq!(server.last().target(), "/v1/credentials/?a=b", "as it is written");
}

#[test]
fn a_cluster_changes_its_token_for_keys() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "eyJ.web.identity").unwrap();
    let sts = sts("ASIACLUSTER");
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod".to_owned()),
        ("AWS_ENDPOINT_URL_STS", url(&sts)),
        // The cluster comes first.
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1".to_owned()),
    ];
    let aws = Aws::start("credentials = 'workload'", &environment);
    assert_eq!(aws.signed_with(SECRET), ("ASIACLUSTER".to_owned(), SESSION.to_owned()));
    let asked = sts.last();
    assert_eq!(
        asked.body,
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15\
         &RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpod&RoleSessionName=roundelay\
         &WebIdentityToken=eyJ.web.identity"
    );
    assert!(asked.fields("authorization").is_empty(), "the token is all that is shown");
}

#[test]
fn a_clusters_token_without_a_role_is_for_the_one_that_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "eyJ.web.identity").unwrap();
    let sts = sts("ASIACLUSTER");
    let environment =
        [("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string()), ("AWS_ENDPOINT_URL_STS", url(&sts))];
    let aws = Aws::start("credentials = 'workload'\nrole_arn = 'arn:aws:iam::1:role/written'", &environment);
    assert_eq!(aws.signed_with(SECRET).0, "ASIACLUSTER");
    let asked = sts.last();
    assert!(asked.body.starts_with("Action=AssumeRoleWithWebIdentity&") && asked.body.contains("role%2Fwritten"));
    assert_eq!(sts.all().len(), 1, "no machine is asked, and no second role is assumed");
}

#[test]
fn a_role_is_assumed_with_the_key_that_is_written() {
    let sts = sts("ASIAASSUMED");
    let written = "access_key_id = 'AKIAWRITTEN'\nsecret_access_key = 'the-written-secret'\n\
                   role_arn = 'arn:aws:iam::123456789012:role/other'\nexternal_id = 'agreed/1'";
    let aws = Aws::start(written, &[("AWS_ENDPOINT_URL_STS", url(&sts))]);
    assert_eq!(aws.signed_with(SECRET), ("ASIAASSUMED".to_owned(), SESSION.to_owned()));
    let asked = sts.last();
    assert!(is_genuine(&asked, "the-written-secret"), "{}", asked.head);
    let authorization = asked.fields("authorization")[0];
    assert!(authorization.contains("Credential=AKIAWRITTEN/"), "{authorization}");
    assert!(authorization.contains("/eu-central-1/sts/aws4_request"), "{authorization}");
    assert!(asked.body.starts_with("Action=AssumeRole&") && asked.body.ends_with("&ExternalId=agreed%2F1"));
    assert_eq!(sts.all().len(), 1);
}

#[test]
fn what_sts_refuses_is_in_no_answer_and_what_is_lent_neither() {
    let sts_refuses = Scripted::start(|_| {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:x \
                    is not authorized</Message></Error></ErrorResponse>";
        Said::new(403, XML, body)
    });
    let written = "access_key_id = 'AKIAWRITTEN'\nsecret_access_key = 'the-written-secret'\nrole_arn = 'arn:aws:x'";
    let aws = Aws::start(written, &[("AWS_ENDPOINT_URL_STS", url(&sts_refuses))]);
    let answer = ask(&aws.gateway, Caller::Chat, "nova", false);
    assert_eq!(answer.json()["error"]["code"], "upstream_auth", "{}", answer.body);
    assert!(!answer.body.contains("arn:aws"), "{}", answer.body);

    let sts = sts("ASIAQUOTED");
    let aws = Aws::start(written, &[("AWS_ENDPOINT_URL_STS", url(&sts))]);
    let answer = ask(&aws.gateway, Caller::Chat, "quotes", false);
    assert_eq!(aws.bedrock.last().fields("x-amz-security-token"), [SESSION]);
    assert!(answer.status >= 400 && !answer.body.contains(SESSION), "{}", answer.body);
    let record = aws.gateway.operator("GET", "/admin/exchanges?limit=10", None);
    assert!(record.status == 200 && !record.body.contains(SESSION), "{}", record.body);
}

/// A gateway in front of Azure, in that environment: the token that was shown to Azure, and what was asked for it.
#[track_caller]
fn azure(written: &str, environment: &[(&str, String)], tokens: &Scripted) -> Asked {
    let azure = Scripted::start(|_| Said::new(200, JSON, chat_answer()));
    let toml = format!(
        "money.unknown_price = 'free'\n[providers.azure]\nbase_url = 'http://{}'\ncredentials = 'workload'\n{written}",
        azure.address
    );
    let lookup = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let gateway = TestGateway::start_among(tempfile::tempdir().unwrap(), &toml, &lookup);
    for _ in 0..2 {
        let answer = ask(&gateway, Caller::Chat, "azure/gpt", false);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let asked = azure.last();
        assert_eq!((asked.fields("authorization"), asked.fields("api-key")), (vec!["Bearer managed-1"], vec![]));
    }
    assert_eq!(tokens.all().len(), 1, "asked once");
    tokens.last()
}

/// Azure's machines write numbers as strings.
fn tokens() -> Scripted {
    Scripted::start(|_| {
        let given = r#"{"access_token":"managed-1","expires_in":"86399","expires_on":"1","token_type":"Bearer"}"#;
        Said::new(200, JSON, given)
    })
}

const QUERY: &str = "resource=https%3A%2F%2Fcognitiveservices.azure.com";

#[test]
fn a_machine_at_azure_has_an_identity() {
    let server = tokens();
    let environment = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", url(&server))];
    let asked = azure("client_id = 'one-of-two'", &environment, &server);
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01";
    assert_eq!(asked.target(), format!("{path}&{QUERY}&client_id=one-of-two"));
    let server = tokens();
    let environment =
        [("AZURE_POD_IDENTITY_AUTHORITY_HOST", url(&server)), ("AZURE_CLIENT_ID", "the-other".to_owned())];
    let asked = azure("", &environment, &server);
    assert_eq!(asked.target(), format!("{path}&{QUERY}&client_id=the-other"));
    assert_eq!(asked.fields("metadata"), ["true"]);
}

#[test]
fn a_token_that_is_taken_back_while_it_is_shown_costs_its_provider_nothing() {
    let (given, is_given) = mpsc::channel();
    let (count, is_given) = (AtomicU32::new(0), Mutex::new(is_given));
    let tokens = Scripted::start(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        given.send(number).unwrap();
        // The first is renewed after a second.
        let lasts = if number == 1 { 11 } else { 3_600 };
        Said::new(200, JSON, json!({ "access_token": format!("managed-{number}"), "expires_in": lasts }).to_string())
    });
    let azure = Scripted::start(move |asked| {
        if asked.fields("authorization") == ["Bearer managed-1"] {
            // Until the second was given, and is in use.
            let is_given = is_given.lock().unwrap();
            assert_eq!([1, 2], [(); 2].map(|()| is_given.recv_timeout(Duration::from_secs(20)).unwrap()));
            assert!(is_given.recv_timeout(Duration::from_secs(1)).is_err());
            return Said::new(401, JSON, r#"{"error":{"code":"401","message":"Access token is expired: managed-1"}}"#);
        }
        Said::new(200, JSON, chat_answer())
    });
    let toml = format!(
        "money.unknown_price = 'free'\n[providers.azure]\nbase_url = 'http://{}'\ncredentials = 'workload'",
        azure.address
    );
    let server = url(&tokens);
    let lookup = |name: &str| (name == "AZURE_POD_IDENTITY_AUTHORITY_HOST").then(|| server.clone());
    let gateway = TestGateway::start_among(tempfile::tempdir().unwrap(), &toml, &lookup);
    let answer = ask(&gateway, Caller::Chat, "azure/gpt", false);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.header("x-roundelay-exchange").unwrap();
    let record = gateway.operator("GET", &format!("/admin/exchanges/{id}"), None);
    let attempts = record.json()["attempts"].clone();
    assert_eq!((&attempts[0]["outcome"], &attempts[0]["status"]), (&json!("no_token"), &json!(401)));
    assert_eq!(attempts[1]["outcome"], "answered");
    assert!(!record.body.contains("managed-1"), "{}", record.body);
}

#[test]
fn app_service_has_a_server_beside_what_it_runs() {
    let server = tokens();
    let environment =
        [("IDENTITY_ENDPOINT", format!("{}/msi/token", url(&server))), ("IDENTITY_HEADER", "header-1".to_owned())];
    let asked = azure("", &environment, &server);
    assert_eq!(asked.target(), format!("/msi/token?api-version=2019-08-01&{QUERY}"));
    assert_eq!((asked.fields("x-identity-header"), asked.fields("metadata")), (vec!["header-1"], vec![]));
}

#[test]
fn a_cluster_at_azure_changes_its_token_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "eyJ.federated\n").unwrap();
    let server = tokens();
    let environment = [
        ("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string()),
        ("AZURE_TENANT_ID", "tenant-1".to_owned()),
        ("AZURE_CLIENT_ID", "client-1".to_owned()),
        ("AZURE_AUTHORITY_HOST", format!("{}/", url(&server))),
    ];
    let asked = azure("", &environment, &server);
    assert_eq!(asked.target(), "/tenant-1/oauth2/v2.0/token");
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=client-1\
         &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
         &client_assertion=eyJ.federated"
    );
}

#[test]
fn a_machine_at_google_has_an_account() {
    let server = Scripted::start(|_| Said::new(200, JSON, r#"{"access_token":"ya29.machine","expires_in":3599}"#));
    let vertex = Scripted::start(|_| {
        let candidate = json!({ "content": { "role": "model", "parts": [{ "text": "Hi" }] }, "finishReason": "STOP" });
        Said::new(200, JSON, json!({ "candidates": [candidate] }).to_string())
    });
    let toml = format!(
        "money.unknown_price = 'free'\n[providers.vertex]\nbase_url = 'http://{}'\nproject = 'p'\n\
         credentials = 'workload'",
        vertex.address
    );
    let address = server.address.to_string();
    let lookup = |name: &str| (name == "GCE_METADATA_HOST").then(|| address.clone());
    let gateway = TestGateway::start_among(tempfile::tempdir().unwrap(), &toml, &lookup);
    assert_eq!(ask(&gateway, Caller::Chat, "vertex/gemini-3-pro", false).status, 200);
    assert_eq!(vertex.last().fields("authorization"), ["Bearer ya29.machine"]);
    let asked = server.last();
    assert_eq!(asked.target(), "/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(asked.fields("metadata-flavor"), ["Google"]);
}

#[test]
fn nothing_of_a_workload_is_read_unless_a_section_says_so() {
    let asked = Mutex::new(Vec::new());
    let lookup = |name: &str| {
        asked.lock().unwrap().push(name.to_owned());
        None
    };
    let key = "access_key_id = 'AKIAIOSFODNN7EXAMPLE'\nsecret_access_key = 'secret-1'";
    let toml = format!(
        "[providers.bedrock]\nregion = 'us-east-1'\n{key}\n[providers.azure]\nbase_url = 'https://a.b'\napi_keys = ['k-12345']"
    );
    roundelay::config::parse(&toml, "test.toml", &lookup).unwrap();
    assert_eq!(asked.lock().unwrap().len(), 0, "{:?}", asked.lock().unwrap());
}

#[test]
fn what_does_not_go_together_is_said() {
    let check = |toml: &str, environment: &[(&str, &str)], part: &str| {
        let lookup =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let found = roundelay::config::parse(toml, "test.toml", &lookup).map(drop);
        let faults = found.expect_err(toml).to_string();
        assert!(faults.contains(part), "{toml}: {faults}");
    };
    let bedrock = "[providers.bedrock]\nregion = 'us-east-1'\n";
    let azure = "[providers.azure]\nbase_url = 'https://a.openai.azure.com'\n";
    for (toml, part) in [
        (format!("{bedrock}credentials = '/a/file.json'"), "files of credentials are Google's alone"),
        (format!("{bedrock}role_arn = 'arn:x'"), "it is not known who assumes this role"),
        (format!("{bedrock}external_id = 'x'\napi_keys = ['k-12345']"), "this alone assumes no role"),
        (format!("{bedrock}credentials = 'workload'\napi_keys = ['k-12345']"), "signed or has an API key, not both"),
        (
            format!("{bedrock}credentials = 'workload'\naccess_key_id = 'a'\nsecret_access_key = 'b'"),
            "the workload's are asked for, not both",
        ),
        (
            format!("{azure}credentials = 'workload'\napi_keys = ['k-12345']"),
            "or the workload's are asked for, not both",
        ),
        (format!("{azure}credentials = 'workload'\ntenant = 't'"), "or the workload's are asked for, not both"),
        ("[providers.openai]\napi_keys = ['k-12345']\nrole_arn = 'arn:x'".to_owned(), "roles are assumed at AWS alone"),
        (
            "[providers.openai]\napi_keys = ['k-12345']\ncredentials = 'workload'".to_owned(),
            "this is for `protocol = \"vertex\"`",
        ),
    ] {
        check(&toml, &[], part);
    }
    let workload = format!("{bedrock}credentials = 'workload'");
    check(&workload, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/x")], "none that keys may come from");
    check(&workload, &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/x")], "and `AWS_ROLE_ARN` is not");
    let external = format!("{workload}\nrole_arn = 'arn:x'\nexternal_id = 'y'");
    check(&external, &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/x")], "no role is assumed with other keys here");
    let workload_at_azure = format!("{azure}credentials = 'workload'");
    let file = ("AZURE_FEDERATED_TOKEN_FILE", "/x");
    check(&workload_at_azure, &[file], "and `AZURE_TENANT_ID` is not");
    check(&workload_at_azure, &[file, ("AZURE_TENANT_ID", "t")], "and `AZURE_CLIENT_ID` is not");
    check(&workload_at_azure, &[("IDENTITY_ENDPOINT", "http://x/y")], "and `IDENTITY_HEADER` is not");
    check(&workload, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "nowhere")], "is not a URL");
}
