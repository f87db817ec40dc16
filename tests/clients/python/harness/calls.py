"""Calls through the official client, with everything the caller saw in one value."""

import time
from dataclasses import dataclass, field

import httpx2
import openai

# The client lets a torn connection and broken JSON through as they are.
FAILURES = (openai.APIError, httpx2.HTTPError, ValueError)


@dataclass
class Answer:
    """What a caller saw of one call. An answer with an `error` is not whole, whatever text came before."""

    text: str = ""
    finish: str | None = None
    usage: openai.types.CompletionUsage | None = None
    headers: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    error: Exception | None = None
    seconds: float = 0.0
    first_content_seconds: float | None = None

    @property
    def attempts(self) -> int:
        """Attempts of the gateway for the last request of the client."""
        return int(self.headers["x-roundelay-attempts"])

    @property
    def deployment(self) -> str:
        return self.headers["x-roundelay-deployment"]

    @property
    def exchange(self) -> str:
        return self.headers["x-roundelay-exchange"]

    def whole(self) -> "Answer":
        """The same answer, if it was a success with a proper end."""
        assert self.error is None, f"the caller saw {self.error!r} after {self.seconds:.1f} s"
        assert self.finish is not None, "the stream ended without a finish reason"
        assert self.text, "the answer is empty"
        return self

    def failed(self, kind: type[openai.APIError] = openai.APIError) -> "Answer":
        """The same answer, if the caller was told of a failure of this kind."""
        assert isinstance(self.error, kind), f"not {kind.__name__}, but {self.error!r} and {self.text!r}"
        return self


def ask(client: openai.OpenAI, model: str, prompt: str = "Tell me of the sea.", **fields: object) -> Answer:
    """One call without streaming, with the client's default retries."""
    answer, started = Answer(), time.monotonic()
    try:
        raw = client.chat.completions.with_raw_response.create(model=model, messages=_user(prompt), **fields)
        answer.headers = dict(raw.headers)
        completion = raw.parse()
        answer.text = completion.choices[0].message.content or ""
        answer.finish = completion.choices[0].finish_reason
        answer.usage, answer.model = completion.usage, completion.model
    except FAILURES as error:
        answer.error = error
        answer.headers = _headers_of(error)
    answer.seconds = time.monotonic() - started
    return answer


def stream(client: openai.OpenAI, model: str, prompt: str = "Tell me of the sea.", **fields: object) -> Answer:
    """One streamed call, read to its end, with the client's default retries."""
    answer, started = Answer(), time.monotonic()
    try:
        raw = client.chat.completions.with_raw_response.create(
            model=model, messages=_user(prompt), stream=True, **fields
        )
        answer.headers = dict(raw.headers)
        for chunk in raw.parse():
            answer.usage = chunk.usage or answer.usage
            answer.model = chunk.model or answer.model
            for choice in chunk.choices:
                if choice.delta.content and answer.first_content_seconds is None:
                    answer.first_content_seconds = time.monotonic() - started
                answer.text += choice.delta.content or ""
                answer.finish = choice.finish_reason or answer.finish
    except FAILURES as error:
        answer.error = error
        answer.headers = answer.headers or _headers_of(error)
    answer.seconds = time.monotonic() - started
    return answer


def _user(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _headers_of(error: Exception) -> dict[str, str]:
    response = getattr(error, "response", None)
    return dict(response.headers) if response is not None else {}
