//! `credentials = "workload"`: what the machine, the container or the cluster gives to what runs in it, found as the
//! clouds' own SDKs find it. No variable is read, and no address asked, unless a provider's section says so.

use super::{
    super::{
        aws::{AssumedRole, Authorization, AwsRole, AwsSource},
        azure::{AzureIdentity, AzureWay},
        base_url::{BaseUrl, Host},
        complaint::nearest,
        reader::{At, Section, Text},
    },
    AwsKey, Protocol,
    clouds::{REGION, signs_for},
};
use crate::common::secret::Secret;

/// The variables that say where credentials of a workload come from.
pub const VARIABLES: [&str; 16] = [
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "GCE_METADATA_HOST",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
];

const WORKLOAD: &str = "workload";

/// What signs requests to AWS: the key that is written, or a role's, where the section names one or leaves it to the
/// workload.
pub(super) fn aws(
    section: &Section<'_>,
    protocol: Option<Protocol>,
    base_url: Option<&BaseUrl>,
    region: Option<&str>,
    key: Option<AwsKey>,
) -> (Option<AwsKey>, Option<AwsRole>) {
    let [mut arn, external_id] = ["role_arn", "external_id"].map(|key| word(section, key));
    let complain = |key: &str, message: &str, instead: &str| section.complain(key, message, Some(instead.to_owned()));
    if protocol != Some(Protocol::Bedrock) {
        for key in ["role_arn", "external_id"].into_iter().filter(|key| protocol.is_some() && section.has(key)) {
            complain(key, "roles are assumed at AWS alone", "leave it out, or write `protocol = \"bedrock\"`");
        }
        return (key, None);
    }
    let is_workload = is_workload(section);
    if !is_workload && arn.is_none() {
        if section.has("external_id") && !section.has("role_arn") {
            complain("external_id", "this alone assumes no role", "write `role_arn` beside it");
        }
        return (key, None);
    }
    if is_workload && key.is_some() {
        complain("credentials", "keys are written here, or the workload's are asked for, not both", "leave one out");
        return (key, None);
    }
    if section.has("api_keys") {
        complain("api_keys", "a request is signed or has an API key, not both", "leave out what is not meant");
        return (key, None);
    }
    let source = match key {
        Some(key) => Some(AwsSource::Key(key)),
        None if is_workload => aws_source(section, &mut arn),
        None => {
            let instead = "write `credentials = \"workload\"` beside it, or `access_key_id` and `secret_access_key`";
            complain("role_arn", "it is not known who assumes this role", instead);
            None
        }
    };
    let region = signs_for(base_url, region);
    if region.is_none() && base_url.is_some() {
        section.complain("region", "it is not known for which region requests are signed", Some(REGION.to_owned()));
    }
    let (Some(source), Some(region)) = (source, region) else { return (None, None) };
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let sts = address(section, "AWS_ENDPOINT_URL_STS", &format!("https://sts.{region}.{domain}"));
    let assumed = arn.map(|arn| AssumedRole { arn, external_id });
    (None, sts.map(|sts| AwsRole { source, assumed, sts, region: region.into() }))
}

/// In the order of AWS's own: web identity, container, machine. A cluster's token that has no role of its own is for the
/// section's, which is then no second one.
fn aws_source(section: &Section<'_>, arn: &mut Option<String>) -> Option<AwsSource> {
    let variable = |name: &str| section.reading().environment(name);
    if let Some(token) = variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
        let Some(role_arn) = variable("AWS_ROLE_ARN").or_else(|| arn.take()) else {
            alone(section, "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "set that as well, or write `role_arn` here");
            return None;
        };
        if arn.is_none() && section.has("external_id") {
            let instead = "leave it out: such a token is shown without one".to_owned();
            section.complain("external_id", "no role is assumed with other keys here", Some(instead));
        }
        return Some(AwsSource::WebIdentity { token: token.into(), role_arn });
    }
    let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER}{path}"));
    if let Some(url) = relative.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| Authorization::File(path.into()));
        let text = || variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|text| Authorization::Text(Secret::new(text)));
        let read = server_and_target(&url).filter(|(url, _)| url.https || is_beside(url));
        if read.is_none() {
            let message = "the container's address in the environment is none that keys may come from";
            let instead = "look at `AWS_CONTAINER_CREDENTIALS_FULL_URI`: https, this machine, or ECS's and EKS's own";
            section.complain("credentials", message, Some(instead.to_owned()));
        }
        return read.map(|(url, target)| AwsSource::Container { url, target, authorization: file.or_else(text) });
    }
    address(section, "AWS_EC2_METADATA_SERVICE_ENDPOINT", INSTANCE).map(AwsSource::Instance)
}

/// Who is asked, and path and query as they stand there.
fn server_and_target(text: &str) -> Option<(BaseUrl, String)> {
    let authority = text.find("://")? + 3;
    let end = text[authority..].find(['/', '?']).map_or(text.len(), |at| authority + at);
    let (server, target) = text.split_at(end);
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let is_one = !target.contains('#') && target.bytes().all(|byte| byte.is_ascii_graphic());
    Some((BaseUrl::parse(server).ok()?, target)).filter(|_| is_one)
}

/// Complains that one variable of a pair is set alone: what comes next in the order would be another identity.
fn alone(section: &Section<'_>, set: &str, missing: &str, instead: &str) {
    let message = format!("`{set}` is set in the environment, and `{missing}` is not");
    section.complain("credentials", message, Some(instead.to_owned()));
}

/// Where an address without TLS may give out keys: this machine, and what ECS and EKS put beside a container.
fn is_beside(url: &BaseUrl) -> bool {
    match &url.host {
        Host::Name(name) => &**name == "localhost",
        Host::Address(address) => {
            let known = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
            address.is_loopback() || known.contains(&address.to_string().as_str())
        }
    }
}

/// The identity that Azure gives to a workload: a cluster's, App Service's, or the machine's.
pub(super) fn azure(
    section: &Section<'_>,
    protocol: Option<Protocol>,
    base_url: Option<&BaseUrl>,
) -> Option<AzureIdentity> {
    if protocol != Some(Protocol::Azure) || !is_workload(section) {
        return None;
    }
    if let Some(key) = ["api_keys", "tenant", "client_secret", "authority"].into_iter().find(|key| section.has(key)) {
        let instead = "leave one of them out".to_owned();
        section.complain(key, "credentials are written here, or the workload's are asked for, not both", Some(instead));
        return None;
    }
    let variable = |name: &str| section.reading().environment(name);
    let client_id = word(section, "client_id").or_else(|| variable("AZURE_CLIENT_ID"));
    let host = base_url.map(|base_url| base_url.host.to_string()).unwrap_or_default();
    let cloud = ["us", "cn"].into_iter().find(|cloud| host.ends_with(&format!(".{cloud}"))).unwrap_or("com");
    let resource = format!("https://cognitiveservices.azure.{cloud}");
    if let Some(file) = variable("AZURE_FEDERATED_TOKEN_FILE") {
        let lacks = |missing, instead| alone(section, "AZURE_FEDERATED_TOKEN_FILE", missing, instead);
        let Some(tenant) = variable("AZURE_TENANT_ID") else {
            lacks("AZURE_TENANT_ID", "set that as well, or unset the file");
            return None;
        };
        if client_id.is_none() {
            lacks("AZURE_CLIENT_ID", "set that as well, or write `client_id` here");
            return None;
        }
        let authority = address(section, "AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com")?;
        let path = format!("{}/{tenant}/oauth2/v2.0/token", authority.path_prefix);
        let url = BaseUrl { path_prefix: path.into(), ..authority };
        return Some(AzureIdentity { url, way: AzureWay::Federated(file.into()), client_id, resource });
    }
    let (url, way) = match (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER")) {
        (Some(_), Some(header)) => {
            (address(section, "IDENTITY_ENDPOINT", "")?, AzureWay::AppService(Secret::new(header)))
        }
        (Some(_), None) => {
            alone(section, "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "unset it: servers without that are not known here");
            return None;
        }
        (None, _) => {
            let server = address(section, "AZURE_POD_IDENTITY_AUTHORITY_HOST", INSTANCE)?;
            (BaseUrl { path_prefix: "/metadata/identity/oauth2/token".into(), ..server }, AzureWay::Instance)
        }
    };
    Some(AzureIdentity { url, way, client_id, resource })
}

/// Whether credentials are left to the workload. At clouds but Google's they can be nothing else.
fn is_workload(section: &Section<'_>) -> bool {
    let Some(At { value, place }) = section.text("credentials") else { return false };
    if value.text != WORKLOAD {
        let (message, instead) = match nearest(&value.text, [WORKLOAD]) {
            Some(_) => ("this is no word for credentials", "did you mean `workload`?"),
            None => (
                "files of credentials are Google's alone",
                "write `credentials = \"workload\"`, or the keys that this cloud takes",
            ),
        };
        section.reading().complain(&place, message, Some(instead.to_owned()));
    }
    value.text == WORKLOAD
}

/// The address that a variable holds, or the usual one.
fn address(section: &Section<'_>, variable: &str, usual: &str) -> Option<BaseUrl> {
    let written = section.reading().environment(variable);
    let found = BaseUrl::parse(written.as_deref().unwrap_or(usual)).ok();
    if found.is_none() {
        let message = format!("`{variable}` in the environment is not a URL");
        section.complain("credentials", message, Some("unset it, or write `http://host:port`".to_owned()));
    }
    found
}

fn word(section: &Section<'_>, key: &'static str) -> Option<String> {
    let At { value: Text { text, .. }, place } = section.text(key)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(text);
    }
    let message = "this is empty or has characters that it cannot have";
    section.reading().complain(&place, message, Some("look for spaces and line ends".to_owned()));
    None
}

/// ECS's server of keys.
const CONTAINER: &str = "http://169.254.170.2";
/// The metadata server of AWS's machines and of Azure's.
const INSTANCE: &str = "http://169.254.169.254";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_is_to_ask_is_asked_as_it_is_written() {
        let read = |text| server_and_target(text).map(|(url, target)| format!("{url} {target}"));
        for (text, both) in [
            ("http://localhost:8080/2016-11-01/provider/", "http://localhost:8080 /2016-11-01/provider/"),
            ("http://127.0.0.1/x?y=1&z=%2F", "http://127.0.0.1 /x?y=1&z=%2F"),
            ("http://localhost", "http://localhost /"),
            ("https://a.b?c", "https://a.b /?c"),
        ] {
            assert_eq!(read(text).as_deref(), Some(both));
        }
        for text in ["localhost/x", "http://user@localhost/x", "http://localhost/x y", "ftp://localhost/x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn keys_come_in_clear_text_from_beside_alone() {
        let is_ours = |url| is_beside(&BaseUrl::parse(url).unwrap());
        for url in ["http://127.0.0.1:80/x", "http://localhost/x", "http://169.254.170.23/v1/credentials"] {
            assert!(is_ours(url), "{url}");
        }
        for url in ["http://169.254.169.254/x", "http://10.0.0.1/x", "http://localhost.example.com/x"] {
            assert!(!is_ours(url), "{url}");
        }
    }
}
