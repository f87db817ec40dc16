"""What an official client hears of one streamed answer, event by event, so that what came before an error is kept."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import anthropic
import httpx2
import openai
from google import genai
from google.genai import errors, types

from harness.talks import clients
from harness.talks.responses import ENDS, Failed

# The helper of chats refuses answers that were ended by their length or a filter, whole as they are.
ENDED_EARLY = (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError)
# How a client tells that an answer is not whole.
FAILURES = (openai.OpenAIError, anthropic.AnthropicError, httpx2.HTTPError, errors.APIError, Failed)


@dataclass
class Call:
    """A call of a tool; the arguments are the text that came so far."""

    id: str | None
    name: str | None
    arguments: str = ""

    def begins(self, whole: "Call") -> bool:
        return (self.id, self.name) == (whole.id, whole.name) and whole.arguments.startswith(self.arguments)


@dataclass
class Heard:
    """`end` is the word of the dialect's own typed end; `parts` are the kinds of blocks or items, in order."""

    text: str = ""
    thought: str = ""
    calls: list[Call] = field(default_factory=list)
    parts: list[object] = field(default_factory=list)
    end: str | None = None
    # A reason to stop that came before the end.
    stop: str | None = None
    # What a helper made of all of it.
    final: object = None
    error: Exception | None = None

    @property
    def is_whole(self) -> bool:
        return self.error is None and self.end is not None

    def says(self) -> tuple:
        """All that a caller acts on."""
        return self.text, self.thought, self.calls, self.parts, self.end, self.final

    def begins(self, whole: "Heard") -> bool:
        """Whether it is the beginning of that one, with no word and no call that is not there."""
        calls = zip(self.calls, whole.calls, strict=False)
        return (
            whole.text.startswith(self.text)
            and whole.thought.startswith(self.thought)
            and len(self.calls) <= len(whole.calls)
            and all(call.begins(other) for call, other in calls)
            and self.parts == whole.parts[: len(self.parts)]
        )


class Hearing:
    """The clients of one address, each of which asks with one prompt, event by event or by its own helper."""

    def __init__(self, origin: str, key: str):
        self.openai, self.anthropic = clients.of_openai(origin, key), clients.of_anthropic(origin, key)
        options = types.HttpOptions(base_url=origin, retry_options=types.HttpRetryOptions(attempts=1))
        self.genai = genai.Client(api_key=key, http_options=options)

    def hear(self, caller: str, is_helper: bool, model: str, prompt: str) -> Heard:
        """What was heard until the end, or until the client raised what is its `error`."""
        heard = Heard()
        try:
            CALLERS[caller](self, heard, is_helper, model, prompt)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001: a client says of what it cannot read whatever it likes
            heard.error = error
        return heard

    def chat(self, heard: Heard, is_helper: bool, model: str, prompt: str) -> None:
        asked = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        asked["stream_options"] = {"include_usage": True}
        if not is_helper:
            with self.openai.chat.completions.create(**asked, stream=True) as stream:
                for chunk in stream:
                    heard_chat(heard, chunk)
            return
        with self.openai.chat.completions.stream(**asked) as stream:
            for event in stream:
                if event.type == "chunk":
                    heard_chat(heard, event.chunk)
            with suppress(*ENDED_EARLY):
                [choice] = stream.get_final_completion().choices
                calls = [call.function.arguments for call in choice.message.tool_calls or []]
                heard.final = choice.message.content, calls

    def responses(self, heard: Heard, is_helper: bool, model: str, prompt: str) -> None:
        asked = {"model": model, "input": prompt, "store": False}
        if not is_helper:
            with self.openai.responses.create(**asked, stream=True) as stream:
                for event in stream:
                    heard_responses(heard, event)
            return
        with self.openai.responses.stream(**asked) as stream:
            for event in stream:
                heard_responses(heard, event)
            if heard.end == "completed":
                heard.final = stream.get_final_response().output_text

    def messages(self, heard: Heard, is_helper: bool, model: str, prompt: str) -> None:
        asked = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 500}
        if not is_helper:
            with self.anthropic.messages.create(**asked, stream=True) as stream:
                for event in stream:
                    heard_messages(heard, event)
            return
        with self.anthropic.messages.stream(**asked) as stream:
            for event in stream:
                heard_messages(heard, event)
            heard.final = [block.model_dump() for block in stream.get_final_message().content]

    def gemini(self, heard: Heard, is_helper: bool, model: str, prompt: str) -> None:
        if is_helper:
            chunks = self.genai.chats.create(model=model).send_message_stream(prompt)
        else:
            chunks = self.genai.models.generate_content_stream(model=model, contents=prompt)
        for chunk in chunks:
            heard_gemini(heard, chunk)


CALLERS: dict[str, Callable[[Hearing, Heard, bool, str, str], None]] = {
    "chat": Hearing.chat,
    "responses": Hearing.responses,
    "messages": Hearing.messages,
    "gemini": Hearing.gemini,
}


def heard_chat(heard: Heard, chunk: openai.types.chat.ChatCompletionChunk) -> None:
    for choice in chunk.choices:
        # Where bytes pass as they are, one provider's content is a list of parts.
        content = choice.delta.content or ""
        heard.text += content if isinstance(content, str) else json.dumps(content)
        heard.thought += getattr(choice.delta, "reasoning_content", None) or ""
        heard.end = choice.finish_reason or heard.end
        for call in choice.delta.tool_calls or []:
            # Some count from one, some not at all.
            if call.id and call.id not in [known.id for known in heard.calls]:
                heard.calls.append(Call(call.id, call.function.name))
                heard.parts.append(call.index)
            heard.calls[heard.parts.index(call.index)].arguments += call.function.arguments or ""


CALLS = ("function_call", "custom_tool_call")


def heard_responses(heard: Heard, event: openai.types.responses.ResponseStreamEvent) -> None:
    assert heard.end is None, f"{event.type} after the end"
    match event.type:
        case "response.output_item.added":
            item = event.item
            heard.parts.append((event.output_index, item.type))
            if item.type in CALLS:
                heard.calls.append(Call(item.call_id, item.name))
        case "response.output_text.delta" | "response.refusal.delta":
            heard.text += event.delta
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            heard.thought += event.delta
        case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
            calls = [index for index, kind in heard.parts if kind in CALLS]
            heard.calls[calls.index(event.output_index)].arguments += event.delta
        case "error":
            raise Failed(event.message)
        case "response.failed":
            raise Failed(event.response.error.message)
        case type if type in ENDS:
            heard.end = event.response.status


def heard_messages(heard: Heard, event: anthropic.types.MessageStreamEvent) -> None:
    match event.type:
        case "message_start":
            # Calls out of running code come all at once, and the reason to stop with them.
            heard.stop = event.message.stop_reason
            for index, block in enumerate(event.message.content):
                heard_block(heard, index, block)
        case "content_block_start":
            heard_block(heard, event.index, event.content_block)
        case "content_block_delta" if event.delta.type == "text_delta":
            heard.text += event.delta.text
        case "content_block_delta" if event.delta.type == "thinking_delta":
            heard.thought += event.delta.thinking
        case "content_block_delta" if event.delta.type == "input_json_delta":
            calls = [index for index, kind in heard.parts if kind.endswith("tool_use")]
            heard.calls[calls.index(event.index)].arguments += event.delta.partial_json
        case "message_delta":
            heard.stop = event.delta.stop_reason or heard.stop
        case "message_stop":
            heard.end = heard.stop


def heard_block(heard: Heard, index: int, block: anthropic.types.ContentBlock) -> None:
    heard.parts.append((index, block.type))
    if block.type.endswith("tool_use"):
        heard.calls.append(Call(block.id, block.name, json.dumps(block.input) if block.input else ""))


def heard_gemini(heard: Heard, chunk: types.GenerateContentResponse) -> None:
    for candidate in chunk.candidates or []:
        for part in (candidate.content and candidate.content.parts) or []:
            if part.thought:
                heard.thought += part.text or ""
            else:
                heard.text += part.text or ""
            if call := part.function_call:
                more = [piece.model_dump_json() for piece in call.partial_args or []]
                heard.calls.append(Call(call.id, call.name, json.dumps([call.args, more])))
        heard.end = candidate.finish_reason.value if candidate.finish_reason else heard.end
