"""`anthropic`, Messages."""

import json

import anthropic

from harness.talks import clients
from harness.talks.told import SCHEMAS, Told, schema


class MessagesTalk:
    """`anthropic`, Messages."""

    ways = ("whole", "events", "helper")
    ENDS = {"end_turn": "stop", "tool_use": "calls", "max_tokens": "length", "refusal": "filtered"}

    def __init__(self, origin: str, key: str, model: str):
        self._client = clients.of_anthropic(origin, key)
        self._model, self._messages = model, []
        self._calls: list[tuple[str, str]] = []

    def says(self, way: str, prompt: str) -> Told:
        self._messages.append({"role": "user", "content": prompt})
        return self._ask(way)

    def answers(self, way: str, results: dict[str, str]) -> Told:
        blocks = [{"type": "tool_result", "tool_use_id": id, "content": results[name]} for id, name in self._calls]
        self._messages.append({"role": "user", "content": blocks})
        return self._ask(way)

    def _ask(self, way: str) -> Told:
        tools = [{"name": name, "input_schema": schema(argument)} for name, argument in SCHEMAS.items()]
        asked = {"model": self._model, "messages": self._messages, "tools": tools, "max_tokens": 500, "system": "Be brief."}
        match way:
            case "whole":
                message = self._client.messages.create(**asked)
            case "helper":
                with self._client.messages.stream(**asked) as stream:
                    for _ in stream:
                        pass
                    message = stream.get_final_message()
            case "events":
                message = self._gather(self._client.messages.create(**asked, stream=True))
        assert message.stop_reason is not None, "quiet end: no stop reason"
        self._messages.append({"role": "assistant", "content": message.content})
        calls = [block for block in message.content if block.type == "tool_use"]
        self._calls = [(call.id, call.name) for call in calls]
        usage = message.usage
        cached = usage.cache_read_input_tokens or 0
        return Told(
            text="".join(block.text for block in message.content if block.type == "text"),
            thought="".join(block.thinking for block in message.content if block.type == "thinking"),
            end=self.ENDS[message.stop_reason],
            input=usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            output=usage.output_tokens,
            cached=cached,
            calls=[(call.name, call.input) for call in calls],
        )

    def _gather(self, stream: anthropic.Stream) -> anthropic.types.Message:
        """By hand, in the order that the protocol promises."""
        message, is_ended = None, False
        for event in stream:
            assert not is_ended, f"{event.type} after the end"
            match event.type:
                case "message_start":
                    message = event.message
                case "content_block_start":
                    assert event.index == len(message.content)
                    message.content.append(event.content_block)
                    arguments = ""
                case "content_block_delta" if event.delta.type == "text_delta":
                    message.content[event.index].text += event.delta.text
                case "content_block_delta" if event.delta.type == "input_json_delta":
                    arguments += event.delta.partial_json
                case "content_block_delta" if event.delta.type == "thinking_delta":
                    message.content[event.index].thinking += event.delta.thinking
                case "content_block_delta" if event.delta.type == "signature_delta":
                    message.content[event.index].signature = event.delta.signature
                case "content_block_stop" if message.content[event.index].type == "tool_use":
                    message.content[event.index].input = json.loads(arguments or "{}")
                case "message_delta":
                    message.stop_reason = event.delta.stop_reason
                    for name, count in event.usage.model_dump(exclude_none=True).items():
                        setattr(message.usage, name, count)
                case "message_stop":
                    is_ended = True
        assert is_ended, "quiet end: no message_stop"
        return message
