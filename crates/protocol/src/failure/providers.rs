//! What each provider means by its own words, one table a provider.
//!
//! Sources: the providers' error-code pages (OpenAI, Anthropic, Gemini, Azure, Bedrock, DeepSeek, Mistral, Groq,
//! OpenRouter, Aliyun Model Studio, Moonshot, Zhipu) as of November 2026, and issues where users pasted answers.

use super::{
    Class::{self, *},
    Flavour,
    rules::Rule,
};

/// The provider's own rules, asked in order before the generic ones.
pub(super) fn rules(flavour: Flavour) -> &'static [Rule] {
    match flavour {
        Flavour::Anthropic => ANTHROPIC,
        Flavour::Gemini => GEMINI,
        Flavour::Azure => AZURE,
        Flavour::Bedrock => BEDROCK,
        Flavour::Mistral => MISTRAL,
        Flavour::Groq => GROQ,
        Flavour::OpenRouter => OPENROUTER,
        Flavour::DashScope => DASHSCOPE,
        Flavour::Moonshot => MOONSHOT,
        Flavour::Zhipu => ZHIPU,
        Flavour::Vllm => VLLM,
        Flavour::Ollama => OLLAMA,
        Flavour::LlamaCpp => LLAMA_CPP,
        // Their words are the generic ones.
        Flavour::OpenAi | Flavour::DeepSeek | Flavour::Generic => &[],
    }
}

const fn words(words: &'static [&'static str], class: Class) -> Rule {
    Rule::words(words, class)
}

const fn texts(texts: &'static [&'static str], class: Class) -> Rule {
    Rule::texts(texts, class)
}

const ANTHROPIC: &[Rule] = &[
    // Money comes as 400, 402 and 429.
    texts(&["you have reached your specified api usage limits", "credit balance is too low"], UpstreamMoney),
    words(&["enforced_spend_limit_reached", "billing_error"], UpstreamMoney),
];

const GEMINI: &[Rule] = &[
    // A wrong key is a 400 here.
    words(&["api_key_invalid", "api_key_expired"], UpstreamAuth),
    texts(&["api key not valid", "api key expired"], UpstreamAuth),
    texts(&["billing"], UpstreamMoney).on(&[400, 402, 403]),
    words(&["failed_precondition"], UpstreamAuth).on(&[400]),
    words(&["resource_exhausted", "payment_required"], UpstreamMoney).on(&[402]),
    words(&["quota_exceeded"], QuotaWindow),
    texts(&["perday", "per day"], QuotaWindow).on(&[429]),
    // The names of quotas vary by model and tier.
    Rule::word_parts(&["perday"], QuotaWindow),
    words(&["resource_exhausted"], RateLimit),
    words(&["internal", "cancelled"], ServerError).on(&[499]),
    words(&["prompt_blocked", "safety", "prohibited_content", "blocklist", "spii", "recitation"], ContentPolicy),
    words(&["malformed_function_call", "unexpected_tool_call"], EmptyOk),
];

const AZURE: &[Rule] = &[
    words(&["content_filter", "responsibleaipolicyviolation"], ContentPolicy),
    // The limit itself was lowered for hours; asking at the old rate keeps it low.
    texts(&["temporarily reduced", "temporary reduction", "temporarily reducing"], RampLimit).on(&[429]),
    texts(&["high demand"], Overload).on(&[429]),
    words(&["deploymentnotfound"], NotReady),
    // Networks and roles are of the resource, which has one key.
    Rule::status(&[403], UpstreamAuth),
];

const BEDROCK: &[Rule] = &[
    // Access is granted model by model.
    words(&["accessdenied"], NotReady).saying(&["model"]),
    words(
        &[
            "accessdenied",
            "unrecognizedclient",
            "invalidsignature",
            "incompletesignature",
            "signaturedoesnotmatch",
            "requestexpired",
            "expiredtoken",
            "missingauthenticationtoken",
        ],
        UpstreamAuth,
    ),
    words(&["servicequotaexceeded"], QuotaWindow),
    words(&["resourcenotfound", "ftuformnotfilled"], NotReady),
    words(&["modelnotready"], NotReady),
    words(&["modeltimeout"], FirstByteTimeout),
    words(&["modelerror", "modelstreamerror", "internalserver", "internalfailure"], ServerError),
    words(&["throttling", "toomanyrequests"], RateLimit),
    words(&["serviceunavailable"], Overload),
];

const MISTRAL: &[Rule] = &[texts(&["service tier capacity exceeded"], RateLimit)];

const GROQ: &[Rule] = &[
    // The model wrote a broken tool call: another draw may be good.
    words(&["tool_use_failed", "json_validate_failed"], ServerError).on(&[400]),
    texts(&["failed_generation"], ServerError).on(&[400]),
    texts(&["hallucinat"], ServerError).on(&[422]),
    // Larger than this account's tokens a minute: no wait makes it fit, and the deployment is well.
    words(&["rate_limit_exceeded", "tokens"], CallerTooLong).on(&[413]),
];

const OPENROUTER: &[Rule] = &[
    words(&["openrouter_in_flight_budget"], RateLimit),
    words(&["openrouter_credits", "openrouter_key_limit"], UpstreamMoney),
    Rule::status(&[402], RateLimit).with_retry_after(),
    texts(&["moderation", "flagged", "guardrail"], ContentPolicy).on(&[403]),
    words(&["moderation", "guardrail", "content_filtered"], ContentPolicy).on(&[403]),
    texts(&["budget", "limit exceeded"], UpstreamMoney).on(&[403]),
    words(&["capacity_exhausted"], Overload),
];

const DASHSCOPE: &[Rule] = &[
    // The same word is an empty purse at OpenAI; here it is tokens a minute.
    words(&["insufficient_quota", "throttling.allocationquota", "throttling.ratequota"], RateLimit),
    words(&["throttling", "limit_requests", "limit_burst_rate", "throttling.burstrate"], RateLimit),
    words(&["allocationquota.freetieronly"], UpstreamMoney),
    words(&["arrearage"], UpstreamMoney),
    words(&["datainspectionfailed", "data_inspection_failed"], ContentPolicy),
    words(&["invalidapikey", "accessdenied", "access_denied"], UpstreamAuth),
    words(&["modelnotfound", "model_not_found"], NotReady),
    words(&["internalerror.timeout"], FirstByteTimeout),
    words(&["internalerror"], ServerError),
];

const MOONSHOT: &[Rule] = &[
    texts(&["usage limit for this billing cycle"], QuotaWindow),
    words(&["exceeded_current_quota_error"], UpstreamMoney),
    words(&["engine_overloaded_error"], Overload),
    // The coding plan ended, or does not admit this client.
    words(&["access_terminated_error"], UpstreamAuth),
];

const ZHIPU: &[Rule] = &[
    // 1000–1004 key, 1110–1112 and 1120 account state, 1220 permission.
    words(&["1000", "1001", "1002", "1003", "1004", "1110", "1111", "1112", "1120", "1220"], UpstreamAuth),
    // 1113 account unpaid, 1309 plan expired.
    words(&["1113", "1309"], UpstreamMoney),
    // 1302 concurrency, 1303 rate, 1305 traffic.
    words(&["1302", "1303", "1305"], RateLimit),
    // 1304 daily count, 1308 and 1310 plan windows with their reset in the text, 1313 fair use.
    words(&["1304", "1308", "1310", "1313"], QuotaWindow),
    // The model is busy: another model, not another try.
    words(&["1312"], Overload),
    words(&["1210", "1212", "1213", "1214", "1215"], CallerBad),
    words(&["1211"], NotReady),
    words(&["1261"], CallerTooLong),
    words(&["1301", "sensitive"], ContentPolicy),
    words(&["1230", "1234", "network_error"], ServerError),
    Rule::status(&[434], UpstreamAuth),
];

const VLLM: &[Rule] = &[
    // Every later call fails until a restart.
    texts(&["asyncenginedead", "enginedead", "engine is dead"], ServerError),
    words(&["notfounderror"], NotReady).on(&[404]),
];

const OLLAMA: &[Rule] = &[
    texts(&["server busy", "maximum pending requests", "server overloaded"], Overload),
    texts(&["try pulling it first"], NotReady),
    texts(&["loading model", "llm server loading"], NotReady),
];

const LLAMA_CPP: &[Rule] = &[texts(&["loading model"], NotReady), words(&["exceed_context_size_error"], CallerTooLong)];
