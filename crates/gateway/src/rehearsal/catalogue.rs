//! Errors as known providers send them: status, headers and body, as data.
//!
//! Sources: the providers' error pages and SDKs (OpenAI, Anthropic, Google, Microsoft, AWS, DeepSeek, Mistral, Groq,
//! OpenRouter, Alibaba, Moonshot, Zhipu, vLLM, Ollama, llama.cpp). Shapes and codes are theirs; wording is shortened.

use std::ptr;

use super::dialect::Dialect;

/// One error of one provider.
#[derive(Debug)]
pub struct ProviderError {
    /// `provider:code`, as written in a scenario.
    pub name: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: &'static [(&'static str, &'static str)],
    /// The JSON body; also the event's data when the error comes inside a stream.
    pub body: &'static str,
}

// Rows of one table: the same row is the same error.
impl PartialEq for ProviderError {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

/// The error of this name.
pub(super) fn find(name: &str) -> Option<&'static ProviderError> {
    PROVIDER_ERRORS.iter().find(|error| error.name == name)
}

/// The answer to a key that is not accepted.
pub(super) fn wrong_key(dialect: Dialect) -> &'static ProviderError {
    let name = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::OpenAiResponses => "openai:invalid_api_key",
        Dialect::Anthropic => "anthropic:authentication",
        Dialect::Gemini => "gemini:api_key_invalid",
        Dialect::Bedrock => "bedrock:unrecognized_client",
    };
    find(name).expect("the table has these rows")
}

type Headers = &'static [(&'static str, &'static str)];

const fn row(name: &'static str, status: u16, headers: Headers, body: &'static str) -> ProviderError {
    ProviderError { name, status, headers, body }
}

const NONE: Headers = &[];
const OPENAI_RATE: Headers = &[
    ("retry-after", "2"),
    ("retry-after-ms", "2000"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-remaining-requests", "0"),
    ("x-ratelimit-reset-requests", "2s"),
];
const ANTHROPIC_RATE: Headers = &[
    ("retry-after", "2"),
    ("x-should-retry", "true"),
    ("anthropic-ratelimit-requests-limit", "50"),
    ("anthropic-ratelimit-requests-remaining", "0"),
];
const AZURE_RATE: Headers =
    &[("retry-after", "2"), ("retry-after-ms", "2000"), ("x-ratelimit-remaining-requests", "0")];
const RETRY_2: Headers = &[("retry-after", "2")];

/// Every error that can be named in a scenario.
#[rustfmt::skip] // a table: a row an error
pub static PROVIDER_ERRORS: &[ProviderError] = &[
    row("openai:invalid_request", 400, NONE, r#"{"error":{"message":"Invalid value for 'temperature'.","type":"invalid_request_error","param":"temperature","code":"invalid_value"}}"#),
    row("openai:unsupported_parameter", 400, NONE, r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#),
    row("openai:context_length_exceeded", 400, NONE, r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#),
    row("openai:content_policy", 400, NONE, r#"{"error":{"message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error","param":null,"code":"content_policy_violation"}}"#),
    row("openai:invalid_api_key", 401, NONE, r#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#),
    row("openai:unsupported_country", 403, NONE, r#"{"error":{"message":"Country, region, or territory not supported","type":"request_forbidden","param":null,"code":"unsupported_country_region_territory"}}"#),
    row("openai:model_not_found", 404, NONE, r#"{"error":{"message":"The model does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#),
    row("openai:rate_limit_exceeded", 429, OPENAI_RATE, r#"{"error":{"message":"Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 2s.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#),
    row("openai:slow_down", 429, RETRY_2, r#"{"error":{"message":"Your traffic has grown too fast. Please slow down.","type":"rate_limit_error","param":null,"code":"slow_down"}}"#),
    row("openai:insufficient_quota", 429, NONE, r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#),
    row("openai:credit_balance_exhausted", 429, NONE, r#"{"error":{"message":"Your credit balance is exhausted.","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}}"#),
    row("openai:server_error", 500, NONE, r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#),
    row("openai:overloaded", 503, NONE, r#"{"error":{"message":"The engine is currently overloaded, please try again later.","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}"#),

    row("anthropic:invalid_request", 400, NONE, r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: at least one message is required"},"request_id":"req_rehearsal"}"#),
    row("anthropic:prompt_too_long", 400, NONE, r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"},"request_id":"req_rehearsal"}"#),
    row("anthropic:usage_limits", 400, NONE, r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC."},"request_id":"req_rehearsal"}"#),
    row("anthropic:authentication", 401, NONE, r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"},"request_id":"req_rehearsal"}"#),
    row("anthropic:billing", 402, NONE, r#"{"type":"error","error":{"type":"billing_error","message":"Your credit balance is too low."},"request_id":"req_rehearsal"}"#),
    row("anthropic:permission", 403, NONE, r#"{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission to use the specified resource."},"request_id":"req_rehearsal"}"#),
    row("anthropic:not_found", 404, NONE, r#"{"type":"error","error":{"type":"not_found_error","message":"model: unknown"},"request_id":"req_rehearsal"}"#),
    row("anthropic:request_too_large", 413, NONE, r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"},"request_id":"req_rehearsal"}"#),
    row("anthropic:rate_limit", 429, ANTHROPIC_RATE, r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit."},"request_id":"req_rehearsal"}"#),
    row("anthropic:spend_limit", 429, NONE, r#"{"type":"error","error":{"type":"rate_limit_error","message":"The spend limit has been reached.","details":{"error_code":"enforced_spend_limit_reached"}},"request_id":"req_rehearsal"}"#),
    row("anthropic:api_error", 500, NONE, r#"{"type":"error","error":{"type":"api_error","message":"Internal server error"},"request_id":"req_rehearsal"}"#),
    row("anthropic:timeout", 504, NONE, r#"{"type":"error","error":{"type":"timeout_error","message":"The request timed out."},"request_id":"req_rehearsal"}"#),
    row("anthropic:overloaded", 529, NONE, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_rehearsal"}"#),

    row("gemini:invalid_argument", 400, NONE, r#"{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}"#),
    row("gemini:too_many_tokens", 400, NONE, r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#),
    row("gemini:api_key_invalid", 400, NONE, r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#),
    row("gemini:failed_precondition", 400, NONE, r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#),
    row("gemini:prepay_empty", 402, NONE, r#"{"error":{"code":402,"message":"Your prepaid balance is exhausted.","status":"RESOURCE_EXHAUSTED"}}"#),
    row("gemini:permission_denied", 403, NONE, r#"{"error":{"code":403,"message":"Permission denied on resource project.","status":"PERMISSION_DENIED"}}"#),
    row("gemini:not_found", 404, NONE, r#"{"error":{"code":404,"message":"The model is not found for API version v1.","status":"NOT_FOUND"}}"#),
    row("gemini:resource_exhausted", 429, NONE, r#"{"error":{"code":429,"message":"You exceeded your current quota. Please retry in 2.6s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2.6s"}]}}"#),
    row("gemini:daily_quota", 429, NONE, r#"{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}]}}"#),
    row("gemini:cancelled", 499, NONE, r#"{"error":{"code":499,"message":"The operation was cancelled.","status":"CANCELLED"}}"#),
    row("gemini:internal", 500, NONE, r#"{"error":{"code":500,"message":"An internal error has occurred.","status":"INTERNAL"}}"#),
    row("gemini:unavailable", 503, NONE, r#"{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}"#),
    row("gemini:deadline_exceeded", 504, NONE, r#"{"error":{"code":504,"message":"Deadline expired before operation could complete.","status":"DEADLINE_EXCEEDED"}}"#),

    row("azure:content_filter", 400, NONE, r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}"#),
    row("azure:unauthorized", 401, NONE, r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#),
    row("azure:temporarily_blocked", 403, NONE, r#"{"error":{"code":"403","message":"Your resource has been temporarily blocked because we detected behavior that may violate our content policy."}}"#),
    row("azure:deployment_not_found", 404, NONE, r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#),
    row("azure:timeout", 408, NONE, r#"{"error":{"code":"Timeout","message":"The operation was timeout."}}"#),
    row("azure:rate_limit", 429, AZURE_RATE, r#"{"error":{"code":"429","message":"Requests to the ChatCompletions operation have exceeded the call rate limit of your current pricing tier. Please retry after 2 seconds."}}"#),
    row("azure:high_demand", 429, AZURE_RATE, r#"{"error":{"code":"429","message":"The system is currently experiencing high demand and cannot process your request."}}"#),
    row("azure:temporary_reduction", 429, AZURE_RATE, r#"{"error":{"code":"429","message":"Your rate limit has been temporarily reduced because of fast growth of your traffic."}}"#),
    row("azure:internal_error", 500, NONE, r#"{"error":{"code":"InternalServerError","message":"The server had an error while processing your request."}}"#),

    row("bedrock:validation", 400, &[("x-amzn-errortype", "ValidationException")], r#"{"message":"Malformed input request, please reformat your input and try again."}"#),
    row("bedrock:too_long", 400, &[("x-amzn-errortype", "ValidationException")], r#"{"message":"Input is too long for requested model."}"#),
    row("bedrock:quota", 400, &[("x-amzn-errortype", "ServiceQuotaExceededException")], r#"{"message":"Your request exceeds the service quota for your account."}"#),
    row("bedrock:missing_token", 403, &[("x-amzn-errortype", "MissingAuthenticationTokenException")], r#"{"message":"Missing Authentication Token"}"#),
    row("bedrock:incomplete_signature", 403, &[("x-amzn-errortype", "IncompleteSignatureException")], r#"{"message":"Authorization header requires 'Credential' parameter, 'Signature' parameter and 'SignedHeaders' parameter."}"#),
    row("bedrock:unrecognized_client", 403, &[("x-amzn-errortype", "UnrecognizedClientException")], r#"{"message":"The security token included in the request is invalid."}"#),
    row("bedrock:access_denied", 403, &[("x-amzn-errortype", "AccessDeniedException")], r#"{"message":"You don't have access to the model with the specified model ID."}"#),
    row("bedrock:not_found", 404, &[("x-amzn-errortype", "ResourceNotFoundException")], r#"{"message":"Could not resolve the foundation model from the provided model identifier."}"#),
    row("bedrock:use_case_form", 404, &[("x-amzn-errortype", "FTUFormNotFilled")], r#"{"message":"Model use case details have not been submitted for this account."}"#),
    row("bedrock:model_timeout", 408, &[("x-amzn-errortype", "ModelTimeoutException")], r#"{"message":"Model has timed out in processing the request. Try your request again."}"#),
    row("bedrock:model_error", 424, &[("x-amzn-errortype", "ModelErrorException")], r#"{"message":"The system encountered an unexpected error during processing.","originalStatusCode":500}"#),
    row("bedrock:model_stream_error", 424, &[("x-amzn-errortype", "ModelStreamErrorException")], r#"{"message":"The model stream broke off. Try your request again.","originalStatusCode":500,"originalMessage":"overloaded"}"#),
    row("bedrock:throttling", 429, &[("x-amzn-errortype", "ThrottlingException")], r#"{"message":"Too many requests, please wait before trying again."}"#),
    row("bedrock:model_not_ready", 429, &[("x-amzn-errortype", "ModelNotReadyException")], r#"{"message":"The model specified in the request is not ready to serve inference requests."}"#),
    row("bedrock:internal", 500, &[("x-amzn-errortype", "InternalServerException")], r#"{"message":"The system encountered an unexpected error during processing. Try your request again."}"#),
    row("bedrock:unavailable", 503, &[("x-amzn-errortype", "ServiceUnavailableException")], r#"{"message":"The service isn't currently available. Try again later."}"#),

    row("deepseek:invalid_format", 400, NONE, r#"{"error":{"message":"Invalid request body format.","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#),
    row("deepseek:authentication", 401, NONE, r#"{"error":{"message":"Authentication Fails (no such user)","type":"authentication_error","param":null,"code":"invalid_request_error"}}"#),
    row("deepseek:insufficient_balance", 402, NONE, r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#),
    row("deepseek:invalid_parameters", 422, NONE, r#"{"error":{"message":"Invalid max_tokens value, the valid range of max_tokens is [1, 8192]","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#),
    row("deepseek:rate_limit", 429, NONE, r#"{"error":{"message":"Rate limit reached. Please pace your requests reasonably.","type":"rate_limit_error","param":null,"code":"rate_limit_reached"}}"#),
    row("deepseek:overloaded", 503, NONE, r#"{"error":{"message":"The server is overloaded due to high traffic.","type":"service_unavailable_error","param":null,"code":null}}"#),

    row("mistral:unauthorized", 401, NONE, r#"{"detail":"Unauthorized"}"#),
    row("mistral:payment_required", 402, NONE, r#"{"object":"error","message":"Payment required","type":"payment_required","param":null,"code":"1200"}"#),
    row("mistral:invalid_model", 400, NONE, r#"{"object":"error","message":"Invalid model: unknown","type":"invalid_model","param":null,"code":"1500"}"#),
    row("mistral:validation", 422, NONE, r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required","input":{}}]}"#),
    row("mistral:rate_limit", 429, &[("retry-after", "2"), ("x-ratelimit-remaining", "0")], r#"{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}"#),
    row("mistral:capacity", 429, NONE, r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}"#),
    row("mistral:unavailable", 503, NONE, r#"{"object":"error","message":"Service unavailable.","type":"internal_server_error","param":null,"code":"1000","raw_status_code":503}"#),

    row("groq:tool_use_failed", 400, NONE, r#"{"error":{"message":"Failed to call a function. Please adjust your prompt.","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<function=look_up>"}}"#),
    row("groq:request_too_large", 413, NONE, r#"{"error":{"message":"Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.","type":"tokens","code":"rate_limit_exceeded"}}"#),
    row("groq:rate_limit", 429, &[("retry-after", "2"), ("x-ratelimit-remaining-requests", "14370"), ("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "2s")], r#"{"error":{"message":"Rate limit reached for model on tokens per minute (TPM). Please try again in 2s.","type":"tokens","code":"rate_limit_exceeded"}}"#),
    row("groq:flex_capacity", 498, NONE, r#"{"error":{"message":"Flex tier capacity exceeded. Try again later.","type":"capacity_exceeded","code":"flex_capacity_exceeded"}}"#),
    row("groq:unavailable", 503, NONE, r#"{"error":{"message":"Service unavailable","type":"internal_server_error","code":"service_unavailable"}}"#),

    row("openrouter:insufficient_credits", 402, NONE, r#"{"error":{"code":402,"message":"Insufficient credits","metadata":{"error_type":"payment_required","limit_source":"openrouter_credits"}}}"#),
    row("openrouter:key_limit", 402, NONE, r#"{"error":{"code":402,"message":"Key limit exceeded","metadata":{"error_type":"payment_required","limit_source":"openrouter_key_limit"}}}"#),
    row("openrouter:in_flight_budget", 402, RETRY_2, r#"{"error":{"code":402,"message":"Too much spend in flight","metadata":{"error_type":"payment_required","limit_source":"openrouter_in_flight_budget"}}}"#),
    row("openrouter:moderation", 403, NONE, r#"{"error":{"code":403,"message":"Your input was flagged","metadata":{"error_type":"moderation","reasons":["violence"]}}}"#),
    row("openrouter:capacity_exhausted", 429, RETRY_2, r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"error_type":"capacity_exhausted","provider_code":"429"}}}"#),
    row("openrouter:provider_unavailable", 502, NONE, r#"{"error":{"code":502,"message":"Provider disconnected unexpectedly","metadata":{"error_type":"provider_unavailable"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#),
    row("openrouter:temporarily_unavailable", 503, RETRY_2, r#"{"error":{"code":503,"message":"No provider available","metadata":{"error_type":"temporarily_unavailable"}}}"#),

    row("dashscope:invalid_parameter", 400, NONE, r#"{"error":{"message":"<400> InternalError.Algo.InvalidParameter: temperature must be in [0, 2)","type":"invalid_request_error","param":null,"code":"invalid_parameter_error"},"request_id":"rehearsal"}"#),
    row("dashscope:input_too_long", 400, NONE, r#"{"error":{"message":"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]","type":"invalid_request_error","param":null,"code":"invalid_parameter_error"},"request_id":"rehearsal"}"#),
    row("dashscope:arrearage", 400, NONE, r#"{"error":{"message":"Access denied, please make sure your account is in good standing.","type":"Arrearage","param":null,"code":"Arrearage"},"request_id":"rehearsal"}"#),
    row("dashscope:data_inspection_failed", 400, NONE, r#"{"error":{"message":"Input data may contain inappropriate content.","type":"data_inspection_failed","param":null,"code":"data_inspection_failed"},"request_id":"rehearsal"}"#),
    row("dashscope:invalid_api_key", 401, NONE, r#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"},"request_id":"rehearsal"}"#),
    row("dashscope:limit_requests", 429, NONE, r#"{"error":{"message":"You exceeded your current requests list.","type":"limit_requests","param":null,"code":"limit_requests"},"request_id":"rehearsal"}"#),
    row("dashscope:insufficient_quota", 429, NONE, r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. (Throttling.AllocationQuota)","type":"insufficient_quota","param":null,"code":"insufficient_quota"},"request_id":"rehearsal"}"#),
    row("dashscope:internal_error", 500, NONE, r#"{"error":{"message":"<500> InternalError.Algo: An error occurred in model serving.","type":"internal_server_error","param":null,"code":"internal_error"},"request_id":"rehearsal"}"#),
    row("dashscope:native_throttling", 429, NONE, r#"{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.","request_id":"rehearsal"}"#),

    row("moonshot:content_filter", 400, NONE, r#"{"error":{"type":"content_filter","message":"The request was rejected because it was considered high risk"}}"#),
    row("moonshot:token_limit", 400, NONE, r#"{"error":{"type":"invalid_request_error","message":"Invalid request: Your request exceeded model token limit: 8192"}}"#),
    row("moonshot:authentication", 401, NONE, r#"{"error":{"type":"invalid_authentication_error","message":"Invalid Authentication"}}"#),
    row("moonshot:not_found", 404, NONE, r#"{"error":{"type":"resource_not_found_error","message":"Not found the model or permission denied"}}"#),
    row("moonshot:quota", 429, NONE, r#"{"error":{"type":"exceeded_current_quota_error","message":"You exceeded your current token quota, please check your account balance"}}"#),
    row("moonshot:rate_limit", 429, NONE, r#"{"error":{"type":"rate_limit_reached_error","message":"Your account reached max RPM: 3, please try again after 1 seconds"}}"#),
    row("moonshot:overloaded", 429, NONE, r#"{"error":{"type":"engine_overloaded_error","message":"The engine is currently overloaded, please try again later"}}"#),

    row("zhipu:1000", 401, NONE, r#"{"error":{"code":"1000","message":"Authentication Failed"}}"#),
    row("zhipu:1113", 429, NONE, r#"{"error":{"code":"1113","message":"Insufficient balance or no resource package. Please recharge."}}"#),
    row("zhipu:1210", 400, NONE, r#"{"error":{"code":"1210","message":"Incorrect API call parameters."}}"#),
    row("zhipu:1211", 400, NONE, r#"{"error":{"code":"1211","message":"Model does not exist, please check the model code."}}"#),
    row("zhipu:1234", 500, NONE, r#"{"error":{"code":"1234","message":"Network error, please try again later."}}"#),
    row("zhipu:1261", 400, NONE, r#"{"error":{"code":"1261","message":"Prompt too long."}}"#),
    row("zhipu:1301", 400, NONE, r#"{"error":{"code":"1301","message":"Unsafe or sensitive content was detected in input or generation.","contentFilter":[{"role":"user","level":1}]}}"#),
    row("zhipu:1302", 429, NONE, r#"{"error":{"code":"1302","message":"High concurrency usage of this API, please reduce concurrency."}}"#),
    row("zhipu:1303", 429, NONE, r#"{"error":{"code":"1303","message":"High frequency usage of this API, please reduce frequency."}}"#),
    row("zhipu:1304", 429, NONE, r#"{"error":{"code":"1304","message":"Daily call limit for this API reached."}}"#),
    row("zhipu:1305", 429, NONE, r#"{"error":{"code":"1305","message":"The API has triggered a traffic limit."}}"#),
    row("zhipu:1308", 429, NONE, r#"{"error":{"code":"1308","message":"Usage limit reached for 5 hour. Your limit will reset at 2027-01-01 00:00:00"}}"#),
    row("zhipu:1309", 429, NONE, r#"{"error":{"code":"1309","message":"Your plan has expired, please renew it."}}"#),
    row("zhipu:1312", 429, NONE, r#"{"error":{"code":"1312","message":"This model is currently experiencing high traffic. Please try again later or switch to another model."}}"#),

    row("vllm:context_length", 400, NONE, r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.","type":"BadRequestError","param":null,"code":400}"#),
    row("vllm:context_length_wrapped", 400, NONE, r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.","type":"BadRequestError","param":null,"code":400}}"#),
    row("vllm:model_not_found", 404, NONE, r#"{"object":"error","message":"The model does not exist.","type":"NotFoundError","param":null,"code":404}"#),
    row("vllm:engine_dead", 500, NONE, r#"{"object":"error","message":"AsyncEngineDeadError: Background loop has errored already.","type":"InternalServerError","param":null,"code":500}"#),
    row("vllm:unavailable", 503, NONE, r#"{"error":{"message":"The server is not ready.","type":"ServiceUnavailableError","param":null,"code":503}}"#),

    row("ollama:bad_request", 400, NONE, r#"{"error":"invalid options"}"#),
    row("ollama:model_not_found", 404, NONE, r#"{"error":"model 'unknown' not found, try pulling it first"}"#),
    row("ollama:internal", 500, NONE, r#"{"error":"llama runner process has terminated: exit status 2"}"#),
    row("ollama:busy", 503, NONE, r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#),
    row("ollama:overloaded", 503, NONE, r#"{"error":"Server overloaded, please retry shortly"}"#),

    row("llamacpp:context_size", 400, NONE, r#"{"error":{"code":400,"message":"the request exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#),
    row("llamacpp:internal", 500, NONE, r#"{"error":{"code":500,"message":"failed to decode the batch","type":"server_error"}}"#),
    row("llamacpp:loading", 503, NONE, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_is_json_with_a_name_a_scenario_can_hold() {
        let mut names = HashSet::new();
        for error in PROVIDER_ERRORS {
            assert!(names.insert(error.name), "{} twice", error.name);
            assert!(!error.name.contains('-') && error.name.contains(':'), "{}", error.name);
            assert!((400..600).contains(&error.status), "{}", error.name);
            serde_json::from_str::<serde_json::Value>(error.body).expect(error.name);
        }
    }

    #[test]
    fn every_flavour_has_rows() {
        for flavour in [
            "openai",
            "anthropic",
            "gemini",
            "azure",
            "bedrock",
            "deepseek",
            "mistral",
            "groq",
            "openrouter",
            "dashscope",
            "moonshot",
            "zhipu",
            "vllm",
            "ollama",
            "llamacpp",
        ] {
            assert!(PROVIDER_ERRORS.iter().any(|error| error.name.split(':').next() == Some(flavour)), "{flavour}");
        }
    }
}
