//! Whose a host is, and whether the region, location or role that is written goes with it. A host that is no cloud's own
//! may be a relay with names of its own, and nothing is said of it.

use super::{
    super::{
        aws::AwsRole,
        base_url::{BaseUrl, Host},
        complaint::nearest,
        reader::Section,
    },
    Protocol,
    clouds::{is_region, region_of},
};

/// Whose own host that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloud {
    Azure,
    Bedrock,
    Vertex,
}

/// The cloud whose own host that is.
pub(super) fn cloud_at(base_url: &BaseUrl) -> Option<Cloud> {
    let Host::Name(host) = &base_url.host else { return None };
    if AZURE.iter().any(|domain| host.ends_with(domain)) {
        return Some(Cloud::Azure);
    }
    // Load balancers and gateways of others have names below AWS's as well.
    if AWS.iter().any(|domain| host.ends_with(domain)) && host.split('.').any(|label| BEDROCK.contains(&label)) {
        return Some(Cloud::Bedrock);
    }
    location_of(base_url).map(|_| Cloud::Vertex)
}

/// The location in the name of a host of Vertex AI.
fn location_of(base_url: &BaseUrl) -> Option<&str> {
    let Host::Name(host) = &base_url.host else { return None };
    if &**host == "aiplatform.googleapis.com" {
        return Some(GLOBAL);
    }
    let in_area = || host.strip_prefix("aiplatform.")?.strip_suffix(".rep.googleapis.com");
    host.strip_suffix("-aiplatform.googleapis.com").or_else(in_area)
}

/// Warns of a region that is not the one of Bedrock's host, or that AWS has not.
pub(super) fn warn_of_region(section: &Section<'_>, protocol: Protocol, base_url: &BaseUrl, region: Option<&str>) {
    if protocol != Protocol::Bedrock || cloud_at(base_url) != Some(Cloud::Bedrock) {
        return;
    }
    let Some(asked) = region_of(base_url) else { return };
    let key = if section.has("base_url") { "base_url" } else { "region" };
    // A word for pools, such as `eu`, is none of AWS's.
    if region.is_some_and(|region| is_region(region) && region != asked) {
        warn_of_difference(
            section,
            "region",
            asked,
            "this is not the region of the address, which is asked and signed for",
        );
    } else if let Err(meant) = spelt(asked, AWS_AREAS) {
        warn_of_spelling(section, key, asked, "AWS has no region", meant, "us-east-1");
    }
}

/// Warns of a location that is not the one of Vertex AI's host, or that Google has not. The host without a location has
/// been seen to answer for any.
pub(super) fn warn_of_location(section: &Section<'_>, base_url: &BaseUrl, location: &str) {
    let Some(asked) = location_of(base_url) else { return };
    let of_no_region = |name: &str| [GLOBAL, "us", "eu"].contains(&name);
    if of_no_region(asked) && base_url.host.to_string().starts_with(&format!("{asked}-")) {
        let instead = "leave it out, and write `location`".to_owned();
        section.reading().warn(&section.place_of("base_url"), "Google has no such host", Some(instead));
    } else if asked != location && asked != GLOBAL {
        let message = match section.has("location") {
            true => "this is not the location of the address",
            false => "without a `location`, `global` is asked, and the address is another's",
        };
        warn_of_difference(section, "location", asked, message);
    } else if !of_no_region(location)
        && let Err(meant) = spelt(location, GOOGLE_AREAS)
    {
        warn_of_spelling(section, "location", location, "Google has no location", meant, "europe-west4");
    }
}

/// Warns of a role that AWS's own STS cannot know by that name.
pub(super) fn warn_of_role(section: &Section<'_>, role: &AwsRole) {
    let is_awss = matches!(&role.sts.host, Host::Name(host) if AWS.iter().any(|domain| host.ends_with(domain)));
    let Some(assumed) = role.assumed.as_ref().filter(|_| is_awss) else { return };
    let partition = match &*role.region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let message = match partition_of(&assumed.arn) {
        None => "this is no name of a role",
        // There are more than these three, each for a few.
        Some(other) if other != partition && PARTITIONS.contains(&other) => {
            "this role is in another part of AWS than the region"
        }
        Some(_) => return,
    };
    let instead = format!("write it as IAM shows it: `arn:{partition}:iam::123456789012:role/NAME`");
    section.reading().warn(&section.place_of("role_arn"), message, Some(instead));
}

/// The partition in the ARN of a role; `None` where it is none.
fn partition_of(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return None };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_role = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
    (partition.starts_with("aws") && is_account && is_role).then_some(partition)
}

/// `asked` is shown only where the file itself says it.
fn warn_of_difference(section: &Section<'_>, key: &str, asked: &str, message: &str) {
    let asked = if section.is_verbatim("base_url") { format!("`{key} = \"{asked}\"`") } else { format!("its {key}") };
    let instead = format!("write {asked}, or leave `base_url` out");
    section.reading().warn(&section.place_of(key), message, Some(instead));
}

fn warn_of_spelling(
    section: &Section<'_>,
    key: &str,
    asked: &str,
    message: &str,
    meant: Option<String>,
    such_as: &str,
) {
    let is_shown = section.is_verbatim(key);
    let name = if is_shown { format!("`{asked}`") } else { "of that name".to_owned() };
    let instead = match meant.filter(|_| is_shown) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write it as its own pages do: `{such_as}`"),
    };
    section.reading().warn(&section.place_of(key), format!("{message} {name} that is known here"), Some(instead));
}

/// Whether a region is one of an area and a direction, with a number; else what was probably meant.
fn spelt(region: &str, areas: &[&'static str]) -> Result<(), Option<String>> {
    let name = region.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &region[name.len()..];
    // AWS has a dash before the number, and Google has none.
    let (name, dash) = name.strip_suffix('-').map_or((name, ""), |name| (name, "-"));
    let (area, direction) = name.rsplit_once('-').ok_or(None)?;
    if areas.contains(&area) && DIRECTIONS.contains(&direction) && !number.is_empty() {
        return Ok(());
    }
    let meant = || {
        let (area, direction) = (nearest(area, areas.iter().copied())?, nearest(direction, DIRECTIONS)?);
        (!number.is_empty()).then(|| format!("{area}-{direction}{dash}{number}"))
    };
    Err(meant())
}

/// The part of a host that is one letter from a cloud's own, as it should be. Two letters may be another's name.
pub(super) fn misspelt(protocol: Protocol, base_url: &BaseUrl) -> Option<&'static str> {
    let Host::Name(host) = &base_url.host else { return None };
    let domains = match protocol {
        Protocol::Azure => &AZURE[..],
        Protocol::Bedrock => &AWS[..1],
        Protocol::Vertex | Protocol::VertexAnthropic => &[".googleapis.com"],
        Protocol::OpenAi | Protocol::Responses | Protocol::Anthropic | Protocol::Gemini => return None,
    };
    if domains.iter().any(|domain| host.ends_with(domain)) {
        return None;
    }
    let end = |labels: usize| host.rmatch_indices('.').nth(labels).map(|(at, _)| &host[at..]);
    let is_near = |domain: &&&str| {
        let labels = domain.matches('.').count() - 1;
        end(labels).is_some_and(|end| super::super::complaint::is_a_slip(end, domain))
    };
    domains.iter().find(is_near).map(|domain| domain.trim_start_matches('.'))
}

const GLOBAL: &str = "global";

/// The hosts of resources at Azure, in its public, American and Chinese clouds.
const AZURE: [&str; 9] = [
    ".openai.azure.com",
    ".openai.azure.us",
    ".openai.azure.cn",
    ".cognitiveservices.azure.com",
    ".cognitiveservices.azure.us",
    ".cognitiveservices.azure.cn",
    ".services.ai.azure.com",
    ".services.ai.azure.us",
    ".services.ai.azure.cn",
];
/// What AWS's hosts end with ("Amazon Bedrock endpoints and quotas"; "Dual-stack endpoints"; China and the sovereign cloud).
const AWS: [&str; 5] =
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn", ".amazonaws.eu"];
/// How the hosts of Bedrock's models are called, before the region.
const BEDROCK: [&str; 2] = ["bedrock-runtime", "bedrock-runtime-fips"];
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// What AWS's regions begin with ("AWS Regions and Availability Zones", partitions of governments included).
const AWS_AREAS: &[&str] = &[
    "af", "ap", "ca", "cn", "eu", "eu-isoe", "eusc-de", "il", "me", "mx", "sa", "us", "us-gov", "us-iso", "us-isob",
    "us-isof",
];
/// What Google's begin with ("Regions and zones").
const GOOGLE_AREAS: &[&str] = &["africa", "asia", "australia", "europe", "me", "northamerica", "southamerica", "us"];
const DIRECTIONS: [&str; 9] =
    ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_those_that_only_look_like_them() {
        let cloud = |host: &str| cloud_at(&BaseUrl::parse(&format!("https://{host}")).unwrap());
        for (host, expected) in [
            ("a.openai.azure.cn", Some(Cloud::Azure)),
            ("vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", Some(Cloud::Bedrock)),
            ("bedrock-runtime.cn-north-1.amazonaws.com.cn", Some(Cloud::Bedrock)),
            ("bedrock-runtime.us-east-1.api.aws", Some(Cloud::Bedrock)),
            ("aiplatform.us.rep.googleapis.com", Some(Cloud::Vertex)),
            ("bedrock-runtime.us-east-1.amazonaws.com.relay.example", None),
            ("gate-1.us-east-1.elb.amazonaws.com", None),
            ("aiplatform.googleapis.com.example", None),
            ("openai.azure.com", None),
        ] {
            assert_eq!(cloud(host), expected, "{host}");
        }
    }
}
