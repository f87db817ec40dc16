"""`openai`, chat completions."""

import json

import openai

from harness.talks import clients
from harness.talks.told import SCHEMAS, Told, schema


class ChatTalk:
    """`openai`, chat completions."""

    ways = ("whole", "events", "helper", "parse")
    ENDS = {"stop": "stop", "tool_calls": "calls", "length": "length", "content_filter": "filtered"}

    def __init__(self, origin: str, key: str, model: str):
        self._completions = clients.of_openai(origin, key).chat.completions
        self._model, self._messages = model, []
        self._calls: list[tuple[str, str]] = []

    def says(self, way: str, prompt: str) -> Told:
        self._messages += [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
        return self._ask(way)

    def answers(self, way: str, results: dict[str, str]) -> Told:
        for id, name in self._calls:
            self._messages.append({"role": "tool", "tool_call_id": id, "content": results[name]})
        return self._ask(way)

    def _ask(self, way: str) -> Told:
        about = {"type": "function"}
        tools = [
            about | {"function": {"name": name, "strict": True, "parameters": schema(argument)}}
            for name, argument in SCHEMAS.items()
        ]
        asked = {"model": self._model, "messages": self._messages, "tools": tools, "max_completion_tokens": 500}
        counted = {"stream_options": {"include_usage": True}}
        match way:
            case "whole":
                completion = self._completions.create(**asked)
            case "parse":
                completion = self._completions.parse(**asked)
            case "helper":
                with self._completions.stream(**asked, **counted) as stream:
                    for _ in stream:
                        pass
                    completion = stream.get_final_completion()
            case "events":
                return self._gather(self._completions.create(**asked, **counted, stream=True))
        message = completion.choices[0].message
        self._messages.append(message)
        calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []]
        return self._told(message.content, completion.choices[0].finish_reason, completion.usage, calls)

    def _gather(self, stream: openai.Stream) -> Told:
        text, end, usage, calls = "", None, None, {}
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                end = choice.finish_reason or end
                for call in choice.delta.tool_calls or []:
                    known = calls.setdefault(call.index, [call.id, call.function.name, ""])
                    known[2] += call.function.arguments or ""
        made = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls.values()]
        self._messages.append({"role": "assistant", "content": text or None} | ({"tool_calls": made} if made else {}))
        return self._told(text, end, usage, list(calls.values()))

    def _told(self, text: str | None, end: str | None, usage: object, calls: list) -> Told:
        assert end is not None, "quiet end: no finish reason"
        self._calls = [(id, name) for id, name, _ in calls]
        told = Told(text or "", self.ENDS[end], input=0, output=0)
        if usage:
            told.input, told.output = usage.prompt_tokens, usage.completion_tokens
            told.cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
        told.calls = [(name, json.loads(arguments)) for _, name, arguments in calls]
        return told
