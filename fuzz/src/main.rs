//! Feeds one target of [`invariants`] from libFuzzer; `ROUNDELAY_FUZZ_TARGET` names it. Started by `fuzz/run`.
#![no_main]

mod invariants;

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("ROUNDELAY_FUZZ_TARGET").expect("ROUNDELAY_FUZZ_TARGET names a target");
    invariants::target(&name).unwrap_or_else(|| panic!("no target is called {name}"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
