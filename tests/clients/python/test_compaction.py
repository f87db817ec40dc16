"""A conversation is compacted by OpenAI's own client, and goes on from what that gave, at any model."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import openai
import pytest

from harness import dialects, tales
from harness.dialects import House, PROVIDERS
from harness.gateway import Gateway
from harness.rehearsal import Rehearsal

TOLD = tales.tale(turns=24, facts=16, words=40)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Beside each model there is a `scribe-…`, whose summaries have every fact that it was told."""
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as at_end:
        rehearsal = Rehearsal("rehearsal", folder)
        at_end.callback(rehearsal.kill)
        rehearsal.start()
        rehearsal.teach("scribe", summarises="FACT")
        text = dialects.PATIENT
        for name in PROVIDERS:
            text += dialects.provider(name, name, rehearsal.origin)
            text += f'[models.scribe-{name}]\ndeployments = ["{name}/scribe"]\nprice = {{ input = 1.0, output = 2.0 }}\n'
        gateway = Gateway(folder, text)
        at_end.callback(gateway.kill)
        gateway.start()
        yield House(rehearsal, gateway, gateway.create_key())


def client_of(house: House) -> openai.OpenAI:
    return openai.OpenAI(base_url=house.gateway.url(), api_key=house.key.secret, max_retries=0)


@pytest.mark.parametrize("maker", PROVIDERS)
def test_what_one_model_compacted_goes_on_at_every_other(house: House, maker: str):
    client = client_of(house)
    raw = client.responses.with_raw_response.compact(
        model=f"scribe-{maker}", input=tales.as_responses(TOLD), instructions="Be brief."
    )
    compacted = raw.parse()
    assert compacted.object == "response.compaction" and compacted.id.startswith("resp_")
    *messages, item = compacted.output
    assert item.type == "compaction" and item.id and "FACT" not in item.encrypted_content
    assert [message.role for message in messages] == ["user"] * (len(TOLD.turns) + 1)
    assert messages[-1].content[0].text == tales.LAST
    usage = compacted.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0
    cost = (usage.input_tokens + usage.output_tokens * 2) / 1_000_000
    assert abs(float(raw.headers["x-roundelay-cost"]) - cost) < 1e-9

    said = [part.model_dump(exclude_unset=True) for part in compacted.output]
    for next_model in PROVIDERS:
        question = {"role": "user", "content": "And now?"}
        answer = client.responses.create(model=next_model, input=[*said, question], instructions="Be brief.")
        assert answer.status == "completed" and answer.output_text
        told = tales.texts(house.rehearsal.last_body())
        assert TOLD.known_to(told) == len(TOLD.facts), f"{maker} to {next_model}"
        assert "rlc1-" not in told and "Notes of the conversation" in told
        with client.responses.stream(model=next_model, input=[*said, question]) as stream:
            stream.until_done()
            assert stream.get_final_response().status == "completed"


def test_stored_responses_are_compacted_by_their_name(house: House):
    client = client_of(house)
    first = client.responses.create(model="chat", input=f"Remember: {TOLD.facts[0]}")
    second = client.responses.create(model="gemini", input="What else?", previous_response_id=first.id)
    compacted = client.responses.compact(model="scribe-messages", previous_response_id=second.id)
    assert [item.type for item in compacted.output] == ["message", "message", "compaction"]
    items = [item.model_dump(exclude_unset=True) for item in compacted.output]
    third = client.responses.create(model="responses", input=[*items, {"role": "user", "content": "And now?"}])
    fourth = client.responses.create(model="chat", input="And then?", previous_response_id=third.id)
    told = tales.texts(house.rehearsal.last_body())
    assert fourth.status == "completed" and "Notes of the conversation" in told and "And then?" in told


def test_an_item_of_another_account_is_refused_by_its_name(house: House):
    compacted = client_of(house).responses.compact(model="scribe-chat", input="Remember FACT 1: blue.")
    items = [item.model_dump(exclude_unset=True) for item in compacted.output]
    house.gateway.cli("accounts", "create", "stranger")
    stranger = openai.OpenAI(
        base_url=house.gateway.url(), api_key=house.gateway.create_key(account="stranger").secret, max_retries=0
    )
    with pytest.raises(openai.BadRequestError) as refused:
        stranger.responses.create(model="chat", input=items)
    assert refused.value.code == "invalid_encrypted_content" and refused.value.param == "input"
