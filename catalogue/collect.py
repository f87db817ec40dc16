#!/usr/bin/env python3
"""Writes models.toml from three packages of public price data.

    pip download --no-deps litellm model-prices genai-prices
    ./collect.py litellm-*.whl model_prices-*.whl genai_prices-*.whl > models.toml

The tables below say which models are in the catalogue, under which name, and where each is served.
Windows, maximum outputs, capabilities, retirements and prices are those of LiteLLM's price map (MIT). model-prices (models.dev's
history, compared daily with vendors' pages; MIT) and genai-prices (MIT) are asked whether they say the same; where they do not,
the difference is printed, and DECIDED holds what the vendor's own page says. Look at the differences before keeping the result.
"""

import datetime
import json
import re
import sys
import zipfile
from decimal import Decimal

# (prefix of the map's entries, providers that serve the model under the same name, model names)
VENDORS = [
    ("", ["openai"], """
        gpt-6.1-sol gpt-6.1-terra gpt-6-sol gpt-6-luna gpt-6-astra gpt-5.6 gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna
        gpt-5.5 gpt-5.5-2026-04-23 gpt-5.4 gpt-5.4-2026-03-05 gpt-5.4-mini gpt-5.4-nano gpt-5.2 gpt-5.2-2025-12-11
        gpt-5.1 gpt-5.1-2025-11-13 gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-mini-2025-08-07 gpt-5-nano
        gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-mini-2025-04-14 gpt-4.1-nano gpt-4o gpt-4o-2024-11-20
        gpt-4o-2024-08-06 gpt-4o-mini gpt-4o-mini-2024-07-18 gpt-audio-1.5 gpt-4-turbo gpt-4 gpt-3.5-turbo
        o3 o3-mini o4-mini"""),
    ("", ["anthropic"], """
        claude-opus-5-5 claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5
        claude-opus-4-5-20251101 claude-sonnet-5-5 claude-sonnet-5 claude-sonnet-4-6 claude-sonnet-4-5
        claude-sonnet-4-5-20250929 claude-haiku-5-5 claude-haiku-4-5 claude-haiku-4-5-20251001
        claude-fable-5-1 claude-fable-5 claude-mythos-5-1 claude-mythos-5"""),
    ("gemini/", ["gemini"], """
        gemini-4-argon gemini-3.8-flash gemini-3.7-flash gemini-3.6-flash gemini-3.5-flash gemini-3.5-flash-lite
        gemini-3.1-pro-preview gemini-3.1-flash-lite gemini-3-flash-preview gemini-2.5-pro gemini-2.5-flash
        gemini-2.5-flash-lite gemini-pro-latest gemini-flash-latest gemini-flash-lite-latest"""),
    ("deepseek/", ["deepseek"], "deepseek-v4-flash deepseek-flash deepseek-chat deepseek-reasoner"),
    ("mistral/", ["mistral"], """
        mistral-large-latest mistral-large-4 mistral-large-2512 mistral-medium-latest mistral-medium-2604
        mistral-small-latest mistral-small-2603 codestral-latest codestral-2508 devstral-latest devstral-small-latest
        magistral-medium-latest magistral-small-latest ministral-14b-2512 ministral-8b-latest ministral-3b-latest
        voxtral-small-latest"""),
    ("moonshot/", ["moonshot"], "kimi-k3.1-pro"),
    ("dashscope/", ["dashscope", "dashscope-intl"], """
        qwen3.8-omni-flash qwen3.5-plus qwen3-max qwen3-coder-plus qwen3-coder-flash qwen3-vl-plus qwen-max qwen-plus
        qwen-plus-latest qwen-flash qwen-turbo"""),
    ("zai/", ["zai", "zhipu"], "glm-5v-turbo"),
    ("zai/", ["zai"], "glm-5-code"),
    ("xai/", ["xai"], "grok-4.7 grok-4.6 grok-4.5 grok-4.3 grok-4.20 grok-build-0.1 grok-code-fast"),
    ("", ["cohere"], "command-a-plus-05-2026 command-a-03-2025 command-r-plus-08-2024 command-r-08-2024 command-r7b-12-2024"),
    ("perplexity/", ["perplexity"], "sonar sonar-pro sonar-reasoning-pro sonar-deep-research"),
]

# Models that several providers serve: what the model is called, then its name at each; the first describes it.
# `~x` stands for accounts/fireworks/models/x; a provider alone calls the model by the model's name.
OPEN = """
deepseek-v4-pro: deepseek together=deepseek-ai/DeepSeek-V4-Pro-0813 nebius=deepseek-ai/DeepSeek-V4-Pro-0813 novita=deepseek/deepseek-v4-pro-0813 deepinfra=deepseek-ai/DeepSeek-V4-Pro-0813 baseten=deepseek-ai/DeepSeek-V4-Pro-0813
deepseek-v4.1-flash: together=deepseek-ai/DeepSeek-V4.1-Flash fireworks=~deepseek-v4p1-flash nebius=deepseek-ai/DeepSeek-V4.1-Flash deepinfra=deepseek-ai/DeepSeek-V4.1-Flash baseten=deepseek-ai/DeepSeek-V4.1-Flash
deepseek-v4.1-flash-1017: together=deepseek-ai/DeepSeek-V4.1-Flash-1017 fireworks=~deepseek-v4p1-flash-1017 deepinfra=deepseek-ai/DeepSeek-V4.1-Flash-1017 baseten=deepseek-ai/DeepSeek-V4.1-Flash-1017
deepseek-v4-flash-0731: dashscope-intl nebius=deepseek-ai/DeepSeek-V4-Flash-0731 novita=deepseek/deepseek-v4-flash-0731 deepinfra=deepseek-ai/DeepSeek-V4-Flash-0731 baseten=deepseek-ai/DeepSeek-V4-Flash-0731
deepseek-v3.2: novita=deepseek/deepseek-v3.2 fireworks=~deepseek-v3p2 deepinfra=deepseek-ai/DeepSeek-V3.2
deepseek-v3.1: novita=deepseek/deepseek-v3.1 fireworks=~deepseek-v3p1 deepinfra=deepseek-ai/DeepSeek-V3.1
deepseek-r1-0528: together=deepseek-ai/DeepSeek-R1-0528 nebius=deepseek-ai/DeepSeek-R1-0528 novita=deepseek/deepseek-r1-0528 deepinfra=deepseek-ai/DeepSeek-R1-0528
glm-5.3: zai zhipu together=zai-org/GLM-5.3 fireworks=~glm-5p3 mistral=zai-glm-5-3 nebius=zai-org/GLM-5.3 novita=zai-org/glm-5.3 baseten=zai-org/GLM-5.3
glm-5.3-flash: zai zhipu together=zai-org/GLM-5.3-Flash fireworks=~glm-5p3-flash mistral=zai-glm-5-3-flash nebius=zai-org/GLM-5.3-Flash baseten=zai-org/GLM-5.3-Flash
glm-5.2: zai zhipu dashscope-intl together=zai-org/GLM-5.2 nebius=zai-org/GLM-5.2 novita=zai-org/glm-5.2 deepinfra=zai-org/GLM-5.2 baseten=zai-org/GLM-5.2
glm-5.1: zai zhipu dashscope-intl fireworks=~glm-5p1 nebius=zai-org/GLM-5.1 novita=zai-org/glm-5.1 deepinfra=zai-org/GLM-5.1
glm-5: zai zhipu novita=zai-org/glm-5 deepinfra=zai-org/GLM-5
glm-4.7: zai zhipu fireworks=~glm-4p7 novita=zai-org/glm-4.7 deepinfra=zai-org/GLM-4.7
glm-4.7-flash: zai novita=zai-org/glm-4.7-flash deepinfra=zai-org/GLM-4.7-Flash
glm-4.6: zai zhipu together=zai-org/GLM-4.6 fireworks=~glm-4p6 novita=zai-org/glm-4.6 deepinfra=zai-org/GLM-4.6
glm-4.5: zai fireworks=~glm-4p5 novita=zai-org/glm-4.5 deepinfra=zai-org/GLM-4.5
glm-4.5-air: zai zhipu fireworks=~glm-4p5-air novita=zai-org/glm-4.5-air
glm-4.5v: zai novita=zai-org/glm-4.5v
kimi-k3: moonshot together=moonshotai/Kimi-K3 fireworks=~kimi-k3 nebius=moonshotai/Kimi-K3 novita=moonshotai/kimi-k3 deepinfra=moonshotai/Kimi-K3 baseten=moonshotai/Kimi-K3
kimi-k2.7-code: moonshot dashscope-intl nebius=moonshotai/Kimi-K2.7-Code novita=moonshotai/kimi-k2.7-code deepinfra=moonshotai/Kimi-K2.7-Code
kimi-k2.6: moonshot nebius=moonshotai/Kimi-K2.6 novita=moonshotai/kimi-k2.6 deepinfra=moonshotai/Kimi-K2.6
kimi-k2.5: novita=moonshotai/kimi-k2.5 fireworks=~kimi-k2p5 deepinfra=moonshotai/Kimi-K2.5
kimi-k2-thinking: novita=moonshotai/kimi-k2-thinking fireworks=~kimi-k2-thinking
MiniMax-M3: minimax fireworks=~minimax-m3 nebius=MiniMaxAI/MiniMax-M3 novita=minimax/minimax-m3 deepinfra=MiniMaxAI/MiniMax-M3
MiniMax-M3.1-Flash: together=MiniMaxAI/MiniMax-M3.1-Flash fireworks=~minimax-m3p1-flash
MiniMax-M2.7: novita=minimax/minimax-m2.7 together=MiniMaxAI/MiniMax-M2.7 deepinfra=MiniMaxAI/MiniMax-M2.7
MiniMax-M2.5: minimax nebius=MiniMaxAI/MiniMax-M2.5 novita=minimax/minimax-m2.5
MiniMax-M2.1: minimax fireworks=~minimax-m2p1 novita=minimax/minimax-m2.1
gpt-oss-120b: groq=openai/gpt-oss-120b cerebras together=openai/gpt-oss-120b nebius=openai/gpt-oss-120b novita=openai/gpt-oss-120b deepinfra=openai/gpt-oss-120b baseten=openai/gpt-oss-120b
gpt-oss-20b: groq=openai/gpt-oss-20b fireworks=~gpt-oss-20b novita=openai/gpt-oss-20b deepinfra=openai/gpt-oss-20b
qwen3.8-max: dashscope-intl dashscope fireworks=~qwen3p8-max novita=qwen/qwen3.8-max deepinfra=Qwen/Qwen3.8-Max
qwen3.8-flash: dashscope-intl dashscope together=Qwen/Qwen3.8-Flash
qwen3.8-27b: groq=qwen/qwen3.8-27b cerebras=qwen-3.8-27b nebius=Qwen/Qwen3.8-27B deepinfra=Qwen/Qwen3.8-27B
qwen3.7-max: dashscope-intl dashscope together=Qwen/Qwen3.7-Max novita=qwen/qwen3.7-max deepinfra=Qwen/Qwen3.7-Max
qwen3.7-plus: dashscope-intl dashscope together=Qwen/Qwen3.7-Plus fireworks=~qwen3p7-plus
qwen3.6-27b: novita=qwen/qwen3.6-27b deepinfra=Qwen/Qwen3.6-27B
qwen3.6-35b-a3b: novita=qwen/qwen3.6-35b-a3b deepinfra=Qwen/Qwen3.6-35B-A3B
qwen3.5-397b-a17b: nebius=Qwen/Qwen3.5-397B-A17B novita=qwen/qwen3.5-397b-a17b deepinfra=Qwen/Qwen3.5-397B-A17B
qwen3.5-122b-a10b: novita=qwen/qwen3.5-122b-a10b deepinfra=Qwen/Qwen3.5-122B-A10B
qwen3.5-27b: novita=qwen/qwen3.5-27b deepinfra=Qwen/Qwen3.5-27B
qwen3.5-9b: together=Qwen/Qwen3.5-9B deepinfra=Qwen/Qwen3.5-9B
qwen3-235b-a22b-instruct-2507: nebius=Qwen/Qwen3-235B-A22B-Instruct-2507 novita=qwen/qwen3-235b-a22b-instruct-2507 deepinfra=Qwen/Qwen3-235B-A22B-Instruct-2507
qwen3-coder-480b-a35b-instruct: novita=qwen/qwen3-coder-480b-a35b-instruct deepinfra=Qwen/Qwen3-Coder-480B-A35B-Instruct
qwen3-next-80b-a3b-instruct: novita=qwen/qwen3-next-80b-a3b-instruct dashscope-intl deepinfra=Qwen/Qwen3-Next-80B-A3B-Instruct
qwen3-vl-235b-a22b-instruct: dashscope-intl novita=qwen/qwen3-vl-235b-a22b-instruct deepinfra=Qwen/Qwen3-VL-235B-A22B-Instruct
qwen3-32b: nebius=Qwen/Qwen3-32B novita=qwen/qwen3-32b-fp8 deepinfra=Qwen/Qwen3-32B
llama-3.3-70b-instruct: nebius=meta-llama/Llama-3.3-70B-Instruct novita=meta-llama/llama-3.3-70b-instruct deepinfra=meta-llama/Llama-3.3-70B-Instruct
llama-4-maverick: novita=meta-llama/llama-4-maverick-17b-128e-instruct-fp8 deepinfra=meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8
llama-4-scout: novita=meta-llama/llama-4-scout-17b-16e-instruct deepinfra=meta-llama/Llama-4-Scout-17B-16E-Instruct
llama-3.1-8b-instruct: novita=meta-llama/llama-3.1-8b-instruct nebius=meta-llama/Meta-Llama-3.1-8B-Instruct deepinfra=meta-llama/Meta-Llama-3.1-8B-Instruct
gemma-4-31b: cerebras gemini=gemma-4-31b-it novita=google/gemma-4-31b-it deepinfra=google/gemma-4-31B-it
gemma-4-26b-a4b: novita=google/gemma-4-26b-a4b-it deepinfra=google/gemma-4-26B-A4B-it
gemma-3-27b: nebius=google/gemma-3-27b-it novita=google/gemma-3-27b-it deepinfra=google/gemma-3-27b-it
muse-spark-open: fireworks=~muse-spark-open baseten=meta-models/muse-spark-open
muse-glimmer-30b: together=meta-models/Muse-Glimmer-30B deepinfra=meta-models/Muse-Glimmer-30B
nemotron-3-ultra-550b-a55b: nebius=nvidia/Nemotron-3-Ultra-550b-a55b deepinfra=nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B baseten=nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B
nemotron-3-nano-30b-a3b: novita=nvidia/nemotron-3-nano-30b-a3b deepinfra=nvidia/Nemotron-3-Nano-30B-A3B
step-3.7-flash: novita=stepfun/step-3.7-flash deepinfra=stepfun-ai/Step-3.7-Flash
hy3: novita=tencent/hy3 deepinfra=tencent/Hy3
"""

# What is no conversation: what it does, its provider, and its names, which are the map's but for the provider's prefix.
SERVICES = [
    ("embeddings", "openai", "text-embedding-3-small text-embedding-3-large text-embedding-ada-002"),
    ("embeddings", "mistral", "mistral-embed codestral-embed"),
    ("embeddings", "cohere", "embed-v4.0"),
    ("moderations", "openai", "omni-moderation-latest"),
    ("images", "openai", "gpt-image-1 gpt-image-1-mini gpt-image-2 gpt-image-2.5-flare gpt-image-2.5-sunburst"),
    ("images", "xai", "grok-imagine-image grok-imagine-image-quality"),
    ("speech", "openai", "tts-1 tts-1-hd gpt-4o-mini-tts"),
    ("transcriptions", "openai", "whisper-1 gpt-4o-transcribe gpt-4o-mini-transcribe gpt-transcribe"),
    ("transcriptions", "groq", "whisper-large-v3 whisper-large-v3-turbo"),
]

# What a provider's entries begin with in LiteLLM's map, and what the provider is called in the other two packages.
IN_LITELLM = {
    "openai": "", "anthropic": "", "cohere": "", "gemini": "gemini/", "dashscope-intl": "dashscope/",
    "together": "together_ai/", "fireworks": "fireworks_ai/", "dashscope": None, "zhipu": None,
}
IN_MODEL_PRICES = {
    "openai": "openai", "anthropic": "anthropic", "cohere": "cohere", "gemini": "google", "dashscope-intl": "alibaba",
    "deepseek": "deepseek", "mistral": "mistral", "minimax": "minimax", "moonshot": "moonshotai", "xai": "xai",
    "zai": "zai", "perplexity": "perplexity",
}
IN_GENAI_PRICES = {
    "openai": "openai", "anthropic": "anthropic", "cohere": "cohere", "gemini": "google", "deepseek": "deepseek",
    "mistral": "mistral", "minimax": "minimax", "moonshot": "moonshotai", "xai": "x-ai", "zai": "zai",
    "perplexity": "perplexity", "together": "together", "fireworks": "fireworks", "groq": "groq", "cerebras": "cerebras",
    "novita": "novita", "baseten": "baseten",
}

# Where prices are from. {litellm} and the like are versions.
SOURCES = {
    "litellm": ("LiteLLM {litellm}", None),
    # Both say the same; the day is that of the older one.
    "both": ("LiteLLM {litellm}, model-prices {model_prices}", None),
    "model_prices": ("model-prices {model_prices}", None),
    "google": ("https://ai.google.dev/gemini-api/docs/pricing", "2026-10-14"),
    "mistral": ("https://docs.mistral.ai/inference/pricing", "2026-10-29"),
    "deepseek": ("https://api-docs.deepseek.com/quick_start/pricing", "2026-10-26"),
    "zhipu": ("https://docs.bigmodel.cn/cn/guide/start/pricing", "2026-10-27"),
    "alibaba": ("https://www.alibabacloud.com/help/en/model-studio/model-pricing", "2026-10-26"),
}


def price(*numbers, currency=None):
    classes = zip(("input", "output", "cache_read"), map(Decimal, numbers))
    return ({"currency": currency} if currency else {}) | dict(classes)


# (model, provider) -> price, source, tariffs: what the vendor's page says where the packages differ or are silent.
DECIDED = {
    ("deepseek-v4-pro", "deepseek"): (price("0.66", "1.98", "0.022"), "deepseek", "deepseek"),
    ("deepseek-flash", "deepseek"): (price("0.15", "0.6", "0.003"), "deepseek", "deepseek"),
    ("deepseek-v4-flash", "deepseek"): (price("0.15", "0.6", "0.003"), "deepseek", "deepseek"),
    ("deepseek-v4-flash-0731", "dashscope-intl"): (price("0.44", "1.32", "0.088"), "alibaba", "alibaba"),
    ("glm-5.3", "zhipu"): (price("8", "28", "2", currency="CNY"), "zhipu", None),
    ("glm-5.3-flash", "zhipu"): (price("0.8", "2.8", "0.23", currency="CNY"), "zhipu", None),
    # Introductory prices, and when they end.
    ("gemini-4-argon", "gemini"): (price("2", "10", "0.1"), "google", "argon"),
    ("gemini-3.8-flash", "gemini"): (price("0.75", "3.75", "0.075"), "google", "flash"),
    ("gemini-3.7-flash", "gemini"): (price("0.75", "3.75", "0.075"), "google", "flash"),
    ("gemini-3.6-flash", "gemini"): (price("0.75", "3.75", "0.075"), "google", "flash"),
    ("gemini-flash-latest", "gemini"): (price("0.75", "3.75", "0.075"), "google", "flash"),
    ("mistral-large-4", "mistral"): (price("0.7", "2.1", "0.07"), "mistral", None),
    # Retired; what the names cost while they still answer is not published.
    ("deepseek-chat", "deepseek"): None,
    ("deepseek-reasoner", "deepseek"): None,
    # LiteLLM has the price of a hit in an explicit cache; what is cached unasked costs a fifth of the input.
    ("qwen3-coder-plus", "dashscope-intl"): "model_prices",
    ("qwen3-coder-flash", "dashscope-intl"): "model_prices",
    # LiteLLM has the price before the discount that the page shows without an end.
    ("qwen3.7-plus", "dashscope-intl"): "model_prices",
    # Cohere publishes no price a token for it; the packages say 0 and 2.50/10.00.
    ("command-a-plus-05-2026", "cohere"): None,
    # LiteLLM's 0 stands for a free tier; what the paid one costs is not published.
    ("gemma-4-31b", "gemini"): None,
    # The others name an earlier model of the same alias.
    ("magistral-medium-latest", "mistral"): "litellm",
    # model-prices has the Agent API's model of that name.
    ("sonar", "perplexity"): "litellm",
}

TARIFFS = '''
# Off-peak is the price; on working days in Beijing it doubles. Holidays by law are off-peak: those that the State Council
# announces for 2027 beyond New Year's Day are to be added. https://api-docs.deepseek.com/quick_start/pricing
[[tariffs.deepseek]]
from = "2027-01-01"
until = "2027-01-02"
zone = "Asia/Shanghai"
multiply = 1
[[tariffs.deepseek]]
days = "mon-fri"
hours = "09:00-12:00"
zone = "Asia/Shanghai"
multiply = 2
[[tariffs.deepseek]]
days = "mon-fri"
hours = "14:00-18:00"
zone = "Asia/Shanghai"
multiply = 2

# Introductory prices that double; the pages name days alone, so the earlier of their midnights is taken.
# https://ai.google.dev/gemini-api/docs/pricing
[[tariffs.argon]]
from = "2026-12-01"
multiply = 2
[[tariffs.flash]]
from = "2027-01-01"
multiply = 2

# "Idle hours" of DeepSeek models that Alibaba serves itself. https://www.alibabacloud.com/help/en/model-studio/model-pricing
[[tariffs.alibaba]]
hours = "22:00-08:00"
zone = "Asia/Shanghai"
multiply = 0.5
'''

HAND = '''
[models."gpt-4-turbo-preview"]
context_window = 128000
max_output = 4096
capabilities = ["tools", "parallel_tools"]
retired = "2026-03-26"
at.openai = {}
'''

# Vendors' own announcements that the map does not have.
RETIRED = dict.fromkeys(["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"], "2026-09-27")

CAPABILITIES = [
    ("tools", "supports_function_calling"),
    ("parallel_tools", "supports_parallel_function_calling"),
    ("vision", "supports_vision"),
    ("audio", "supports_audio_input"),
    ("documents", "supports_pdf_input"),
    ("json_schema", "supports_response_schema"),
    ("reasoning", "supports_reasoning"),
]

# What a request may hold and the model answers with an error.
REFUSES = [
    ("sampling", "supports_sampling_params"),
    ("forced_tools", "supports_forced_tool_use"),
    ("system", "supports_system_messages"),
]
# What the map does not say of OpenAI's: "temperature, top_p, logprobs: requests to older GPT-5 models, e.g. gpt-5, gpt-5-mini or
# gpt-5-nano, that include these fields will raise an error"; so do those of the o series. https://platform.openai.com/docs/guides/latest-model
NO_SAMPLING = r"gpt-5|gpt-5-(mini|nano|2025-08-07|mini-2025-08-07)|o3|o3-mini|o4-mini"

CLASSES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "audio_input": "input_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
}


def capabilities(entry):
    found = [name for name, flag in CAPABILITIES if entry.get(flag)]
    # The map states parallel calls for few models, and denies them for none that calls tools at all.
    if "tools" in found and "parallel_tools" not in found and entry.get("supports_parallel_function_calling") is None:
        found.insert(found.index("tools") + 1, "parallel_tools")
    return found


# Models that their vendors say go on from the beginning of an answer, and where. Elsewhere a last assistant turn is accepted and
# answered anew, so that the map, which states what is accepted, says too much.
# Anthropic, "Prefill Claude's response": up to 4.5; newer ones refuse it, as the map states. Mistral, "Prefix"; Magistral thinks first.
# DeepSeek, "Chat prefix completion"; Alibaba, "Partial mode"; Moonshot, "Partial mode": not while they think, as most that can do
# unless told otherwise.
CONTINUES = r"claude-|(mistral|ministral|codestral|devstral|voxtral)-"
CONTINUES_UNTHINKING = r"(deepseek|qwen|kimi)"
CONTINUES_AT = {"anthropic", "bedrock", "vertex", "mistral", "deepseek", "dashscope", "dashscope-intl", "moonshot"}


def continues(name, entry, found, at):
    is_said = re.match(CONTINUES, name) or ("reasoning" not in found and re.match(CONTINUES_UNTHINKING, name))
    return bool(is_said) and entry.get("supports_assistant_prefill") is not False and not CONTINUES_AT.isdisjoint(at)


def context_window(entry, provider):
    """Input and output together. The map states the longest input, which some vendors set below the window."""
    longest_input = entry.get("max_input_tokens")
    if longest_input in (272000, 922000) and provider == "openai":
        return longest_input + entry["max_output_tokens"]
    if longest_input and provider.startswith("dashscope"):
        return min(window for window in (32768, 131072, 262144, 1000000, 1048576) if window >= longest_input)
    return longest_input


def a_million(per_token):
    """The map's number for a token as the decimal it was written as, for a million tokens; what binary added is cut off."""
    return None if per_token is None else (Decimal(repr(per_token)) * 1000000).quantize(Decimal("1e-9")).normalize()


def read_classes(entry, suffix=""):
    found = {name: a_million(entry.get(key + suffix)) for name, key in CLASSES.items()}
    # The map says 0 for caches that are written without a charge of their own: such writes are not reported either.
    if not found["cache_write"]:
        del found["cache_write"]
    return {name: number for name, number in found.items() if number is not None}


def litellm_price(entry):
    if "tiered_pricing" in entry:
        base, *above = entry["tiered_pricing"]
        tiers = [(int(tier["range"][0]), read_classes(tier)) for tier in above]
        found = read_classes(base)
    else:
        found = read_classes(entry)
        sizes = sorted(int(size) for key in entry for size in re.findall(r"^input_cost_per_token_above_(\d+)k_tokens$", key))
        tiers = [(size * 1000, read_classes(entry, f"_above_{size}k_tokens")) for size in sizes]
    if "input" not in found or "output" not in found:
        return None
    for _, tier in tiers:
        # Above a size a class may not be cheaper than the map knows.
        for name in found.keys() - tier.keys():
            tier[name] = max(found[name], tier["output" if name == "audio_output" else "input"])
    return found | ({"tiers": tiers} if tiers else {})


class Recorder:
    """Stands for every class that genai-prices' data file calls."""

    def __init__(self, *positional, **named):
        self.positional, self.__dict__ = positional, {**named}


class AnyName(dict):
    def __missing__(self, name):
        return Recorder


def genai_prices(text, today):
    """What it says of today, and what it says of later."""
    code = re.sub(r"^(from|import) .*$", "", text, flags=re.MULTILINE)
    names = AnyName(Decimal=Decimal, list=list, datetime=datetime, __annotations__={})
    exec(code, {}, names)
    found, coming = {}, []
    for provider in names["providers"]:
        for model in provider.models:
            dated = model.prices if isinstance(model.prices, list) else [Recorder(prices=model.prices)]
            for conditional in dated:
                start = getattr(getattr(conditional, "constraint", None), "start_date", None)
                if getattr(conditional, "constraint", None) and not start:
                    continue
                pair = tuple(getattr(conditional.prices, name, None) for name in ("input_mtok", "output_mtok"))
                pair = tuple(getattr(number, "base", number) for number in pair)
                if start and start.isoformat() > today:
                    coming.append((provider.id, model.id, start, pair))
                else:
                    found[provider.id, model.id] = pair
    return found, coming


class Packages:
    def __init__(self, wheels, today):
        read = lambda name, file: zipfile.ZipFile(self.wheel(wheels, name)).read(file)
        self.versions = {name: re.search(r"-([0-9.]+)-", self.wheel(wheels, name)).group(1) for name in WHEELS}
        self.litellm = json.loads(read("litellm", "litellm/model_prices_and_context_window_backup.json"))
        model_prices = json.loads(read("model_prices", "model_prices/snapshot.json"), parse_float=Decimal)
        self.model_prices, self.model_prices_date = model_prices["prices"], model_prices["updated_at"][:10]
        self.genai_prices, self.coming = genai_prices(read("genai_prices", "genai_prices/data.py").decode(), today)

    @staticmethod
    def wheel(wheels, name):
        return next(wheel for wheel in wheels if re.search(rf"(^|/){name}-", wheel))

    def entry(self, provider, upstream):
        prefix = IN_LITELLM.get(provider, provider + "/")
        return None if prefix is None else self.litellm.get(prefix + upstream)

    def model_prices_of(self, provider, upstream):
        found = self.model_prices.get(IN_MODEL_PRICES.get(provider), {}).get(upstream)
        rates = found and found.get("standard", [{}])[-1].get("rates")
        if not rates:
            return None
        found = {name: Decimal(rates[name]).normalize() for name in CLASSES if name in rates}
        tiers = [(tier["above"], {name: Decimal(tier[name]).normalize() for name in CLASSES if name in tier}) for tier in rates.get("tiers", [])]
        return found | ({"tiers": tiers} if tiers else {})

    def genai_prices_of(self, provider, upstream):
        return self.genai_prices.get((IN_GENAI_PRICES.get(provider), upstream), (None, None))


WHEELS = ["litellm", "model_prices", "genai_prices"]


def price_of(name, provider, upstream, packages):
    """Price, source and tariffs; what the packages do not agree on is printed."""
    decided = DECIDED.get((name, provider), "")
    if decided is None:
        return None, None, None
    if decided == "model_prices":
        return packages.model_prices_of(provider, upstream), decided, None
    if decided and decided != "litellm":
        return decided
    entry = packages.entry(provider, upstream)
    found = entry and litellm_price(entry)
    if not found:
        return None, None, None
    differ = lambda theirs: any(theirs.get(key) not in (None, found[key]) for key in ("input", "output"))
    checked = packages.model_prices_of(provider, upstream)
    third = dict(zip(("input", "output"), packages.genai_prices_of(provider, upstream)))
    for who, theirs in (("model-prices", checked or {}), ("genai-prices", third)):
        if differ(theirs):
            ours, other = ([str(of.get(key)) for key in ("input", "output")] for of in (found, theirs))
            print(f"{name} at {provider}: litellm {'/'.join(ours)}, {who} {'/'.join(other)}{', decided' if decided else ''}", file=sys.stderr)
    if not checked or differ(checked):
        return found, "litellm", None
    for key in ("cache_read", "cache_write"):
        if found.get(key) and checked.get(key) and found[key] != checked[key]:
            print(f"{name} at {provider}: {key}: litellm {found[key]}, model-prices {checked[key]}", file=sys.stderr)
        elif key not in found and checked.get(key) and is_like(found, checked):
            found[key] = checked[key]
            for (_, tier), (_, theirs) in zip(found.get("tiers", []), checked.get("tiers", [])):
                tier[key] = theirs[key]
    return found, "both", None


def is_like(found, checked):
    """Whether both have the same tiers."""
    tiers = lambda of: [(above, tier["input"], tier["output"]) for above, tier in of.get("tiers", [])]
    return tiers(found) == tiers(checked)


def number(decimal):
    assert -decimal.as_tuple().exponent <= 9, decimal
    return format(decimal, "f")


def inline(found):
    parts = [f'currency = "{found["currency"]}"'] if "currency" in found else []
    parts += [f"{name} = {number(found[name])}" for name in CLASSES if name in found]
    if "tiers" in found:
        tiers = (f"{{ above_input = {above}, {inline(tier)[2:-2]} }}" for above, tier in found["tiers"])
        parts.append(f"tiers = [{', '.join(tiers)}]")
    return f"{{ {', '.join(parts)} }}"


def place(name, provider, upstream, packages):
    parts = [f'model = "{upstream}"'] if upstream != name else []
    found, source, tariffs = price_of(name, provider, upstream, packages)
    if found:
        parts.append(f'source = "{source}"')
        parts.append(f"price = {inline(found)}")
    if tariffs:
        parts.append(f'tariffs = "{tariffs}"')
    return f"at.{provider} = {{ {', '.join(parts)} }}" if parts else f"at.{provider} = {{}}"


def block(name, entry, at, packages, today):
    lines = [f"[models.{json.dumps(name)}]"]
    window, output = context_window(entry, next(iter(at))), entry.get("max_output_tokens")
    if window:
        lines.append(f"context_window = {int(window)}")
    # An output as long as the window is how the map says that there is no limit of its own.
    if output and window and output < window:
        lines.append(f"max_output = {int(output)}")
    found = capabilities(entry)
    if continues(name, entry, found, at):
        found.append("prefill")
    lines.append("capabilities = " + json.dumps(found))
    refused = [name for name, flag in REFUSES if entry.get(flag) is False]
    if re.fullmatch(NO_SAMPLING, name):
        refused.append("sampling")
    if refused:
        lines.append("refuses = " + json.dumps(refused))
    retired = RETIRED.get(name, entry.get("deprecation_date"))
    if retired and retired <= today:
        lines.append(f'retired = "{retired}"')
    lines += [place(name, provider, upstream, packages) for provider, upstream in at.items()]
    return "\n".join(lines)


def service_price(kind, entry):
    """By tokens where the map has any price of them, else by the unit. Images that come out are output."""
    output = entry.get("output_cost_per_image_token") if kind == "images" else entry.get("output_cost_per_token")
    found = {"input": a_million(entry.get("input_cost_per_token")) or Decimal(0), "output": a_million(output) or Decimal(0)}
    if any(found.values()):
        others = {name: CLASSES[name] for name in ("cache_read", "audio_input", "audio_output")}
        others["image_input"] = "input_cost_per_image_token"
        found |= {name: a_million(entry[key]) for name, key in others.items() if entry.get(key)}
        return found
    exact = lambda number: Decimal(repr(number)).normalize()
    for unit, keys in UNITS.items():
        for key in keys:
            if entry.get(key) and unit in UNITS_OF[kind]:
                return {unit: a_million(entry[key]) if unit == "characters" else exact(entry[key])}
    return found if entry.get("input_cost_per_token") == 0 else None


UNITS = {
    "per_image": ["output_cost_per_image", "input_cost_per_image"],
    "per_second": ["input_cost_per_second"],
    "characters": ["input_cost_per_character"],
    "per_search": ["input_cost_per_query"],
}
UNITS_OF = {"images": ["per_image"], "transcriptions": ["per_second"], "speech": ["characters"], "rerank": ["per_search"], "embeddings": [], "moderations": []}


def service(kind, provider, name, litellm):
    prefix = IN_LITELLM.get(provider, provider + "/")
    entry = litellm.get(prefix + name) or litellm[f"{provider}/{name}"]
    lines = [f"[models.{json.dumps(name)}]"]
    if kind == "embeddings" and entry.get("max_input_tokens"):
        lines.append(f"context_window = {int(entry['max_input_tokens'])}")
    lines.append(f'capabilities = ["{kind}"]')
    found = service_price(kind, entry)
    if found:
        prices = ", ".join(f"{key} = {number(found[key])}" for key in [*CLASSES, "image_input", *UNITS] if key in found)
        lines.append(f'at.{provider} = {{ source = "litellm", price = {{ {prices} }} }}')
    else:
        lines.append(f"at.{provider} = {{}}")
    return "\n".join(lines)


def models(packages):
    for prefix, providers, names in VENDORS:
        for name in names.split():
            yield name, packages.litellm[prefix + name], dict.fromkeys(providers, name)
    for line in OPEN.strip().splitlines():
        name, places = line.split(": ")
        at = dict((place.split("=") + [name])[:2] for place in places.split())
        at = {provider: upstream.replace("~", "accounts/fireworks/models/") for provider, upstream in at.items()}
        first = next(iter(at))
        yield name, packages.entry(first, at[first]), at


def main():
    today = next((argument for argument in sys.argv[1:] if re.fullmatch(r"\d{4}-\d\d-\d\d", argument)), datetime.date.today().isoformat())
    packages = Packages([argument for argument in sys.argv[1:] if argument.endswith(".whl")], today)
    print("# Well-known models: where they are served, at what price, how much they take, what they can do. Written by collect.py.")
    print("# `context_window` is input and output together, in tokens; a capability that is not listed is one the model lacks, a conversation")
    print("# among them where one of `embeddings`, `moderations`, `images`, `speech` or `transcriptions` is listed.")
    print("# `refuses` is what it answers with an error: parameters that choose among likely words, tools that must be used, a system prompt.")
    print("# Prices are for a million tokens or characters, an image or a second, in USD unless a currency is named. A place without a price: none is published, or none was confirmed.")
    print("\n[sources]")
    for key, (text, date) in SOURCES.items():
        date = date or (packages.model_prices_date if key in ("both", "model_prices") else today)
        print(f"{key} = {{ from = {json.dumps(text.format(**packages.versions))}, date = \"{date}\" }}")
    print(TARIFFS.rstrip())
    for name, entry, at in models(packages):
        print()
        print(block(name, entry, at, packages, today))
    for kind, provider, names in SERVICES:
        for name in names.split():
            print()
            print(service(kind, provider, name, packages.litellm))
    print(HAND.rstrip())
    listed = {(IN_GENAI_PRICES.get(provider), upstream) for _, _, at in models(packages) for provider, upstream in at.items()}
    for provider, model, start, pair in packages.coming:
        if (provider, model) in listed:
            print(f"{model} at {provider}: genai-prices {pair[0]}/{pair[1]} from {start}", file=sys.stderr)


if __name__ == "__main__":
    main()
