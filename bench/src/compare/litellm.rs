//! LiteLLM's proxy from `PyPI`, one worker, no database.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;

use super::candidate::{READY_LIMIT, Running};
use super::process::{self, Pinned, Process};
use super::progress::Progress;
use super::site::{Site, free_port};
use crate::fault::{Fault, Result};

/// Installs it where it is not, and returns its version.
pub(super) fn install() -> Result<String> {
    let environment = environment()?;
    if !environment.join("bin/litellm").is_file() {
        Progress::say("installing litellm[proxy] from PyPI, once; this takes some minutes");
        let python = process::require("python3", "apt-get install python3 python3-venv")?;
        run(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
        run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", "litellm[proxy]"]))?;
    }
    let question = "import importlib.metadata as m; print('litellm', m.version('litellm'))";
    run(Command::new(environment.join("bin/python")).args(["-c", question]))
}

pub(super) fn start(site: &Site, pinned: &Pinned) -> Result<Running> {
    let address = free_port()?;
    let key = random_key()?;
    let text = CONFIGURATION.replace("{upstream}", &site.upstream.to_string()).replace("{key}", &key);
    let file = site.directory.write("litellm.yaml", &text)?;
    let mut command = pinned.command(&environment()?.join("bin/litellm"));
    command.arg("--config").arg(file).args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
    // Without this it fetches its price list from the network before it starts.
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").current_dir(&site.directory.0);
    let process = Process::start(command, &site.directory.0.join("litellm.log"))?;
    let ready = process.wait_until_ready(address, Some("/health/liveliness"), READY_LIMIT)?;
    Ok(Running { address, key, model: "p", ready: Some(ready), process: Some(process) })
}

/// It refuses to start without a key, or with a weak one.
fn random_key() -> Result<String> {
    let mut bytes = [0_u8; 24];
    let mut source = File::open("/dev/urandom").map_err(Fault::io("open the system's random source"))?;
    source.read_exact(&mut bytes).map_err(Fault::io("read the system's random source"))?;
    Ok(bytes.iter().fold("sk-".to_owned(), |key, byte| key + &format!("{byte:02x}")))
}

/// Lies beside the build's other products, so that cleaning the build removes it.
fn environment() -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(Fault::io("find this program"))?;
    let target = program.parent().and_then(|profile| profile.parent());
    Ok(target.unwrap_or(&program).join("bench-litellm"))
}

fn run(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().map_err(Fault::io(format!("run {name}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.trim().lines().last().unwrap_or_default();
    Err(Fault::Measurement(format!("{name} failed: {last}")))
}

const CONFIGURATION: &str = "\
model_list:
  - model_name: p
    litellm_params:
      model: openai/m
      api_base: http://{upstream}/v1
      api_key: k
general_settings:
  master_key: {key}
";
