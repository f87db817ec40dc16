"""Google's official client, at providers that speak OpenAI's dialect: its own types, streams, tools and errors."""

import pytest
from google import genai
from google.genai import errors, types

from harness.stage import Stage

QUESTION = "Tell me of the sea."
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}}
        )
    ]
)


def client(stage: Stage, key: str | None = None, **options: object) -> genai.Client:
    """Closed when nobody holds on to it any more, in the middle of a stream as well."""
    options = {"base_url": stage.gateway.url(""), **options}
    return genai.Client(api_key=key or stage.key.secret, http_options=types.HttpOptions(**options))


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_an_answer_in_both_versions(stage: Stage, version: str):
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=500)
    theirs = client(stage, api_version=version)
    answer = theirs.models.generate_content(model="team", contents=QUESTION, config=config)
    assert answer.text and answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.prompt_token_count > 0 and usage.candidates_token_count == len(answer.text.split())


def test_a_stream(stage: Stage):
    theirs = client(stage)
    chunks = list(theirs.models.generate_content_stream(model="team", contents=QUESTION))
    text = "".join(chunk.text or "" for chunk in chunks)
    assert text and chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count == len(text.split())


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_conversation_with_tools(stage: Stage, is_streamed: bool):
    stage.alpha.misbehave("tool-calls-2")
    theirs = client(stage)
    config = types.GenerateContentConfig(
        tools=[WEATHER], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    contents = [types.UserContent(QUESTION)]
    asked = {"model": "alpha-model", "contents": contents, "config": config}
    if is_streamed:
        answers = list(theirs.models.generate_content_stream(**asked))
    else:
        answers = [theirs.models.generate_content(**asked)]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
    calls = [part.function_call for part in parts if part.function_call]
    assert len(calls) == 2 and len({call.id for call in calls}) == 2
    assert all(call.name and isinstance(call.args, dict) for call in calls)
    contents += [
        types.ModelContent(parts),
        types.UserContent(
            [
                types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"sun": True}))
                for call in calls
            ]
        ),
    ]
    stage.alpha.misbehave("words-5")
    answer = theirs.models.generate_content(**asked)
    assert len(answer.text.split()) == 5


def test_a_chat_goes_on(stage: Stage):
    theirs = client(stage)
    chat = theirs.chats.create(model="team")
    assert chat.send_message(QUESTION).text
    assert "".join(chunk.text or "" for chunk in chat.send_message_stream("And of the land?"))
    assert len(chat.get_history()) >= 4


def test_a_provider_that_fails_is_replaced(stage: Stage):
    stage.alpha.misbehave("503")
    theirs = client(stage)
    stream = theirs.models.generate_content_stream(model="team", contents=QUESTION)
    assert "".join(chunk.text or "" for chunk in stream)


def test_a_stream_that_breaks_off_raises(stage: Stage):
    stage.alpha.misbehave("cut-after-3")
    theirs, text = client(stage), ""
    with pytest.raises(errors.APIError):
        for chunk in theirs.models.generate_content_stream(model="alpha-model", contents=QUESTION):
            text += chunk.text or ""
    assert text


def test_errors_have_their_own_types(stage: Stage):
    def refused(model: str, key: str | None = None) -> errors.APIError:
        theirs = client(stage, key)
        with pytest.raises(errors.APIError) as caught:
            theirs.models.generate_content(model=model, contents=QUESTION)
        return caught.value

    unknown = refused("no-such-model")
    assert isinstance(unknown, errors.ClientError) and (unknown.code, unknown.status) == (404, "NOT_FOUND")
    assert refused("team", "rl-nobody").status == "UNAUTHENTICATED"
    stage.alpha.misbehave("429-retry-after-30")
    limited = refused("alpha-model")
    assert (limited.code, limited.status) == (429, "RESOURCE_EXHAUSTED")
    assert any(detail["@type"].endswith("RetryInfo") for detail in limited.details["error"]["details"])
    stage.beta.misbehave("503")
    assert isinstance(refused("beta-model"), errors.ServerError)


def test_tokens_are_counted_and_models_listed(stage: Stage):
    theirs = client(stage)
    assert theirs.models.count_tokens(model="team", contents=QUESTION).total_tokens > 0
    assert "models/team" in [model.name for model in theirs.models.list()]
    assert theirs.models.get(model="team").name == "models/team"
