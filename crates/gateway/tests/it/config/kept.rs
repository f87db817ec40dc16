//! How long records are kept, and how safely.

use std::time::Duration;

use roundelay::config::{Durability, Kept};

use super::{PROVIDERS, complaints, read};

const fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

#[track_caller]
fn check(text: &str, records: Option<Duration>, hours: Option<Duration>, durability: Durability) {
    assert_eq!(read(&format!("{PROVIDERS}{text}")).kept, Kept { records, hours, durability });
}

#[test]
fn what_is_kept_is_read_and_has_defaults() {
    check("", days(90), days(400), Durability::Fast);
    check("[store]\nkeep_records = '1d'\nkeep_hours = '768h'", days(1), days(32), Durability::Fast);
    check("[store]\nkeep_records = 'forever'\nkeep_hours = 'forever'", None, None, Durability::Fast);
    check("[store]\ndurability = 'strict'", days(90), days(400), Durability::Strict);
}

#[test]
fn what_would_forget_too_soon_is_refused() {
    let check = |text: &str, key: &str, words: &[&str]| {
        complaints::check(&format!("[store]\n{text}"), &format!("5:{}", key.len() + 4), &format!("store.{key}"), words);
    };
    check("keep_records = '23h'", "keep_records", &["`23h` is too short", "at least `\"1d\"`", "forever"]);
    check("keep_records = '0s'", "keep_records", &["too short"]);
    check("keep_hours = '31d'", "keep_hours", &["`31d` is too short", "at least `\"32d\"`"]);
    check("keep_hours = '400'", "keep_hours", &["`400` is not a time with its unit"]);
    check("durability = 'fsync'", "durability", &["`fsync` is not one of the choices"]);
}
