//! A start without a file: the providers whose keys are in the environment.

use super::{
    Environment,
    base_url::BaseUrl,
    complaint::{Complaint, Complaints},
    known_providers::{KNOWN_PROVIDERS, KnownProvider},
    providers::{Provider, is_key},
    server::Server,
};
use crate::common::secret::Secret;

/// What complaints call the environment.
const ENVIRONMENT: &str = "environment";

/// The environment of this process. A variable that is not Unicode counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is the lookup that everybody else is handed")]
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The providers with a key, and the variables that were used.
pub(super) fn providers(environment: Environment<'_>) -> Result<(Vec<Provider>, Vec<&'static str>), Complaints> {
    let mut providers = Vec::new();
    let mut variables = Vec::new();
    let mut faults = Vec::new();
    for known in KNOWN_PROVIDERS {
        let Some((variable, key)) = first_key(known, environment) else {
            continue;
        };
        if !is_key(&key) {
            let instead = "look for spaces and line ends".to_owned();
            let message = format!("`{variable}` has characters that no key has");
            faults.push(Complaint::of_whole(ENVIRONMENT, message, Some(instead)));
            continue;
        }
        match base_url(known, environment) {
            Ok(base_url) => {
                providers.push(Provider::of_environment(known, base_url, Secret::new(key)));
                variables.push(variable);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if providers.is_empty() && faults.is_empty() {
        faults.push(no_key());
    }
    if faults.is_empty() { Ok((providers, variables)) } else { Err(Complaints::new(faults)) }
}

fn first_key(known: &KnownProvider, environment: Environment<'_>) -> Option<(&'static str, String)> {
    known.key_variables.iter().find_map(|&variable| {
        let key = environment(variable)?.trim().to_owned();
        (!key.is_empty()).then_some((variable, key))
    })
}

fn base_url(known: &KnownProvider, environment: Environment<'_>) -> Result<BaseUrl, Complaint> {
    let variable = known.base_url_variable;
    let complaint = |message: String, instead: &str| {
        Complaint::of_whole(ENVIRONMENT, format!("`{variable}`: {message}"), Some(instead.to_owned()))
    };
    let Some(text) = environment(variable).filter(|text| !text.trim().is_empty()) else {
        return Ok(BaseUrl::parse(known.base_url).expect("a test parses every known address"));
    };
    let base_url = BaseUrl::parse(text.trim())
        .map_err(|fault| complaint(fault.to_string(), "write what comes before `/chat/completions`, or unset it"))?;
    let base_url = match known.name {
        // Their own clients put the version behind this variable themselves.
        "anthropic" => base_url.with_version(),
        "gemini" if base_url.path_prefix.is_empty() => BaseUrl { path_prefix: "/v1beta".into(), ..base_url },
        _ => base_url,
    };
    if base_url.reaches(Server::default().listen) {
        let instead = "unset it for the gateway; it is for the gateway's callers";
        return Err(complaint("this is the address of the gateway itself".to_owned(), instead));
    }
    Ok(base_url)
}

fn no_key() -> Complaint {
    let variables: Vec<&str> =
        KNOWN_PROVIDERS.iter().filter_map(|known| known.key_variables.first().copied()).collect();
    Complaint::of_whole(
        ENVIRONMENT,
        "there is no configuration file, and no provider's key is in the environment".to_owned(),
        Some(format!("name a file with `--config FILE`, or set one of {}", variables.join(", "))),
    )
}
