"""The official clients of every vendor, each asked in every way it has, with what it told in one value.

A talk keeps the conversation as the client's documentation says: what came is sent back as it came.
"""

import anthropic
import httpx2
import openai
from google.genai import errors

from harness.talks.chat import ChatTalk
from harness.talks.gemini import GeminiTalk
from harness.talks.messages import MessagesTalk
from harness.talks.responses import Failed, ResponsesTalk
from harness.talks.told import Talk, Told

__all__ = ["FAILURES", "TALKS", "WAYS", "Talk", "Told"]

# How a client tells that an answer is not whole.
FAILURES = (openai.APIError, anthropic.APIError, httpx2.HTTPError, errors.APIError, Failed)

TALKS: dict[str, type[Talk]] = {
    "chat": ChatTalk,
    "responses": ResponsesTalk,
    "messages": MessagesTalk,
    "gemini": GeminiTalk,
}
WAYS = [(name, way) for name, talk in TALKS.items() for way in talk.ways]
