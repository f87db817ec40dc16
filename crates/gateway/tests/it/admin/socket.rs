//! The socket for commands: its owner's alone, replaced when it is stale, never taken from a running gateway.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use roundelay::app::App;
use roundelay::config;
use roundelay::telemetry::Redactor;
use tempfile::TempDir;

use super::config;
use crate::support::{Request, TestGateway, Upstream};

/// Why a gateway does not start in a data folder of that name.
#[track_caller]
fn fault(folder: &TempDir, data: &str) -> String {
    let text = "server = { listen = '127.0.0.1:0', admin = '127.0.0.1:0' }\nproviders.local = { base_url = 'http://127.0.0.1:9/v1' }";
    let config = config::parse(text, "test.toml", &|_| None).unwrap();
    App::open(config, &folder.path().join(data), &Redactor::default()).expect_err("it must not start").to_string()
}

#[test]
fn it_is_its_owners_alone_and_gone_at_the_end() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let path = gateway.socket();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Request::get("/admin/keys").send_to_socket(&path).status, 200);
    let folder = gateway.stop();
    assert!(!path.exists());
    drop(folder);
}

#[test]
fn a_stale_one_is_replaced() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    // As after a kill: the file stays, and nobody listens.
    drop(UnixListener::bind(folder.path().join("data/admin.sock")).unwrap());
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(Request::get("/healthz").send_to_socket(&gateway.socket()).status, 200);
}

#[test]
fn a_live_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let _listener = UnixListener::bind(folder.path().join("data/admin.sock")).unwrap();
    let fault = fault(&folder, "data");
    assert!(fault.contains("a gateway that runs already"), "{fault}");
    assert!(folder.path().join("data/admin.sock").exists());
}

#[test]
fn a_file_in_its_place_is_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/admin.sock"), "mine").unwrap();
    let fault = fault(&folder, "data");
    assert!(fault.contains("is in the way"), "{fault}");
    assert_eq!(fs::read_to_string(folder.path().join("data/admin.sock")).unwrap(), "mine");
}

#[test]
fn a_folder_with_too_long_a_name_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let fault = fault(&folder, &"n".repeat(120));
    assert!(fault.contains("too long for a socket") && fault.contains("--data"), "{fault}");
}
