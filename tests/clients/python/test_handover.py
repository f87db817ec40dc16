"""A long conversation moves from a failed model with a wide window to one with a narrow one, by every client."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anthropic
import openai
import pytest
from google import genai

from harness import dialects, tales
from harness.dialects import PATIENT, PROVIDERS, pairs
from harness.gateway import Gateway, Key
from harness.rehearsal import Rehearsal
from harness.tales import Tale
from harness.waiting import until

LENGTH = {"turns": 60, "facts": 40, "words": 80}
SCHEMA = {"type": "object", "properties": {"at": {"type": "integer"}}}
SUMMARISED = '[handover]\nsummariser = "scribe"\nsummary_max = 2000\n'


@dataclass
class House:
    """Pools are called `to-chat` and so on: a model for 200,000 tokens, then one for 8,000 of that dialect."""

    wide: Rehearsal
    narrow: Rehearsal
    gateway: Gateway
    key: Key


@contextmanager
def standing(folder: Path, more: str) -> Iterator[House]:
    folder.mkdir()
    with ExitStack() as at_end:
        wide, narrow = Rehearsal("wide", folder), Rehearsal("narrow", folder)
        for rehearsal in (wide, narrow):
            at_end.callback(rehearsal.kill)
            rehearsal.start()
        gateway = Gateway(folder, PATIENT + more + configuration(wide, narrow))
        at_end.callback(gateway.kill)
        gateway.start()
        narrow.misbehave("window-8000")
        wide.teach("scribe-model", summarises="FACT")
        yield House(wide, narrow, gateway, gateway.create_key())


def configuration(wide: Rehearsal, narrow: Rehearsal) -> str:
    text = dialects.provider("chat", "wide", wide.origin).replace("1000000", "200000")
    text += '[models.scribe]\ndeployments = ["wide/scribe-model"]\ncontext_window = 200000\n'
    for dialect in PROVIDERS:
        text += dialects.provider(dialect, dialect, narrow.origin).replace("1000000", "8000")
        text += f'[pools.to-{dialect}]\nmembers = {{ wide = 2, {dialect} = 1 }}\nstrategy = "priority"\n'
    return text


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with standing(tmp_path_factory.mktemp("house") / "it", SUMMARISED) as built:
        yield built


@pytest.fixture(scope="module")
def without_summariser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with standing(tmp_path_factory.mktemp("house") / "it", "") as built:
        yield built


@dataclass
class Heard:
    """What a client was told."""

    text: str
    handover: str | None


def by_chat(house: House, model: str, told: Tale) -> Heard:
    client = openai.OpenAI(base_url=house.gateway.url(), api_key=house.key.secret, max_retries=0)
    tools = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
    asked = client.chat.completions.with_raw_response
    raw = asked.create(model=model, messages=tales.as_chat(told), tools=tools, max_completion_tokens=500)
    return Heard(raw.parse().choices[0].message.content, raw.headers.get("x-roundelay-handover"))


def by_responses(house: House, model: str, told: Tale) -> Heard:
    client = openai.OpenAI(base_url=house.gateway.url(), api_key=house.key.secret, max_retries=0)
    tools = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
    asked = client.responses.with_raw_response
    raw = asked.create(
        model=model, input=tales.as_responses(told), tools=tools, max_output_tokens=500, instructions="Be brief."
    )
    return Heard(raw.parse().output_text, raw.headers.get("x-roundelay-handover"))


def by_messages(house: House, model: str, told: Tale) -> Heard:
    client = anthropic.Anthropic(base_url=house.gateway.url(""), api_key=house.key.secret, max_retries=0)
    tools = [{"name": "look", "input_schema": SCHEMA}]
    asked = client.messages.with_raw_response
    raw = asked.create(model=model, messages=tales.as_messages(told), tools=tools, max_tokens=500, system="Be brief.")
    return Heard(raw.parse().content[0].text, raw.headers.get("x-roundelay-handover"))


def by_gemini(house: House, model: str, told: Tale) -> Heard:
    options = genai.types.HttpOptions(base_url=house.gateway.url(""))
    client = genai.Client(api_key=house.key.secret, http_options=options)
    tool = genai.types.FunctionDeclaration(name="look", parameters_json_schema=SCHEMA)
    config = genai.types.GenerateContentConfig(
        tools=[genai.types.Tool(function_declarations=[tool])],
        max_output_tokens=500,
        system_instruction="Be brief.",
        automatic_function_calling=genai.types.AutomaticFunctionCallingConfig(disable=True),
    )
    answer = client.models.generate_content(model=model, contents=tales.as_gemini(told), config=config)
    headers = {name.lower(): value for name, value in answer.sdk_http_response.headers.items()}
    return Heard(answer.text, headers.get("x-roundelay-handover"))


CALLERS: dict[str, Callable[[House, str, Tale], Heard]] = {
    "chat": by_chat,
    "responses": by_responses,
    "messages": by_messages,
    "gemini": by_gemini,
}
ROUTES = pairs([(caller,) for caller in CALLERS])


@pytest.mark.parametrize("caller, upstream", ROUTES)
def test_facts_survive_in_a_summary(house: House, caller: str, upstream: str, capsys: pytest.CaptureFixture):
    house.wide.misbehave("honest")
    seen = house.wide.counts()["models"].get("scribe-model", 0)
    # A conversation that nobody has had yet.
    told = tales.tale(**LENGTH, seed=ROUTES.index((caller, upstream)))
    # A summary is made of what is seen to grow.
    for so_far in (tales.Tale(told.turns[:-1], told.facts), told):
        first = CALLERS[caller](house, f"to-{upstream}", so_far)
        assert first.handover == "none" and house.wide.seen() > 0
    until(lambda: house.wide.counts()["models"].get("scribe-model", 0) > seen, 10, "a summary is asked for")
    until(lambda: is_ready(house, seen + 1), 10, "and is here")

    house.wide.misbehave("503")
    moved = CALLERS[caller](house, f"to-{upstream}", told)
    assert moved.text.startswith("You said: ") and LAST_WORDS in moved.text
    assert moved.handover == "summary"
    survived = told.known_to(heard_by(house.narrow))
    with capsys.disabled():
        print(f"\n{caller} to {upstream}: {survived} of {len(told.facts)} facts in a summary by rule")
    assert survived >= 0.9 * len(told.facts)


LAST_WORDS = "what shall we do now?"


def is_ready(house: House, made: int) -> bool:
    records = house.gateway.records()
    return sum(record["deployment"] == "wide/scribe-model" for record in records) >= made


def heard_by(rehearsal: Rehearsal) -> str:
    """All that a model was told last."""
    return tales.texts(rehearsal.last_body())


@pytest.mark.parametrize("caller, upstream", ROUTES)
def test_without_a_summary_an_extract_is_taken(
    without_summariser: House, caller: str, upstream: str, capsys: pytest.CaptureFixture
):
    house, told = without_summariser, tales.tale(**LENGTH)
    house.wide.misbehave("503")
    moved = CALLERS[caller](house, f"to-{upstream}", told)
    assert moved.handover == "extract" and LAST_WORDS in moved.text
    survived = told.known_to(heard_by(house.narrow))
    with capsys.disabled():
        print(f"\n{caller} to {upstream}: {survived} of {len(told.facts)} facts in an extract")
    assert survived >= 0.25 * len(told.facts)


@pytest.mark.parametrize("caller", CALLERS)
def test_what_nobody_could_have_taken_is_too_long(without_summariser: House, caller: str):
    long = tales.tale(turns=60, facts=1, words=1500)
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError, genai.errors.ClientError)) as failed:
        CALLERS[caller](without_summariser, "to-chat", long)
    assert "context" in str(failed.value) or "too long" in str(failed.value), failed.value
