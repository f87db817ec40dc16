"""One client for each address and key, because making one takes longer than a call."""

from functools import lru_cache

import anthropic
import openai


@lru_cache(4)
def of_openai(origin: str, key: str) -> openai.OpenAI:
    """With no retries of its own, so that a test sees every failure."""
    return openai.OpenAI(base_url=f"{origin}/v1", api_key=key, max_retries=0)


@lru_cache(4)
def of_anthropic(origin: str, key: str) -> anthropic.Anthropic:
    """The same."""
    return anthropic.Anthropic(base_url=origin, api_key=key, max_retries=0)
