"""`google-genai`, `generateContent`."""

from google import genai
from google.genai import types

from harness.talks.told import SCHEMAS, Told, schema


class GeminiTalk:
    """Contents in turns, and a chat of the client's own that keeps them."""

    ways = ("whole", "events", "helper", "helper-events")
    ENDS = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "filtered"}

    def __init__(self, origin: str, key: str, model: str):
        options = types.HttpOptions(base_url=origin, retry_options=types.HttpRetryOptions(attempts=1))
        self._client, self._contents = genai.Client(api_key=key, http_options=options), []
        tools = [
            types.FunctionDeclaration(name=name, parameters_json_schema=schema(argument))
            for name, argument in SCHEMAS.items()
        ]
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=tools)],
            max_output_tokens=500,
            system_instruction="Be brief.",
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        self._asked = {"model": model, "config": config}
        self._chat = self._client.chats.create(**self._asked)
        self._calls: list[types.FunctionCall] = []

    def says(self, way: str, prompt: str) -> Told:
        return self._ask(way, [types.Part.from_text(text=prompt)])

    def answers(self, way: str, results: dict[str, str]) -> Told:
        def part(call: types.FunctionCall) -> types.Part:
            answer = types.FunctionResponse(id=call.id, name=call.name, response={"output": results[call.name]})
            return types.Part(function_response=answer)

        return self._ask(way, [part(call) for call in self._calls])

    def _ask(self, way: str, parts: list[types.Part]) -> Told:
        self._contents.append(types.Content(role="user", parts=parts))
        models = self._client.models
        match way:
            case "whole":
                chunks = [models.generate_content(**self._asked, contents=self._contents)]
            case "events":
                chunks = list(models.generate_content_stream(**self._asked, contents=self._contents))
            case "helper":
                chunks = [self._chat.send_message(parts)]
            case "helper-events":
                chunks = list(self._chat.send_message_stream(parts))
        candidates = [candidate for chunk in chunks for candidate in chunk.candidates or []]
        parts = [part for one in candidates if one.content for part in one.content.parts or []]
        self._contents.append(types.Content(role="model", parts=parts))
        ends = [candidate.finish_reason for candidate in candidates if candidate.finish_reason]
        assert ends, "quiet end: no finish reason"
        return self._told(parts, ends[-1].value, [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1])

    def _told(self, parts: list[types.Part], end: str, usage: types.GenerateContentResponseUsageMetadata) -> Told:
        self._calls = [part.function_call for part in parts if part.function_call]
        return Told(
            text="".join(part.text for part in parts if part.text and not part.thought),
            thought="".join(part.text for part in parts if part.text and part.thought),
            end="calls" if self._calls else self.ENDS[end],
            input=usage.prompt_token_count,
            output=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            cached=usage.cached_content_token_count or 0,
            calls=[(call.name, call.args) for call in self._calls],
        )
