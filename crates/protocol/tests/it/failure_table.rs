//! One row for what each provider is known to send, and the class it must have.

use std::time::Duration;

use roundelay_protocol::failure::{
    Class::{self, *},
    Failure,
    Flavour::{self, *},
    Seen, classify,
};

/// 2026-11-23T03:47:45Z
const NOW: i64 = 1_795_405_665;

fn answered(flavour: Flavour, status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
    let headers = headers.to_vec();
    classify(flavour, &Seen::Response { status, headers: &headers, body: body.as_bytes() }, NOW)
}

/// An answer with this status and body has this class.
#[track_caller]
fn check(flavour: Flavour, status: u16, body: &str, expected: Class) {
    assert_eq!(answered(flavour, status, &[], body).class, expected, "{flavour:?} {status} {body}");
}

/// An answer asks for this wait, in milliseconds.
#[track_caller]
fn wait(flavour: Flavour, status: u16, headers: &[(&str, &str)], body: &str, expected_ms: Option<u64>) {
    let seen = answered(flavour, status, headers, body).retry_after;
    assert_eq!(seen, expected_ms.map(Duration::from_millis), "{flavour:?} {status} {headers:?} {body}");
}

/// An error event before any content has the class of its cause.
#[track_caller]
fn in_band(flavour: Flavour, data: &str, expected: Class) {
    let before = classify(flavour, &Seen::StreamError { data: data.as_bytes(), after_content: false }, NOW);
    assert_eq!(before.class, expected, "{flavour:?} {data}");
    let after = classify(flavour, &Seen::StreamError { data: data.as_bytes(), after_content: true }, NOW);
    assert_eq!(after.class, MidStreamError, "{flavour:?} {data}");
}

fn openai(kind: &str, code: &str) -> String {
    format!(r#"{{"error":{{"message":"m","type":"{kind}","param":null,"code":"{code}"}}}}"#)
}

#[test]
fn openai_codes() {
    check(OpenAi, 400, &openai("invalid_request_error", "context_length_exceeded"), CallerTooLong);
    check(OpenAi, 400, &openai("invalid_request_error", "unsupported_parameter"), CallerBad);
    check(OpenAi, 400, &openai("invalid_request_error", "invalid_value"), CallerBad);
    check(OpenAi, 401, &openai("invalid_request_error", "invalid_api_key"), UpstreamAuth);
    check(OpenAi, 403, &openai("request_forbidden", "unsupported_country_region_territory"), UpstreamAuth);
    check(OpenAi, 404, &openai("invalid_request_error", "model_not_found"), NotReady);
    check(OpenAi, 429, &openai("rate_limit_error", "rate_limit_exceeded"), RateLimit);
    check(OpenAi, 429, &openai("requests", "slow_down"), RampLimit);
    check(OpenAi, 429, &openai("insufficient_quota", "insufficient_quota"), UpstreamMoney);
    for code in [
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ] {
        check(OpenAi, 429, &openai("insufficient_quota", code), UpstreamMoney);
    }
    check(OpenAi, 500, &openai("server_error", ""), ServerError);
    check(OpenAi, 503, &openai("service_unavailable_error", "server_is_overloaded"), Overload);
    check(OpenAi, 400, &openai("image_generation_user_error", "content_policy_violation"), ContentPolicy);
    check(
        OpenAi,
        400,
        r#"{"error":{"message":"Invalid 'user': string too long. Expected a maximum context length","code":"string_above_max_length"}}"#,
        CallerBad,
    );
    in_band(OpenAi, &openai("insufficient_quota", "insufficient_quota"), UpstreamMoney);
    in_band(
        OpenAi,
        r#"{"type":"response.failed","response":{"error":{"code":"insufficient_quota","message":"m"}}}"#,
        UpstreamMoney,
    );
    in_band(OpenAi, &openai("server_error", ""), ServerError);
}

#[test]
fn anthropic_types() {
    let body = |kind: &str, message: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"r"}}"#)
    };
    check(Anthropic, 400, &body("invalid_request_error", "messages: field required"), CallerBad);
    check(
        Anthropic,
        400,
        &body(
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        ),
        UpstreamMoney,
    );
    check(
        Anthropic,
        400,
        &body("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        UpstreamMoney,
    );
    check(
        Anthropic,
        400,
        &body("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        CallerTooLong,
    );
    check(Anthropic, 401, &body("authentication_error", "invalid x-api-key"), UpstreamAuth);
    check(Anthropic, 402, &body("billing_error", "m"), UpstreamMoney);
    check(Anthropic, 403, &body("permission_error", "m"), NotReady);
    check(Anthropic, 404, &body("not_found_error", "model: x"), NotReady);
    check(Anthropic, 409, &body("conflict_error", "m"), CallerBad);
    check(Anthropic, 413, &body("request_too_large", "m"), CallerBad);
    check(Anthropic, 429, &body("rate_limit_error", "m"), RateLimit);
    check(
        Anthropic,
        429,
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
        UpstreamMoney,
    );
    check(Anthropic, 500, &body("api_error", "m"), ServerError);
    check(Anthropic, 504, &body("timeout_error", "m"), FirstByteTimeout);
    check(Anthropic, 529, &body("overloaded_error", "Overloaded"), Overload);
    in_band(Anthropic, &body("overloaded_error", "Overloaded"), Overload);
}

#[test]
fn gemini_statuses() {
    let body = |code: u16, status: &str, message: &str| {
        format!(r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}"}}}}"#)
    };
    check(Gemini, 400, &body(400, "INVALID_ARGUMENT", "bad field"), CallerBad);
    check(
        Gemini,
        400,
        &body(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        CallerTooLong,
    );
    check(
        Gemini,
        400,
        r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
        UpstreamAuth,
    );
    check(Gemini, 400, &body(400, "FAILED_PRECONDITION", "Please enable billing on your project"), UpstreamMoney);
    check(
        Gemini,
        400,
        &body(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        UpstreamAuth,
    );
    check(Gemini, 402, &body(402, "RESOURCE_EXHAUSTED", "prepay"), UpstreamMoney);
    check(Gemini, 403, &body(403, "PERMISSION_DENIED", "m"), NotReady);
    check(Gemini, 404, &body(404, "NOT_FOUND", "m"), NotReady);
    check(Gemini, 429, &body(429, "RESOURCE_EXHAUSTED", "m"), RateLimit);
    check(
        Gemini,
        429,
        r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#,
        QuotaWindow,
    );
    for id in ["GenerateRequestsPerDayPerUser", "GenerateContentPaidTierInputTokensPerDay-Tier2"] {
        let body = format!(
            r#"{{"error":{{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{{"violations":[{{"quotaId":"{id}"}}]}}]}}}}"#
        );
        check(Gemini, 429, &body, QuotaWindow);
        in_band(Gemini, &body, QuotaWindow);
    }
    check(Gemini, 499, &body(499, "CANCELLED", "m"), ServerError);
    check(Gemini, 500, &body(500, "INTERNAL", "m"), ServerError);
    check(Gemini, 500, &body(500, "INTERNAL", "Your input context is too long."), CallerTooLong);
    check(Gemini, 503, &body(503, "UNAVAILABLE", "m"), Overload);
    check(Gemini, 504, &body(504, "DEADLINE_EXCEEDED", "m"), FirstByteTimeout);
    check(Gemini, 200, r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, ContentPolicy);
    check(Gemini, 200, r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","content":{}}]}"#, EmptyOk);
    check(Gemini, 402, r#"{"error":{"code":"payment_required","message":"m"}}"#, UpstreamMoney);
    check(Gemini, 429, r#"{"error":{"code":"quota_exceeded","message":"m"}}"#, QuotaWindow);
    check(Gemini, 429, r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, RateLimit);
    check(Gemini, 429, r#"{"error":{"code":"too_many_requests","message":"m"}}"#, RateLimit);
    in_band(Gemini, &format!("[{}]", body(503, "UNAVAILABLE", "m")), Overload);
}

#[test]
fn azure_codes() {
    check(
        Azure,
        400,
        r#"{"error":{"message":"m","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        ContentPolicy,
    );
    check(
        Azure,
        401,
        r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#,
        UpstreamAuth,
    );
    check(Azure, 403, r#"{"error":{"code":"AccessDenied","message":"m"}}"#, UpstreamAuth);
    check(Azure, 404, r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, NotReady);
    check(Azure, 408, "", FirstByteTimeout);
    check(
        Azure,
        429,
        r#"{"error":{"code":"429","message":"exceeded call rate limit of your current OpenAI S0 pricing tier"}}"#,
        RateLimit,
    );
    check(Azure, 429, r#"{"error":{"code":"429","message":"The system is experiencing high demand"}}"#, Overload);
    check(Azure, 429, r#"{"error":{"code":"429","message":"Your limit is temporarily reduced"}}"#, RampLimit);
    check(Azure, 500, "", ServerError);
    check(Azure, 503, "", Overload);
}

#[test]
fn bedrock_exceptions() {
    #[track_caller]
    fn exception(status: u16, name: &str, message: &str, expected: Class) {
        let headers = [("x-amzn-errortype", name)];
        let body = format!(r#"{{"message":"{message}"}}"#);
        assert_eq!(answered(Bedrock, status, &headers, &body).class, expected, "{name}");
    }
    exception(400, "ValidationException:http://internal.amazon.com/", "m", CallerBad);
    exception(400, "ValidationException", "Input is too long for requested model.", CallerTooLong);
    exception(400, "ValidationException", "prompt tokens (9) exceed model maximum (8)", CallerTooLong);
    exception(400, "ServiceQuotaExceededException", "m", QuotaWindow);
    exception(403, "AccessDeniedException", "m", UpstreamAuth);
    exception(
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
        NotReady,
    );
    exception(400, "UnrecognizedClientException", "m", UpstreamAuth);
    exception(404, "ResourceNotFoundException", "m", NotReady);
    exception(404, "FTUFormNotFilled", "m", NotReady);
    exception(408, "ModelTimeoutException", "m", FirstByteTimeout);
    exception(424, "ModelErrorException", "m", ServerError);
    exception(429, "ThrottlingException", "m", RateLimit);
    exception(429, "ModelNotReadyException", "m", NotReady);
    exception(500, "InternalServerException", "m", ServerError);
    exception(503, "ServiceUnavailableException", "m", Overload);
    in_band(
        Bedrock,
        r#"{"type":"error","code":"modelStreamErrorException","message":"m","originalStatusCode":500}"#,
        ServerError,
    );
    in_band(Bedrock, r#"{"type":"error","code":"throttlingException","message":"m"}"#, RateLimit);
    exception(403, "InvalidSignatureException", "Signature expired: 1 is now earlier than 2", UpstreamAuth);
    // An exception's frame as it is told on, and bodies without the header.
    in_band(Bedrock, r#"{"__type":"throttlingException","message":"m"}"#, RateLimit);
    in_band(Bedrock, r#"{"__type":"internalServerException","message":"m"}"#, ServerError);
    in_band(Bedrock, r#"{"__type":"validationException","message":"m"}"#, CallerBad);
    in_band(
        Bedrock,
        r#"{"__type":"validationException","message":"Input is too long for requested model."}"#,
        CallerTooLong,
    );
    let body = r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"m"}"#;
    assert_eq!(answered(Bedrock, 400, &[], body).class, UpstreamAuth);
}

#[test]
fn deepseek_mistral_and_groq() {
    check(DeepSeek, 400, &openai("invalid_request_error", "invalid_request_error"), CallerBad);
    check(DeepSeek, 401, &openai("authentication_error", "invalid_request_error"), UpstreamAuth);
    check(DeepSeek, 402, &openai("unknown_error", "invalid_request_error"), UpstreamMoney);
    check(DeepSeek, 422, "", CallerBad);
    check(DeepSeek, 429, "", RateLimit);
    check(DeepSeek, 500, "", ServerError);
    check(DeepSeek, 503, "", Overload);
    in_band(DeepSeek, r#"{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}"#, Overload);

    check(
        Mistral,
        400,
        r#"{"object":"error","message":"m","type":"invalid_request_error","param":null,"code":"1300"}"#,
        CallerBad,
    );
    check(Mistral, 401, r#"{"detail":"Unauthorized"}"#, UpstreamAuth);
    check(Mistral, 402, "", UpstreamMoney);
    check(Mistral, 403, "", NotReady);
    check(Mistral, 404, "", NotReady);
    check(
        Mistral,
        422,
        r#"{"detail":[{"loc":["body","messages"],"msg":"Field required","type":"missing"}]}"#,
        CallerBad,
    );
    check(
        Mistral,
        429,
        r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","code":"3505"}"#,
        RateLimit,
    );
    check(Mistral, 500, r#"{"object":"error","message":"Service tier capacity exceeded","code":null}"#, RateLimit);
    check(Mistral, 502, "", ServerError);
    check(Mistral, 504, "", FirstByteTimeout);

    check(Groq, 400, &openai("invalid_request_error", "tool_use_failed"), ServerError);
    check(Groq, 400, &openai("invalid_request_error", "x"), CallerBad);
    // Larger than the tokens a minute of this account, so waiting does not make it fit.
    check(Groq, 413, &openai("tokens", "rate_limit_exceeded"), CallerTooLong);
    wait(Groq, 413, &[("retry-after", "9")], &openai("tokens", "rate_limit_exceeded"), None);
    check(Groq, 413, "", CallerBad);
    check(Groq, 422, r#"{"error":{"message":"the model hallucinated a tool"}}"#, ServerError);
    check(Groq, 422, r#"{"error":{"message":"semantic errors"}}"#, CallerBad);
    check(Groq, 424, "", ServerError);
    check(Groq, 429, &openai("requests", "rate_limit_exceeded"), RateLimit);
    check(Groq, 498, "", Overload);
    check(Groq, 499, "", ServerError);
}

#[test]
fn openrouter_codes() {
    let source =
        |source: &str| format!(r#"{{"error":{{"code":402,"message":"m","metadata":{{"limit_source":"{source}"}}}}}}"#);
    check(OpenRouter, 402, &source("openrouter_credits"), UpstreamMoney);
    check(OpenRouter, 402, &source("openrouter_key_limit"), UpstreamMoney);
    check(OpenRouter, 402, &source("openrouter_in_flight_budget"), RateLimit);
    check(OpenRouter, 402, "", UpstreamMoney);
    assert_eq!(answered(OpenRouter, 402, &[("retry-after", "3")], "").class, RateLimit);
    check(
        OpenRouter,
        403,
        r#"{"error":{"code":403,"message":"Input was flagged","metadata":{"reasons":["x"]}}}"#,
        ContentPolicy,
    );
    check(OpenRouter, 403, r#"{"error":{"code":403,"message":"Key limit exceeded (daily limit)"}}"#, UpstreamMoney);
    check(OpenRouter, 403, r#"{"error":{"code":403,"message":"no access"}}"#, NotReady);
    check(
        OpenRouter,
        404,
        r#"{"error":{"code":404,"message":"No endpoints found matching your data policy"}}"#,
        NotReady,
    );
    check(OpenRouter, 408, "", FirstByteTimeout);
    check(
        OpenRouter,
        429,
        r#"{"error":{"code":429,"message":"m","metadata":{"error_type":"capacity_exhausted"}}}"#,
        Overload,
    );
    check(
        OpenRouter,
        502,
        r#"{"error":{"code":502,"message":"m","metadata":{"error_type":"provider_unavailable"}}}"#,
        ServerError,
    );
    check(
        OpenRouter,
        503,
        r#"{"error":{"code":503,"message":"m","metadata":{"error_type":"temporarily_unavailable"}}}"#,
        Overload,
    );
    check(OpenRouter, 200, r#"{"choices":[{"error":{"code":429,"message":"m"},"message":{"content":""}}]}"#, RateLimit);
    check(OpenRouter, 200, r#"{"choices":[{"error":{"message":"m"}}]}"#, ServerError);
    in_band(
        OpenRouter,
        r#"{"error":{"code":502,"message":"m"},"choices":[{"delta":{},"finish_reason":"error"}]}"#,
        ServerError,
    );
}

#[test]
fn chinese_providers() {
    check(
        DashScope,
        400,
        r#"{"code":"InvalidParameter","message":"Range of input length should be [1, 30720]","request_id":"r"}"#,
        CallerTooLong,
    );
    check(DashScope, 400, r#"{"code":"InvalidParameter","message":"m","request_id":"r"}"#, CallerBad);
    check(DashScope, 400, r#"{"code":"Arrearage","message":"m","request_id":"r"}"#, UpstreamMoney);
    check(DashScope, 400, r#"{"code":"DataInspectionFailed","message":"m","request_id":"r"}"#, ContentPolicy);
    check(DashScope, 400, &openai("data_inspection_failed", "data_inspection_failed"), ContentPolicy);
    check(DashScope, 401, r#"{"code":"InvalidApiKey","message":"m","request_id":"r"}"#, UpstreamAuth);
    check(DashScope, 403, r#"{"code":"AccessDenied","message":"m","request_id":"r"}"#, UpstreamAuth);
    check(DashScope, 404, r#"{"code":"ModelNotFound","message":"m","request_id":"r"}"#, NotReady);
    check(DashScope, 429, r#"{"code":"Throttling.RateQuota","message":"m","request_id":"r"}"#, RateLimit);
    check(DashScope, 429, r#"{"code":"Throttling.AllocationQuota","message":"m","request_id":"r"}"#, RateLimit);
    check(DashScope, 429, &openai("limit_requests", "limit_requests"), RateLimit);
    check(DashScope, 429, &openai("insufficient_quota", "insufficient_quota"), RateLimit);
    check(DashScope, 500, r#"{"code":"InternalError","message":"m","request_id":"r"}"#, ServerError);
    check(DashScope, 500, r#"{"code":"InternalError.Timeout","message":"m","request_id":"r"}"#, FirstByteTimeout);

    let kimi = |kind: &str, message: &str| format!(r#"{{"error":{{"type":"{kind}","message":"{message}"}}}}"#);
    check(Moonshot, 400, &kimi("content_filter", "m"), ContentPolicy);
    check(
        Moonshot,
        400,
        &kimi("invalid_request_error", "Your request exceeded model token limit: 131072"),
        CallerTooLong,
    );
    check(Moonshot, 401, &kimi("invalid_authentication_error", "m"), UpstreamAuth);
    check(Moonshot, 404, &kimi("resource_not_found_error", "m"), NotReady);
    check(Moonshot, 429, &kimi("exceeded_current_quota_error", "m"), UpstreamMoney);
    check(Moonshot, 429, &kimi("rate_limit_reached_error", "m"), RateLimit);
    check(Moonshot, 429, &kimi("engine_overloaded_error", "The engine is currently overloaded"), Overload);
    check(
        Moonshot,
        403,
        &kimi("access_terminated_error", "You've reached your usage limit for this billing cycle."),
        QuotaWindow,
    );

    for (status, code, class) in [
        (401, "1000", UpstreamAuth),
        (401, "1004", UpstreamAuth),
        (429, "1113", UpstreamMoney),
        (429, "1302", RateLimit),
        (429, "1303", RateLimit),
        (429, "1304", QuotaWindow),
        (429, "1305", RateLimit),
        (429, "1308", QuotaWindow),
        (429, "1309", UpstreamMoney),
        (429, "1310", QuotaWindow),
        (429, "1312", Overload),
        (429, "1313", QuotaWindow),
        (400, "1210", CallerBad),
        (400, "1211", NotReady),
        (400, "1215", CallerBad),
        (400, "1261", CallerTooLong),
        (400, "1301", ContentPolicy),
        (500, "1234", ServerError),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        check(Zhipu, status, &body, class);
        in_band(Zhipu, &body, class);
    }
    check(Zhipu, 434, "", UpstreamAuth);
    check(Zhipu, 435, "", CallerBad);
    in_band(Zhipu, r#"{"choices":[{"delta":{},"finish_reason":"network_error"}]}"#, ServerError);
}

#[test]
fn local_servers() {
    check(
        Vllm,
        400,
        r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
        CallerTooLong,
    );
    check(Vllm, 400, r#"{"error":{"message":"m","type":"BadRequestError","code":400}}"#, CallerBad);
    check(
        Vllm,
        404,
        r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
        NotReady,
    );
    check(Vllm, 422, "", CallerBad);
    check(Vllm, 500, "Internal Server Error", ServerError);
    in_band(Vllm, r#"{"error":{"object":"error","message":"m","type":"BadRequestError","code":400}}"#, CallerBad);
    check(Ollama, 404, r#"{"error":"model 'x' not found, try pulling it first"}"#, NotReady);
    check(Ollama, 503, r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#, Overload);
    check(Ollama, 500, r#"{"error":"llama runner process has terminated"}"#, ServerError);
    in_band(Ollama, r#"{"error":"Server overloaded"}"#, Overload);
    check(LlamaCpp, 503, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#, NotReady);
    check(LlamaCpp, 400, r#"{"error":{"code":400,"message":"m","type":"exceed_context_size_error"}}"#, CallerTooLong);
    check(LlamaCpp, 500, r#"{"error":{"code":500,"message":"m","type":"server_error"}}"#, ServerError);
    in_band(
        LlamaCpp,
        r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"invalid_request_error"}}"#,
        CallerTooLong,
    );
    wait(LlamaCpp, 503, &[], r#"{"error":{"code":503,"message":"Loading model"}}"#, Some(5_000));
    // Absent, and loading.
    let absent = openai("invalid_request_error", "model_not_found");
    wait(OpenAi, 404, &[], &absent, None);
    wait(OpenAi, 404, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9")], &absent, None);
    wait(OpenAi, 404, &[("retry-after", "0")], &absent, None);
    wait(OpenAi, 404, &[("retry-after", "3")], &absent, Some(3_000));
}

#[test]
fn a_403_sets_the_key_aside_only_when_it_names_the_key_or_the_account() {
    let says =
        |message: &str| format!(r#"{{"error":{{"message":"{message}","type":"permission_error","code":null}}}}"#);
    for (message, class) in [
        ("This API key is not allowed to call this route", UpstreamAuth),
        ("Your organization has been suspended", UpstreamAuth),
        ("Enable billing to continue", UpstreamAuth),
        ("This service is not available in your region", UpstreamAuth),
        ("Project 42 has not used this API before", UpstreamAuth),
        ("You do not have permission to do this", NotReady),
        ("Project `p` does not have access to model `gpt-x`", NotReady),
        ("Your API key does not have access to model `gpt-x`", NotReady),
        ("", NotReady),
    ] {
        check(Generic, 403, &says(message), class);
        in_band(Generic, &says(message), class);
        check(Generic, 401, &says(message), UpstreamAuth);
    }
    check(Generic, 403, "your credentials have been revoked", UpstreamAuth);
    check(Generic, 403, "not yours", NotReady);
    check(OpenAi, 403, &openai("invalid_request_error", "invalid_api_key"), UpstreamAuth);
    check(OpenAi, 403, &openai("invalid_request_error", "model_not_found"), NotReady);
    check(OpenAi, 403, &openai("insufficient_quota", "insufficient_quota"), UpstreamMoney);
    check(Azure, 403, "", UpstreamAuth);
    check(Gemini, 403, &openai("x", "api_key_service_blocked"), UpstreamAuth);
    check(
        Moonshot,
        403,
        r#"{"error":{"type":"access_terminated_error","message":"only for coding agents"}}"#,
        UpstreamAuth,
    );
    wait(Generic, 403, &[], &says(""), None);
}

#[test]
fn the_same_word_means_different_things_at_different_providers() {
    let body = openai("insufficient_quota", "insufficient_quota");
    check(OpenAi, 429, &body, UpstreamMoney);
    check(Generic, 429, &body, UpstreamMoney);
    check(DashScope, 429, &body, RateLimit);
}

#[test]
fn a_prompt_that_is_too_long_is_known_by_its_text() {
    for message in [
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "This model's maximum context length is 128000 tokens.",
        "requested token count exceeds the model's maximum context length of 8192",
        "This request exceeds the model's maximum context limit",
        "the prompt is longer than the model's context length",
        "Input tokens exceed the configured limit of 272000 tokens",
        "`inputs` tokens + `max_new_tokens` must be <= 4096",
        "the request exceeds the available context size",
        "The input token count exceeds the maximum number of tokens allowed",
        "prompt is too long: 1 tokens > 0 maximum",
        "current length is 9000 while limit is 8192",
        "input too long: 9000 input tokens, limit is 8192",
        "prompt tokens (9000) exceed model maximum (8192)",
        "Your request exceeded model token limit: 8192",
        "Range of input length should be [1, 6000]",
    ] {
        let body = format!(r#"{{"error":{{"message":"{message}","type":"invalid_request_error"}}}}"#);
        check(Generic, 400, &body, CallerTooLong);
        in_band(Generic, &body, CallerTooLong);
        check(Generic, 429, &body, RateLimit);
    }
}

#[test]
fn transport_ends_have_their_classes() {
    #[track_caller]
    fn end(seen: &Seen<'_>, class: Class, at_endpoint: bool, uncertain: bool) {
        let failure = classify(Generic, seen, NOW);
        assert_eq!((failure.class, failure.at_endpoint, failure.uncertain), (class, at_endpoint, uncertain));
        assert!(!failure.message.is_empty());
    }
    end(&Seen::ConnectFailed, ConnectFail, true, false);
    end(&Seen::ResetBeforeContent, UncertainReset, false, true);
    end(&Seen::FirstContentTimeout, FirstByteTimeout, false, true);
    end(&Seen::EmptyAnswer, EmptyOk, false, false);
    end(&Seen::CutAfterContent, MidStreamError, false, true);
    end(&Seen::StalledAfterContent, MidStreamError, false, true);
    end(&Seen::Unparsable { after_content: false }, ServerError, false, false);
    end(&Seen::Unparsable { after_content: true }, MidStreamError, false, true);
    end(&Seen::LengthReached, TruncatedComplete, false, false);
    end(&Seen::CallerLeft, ClientGone, false, false);
    in_band(Generic, r#"{"error":{"message":"something"}}"#, PreContentStreamError);
    in_band(Generic, "not json", PreContentStreamError);
}

#[test]
fn shapes_without_a_code_are_judged_by_what_they_are() {
    const PAGE: &str = "<!DOCTYPE html><html><head><title>\n api.example.com | 520: Web server is returning an unknown error</title></head>\
        <body>Cloudflare Ray ID: <strong class=\"x\">8f3a1b2c4d5e6f70</strong> <script>alert('sk-abcdefghijklmnop')</script></body></html>";
    for status in [200, 403, 500, 502, 503, 520, 524] {
        let failure = answered(Anthropic, status, &[], PAGE);
        assert_eq!((failure.class, failure.at_endpoint), (ServerError, true), "{status}");
        assert_eq!(
            failure.message,
            "api.example.com | 520: Web server is returning an unknown error (ray id 8f3a1b2c4d5e6f70)"
        );
    }
    check(OpenAi, 429, PAGE, RateLimit);
    check(OpenAi, 404, PAGE, NotReady);
    assert!(answered(OpenAi, 522, &[], "").at_endpoint);
    assert!(!answered(OpenAi, 502, &[], &openai("server_error", "")).at_endpoint);
    check(OpenAi, 200, "", EmptyOk);
    check(OpenAi, 200, "\n\n", EmptyOk);
    check(OpenAi, 200, r#"{"choices":[]}"#, EmptyOk);
    check(OpenAi, 200, "{\"choices\":[", ServerError);
    check(OpenAi, 302, "", ServerError);
}

#[test]
fn waits_are_read_wherever_they_are_stated() {
    wait(OpenAi, 429, &[("retry-after", "2")], "", Some(2_000));
    wait(OpenAi, 429, &[("Retry-After", "2"), ("retry-after-ms", "1500")], "", Some(1_500));
    wait(OpenAi, 503, &[("retry-after", "Mon, 23 Nov 2026 03:48:45 GMT")], "", Some(60_000));
    wait(OpenAi, 429, &[("retry-after", "Mon, 23 Nov 2020 03:48:45 GMT")], "", None);
    wait(OpenAi, 429, &[("retry-after", "soon")], "", None);
    // "At once" is what an upstream says that does not know.
    wait(OpenAi, 429, &[("retry-after", "0")], "", None);
    wait(OpenAi, 429, &[("retry-after-ms", "0"), ("retry-after", "2")], "", Some(2_000));
    wait(OpenAi, 429, &[("retry-after", "0")], "try again in 3s", Some(3_000));
    wait(OpenAi, 503, &[("retry-after", "Sun, 06 Nov 1994 08:49:3 GMT")], "", None);
    wait(OpenAi, 429, &[], "reset at 2026-12-01 08:00:1é", Some(677_535_000));
    wait(OpenAi, 429, &[("retry-after", "-1")], "", None);
    wait(OpenAi, 429, &[("retry-after", "99999999999")], "", None);
    wait(OpenAi, 400, &[("retry-after", "2")], "", None);
    let resets = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    wait(OpenAi, 429, &resets, "", Some(360_000));
    wait(OpenAi, 429, &resets[..2], "", Some(1_000));
    wait(OpenAi, 429, &[("x-ratelimit-remaining-tokens", "7"), resets[3]], "", None);
    wait(
        Anthropic,
        429,
        &[("anthropic-ratelimit-tokens-remaining", "0"), ("anthropic-ratelimit-tokens-reset", "2026-11-23T03:48:15Z")],
        "",
        Some(30_000),
    );
    wait(Generic, 429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795405675000")], "", Some(10_000));
    let text = |message: &str| format!(r#"{{"error":{{"message":"{message}","code":429}}}}"#);
    wait(Generic, 429, &[], &text("Please try again in 6.2s."), Some(6_200));
    wait(Gemini, 429, &[], &text("Please retry in 30.6s."), Some(30_600));
    wait(Generic, 429, &[], &text("try again in 2 minutes"), Some(120_000));
    let until_december = Some(((8 * 24 - 4) * 3600 + 12 * 60 + 15) * 1000);
    wait(Generic, 429, &[], &text("retry after 2026-12-01 00:00:00"), until_december);
    wait(Generic, 429, &[], &text("retry after 2026-12-01"), until_december);
    wait(Generic, 429, &[], &text("retry after 08:30"), None);
    let window = "used since 2026-11-01 00:00, resets at 2026-12-01 00:00, plan ends 2027-01-01";
    wait(Generic, 429, &[], &text(window), until_december);
    wait(Generic, 429, &[], &text("2026-99-99, then 2026-12-01"), until_december);
    wait(Generic, 429, &[], &text("2026-11-23 03:47:45, then 2026-12-01"), until_december);
    wait(Generic, 429, &[], &text("over since 2026-11-01"), None);
    wait(
        Gemini,
        429,
        &[],
        r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"30.6s"}]}}"#,
        Some(30_600),
    );
    // 2026-11-23T04:47:45Z in Beijing.
    wait(
        Zhipu,
        429,
        &[],
        r#"{"error":{"code":"1308","message":"已达到使用上限，您的限额将在 2026-11-23 12:47:45 重置。"}}"#,
        Some(3_600_000),
    );
    let limit = r#"{"error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."}}"#;
    wait(Anthropic, 400, &[], limit, until_december);
    let spend = r#"{"error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    wait(Anthropic, 429, &[], spend, until_december);
    wait(Anthropic, 400, &[], r#"{"error":{"message":"Your credit balance is too low"}}"#, None);
    let until_pacific_midnight = Some((4 * 3600 + 12 * 60 + 15) * 1000);
    wait(Gemini, 429, &[], r#"{"error":{"code":"quota_exceeded","message":"m"}}"#, until_pacific_midnight);
    // The delay is for the minute's limit when both are used up.
    let daily = |delay: &str| {
        format!(
            r#"{{"error":{{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{{"violations":[{{"quotaId":"RequestsPerDay"}}]}},{{"retryDelay":"{delay}"}}]}}}}"#
        )
    };
    wait(Gemini, 429, &[], &daily("17s"), until_pacific_midnight);
    wait(Gemini, 429, &[], &daily("40000s"), Some(40_000_000));
    wait(
        OpenRouter,
        403,
        &[],
        r#"{"error":{"code":403,"message":"budget","metadata":{"resets_at":"2026-11-23T03:48:45Z"}}}"#,
        Some(60_000),
    );
}

#[test]
fn an_upstreams_own_advice_is_kept() {
    assert_eq!(answered(Anthropic, 429, &[("x-should-retry", "true")], "").should_retry, Some(true));
    assert_eq!(answered(OpenAi, 500, &[("x-should-retry", "false")], "").should_retry, Some(false));
    assert_eq!(answered(OpenAi, 500, &[], "").should_retry, None);
    assert!(answered(OpenAi, 504, &[], "").uncertain);
    assert!(!answered(OpenAi, 429, &[], "").uncertain);
}

#[test]
fn a_message_is_safe_to_pass_on() {
    #[track_caller]
    fn message(body: &str, expected: &str) {
        assert_eq!(answered(Generic, 400, &[], body).message, expected);
    }
    message(
        r#"{"error":{"message":"Incorrect API key provided: sk-proj-abcdefghij."}}"#,
        "Incorrect API key provided: ***",
    );
    message("{\"error\":{\"message\":\"a\\u0000\\u001b[31m\\nb\"}}", "a [31m b");
    message("", "the upstream answered with status 400");
    message("plain words", "plain words");
    message(r#"{"detail":[{"msg":"Field required"},{"msg":"bad n"}]}"#, "Field required; bad n");
    message(r#"{"error":{"message":{"detail":[{"msg":"Field required"}]}}}"#, "Field required");
    let long = answered(Generic, 400, &[], &format!(r#"{{"error":{{"message":"{}"}}}}"#, "é ".repeat(50_000)));
    assert!(long.message.len() <= 2048 && long.message.len() > 2000);
    let fields = answered(OpenAi, 400, &[], r#"{"error":{"message":"m","type":"t","param":"messages[0]","code":"c"}}"#);
    assert_eq!(
        (fields.code.as_deref(), fields.kind.as_deref(), fields.param.as_deref()),
        (Some("c"), Some("t"), Some("messages[0]"))
    );
}

#[test]
fn names_are_stable_and_lead_back() {
    let mut names: Vec<_> = Class::ALL.iter().map(|class| class.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 22);
    for (flavour, known) in Flavour::ALL {
        assert_eq!(flavour.name(), known[0]);
        assert!(known.iter().all(|name| Flavour::from_name(&name.to_uppercase()) == Some(flavour)));
    }
    assert_eq!(Flavour::from_name("acme"), None);
}
