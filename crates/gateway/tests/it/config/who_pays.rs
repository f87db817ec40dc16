//! Who pays for what did not end as it should, and what becomes of an answer that nobody reads.

use roundelay::config::{OnDisconnect, Surcharges};
use roundelay_ledger::{Policy, Rate, Share};

use super::{PROVIDERS, read, refuse};

#[test]
fn each_provider_says_who_pays_and_the_rest_is_default() {
    let config = read(
        "[providers.openai]
api_keys = ['${OPENAI_API_KEY}']
[providers.anthropic]
api_keys = ['${ANTHROPIC_API_KEY}']
who_pays = { blank = 'full', cancelled_running = 'delivered', crashed = 'nothing' }
[providers.local]
base_url = 'http://127.0.0.1:8000/v1'
who_pays = { cancelled = 'full', failed = 'nothing', superseded = 'output' }",
    );
    let who_pays =
        |name: &str| config.providers.iter().find(|provider| &*provider.name == name).map(|found| found.who_pays);
    let default = Policy::default();
    assert_eq!(who_pays("openai"), Some(default));
    let anthropic =
        Policy { blank: Share::Full, cancelled_running: Share::Delivered, crashed: Share::Nothing, ..default };
    assert_eq!(who_pays("anthropic"), Some(anthropic));
    let local = Policy { cancelled: Share::Full, failed: Share::Nothing, superseded: Share::Output, ..default };
    assert_eq!(who_pays("local"), Some(local));
}

#[test]
fn an_unknown_share_is_answered_with_the_choices() {
    let complaints = refuse("[providers.local]\nbase_url = 'http://127.0.0.1:1/v1'\nwho_pays = { failed = 'some' }");
    let text = complaints.to_string();
    assert!(text.contains("providers.local.who_pays.failed"), "{text}");
    assert!(text.contains("`nothing`, `output`, `delivered`, `full`"), "{text}");
    let text = refuse(&format!("{PROVIDERS}[money]\non_disconnect = 'drian'")).to_string();
    assert!(text.contains("did you mean `drain`"), "{text}");
}

#[test]
fn an_answer_that_nobody_reads_is_given_up_or_read_to_its_end() {
    for (written, expected) in [
        ("", OnDisconnect::Cancel),
        ("on_disconnect = 'cancel'", OnDisconnect::Cancel),
        ("on_disconnect = 'drain'", OnDisconnect::Drain),
    ] {
        assert_eq!(read(&format!("{PROVIDERS}[money]\n{written}")).money.on_disconnect, expected, "{written}");
    }
}

#[test]
fn what_may_cost_more_is_refused_unless_it_is_let_pass() {
    for (written, expected) in [
        ("", Surcharges::Refuse),
        ("surcharges = 'refuse'", Surcharges::Refuse),
        ("surcharges = 'pass'", Surcharges::Pass),
    ] {
        assert_eq!(read(&format!("{PROVIDERS}[money]\n{written}")).money.surcharges, expected, "{written}");
    }
    let text = refuse(&format!("{PROVIDERS}[money]\nsurcharges = 'charge'")).to_string();
    assert!(text.contains("money.surcharges") && text.contains("`refuse`, `pass`"), "{text}");
}

#[test]
fn the_rate_is_exact_to_the_millionth() {
    for (written, millionths) in
        [("7.123457", 7_123_457), ("1", 1_000_000), ("99.999999", 99_999_999), ("100", 100_000_000)]
    {
        let rate = read(&format!("{PROVIDERS}[currency]\ncny_per_usd = {written}")).rate();
        assert_eq!(rate, Rate::from_millionths(millionths).unwrap(), "{written}");
    }
    assert_eq!(read(PROVIDERS).rate().millionths(), 7_100_000);
}
