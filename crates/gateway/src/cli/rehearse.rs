//! `roundelay rehearse`.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use tokio::{runtime, signal};

use super::{Common, Failure, say};
use crate::rehearsal::{DEFAULT_LISTEN, Rehearsal};

/// Run the rehearsal provider: a model server that misbehaves on request.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay rehearse                                    then ask http://127.0.0.1:8700/v1 for model `rehearsal`
  roundelay rehearse --listen 127.0.0.1:0 --json        any free port, printed as JSON
  curl http://127.0.0.1:8700/control                    what it was asked, and what it is set to do")]
pub(super) struct Rehearse {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Accept only this API key; may be given more than once. Without it, any key will do.
    #[arg(long = "accept-key", value_name = "KEY")]
    accept_keys: Vec<String>,
}

impl Rehearse {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let rehearsal = Rehearsal::bind(self.listen)
                .map_err(|fault| format!("cannot listen on {}: {fault}; `--listen ADDR` moves it", self.listen))?;
            if !self.accept_keys.is_empty() {
                rehearsal.control().accept_keys(Some(self.accept_keys.clone()));
            }
            let address = rehearsal.local_addr();
            if common.json {
                say(&serde_json::json!({ "listen": address.to_string(), "base_url": format!("http://{address}/v1") }));
            } else {
                say(&format_args!("rehearsing at http://{address}/v1"));
                say(&format_args!("model `rehearsal` answers honestly; `rehearsal-cut-after-40` and its like do not"));
            }
            rehearsal
                .serve(async {
                    // Without signals it would run until it is killed, which is no worse.
                    let _ = signal::ctrl_c().await;
                })
                .await;
            Ok(ExitCode::SUCCESS)
        })
    }
}
