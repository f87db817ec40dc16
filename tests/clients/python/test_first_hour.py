"""The first hour of a newcomer: scripts that exist, with nothing changed but key and base URL."""

import asyncio
import random

import anthropic
import openai
import pytest
from openai import APIConnectionError, OpenAI, RateLimitError

from harness import calls
from harness.http_json import request
from harness.stage import Stage


def test_a_weighted_choice_over_model_names(stage: Stage):
    client = OpenAI(api_key=stage.key.secret, base_url=stage.gateway.url())
    models = ["alpha-model", "beta-model"]
    weights = [0.6, 0.4]
    for _ in range(5):
        model = random.choices(models, weights)[0]
        response = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello!"}])
        assert response.choices[0].message.content
        # The name of the model that answered, as its provider says it.
        assert response.model == "rehearsal"


def test_a_safe_completion_that_walks_a_list(stage: Stage):
    client = OpenAI(api_key=stage.key.secret, base_url=stage.gateway.url(), max_retries=0)

    def safe_completion(models: list[str], prompt: str) -> str | None:
        for model in models:
            try:
                response = client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])
                return response.choices[0].message.content
            except RateLimitError:
                continue
            except APIConnectionError:
                continue
        return None

    stage.alpha.misbehave("429-retry-after-30")
    assert safe_completion(["alpha-model", "beta-model"], "Hello!")


def test_a_stream_printed_as_it_comes(stage: Stage, capsys: pytest.CaptureFixture[str]):
    client = OpenAI(api_key=stage.key.secret, base_url=stage.gateway.url())
    stream = client.chat.completions.create(model="team", messages=[{"role": "user", "content": "Hello!"}], stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content is not None:
            print(chunk.choices[0].delta.content, end="")
    assert len(capsys.readouterr().out.split()) > 5


def test_the_streams_helper_of_the_client(stage: Stage):
    with stage.client.chat.completions.stream(model="team", messages=[{"role": "user", "content": "Hello!"}]) as stream:
        for _ in stream:
            pass
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content and completion.choices[0].finish_reason == "stop"


def test_a_legacy_completion(stage: Stage):
    answer = stage.client.completions.create(model="team", prompt="Once upon a time")
    assert answer.choices[0].text
    stream = stage.client.completions.create(model="team", prompt="Once upon a time", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == answer.choices[0].text


def test_an_async_client(stage: Stage):
    async def together() -> list[str]:
        client = openai.AsyncOpenAI(api_key=stage.key.secret, base_url=stage.gateway.url())
        async with client:
            ask = client.chat.completions.create
            asked = [ask(model="shared", messages=[{"role": "user", "content": f"{n}"}]) for n in range(20)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    assert all(asyncio.run(together()))


BASES = ["/v1", "/v1/", "/api", "/api/v1", "/api/", "", "/v1/v1", "/api/v1/v1", "/anthropic/v1", "/anthropic"]


@pytest.mark.parametrize("base", BASES)
def test_every_base_path_is_the_same_place(stage: Stage, base: str):
    client = OpenAI(api_key=stage.key.secret, base_url=stage.gateway.url(base))
    calls.ask(client, "team").whole()
    calls.stream(client, "team").whole()
    assert "team" in {model.id for model in client.models.list()}


def test_models_for_both_clients(stage: Stage):
    expected = {"team", "shared", "widening", "alpha-model", "beta-model", "beta-wide"}
    theirs = anthropic.Anthropic(api_key=stage.key.secret, base_url=stage.gateway.url(""))
    assert expected <= {model.id for model in stage.client.models.list()}
    assert expected <= {model.id for model in theirs.models.list()}

    assert stage.client.models.retrieve("team").object == "model"
    detail = theirs.models.retrieve("alpha-model")
    assert (detail.id, detail.type) == ("alpha-model", "model") and detail.display_name and detail.created_at

    with pytest.raises(openai.NotFoundError):
        stage.client.models.retrieve("no-such-model")
    with pytest.raises(anthropic.NotFoundError):
        theirs.models.retrieve("no-such-model")


def test_a_key_in_any_of_the_three_headers(stage: Stage):
    models, secret = stage.gateway.url("/v1/models"), stage.key.secret
    for headers in ({"authorization": f"Bearer {secret}"}, {"x-api-key": secret}, {"x-goog-api-key": secret}):
        assert request("GET", models, headers=headers).status == 200, headers.keys()
    assert request("GET", models).status == 401


def test_a_pool_keeps_to_its_weights(stage: Stage):
    """Ten slots at 0.6 and 0.4: six and four, whatever the prompts."""
    answers = [stage.stream("shared", "The same prompt.").whole() for _ in range(10)]
    served = [answer.deployment.split("/")[0] for answer in answers]
    assert 5 <= served.count("alpha") <= 7, served


def test_streamed_and_whole_answers_agree(stage: Stage):
    whole, streamed = stage.ask(prompt="Agree.").whole(), stage.stream(prompt="Agree.").whole()
    assert whole.text == streamed.text and whole.finish == streamed.finish == "stop"
    assert whole.usage.completion_tokens == len(whole.text.split())
    assert whole.model == streamed.model == "rehearsal", "the model that answered is named, not the pool"
