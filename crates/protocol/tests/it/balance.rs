//! What is left at a vendor is read from its own documented answers, exactly, and from nothing else.

use roundelay_protocol::balance::{Balance, Currency, Question, Reading, Vendor};

const USD: Currency = Currency::Usd;
const CNY: Currency = Currency::Cny;
const NOT_JSON: &str = "the answer is not the JSON that the vendor documents";
const NO_AMOUNT: &str = "an amount is not a number";
const DECLINED: &str = "the vendor declined in its answer";

fn reading(balances: &[(Currency, i64)], is_barred: bool) -> Reading {
    let balances = balances.iter().map(|&(currency, available_nano)| Balance { currency, available_nano }).collect();
    Reading { balances, is_barred }
}

#[track_caller]
fn check(question: Question, body: &str, expected: Result<Reading, &str>) {
    let read = question.read(body.as_bytes(), CNY).map_err(|fault| fault.reason);
    assert_eq!(read, expected, "{body}");
}

#[test]
fn deepseek_tells_each_currency_and_whether_calls_are_taken() {
    let ask = Question::DeepSeekBalance;
    check(
        ask,
        r#"{"is_available": true, "balance_infos": [{"currency": "CNY", "total_balance": "110.00",
            "granted_balance": "10.00", "topped_up_balance": "100.00"}]}"#,
        Ok(reading(&[(CNY, 110_000_000_000)], false)),
    );
    check(
        ask,
        r#"{"is_available": false, "balance_infos": [{"currency": "USD", "total_balance": 0.25},
            {"currency": "cny", "total_balance": "-1.5"}, {"currency": "EUR", "total_balance": "9"}]}"#,
        Ok(reading(&[(USD, 250_000_000), (CNY, -1_500_000_000)], true)),
    );
    check(ask, r#"{"is_available": true, "balance_infos": []}"#, Err("no balance is in USD or CNY"));
    check(ask, r#"{"balance_infos": [{"currency": "USD", "total_balance": "much"}]}"#, Err(NO_AMOUNT));
    check(ask, r#"{"balance_infos": [{"currency": "USD", "total_balance": null}]}"#, Err(NO_AMOUNT));
    check(ask, r#"{"balance_infos": [{"currency": "USD"}]}"#, Err(NOT_JSON));
    check(ask, r#"{"error": {"message": "Authentication Fails"}}"#, Err(NOT_JSON));
    check(ask, "<html>", Err(NOT_JSON));
    check(ask, "", Err(NOT_JSON));
}

#[test]
fn openrouter_tells_of_the_account_and_of_the_key() {
    let ask = Question::OpenRouterCredits;
    check(
        ask,
        r#"{"data": {"total_credits": 100.5, "total_usage": 25.75}}"#,
        Ok(reading(&[(USD, 74_750_000_000)], false)),
    );
    check(ask, r#"{"data": {"total_credits": 0, "total_usage": 1e-7}}"#, Ok(reading(&[(USD, -100)], false)));
    check(ask, r#"{"data": {"total_credits": true, "total_usage": 1}}"#, Err(NO_AMOUNT));
    check(ask, r#"{"data": {"total_credits": 1}}"#, Err(NOT_JSON));

    let ask = Question::OpenRouterKey;
    check(
        ask,
        r#"{"data": {"label": "sk-or-v1-116...0ce", "limit": 5, "usage": 0.1015644762, "limit_remaining": 4.8984355238,
            "is_free_tier": false, "rate_limit": {"requests": 50, "interval": "10s"}}}"#,
        Ok(reading(&[(USD, 4_898_435_523)], false)),
    );
    check(ask, r#"{"data": {"limit": null, "usage": 3, "limit_remaining": null}}"#, Ok(Reading::default()));
    check(ask, r#"{"data": {"usage": 3}}"#, Ok(Reading::default()));
    check(ask, r#"{"data": {}}"#, Err(NOT_JSON));
    check(ask, r#"{"error": {"code": 401}}"#, Err(NOT_JSON));
}

#[test]
fn moonshot_and_siliconflow_count_in_the_currency_of_their_host() {
    let ask = Question::MoonshotBalance;
    check(
        ask,
        r#"{"code": 0, "data": {"available_balance": 49.58894, "voucher_balance": 46.58893, "cash_balance": 3.00001},
            "scode": "0x0", "status": true}"#,
        Ok(reading(&[(CNY, 49_588_940_000)], false)),
    );
    check(ask, r#"{"code": 5, "status": false, "data": {"available_balance": 1}}"#, Err(DECLINED));
    check(ask, r#"{"code": 5, "data": null}"#, Err(DECLINED));
    check(ask, r#"{"data": {"cash_balance": 1}}"#, Err(NOT_JSON));

    let ask = Question::SiliconFlowUser;
    check(
        ask,
        r#"{"code": 20000, "message": "OK", "status": true, "data": {"id": "userid", "balance": "0.88",
            "status": "normal", "chargeBalance": "88.00", "totalBalance": "88.88"}}"#,
        Ok(reading(&[(CNY, 88_880_000_000)], false)),
    );
    check(ask, r#"{"code": 50000, "message": "no", "status": false, "data": null}"#, Err(DECLINED));
    check(ask, r#"{"status": true, "data": {"totalBalance": ""}}"#, Err(NO_AMOUNT));

    for (vendor, host, currency) in [
        (Vendor::Moonshot, "api.moonshot.ai", USD),
        (Vendor::Moonshot, "api.moonshot.cn", CNY),
        (Vendor::Moonshot, "127.0.0.1", USD),
        (Vendor::SiliconFlow, "api.siliconflow.cn", CNY),
        (Vendor::SiliconFlow, "api.siliconflow.com", USD),
        (Vendor::SiliconFlow, "127.0.0.1", CNY),
        (Vendor::OpenRouter, "example.cn", USD),
    ] {
        assert_eq!(vendor.currency_at(host), currency, "{vendor:?} at {host}");
    }
}

#[test]
fn questions_are_asked_where_the_vendor_answers_them() {
    for (question, prefix, path) in [
        (Question::DeepSeekBalance, "/v1", "/user/balance"),
        (Question::DeepSeekBalance, "", "/user/balance"),
        (Question::DeepSeekBalance, "/beta", "/user/balance"),
        (Question::DeepSeekBalance, "/proxy/v1", "/proxy/user/balance"),
        (Question::OpenRouterCredits, "/api/v1", "/api/v1/credits"),
        (Question::OpenRouterKey, "/api/v1", "/api/v1/key"),
        (Question::MoonshotBalance, "/v1", "/v1/users/me/balance"),
        (Question::SiliconFlowUser, "/v1", "/v1/user/info"),
    ] {
        assert_eq!(question.path(prefix), path, "{question:?} below {prefix:?}");
    }
}

#[test]
fn of_two_limits_the_lesser_counts() {
    let left = |nano| reading(&[(USD, nano)], false);
    let unlimited = Reading::default();
    assert_eq!(left(3).and(left(2)), left(2));
    assert_eq!(left(2).and(left(3)), left(2));
    assert_eq!(unlimited.clone().and(left(2)), left(2));
    assert_eq!(left(2).and(unlimited.clone()), left(2));
    assert_eq!(unlimited.clone().and(unlimited.clone()), unlimited);
    assert!(left(2).and(reading(&[], true)).is_barred);
}

#[test]
fn yuan_are_converted_by_the_rate_given_and_rounded_down() {
    let sum = |balances: &[(Currency, i64)]| reading(balances, false).nano_usd(7.0);
    assert_eq!(sum(&[]), None);
    assert_eq!(sum(&[(USD, -5)]), Some(-5));
    assert_eq!(sum(&[(CNY, 7_000_000_000)]), Some(1_000_000_000));
    assert_eq!(sum(&[(CNY, 20)]), Some(2));
    assert_eq!(sum(&[(CNY, -20)]), Some(-3));
    assert_eq!(sum(&[(USD, 1_000), (CNY, 700)]), Some(1_100));
    assert_eq!(sum(&[(USD, i64::MAX), (CNY, 700)]), Some(i64::MAX));
}

#[test]
fn names_lead_back() {
    for (name, vendor) in Vendor::ALL {
        assert_eq!((vendor.name(), Vendor::from_name(name)), (name, Some(vendor)));
    }
    assert_eq!(Vendor::from_name("openai"), None);
    for (code, currency) in Currency::ALL {
        assert_eq!(currency.code(), code);
    }
}
