"""What is kept of an exchange, and what passes through untouched."""

import threading

import pytest

from harness.calls import Answer
from harness.http_json import request
from harness.stage import Stage
from harness.waiting import until


def test_every_answer_can_be_explained(stage: Stage):
    answer = stage.stream("shared").whole()
    record = stage.gateway.explain(answer.exchange)
    assert record["id"] == answer.exchange
    assert record["deployment"] == answer.deployment
    assert record["status"] == 200
    assert len(record["attempts"]) == answer.attempts == 1
    assert record["usage"]["output"] == len(answer.text.split())


def test_a_refusal_can_be_explained_too(stage: Stage):
    stage.alpha.misbehave("context-length-exceeded")
    answer = stage.stream("alpha-model").failed()
    assert stage.gateway.explain(answer.exchange)["status"] == 400


def test_the_explanation_is_readable_without_json(stage: Stage):
    answer = stage.stream().whole()
    shown = stage.gateway.command("explain", answer.exchange)
    assert shown.returncode == 0 and answer.exchange in shown.stdout and answer.deployment in shown.stdout


def test_an_unknown_exchange_is_said(stage: Stage):
    shown = stage.gateway.command("explain", "x_0000000000000")
    assert shown.returncode != 0 and "x_0000000000000" in shown.stderr


@pytest.mark.parametrize("streamed", [True, False])
def test_a_finished_exchange_survives_a_crash(stage: Stage, streamed: bool):
    for _ in range(5):
        answer = (stage.stream if streamed else stage.ask)().whole()
        stage.gateway.kill()
        stage.gateway.start()
        record = stage.gateway.explain(answer.exchange)
        assert record["usage"]["output"] == answer_words(answer)


def test_no_finished_exchange_is_lost_when_killed_under_load(stage: Stage):
    finished: list[Answer] = []

    def call() -> None:
        while True:
            answer = stage.stream()
            if answer.error or not answer.finish:
                return
            finished.append(answer)

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    until(lambda: len(finished) >= 100, 30, "a hundred answers")
    stage.gateway.kill()
    for caller in callers:
        caller.join(60)
    stage.gateway.start()
    # The newest are the ones a crash could lose.
    for answer in finished[-60:]:
        assert stage.gateway.explain(answer.exchange)["usage"]["output"] == answer_words(answer)


def test_keys_survive_a_restart(stage: Stage):
    assert stage.gateway.stop() == 0
    stage.gateway.start()
    stage.stream().whole()


def test_neither_keys_nor_prompts_are_written_down(stage: Stage):
    prompt = "The-password-is-swordfish-7141"
    stage.stream(prompt=prompt).whole()
    stage.ask("no-such-model", prompt=prompt).failed()
    stage.gateway.stop()
    folder = stage.gateway.data.parent
    for file in [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(("alpha", "beta"))]:
        content = file.read_bytes()
        assert b"swordfish-7141" not in content, f"a prompt in {file.name}"
        assert stage.key.secret.encode() not in content, f"a caller's key in {file.name}"
        if file != stage.gateway.config:
            assert b"alpha-secret" not in content, f"a provider's key in {file.name}"


def test_usage_is_hidden_from_who_did_not_ask(stage: Stage):
    assert stage.stream().whole().usage is None
    assert stage.alpha.last_body()["stream_options"]["include_usage"] is True, "asked for upstream"
    asked = stage.stream(stream_options={"include_usage": True}).whole()
    assert asked.usage.completion_tokens == len(asked.text.split())


def test_unknown_request_fields_pass(stage: Stage):
    unknown = {"x_tomorrow": {"deep": [1, 2.50, "ü", None]}, "top_k": 7}
    stage.ask("alpha-model", extra_body=unknown).whole()
    sent = stage.alpha.last_body()
    assert {name: sent[name] for name in unknown} == unknown
    assert sent["model"] == "rehearsal", "the upstream's own name"


def test_unknown_response_fields_pass(stage: Stage):
    stage.alpha.misbehave("huge-line-64")
    url, headers = stage.gateway.url("/v1/chat/completions"), {"authorization": f"Bearer {stage.key.secret}"}
    body = {"model": "alpha-model", "messages": [{"role": "user", "content": "Hello"}]}
    for more in ({}, {"stream": True}):
        reply = request("POST", url, body | more, headers)
        assert reply.status == 200 and len(reply.body) > 64 * 1024


def test_the_callers_credentials_never_reach_a_provider(stage: Stage):
    stage.alpha.accept_only("alpha-secret")
    url = stage.gateway.url("/v1/chat/completions")
    body = {"model": "alpha-model", "messages": [{"role": "user", "content": "Hello"}]}
    more = {
        "cookie": "session=1",
        "x-roundelay-test": "1",
        "openai-organization": "org-1",
        "openai-beta": "assistants=v2",
        "connection": "x-hop",
        "x-hop": "1",
    }
    reply = request("POST", url, body, {"authorization": f"Bearer {stage.key.secret}", **more})
    assert reply.status == 200
    headers = stage.alpha.last_headers()
    assert headers["openai-beta"] == "assistants=v2", "the vendor's own business passes"
    assert not {"cookie", "openai-organization", "x-roundelay-test", "x-hop"} & headers.keys()


def test_tool_calls_pass_in_both_ways(stage: Stage):
    stage.alpha.misbehave("tool-calls-2")
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
    ask = {"model": "alpha-model", "messages": [{"role": "user", "content": "Hello"}], "tools": tools}
    whole = stage.client.chat.completions.create(**ask).choices[0]
    with stage.client.chat.completions.stream(**ask) as stream:
        streamed = stream.until_done().get_final_completion().choices[0]
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    made = [[(call.function.name, call.function.arguments) for call in c.message.tool_calls] for c in (whole, streamed)]
    assert len(made[0]) == 2 and made[0] == made[1]


def answer_words(answer: Answer) -> int:
    return len(answer.text.split())
