"""`openai`, Responses."""

import json

import openai
from openai.types.responses import Response

from harness.talks import clients
from harness.talks.told import SCHEMAS, Told, schema


class ResponsesTalk:
    """What came is part of the next input; `stored` names the response before it instead."""

    ways = ("whole", "events", "helper", "parse", "stored")

    def __init__(self, origin: str, key: str, model: str):
        self._responses = clients.of_openai(origin, key).responses
        self._model, self._input = model, []
        self._calls: list[tuple[str, str]] = []
        self._last: str | None = None

    def says(self, way: str, prompt: str) -> Told:
        self._input.append({"role": "user", "content": prompt})
        return self._ask(way)

    def answers(self, way: str, results: dict[str, str]) -> Told:
        results = [
            {"type": "function_call_output", "call_id": id, "output": results[name]} for id, name in self._calls
        ]
        self._input = results if way == "stored" else self._input + results
        return self._ask(way)

    def _ask(self, way: str) -> Told:
        tools = [
            {"type": "function", "name": name, "strict": True, "parameters": schema(argument)}
            for name, argument in SCHEMAS.items()
        ]
        asked = {"model": self._model, "input": self._input, "tools": tools}
        asked |= {"max_output_tokens": 500, "instructions": "Be brief.", "store": way == "stored"}
        match way:
            case "whole":
                response = self._responses.create(**asked)
            case "stored":
                response = self._responses.create(**asked, previous_response_id=self._last)
            case "parse":
                response = self._responses.parse(**asked)
            case "helper":
                with self._responses.stream(**asked) as stream:
                    for event in stream:
                        last = event
                    assert last.type in ENDS, f"quiet end: {last.type}"
                    response = last.response
            case "events":
                response = self._gather(self._responses.create(**asked, stream=True))
        if response.error:
            raise Failed(response.error.message)
        return self._told(response)

    def _gather(self, stream: openai.Stream) -> Response:
        """By hand, with every promise that its order makes."""
        number, items, response = 0, {}, None
        for event in stream:
            assert response is None, f"{event.type} after the end"
            assert event.sequence_number == number, event
            number += 1
            match event.type:
                case "response.output_item.added":
                    assert event.output_index == len(items)
                    items[event.output_index] = ""
                case "response.output_text.delta" | "response.function_call_arguments.delta":
                    items[event.output_index] += event.delta
                case "response.output_text.done":
                    assert items[event.output_index] == event.text
                case "response.function_call_arguments.done":
                    assert items[event.output_index] == event.arguments
                case "error":
                    raise Failed(event.message)
                case type if type in ENDS:
                    response = event.response
        assert response is not None, "quiet end: no last event"
        assert len(response.output) == len(items) or response.status == "failed"
        return response

    def _told(self, response: Response) -> Told:
        # As their documentation says: everything that came goes back.
        self._input = [*self._input, *response.output]
        self._last = response.id
        calls = [item for item in response.output if item.type == "function_call"]
        self._calls = [(call.call_id, call.name) for call in calls]
        reason = response.incomplete_details.reason if response.incomplete_details else None
        ends = {"max_output_tokens": "length", "content_filter": "filtered", None: "calls" if calls else "stop"}
        usage = response.usage
        reasoning = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
        return Told(
            text=response.output_text,
            thought="".join(reasoning),
            end=ends[reason],
            input=usage.input_tokens if usage else 0,
            output=usage.output_tokens if usage else 0,
            cached=usage.input_tokens_details.cached_tokens if usage else 0,
            calls=[(call.name, json.loads(call.arguments)) for call in calls],
        )


class Failed(Exception):
    """The client hands on an error inside a stream as an event."""


ENDS = ("response.completed", "response.incomplete", "response.failed")
