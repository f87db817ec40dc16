"""Every official client, in every way it asks, at a provider of every dialect: no field it needs is missing."""

import json
from collections.abc import Iterator

import anthropic
import openai
import pydantic
import pytest
from google import genai

from harness import dialects
from harness.dialects import UPSTREAMS, House, pairs
from harness.sdks import TALKS, WAYS

TEXT = 'I ask «Zürich» first:\n\t"both" \\ at  once.'
END = "Rain in Zürich, and it is 09:30."
RESULTS = {"weather": 'rain, 12 °C\n\t"soon" \\ over', "clock": "09:30"}
SCRIPT = [
    {
        "says": TEXT,
        "calls": [
            {"name": "weather", "arguments": {"city": 'Zü"rich\\ \n'}},
            {"name": "clock", "arguments": {"zone": "Asia/Shanghai"}},
        ],
    },
    {"expects": list(RESULTS.values()), "says": END},
]
PROMPT = "How is it in Zürich, and how late in Shanghai?"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with dialects.standing(tmp_path_factory.mktemp("house")) as built:
        yield built


@pytest.fixture(autouse=True)
def behaves(house: House) -> None:
    house.rehearsal.behave()


@pytest.mark.parametrize("caller, way, upstream", pairs(WAYS))
def test_a_task_with_tools(house: House, caller: str, way: str, upstream: str):
    house.rehearsal.misbehave("cached-2", script=SCRIPT)
    talk = TALKS[caller](house.gateway.url(""), house.key.secret, upstream)

    first = talk.says(way, PROMPT)
    assert (first.text, first.end) == (TEXT, "calls")
    assert first.calls == [(call["name"], call["arguments"]) for call in SCRIPT[0]["calls"]]

    last = talk.answers(way, RESULTS)
    assert (last.text, last.end, last.calls) == (END, "stop", []), "the results came back whole"
    words = len(PROMPT.split()) + len("Be brief.".split())
    for told in (first, last):
        assert told.cached == 2 and told.input >= words, told
    assert last.input > first.input and last.output == len(END.split())


@pytest.mark.parametrize("caller, way, upstream", pairs(WAYS))
def test_an_answer_that_is_cut_by_its_limit_says_so(house: House, caller: str, way: str, upstream: str):
    house.rehearsal.misbehave("words-600")
    talk = TALKS[caller](house.gateway.url(""), house.key.secret, upstream)
    if caller == "chat" and way in ("parse", "helper"):
        # Where tools are strict, these take no answer that ended early.
        with pytest.raises(openai.LengthFinishReasonError):
            talk.says(way, PROMPT)
        return
    told = talk.says(way, PROMPT)
    assert told.end == "length" and told.output == len(told.text.split()) == 500


@pytest.mark.parametrize("caller, way, upstream", pairs(WAYS))
def test_thoughts_are_kept_apart(house: House, caller: str, way: str, upstream: str):
    house.rehearsal.misbehave("reasoning-5-words-6")
    talk = TALKS[caller](house.gateway.url(""), house.key.secret, upstream)
    told = talk.says(way, PROMPT)
    assert told.text.startswith("You said:") and len(told.text.split()) == 6 and told.output == 11
    if caller != "chat":
        assert len(told.thought.split()) == 5


class Weather(pydantic.BaseModel):
    """Where it is how warm."""

    city: str
    degrees: int


@pytest.mark.parametrize("upstream", UPSTREAMS)
class TestTypedHelpers:
    """What the clients make of an answer that is to follow a schema, and of tools they run themselves."""

    JSON = '{"city": "Zürich", "degrees": 12}'

    @pytest.fixture(autouse=True)
    def says_json(self, house: House) -> None:
        house.rehearsal.misbehave("honest", script=[{"says": self.JSON}])

    def test_chat_parse(self, house: House, upstream: str):
        client = openai.OpenAI(base_url=house.gateway.url(), api_key=house.key.secret, max_retries=0)
        asked = {"model": upstream, "messages": [{"role": "user", "content": PROMPT}], "response_format": Weather}
        whole = client.chat.completions.parse(**asked).choices[0].message.parsed
        with client.chat.completions.stream(**asked) as stream:
            streamed = stream.get_final_completion().choices[0].message.parsed
        assert whole == streamed == Weather(city="Zürich", degrees=12)

    def test_responses_parse(self, house: House, upstream: str):
        client = openai.OpenAI(base_url=house.gateway.url(), api_key=house.key.secret, max_retries=0)
        asked = {"model": upstream, "input": PROMPT, "text_format": Weather}
        whole = client.responses.parse(**asked).output_parsed
        with client.responses.stream(**asked) as stream:
            streamed = stream.get_final_response().output_parsed
        assert whole == streamed == Weather(city="Zürich", degrees=12)

    def test_gemini_schema(self, house: House, upstream: str):
        options = genai.types.HttpOptions(base_url=house.gateway.url(""))
        client = genai.Client(api_key=house.key.secret, http_options=options)
        config = {"response_mime_type": "application/json", "response_schema": Weather}
        whole = client.models.generate_content(model=upstream, contents=PROMPT, config=config)
        assert whole.parsed == Weather(city="Zürich", degrees=12)

    @pytest.mark.parametrize("is_streamed", [False, True])
    def test_gemini_calls_functions_itself(self, house: House, upstream: str, is_streamed: bool):
        # Their client puts what a function returns under `result`, which models of other dialects are told as JSON.
        returned = lambda told: told if upstream == "gemini" else json.dumps({"result": told})
        last = SCRIPT[1] | {"expects": [returned(told) for told in RESULTS.values()]}
        house.rehearsal.misbehave("honest", script=[SCRIPT[0], last])
        options = genai.types.HttpOptions(base_url=house.gateway.url(""))
        client = genai.Client(api_key=house.key.secret, http_options=options)
        heard = []

        def weather(city: str) -> str:
            """How it is there."""
            heard.append(city)
            return RESULTS["weather"]

        def clock(zone: str) -> str:
            """How late it is there."""
            heard.append(zone)
            return RESULTS["clock"]

        asked = {"model": upstream, "contents": PROMPT, "config": {"tools": [weather, clock]}}
        if is_streamed:
            told = "".join(chunk.text or "" for chunk in client.models.generate_content_stream(**asked))
        else:
            told = client.models.generate_content(**asked).text
        assert told.endswith(END)
        assert heard == [value for call in SCRIPT[0]["calls"] for value in call["arguments"].values()]

    def test_messages_parse(self, house: House, upstream: str):
        client = anthropic.Anthropic(base_url=house.gateway.url(""), api_key=house.key.secret, max_retries=0)
        asked = {"model": upstream, "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
        whole = client.messages.parse(**asked, output_format=Weather).parsed_output
        with client.messages.stream(**asked, output_format=Weather) as stream:
            streamed = stream.get_final_message().parsed_output
        assert whole == streamed == Weather(city="Zürich", degrees=12)

    @pytest.mark.parametrize("is_streamed", [False, True])
    def test_messages_tool_runner(self, house: House, upstream: str, is_streamed: bool):
        house.rehearsal.misbehave("honest", script=SCRIPT)
        client = anthropic.Anthropic(base_url=house.gateway.url(""), api_key=house.key.secret, max_retries=0)
        heard = []

        @anthropic.beta_tool
        def weather(city: str) -> str:
            """How it is there."""
            heard.append(city)
            return RESULTS["weather"]

        @anthropic.beta_tool
        def clock(zone: str) -> str:
            """How late it is there."""
            heard.append(zone)
            return RESULTS["clock"]

        runner = client.beta.messages.tool_runner(
            model=upstream,
            max_tokens=500,
            tools=[weather, clock],
            messages=[{"role": "user", "content": PROMPT}],
            stream=is_streamed,
        )
        last = None
        for step in runner:
            last = step.get_final_message() if is_streamed else step
        assert last.content[0].text == END
        assert heard == [value for call in SCRIPT[0]["calls"] for value in call["arguments"].values()]

