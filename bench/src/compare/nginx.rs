//! nginx doing nothing but forwarding: the measure the others are compared with.

use std::process::Command;

use super::candidate::{READY_LIMIT, Running};
use super::process::{self, Pinned, Process};
use super::site::{Site, free_port};
use crate::fault::{Fault, Result};

pub(super) fn version() -> Result<String> {
    let output = Command::new(program()?).arg("-v").output().map_err(Fault::io("ask nginx for its version"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.trim().trim_start_matches("nginx version: ").to_owned())
}

pub(super) fn start(site: &Site, pinned: &Pinned) -> Result<Running> {
    let address = free_port()?;
    let directory = site.directory.0.display().to_string();
    let text = CONFIGURATION
        .replace("{directory}", &directory)
        .replace("{listen}", &address.to_string())
        .replace("{upstream}", &site.upstream.to_string());
    let file = site.directory.write("nginx.conf", &text)?;
    let mut command = pinned.command(&program()?);
    command.arg("-p").arg(&site.directory.0).arg("-e").arg(site.directory.0.join("nginx-error.log"));
    command.arg("-c").arg(file);
    let process = Process::start(command, &site.directory.0.join("nginx.log"))?;
    let ready = process.wait_until_ready(address, None, READY_LIMIT)?;
    Ok(Running { address, key: "none".to_owned(), model: "m", ready: Some(ready), process: Some(process) })
}

fn program() -> Result<std::path::PathBuf> {
    process::require("nginx", "apt-get install nginx-light")
}

/// One worker for one core. `user` keeps the worker able to write into the scratch directory when started by root.
const CONFIGURATION: &str = "\
daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {
    worker_connections 16384;
}
http {
    access_log off;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    upstream fake {
        server {upstream};
        keepalive 1024;
        keepalive_timeout 600s;
        keepalive_requests 1000000000;
    }
    server {
        listen {listen} backlog=4096;
        location / {
            proxy_pass http://fake;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }
    }
}
";
