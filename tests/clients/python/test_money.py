"""Money as callers see it through the official client: what an answer cost, and where the money ends."""

import openai
import pytest

from harness import calls
from harness.calls import Answer
from harness.http_json import request
from harness.stage import Stage
from harness.waiting import until


def paying(stage: Stage, usd: str) -> openai.OpenAI:
    """A client whose account has paid so much in advance."""
    stage.gateway.cli("accounts", "create", "payer", "--prepaid")
    stage.gateway.cli("accounts", "credit", "payer", usd, "--reason", "test")
    key = stage.gateway.create_key(account="payer")
    return openai.OpenAI(base_url=stage.gateway.url(), api_key=key.secret)


def balance_of(stage: Stage, client: openai.OpenAI) -> dict:
    """What the caller is told of its own money."""
    return request("GET", stage.gateway.url("/v1/balance"), headers={"authorization": f"Bearer {client.api_key}"}).json()


def cost_of(answer: Answer) -> float:
    """By hand, at 1 and 2 USD for a million tokens."""
    return (answer.usage.prompt_tokens + 2 * answer.usage.completion_tokens) / 1e6


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_says_what_it_cost(stage: Stage, streamed: bool):
    if streamed:
        answer = stage.stream("beta-model", stream_options={"include_usage": True}).whole()
    else:
        answer = stage.ask("beta-model").whole()
        assert float(answer.headers["x-roundelay-cost"]) == cost_of(answer)
    assert answer.usage.model_extra["cost"] == cost_of(answer)


@pytest.mark.parametrize("call", [calls.ask, calls.stream])
def test_who_has_no_money_is_told_what_is_short_and_not_tried_again(stage: Stage, call):
    client = paying(stage, "0.000001")
    error = call(client, "beta-model").failed(openai.APIStatusError).error
    assert (error.status_code, error.code, error.type) == (402, "insufficient_balance", "insufficient_quota")
    assert "`payer`" in error.message and "top it up" in error.message
    assert stage.beta.seen() == 0, "nothing was sent, and the client did not ask again"


@pytest.mark.parametrize("scenario", ["words-3000-slow-words-1ms", "words-3000-deaf-slow-words-1ms"])
def test_a_stream_ends_where_the_money_does(stage: Stage, scenario: str):
    """Also where the provider does not keep to the ceiling that it is told."""
    client = paying(stage, "0.003")
    stage.beta.misbehave(scenario)
    answer = calls.stream(client, "beta-model").whole()
    assert answer.finish == "length"
    assert 100 < len(answer.text.split()) < 1500, "the money is for fewer than 1,500 tokens"
    balance = balance_of(stage, client)
    assert 0 <= float(balance["balance"]) < 0.003, balance
    until(lambda: stage.gateway.cli("audit")["consistent"], 5, "the books are right")
