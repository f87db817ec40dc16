//! What a known model costs at a known provider without a word of configuration, and what words change about it.

use roundelay::config::{Config, Currency, PriceOrigin, UnknownPrice};
use roundelay_calendar::UnixTime;
use roundelay_ledger::{Money, PriceList};

use super::{PROVIDERS, complaints::check as check_complaint, read};

/// The list of a model's deployment at a provider.
#[track_caller]
fn list<'a>(config: &'a Config, model: &str, provider: &str) -> Option<&'a PriceList> {
    let model = config.models.iter().find(|known| &*known.name == model).expect("the model is served");
    let place = model.deployments.iter().find(|place| &*config.providers[place.provider].name == provider);
    place.expect("the provider serves it").prices.as_deref()
}

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().expect("a time").as_second())
}

/// Dollars for a million tokens as a decimal text.
fn usd(nano: u64) -> String {
    Money::from_nano(i64::try_from(nano).expect("a price")).to_string()
}

const EVERYBODY: &str = "
providers.openai = { api_keys = ['k-1234567'] }
providers.anthropic = { api_keys = ['k-1234567'] }
providers.gemini = { api_keys = ['k-1234567'] }
providers.deepseek = { api_keys = ['k-1234567'] }
providers.mistral = { api_keys = ['k-1234567'] }
providers.groq = { api_keys = ['k-1234567'] }
providers.moonshot = { api_keys = ['k-1234567'] }
providers.xai = { api_keys = ['k-1234567'] }
providers.zai = { api_keys = ['k-1234567'] }
providers.zhipu = { api_keys = ['k-1234567'] }
providers.together = { api_keys = ['k-1234567'] }
providers.deepinfra = { api_keys = ['k-1234567'] }
providers.dashscope = { api_keys = ['k-1234567'] }
providers.dashscope-intl = { api_keys = ['k-1234567'] }
";

/// On a Sunday in Beijing, when nobody has peak hours.
const SUNDAY: &str = "2026-11-22T04:00:00Z";

#[test]
fn well_known_prices_are_those_of_the_vendors_pages() {
    let config = read(EVERYBODY);
    // Written by hand from each vendor's own page: input, output, cache read, cache write, of a million tokens.
    for (model, provider, input, output, cache_read, cache_write) in [
        ("gpt-4o", "openai", "2.50", "10.00", "1.25", ""),
        ("gpt-5", "openai", "1.25", "10.00", "0.125", ""),
        ("gpt-4.1-mini", "openai", "0.40", "1.60", "0.10", ""),
        ("claude-sonnet-4-5", "anthropic", "3.00", "15.00", "0.30", "3.75"),
        ("claude-haiku-4-5", "anthropic", "1.00", "5.00", "0.10", "1.25"),
        ("claude-opus-4-5", "anthropic", "5.00", "25.00", "0.50", "6.25"),
        ("gemini-2.5-pro", "gemini", "1.25", "10.00", "0.125", ""),
        ("gemini-2.5-flash", "gemini", "0.30", "2.50", "0.03", ""),
        ("deepseek-v4-pro", "deepseek", "0.66", "1.98", "0.022", ""),
        ("deepseek-flash", "deepseek", "0.15", "0.60", "0.003", ""),
        ("gpt-oss-120b", "groq", "0.15", "0.60", "0.075", ""),
        ("kimi-k3", "moonshot", "3.00", "15.00", "0.30", "3.00"),
        ("grok-4.5", "xai", "2.00", "6.00", "0.30", ""),
        ("glm-5.3", "zai", "1.40", "4.40", "0.26", ""),
        ("glm-5.3", "together", "1.40", "4.40", "0.26", ""),
        ("qwen3-max", "dashscope-intl", "1.20", "6.00", "0.24", "1.50"),
        ("mistral-large-4", "mistral", "0.70", "2.10", "0.07", ""),
    ] {
        let quote = list(&config, model, provider).expect("a price").at(at(SUNDAY));
        let prices = quote.price.base();
        let optional = |class: Option<u64>| class.map(usd).unwrap_or_default();
        assert_eq!(
            [usd(prices.input), usd(prices.output), optional(prices.cache_read), optional(prices.cache_write)],
            [input, output, cache_read, cache_write],
            "{model} at {provider}"
        );
    }
    assert_ne!(list(&config, "kimi-k3", "deepinfra"), list(&config, "kimi-k3", "moonshot"), "each asks for its own");
    assert_eq!(list(&config, "qwen3-max", "dashscope"), None, "what the vendor asks in Beijing was not confirmed");
}

#[test]
fn long_inputs_have_their_tier() {
    let config = read(EVERYBODY);
    let gemini = list(&config, "gemini-2.5-pro", "gemini").expect("a price").standard();
    assert_eq!((usd(gemini.of(200_000).input), usd(gemini.of(200_001).output)), ("1.25".into(), "15.00".into()));
    let gpt = list(&config, "gpt-5.6", "openai").expect("a price").standard();
    assert_eq!((usd(gpt.of(272_000).input), usd(gpt.of(272_001).input)), ("4.00".into(), "8.00".into()));
}

#[test]
fn deepseek_costs_twice_as_much_in_the_working_hours_of_beijing() {
    let config = read(EVERYBODY);
    let list = list(&config, "deepseek-v4-pro", "deepseek").expect("a price");
    for (now, input, until) in [
        ("2026-11-23T00:59:59Z", "0.66", "2026-11-23T01:00:00Z"), // Monday, 08:59:59 in Beijing
        ("2026-11-23T01:00:00Z", "1.32", "2026-11-23T04:00:00Z"),
        ("2026-11-23T04:00:00Z", "0.66", "2026-11-23T06:00:00Z"),
        ("2026-11-23T09:59:59Z", "1.32", "2026-11-23T10:00:00Z"),
        ("2026-11-27T10:00:00Z", "0.66", "2026-11-30T01:00:00Z"), // over the weekend
        ("2027-01-01T02:00:00Z", "0.66", "2027-01-01T16:00:00Z"), // New Year's Day is a Friday
    ] {
        let quote = list.at(at(now));
        assert_eq!((usd(quote.price.base().input), quote.until), (input.to_owned(), Some(at(until))), "{now}");
    }
}

#[test]
fn an_introductory_price_ends_on_its_day() {
    let config = read(EVERYBODY);
    let list = list(&config, "gemini-4-argon", "gemini").expect("a price");
    let before = list.at(at(SUNDAY));
    assert_eq!((usd(before.price.base().output), before.until), ("10.00".into(), Some(at("2026-12-01T00:00:00Z"))));
    let after = list.at(at("2026-12-01T00:00:00Z"));
    assert_eq!((usd(after.price.base().output), after.until), ("20.00".into(), None));
}

#[test]
fn a_price_in_yuan_is_turned_into_dollars_by_the_written_rate() {
    for (currency, input, output) in
        [("", "1.126760563", "3.943661972"), ("[currency]\ncny_per_usd = 8\n", "1.00", "3.50")]
    {
        let config = read(&format!("{EVERYBODY}{currency}"));
        let prices = list(&config, "glm-5.3", "zhipu").expect("8 and 28 yuan").standard().base();
        assert_eq!((usd(prices.input), usd(prices.output)), (input.into(), output.into()));
    }
    let config = read(&format!(
        "{PROVIDERS}[currency]\ncny_per_usd = 7.2\n[models.m]\ndeployments = ['local']\n\
         price = {{ currency = 'CNY', input = 7.2, output = 14.4, tiers = [{{ above_input = 9, input = 36, output = 72 }}] }}\n\
         tariffs = [{{ hours = '22:00-08:00', price = {{ currency = 'CNY', input = 3.6, output = 3.6 }} }}]"
    ));
    let list = list(&config, "m", "local").expect("a price");
    assert_eq!((usd(list.standard().base().output), usd(list.standard().of(10).input)), ("2.00".into(), "5.00".into()));
    assert_eq!(usd(list.at(at("2026-11-22T23:00:00Z")).price.base().input), "0.50");
    check_complaint(
        "[models.'gpt-4o']\nprice = { currency = 'EUR', input = 1, output = 2 }",
        "5:22",
        "models.gpt-4o.price.currency",
        &["`USD`, `CNY`"],
    );
}

#[test]
fn what_is_written_goes_before_what_is_known() {
    let config = read(&format!(
        "{PROVIDERS}[providers.team]\nbase_url = 'https://api.openai.com/v1'\napi_keys = ['k-1234567']\n\
         [models.'gpt-4o']\ndeployments = {{ openai = 1, team = 1, 'local/gpt-4o' = 1 }}\n\
         [models.'gpt-5']\nprice = {{ input = 1, output = 2 }}\n\
         [models.'gpt-5-mini']\ndeployments = {{ openai = {{ price = {{ input = 3, output = 4 }} }} }}\n\
         [models.'gpt-5-nano']\ntariffs = [{{ days = 'daily', multiply = 2 }}]"
    ));
    let input =
        |model, provider| list(&config, model, provider).map(|list| usd(list.at(at(SUNDAY)).price.base().input));
    assert_eq!(input("gpt-4o", "openai").as_deref(), Some("2.50"));
    assert_eq!(input("gpt-4o", "team").as_deref(), Some("2.50"), "another account at the same vendor");
    assert_eq!(input("gpt-4o", "local"), None, "a server of one's own has no list");
    assert_eq!(input("gpt-5", "openai").as_deref(), Some("1.00"));
    assert_eq!(input("gpt-5-mini", "openai").as_deref(), Some("3.00"));
    assert_eq!(input("gpt-5-nano", "openai").as_deref(), Some("0.10"), "twice what the catalogue says");
    let origin = |model: &str| {
        config.models.iter().find(|known| &*known.name == model).and_then(|model| model.deployments[0].price_origin)
    };
    assert_eq!(origin("gpt-5"), Some(PriceOrigin::Written));
    let Some(PriceOrigin::Catalogue { source, currency }) = origin("gpt-4o") else { panic!("the catalogue") };
    assert!(currency == Currency::Usd && source.date.starts_with("2026-"), "{source:?}");
}

#[test]
fn the_address_decides_whose_prices_hold() {
    for (base_url, is_known) in [
        ("https://api.deepseek.com/v1", true),
        ("https://api.deepseek.com", true),
        ("https://relay.example/v1", false),
        ("http://api.deepseek.com/v1", false),
        ("https://api.deepseek.com/plan/v1", false),
    ] {
        let config = read(&format!("[providers.deepseek]\nbase_url = '{base_url}'\napi_keys = ['k-1234567']"));
        assert_eq!(list(&config, "deepseek-flash", "deepseek").is_some(), is_known, "{base_url}");
    }
    let config = read(&format!("{EVERYBODY}[pools.p]\nmembers = ['deepinfra/moonshotai/Kimi-K3']"));
    assert!(list(&config, "deepinfra/moonshotai/Kimi-K3", "deepinfra").is_some(), "by its name there");
}

#[test]
fn unknown_prices_are_refused_free_or_a_fixed_amount() {
    for (written, expected) in [
        ("", UnknownPrice::Refuse),
        ("unknown_price = 'refuse'", UnknownPrice::Refuse),
        ("unknown_price = 'free'", UnknownPrice::Free),
        ("unknown_price = 'hold:0.05'", UnknownPrice::Hold(Money::from_nano(50_000_000))),
    ] {
        assert_eq!(read(&format!("{PROVIDERS}[money]\n{written}")).money.unknown_price, expected, "{written}");
    }
    for (written, says) in [
        ("'fre'", "is not one of the choices"),
        ("'hold'", "is not one of the choices"),
        ("'hold:'", "not a plain decimal"),
        ("'hold:-1'", "nothing aside"),
        ("'hold:0'", "nothing aside"),
        ("'hold:1e3'", "not a plain decimal"),
        ("'hold:1000.01'", "more than anybody"),
    ] {
        check_complaint(&format!("[money]\nunknown_price = {written}"), "5:17", "money.unknown_price", &[says]);
    }
}
