"""Anthropic's official client, at providers that speak OpenAI's dialect: its own types, streams and errors."""

import anthropic
import pytest

from harness.stage import Stage

QUESTION = [{"role": "user", "content": "Tell me of the sea."}]
WEATHER = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


def client(stage: Stage, **options: object) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=stage.key.secret, base_url=stage.gateway.url(""), max_retries=0, **options)


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("base", ["", "/anthropic"])
def test_an_answer_in_both_versions(stage: Stage, version: str, base: str):
    theirs = anthropic.Anthropic(
        api_key=stage.key.secret, base_url=stage.gateway.url(base), default_headers={"anthropic-version": version}
    )
    answer = theirs.messages.create(model="team", max_tokens=500, system="Be brief.", messages=QUESTION)
    assert answer.type == "message" and answer.role == "assistant" and answer.content[0].type == "text"
    assert answer.stop_reason == "end_turn" and answer.usage.input_tokens > 0
    assert answer.usage.output_tokens == len(answer.content[0].text.split())


def test_the_streams_helper_of_the_client(stage: Stage):
    with client(stage).messages.stream(model="team", max_tokens=500, messages=QUESTION) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    assert text and answer.content[0].text == text
    assert answer.stop_reason == "end_turn" and answer.usage.output_tokens == len(text.split())


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tools_are_called_with_whole_arguments(stage: Stage, is_streamed: bool):
    stage.alpha.misbehave("tool-calls-2")
    asked = {"model": "alpha-model", "max_tokens": 500, "tools": [WEATHER], "messages": QUESTION}
    if is_streamed:
        with client(stage).messages.stream(**asked) as stream:
            answer = stream.get_final_message()
    else:
        answer = client(stage).messages.create(**asked)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert len(calls) == 2 and answer.stop_reason == "tool_use"
    assert all(call.id and call.name and isinstance(call.input, dict) for call in calls)


def test_a_provider_that_fails_is_replaced(stage: Stage):
    stage.alpha.misbehave("503")
    with client(stage).messages.stream(model="team", max_tokens=500, messages=QUESTION) as stream:
        assert "".join(stream.text_stream)


def test_a_stream_that_breaks_off_raises(stage: Stage):
    stage.alpha.misbehave("cut-after-3")
    with pytest.raises(anthropic.APIError):
        with client(stage).messages.stream(model="alpha-model", max_tokens=500, messages=QUESTION) as stream:
            for _ in stream.text_stream:
                pass


def test_errors_have_their_own_types(stage: Stage):
    ask = {"max_tokens": 9, "messages": QUESTION}
    with pytest.raises(anthropic.NotFoundError) as unknown:
        client(stage).messages.create(model="no-such-model", **ask)
    assert unknown.value.body["error"]["type"] == "not_found_error"
    assert unknown.value.request_id == unknown.value.response.headers["x-roundelay-exchange"]
    with pytest.raises(anthropic.BadRequestError):
        client(stage).messages.create(model="team", max_tokens=9, messages="text")
    stranger = anthropic.Anthropic(api_key="rl-nobody", base_url=stage.gateway.url(""), max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model="team", **ask)
    stage.alpha.misbehave("429-retry-after-30")
    with pytest.raises(anthropic.RateLimitError):
        client(stage).messages.create(model="alpha-model", **ask)


def test_tokens_are_counted_before_they_are_sent(stage: Stage):
    assert client(stage).messages.count_tokens(model="team", messages=QUESTION).input_tokens > 0
