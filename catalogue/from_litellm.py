#!/usr/bin/env python3
"""Writes models.toml from the price map inside LiteLLM's wheel.

    pip download --no-deps litellm
    ./from_litellm.py litellm-*.whl > models.toml

The list below says which models are in the catalogue, under which name, and which entry of the map describes them.
Only windows, maximum outputs, capabilities and retirements are taken, never prices. HAND holds what the map lacks.
Look at the difference before keeping it: the map is made by many hands.
"""

import datetime
import json
import re
import sys
import zipfile

# (entry prefix in the map, providers that serve it under the same name, model names)
VENDORS = [
    ("", ["openai"], """
        gpt-6.1-sol gpt-6.1-terra gpt-6-sol gpt-6-luna gpt-6-astra gpt-5.6 gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna
        gpt-5.5 gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.2 gpt-5.1 gpt-5 gpt-5-mini gpt-5-nano
        gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-mini gpt-4-turbo gpt-4 gpt-3.5-turbo o3 o3-mini o4-mini"""),
    ("", ["anthropic"], """
        claude-opus-5-5 claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5
        claude-sonnet-5-5 claude-sonnet-5 claude-sonnet-4-6 claude-sonnet-4-5
        claude-haiku-5-5 claude-haiku-4-5 claude-fable-5-1 claude-fable-5"""),
    ("gemini/", ["gemini"], """
        gemini-4-argon gemini-3.8-flash gemini-3.7-flash gemini-3.6-flash gemini-3.5-flash gemini-3.5-flash-lite
        gemini-3.1-pro-preview gemini-3.1-flash-lite gemini-3-flash-preview gemini-2.5-pro gemini-2.5-flash
        gemini-2.5-flash-lite gemini-pro-latest gemini-flash-latest gemini-flash-lite-latest"""),
    ("deepseek/", ["deepseek"], "deepseek-v4-pro deepseek-v4-flash deepseek-flash deepseek-chat deepseek-reasoner"),
    ("mistral/", ["mistral"], """
        mistral-large-latest mistral-large-4 mistral-medium-latest mistral-small-latest codestral-latest
        devstral-latest magistral-medium-latest ministral-8b-latest ministral-3b-latest"""),
    ("moonshot/", ["moonshot"], "kimi-k3.1-pro kimi-k3 kimi-k2.7-code kimi-k2.6"),
    ("dashscope/", ["dashscope"], """
        qwen3.8-max qwen3.8-flash qwen3.8-omni-flash qwen3.7-max qwen3.7-plus qwen3.5-plus qwen3-max qwen3-coder-plus
        qwen3-coder-flash qwen3-vl-plus qwen-max qwen-plus qwen-flash"""),
    ("zai/", ["zai", "zhipu"], "glm-5.3 glm-5.3-flash glm-5.2 glm-5.1 glm-5 glm-5v-turbo glm-4.7 glm-4.6 glm-4.5-air"),
    ("xai/", ["xai"], "grok-4.7 grok-4.6 grok-4.5 grok-4.3 grok-4.20 grok-code-fast"),
    ("minimax/", ["minimax"], "MiniMax-M3 MiniMax-M2.5 MiniMax-M2.1"),
]

# (model name, entry in the map, name at each provider)
ELSEWHERE = [
    ("gpt-oss-120b", "groq/openai/gpt-oss-120b", {"groq": "openai/gpt-oss-120b", "cerebras": "gpt-oss-120b"}),
    ("gpt-oss-20b", "groq/openai/gpt-oss-20b", {"groq": "openai/gpt-oss-20b"}),
    ("qwen3.8-27b", "groq/qwen/qwen3.8-27b", {"groq": "qwen/qwen3.8-27b", "cerebras": "qwen-3.8-27b"}),
    ("gemma-4-31b", "cerebras/gemma-4-31b", {"cerebras": "gemma-4-31b", "gemini": "gemma-4-31b-it"}),
]

HAND = '''
[models."gpt-4-turbo-preview"]
at = { openai = "gpt-4-turbo-preview" }
context_window = 128000
max_output = 4096
capabilities = ["tools", "parallel_tools", "prefill"]
retired = "2026-03-26"
source = "https://platform.openai.com/docs/deprecations"
date = "2026-11-23"
'''

CAPABILITIES = [
    ("tools", "supports_function_calling"),
    ("parallel_tools", "supports_parallel_function_calling"),
    ("vision", "supports_vision"),
    ("audio", "supports_audio_input"),
    ("documents", "supports_pdf_input"),
    ("json_schema", "supports_response_schema"),
    ("reasoning", "supports_reasoning"),
    ("prefill", "supports_assistant_prefill"),
]


def capabilities(entry):
    found = [name for name, flag in CAPABILITIES if entry.get(flag)]
    # The map states parallel calls for few models, and denies them for none that calls tools at all.
    if "tools" in found and "parallel_tools" not in found and entry.get("supports_parallel_function_calling") is None:
        found.insert(found.index("tools") + 1, "parallel_tools")
    # Prefill is stated where a vendor refuses it (newer Claude models); elsewhere a last assistant turn is accepted.
    if "prefill" not in found and entry.get("supports_assistant_prefill") is not False:
        found.append("prefill")
    return found


def context_window(name, entry, at):
    """Input and output together. The map states the longest input, which some vendors set below the window."""
    longest_input = entry.get("max_input_tokens")
    if longest_input in (272000, 922000) and "openai" in at:
        return longest_input + entry["max_output_tokens"]
    if longest_input and "dashscope" in at:
        return min(window for window in (32768, 131072, 262144, 1000000) if window >= longest_input)
    return longest_input


def block(name, entry, at, version, today):
    lines = [f"[models.{json.dumps(name)}]"]
    lines.append("at = { " + ", ".join(f"{provider} = {json.dumps(upstream)}" for provider, upstream in at.items()) + " }")
    window, output = context_window(name, entry, at), entry.get("max_output_tokens")
    if window:
        lines.append(f"context_window = {int(window)}")
    # An output as long as the window is how the map says that there is no limit of its own.
    if output and output != window:
        lines.append(f"max_output = {int(output)}")
    lines.append("capabilities = " + json.dumps(capabilities(entry)))
    retired = entry.get("deprecation_date")
    if retired and retired <= today:
        lines.append(f'retired = "{retired}"')
    lines.append(f'source = "BerriAI/litellm price map, MIT, {version}"')
    lines.append(f'date = "{today}"')
    return "\n".join(lines)


def main():
    wheel = sys.argv[1]
    today = sys.argv[2] if len(sys.argv) > 2 else datetime.date.today().isoformat()
    version = re.search(r"litellm-([0-9.]+)-", wheel).group(1)
    with zipfile.ZipFile(wheel) as archive:
        entries = json.loads(archive.read("litellm/model_prices_and_context_window_backup.json"))
    models = {}
    for prefix, providers, names in VENDORS:
        for name in names.split():
            models[name] = (prefix + name, {provider: name for provider in providers})
    for name, entry, at in ELSEWHERE:
        models[name] = (entry, at)
    print("# Well-known models: where they are served, how much they take, what they can do. Written by from_litellm.py.")
    print("# `context_window` is input and output together, in tokens; a capability that is not listed is one the model lacks.")
    for name, (entry, at) in models.items():
        print()
        print(block(name, entries[entry], at, version, today))
    print(HAND.rstrip())


main()
