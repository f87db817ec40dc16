//! Configuration: what is read, and what every mistake is answered with.

use roundelay::config::{self, Complaints, Config};

mod clouds;
mod complaints;
mod hours;
mod kept;
mod misplaced;
mod names;
mod preferences;
mod prices;
mod shipped;
mod values;
mod who_pays;

/// The environment of every test here.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "OPENAI_API_KEY" => "sk-canary-openai",
        "ANTHROPIC_API_KEY" => "sk-ant-canary",
        "DEEPSEEK_API_KEY" => "sk-canary-deepseek",
        "AZURE_OPENAI_API_KEY" => "canary-azure",
        "AWS_ACCESS_KEY_ID" => "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY" => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

#[track_caller]
fn read(text: &str) -> Config {
    config::parse(text, "test.toml", &environment).unwrap_or_else(|complaints| panic!("{complaints}"))
}

#[track_caller]
fn refuse(text: &str) -> Complaints {
    match config::parse(text, "test.toml", &environment) {
        Ok(_) => panic!("this was accepted:\n{text}"),
        Err(complaints) => complaints,
    }
}

/// Two providers in three lines, so that the rows below begin at line 4.
const PROVIDERS: &str = "providers.openai = { api_keys = ['${OPENAI_API_KEY}'] }
providers.anthropic = { api_keys = ['${ANTHROPIC_API_KEY}'] }
providers.local = { base_url = 'http://127.0.0.1:8000/v1' }
";
