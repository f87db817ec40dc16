"""Callers that break the rules: a clear error in the protocol's own shape, in time, and nothing kept."""

import datetime
import threading

import openai
import pytest

from harness.http_json import Reply
from harness.stage import Stage
from harness.waiting import until
from harness.wire import Wire, chat, head


@pytest.fixture(autouse=True)
def the_next_healthy_call_works(request: pytest.FixtureRequest):
    used = request.getfixturevalue("impatient" if "impatient" in request.fixturenames else "stage")
    yield
    used.stream().whole()


def test_broken_json_is_named(stage: Stage):
    body = b'{"model": "team", "messages": ['
    error = refused(send(stage, head(stage.key.secret, len(body)) + body), 400)
    assert error["type"] == "invalid_request_error"
    assert stage.alpha.seen() == 0


NO_CHAT = [b"", b"null", b"[]", b"{}", b'{"model":7}', b'{"model":"team"}', b"\xff\xfe", pytest.param(b"[" * 100_000, id="deep")]


@pytest.mark.parametrize("body", NO_CHAT)
def test_a_body_that_is_no_chat_request_is_refused(stage: Stage, body: bytes):
    refused(send(stage, head(stage.key.secret, len(body)) + body), 400)
    assert stage.alpha.seen() == 0


def test_eleven_megabytes_are_refused(stage: Stage):
    length = 11 * 1024 * 1024
    with Wire(stage.gateway.port) as wire:
        wire.send(head(stage.key.secret, length))
        wire.send(b'{"model":"team","x":"' + b"x" * (length - 23) + b'"}')
        refused(wire.reply(), 413)
    before = stage.gateway.resident_bytes()
    for _ in range(20):
        with Wire(stage.gateway.port) as wire:
            wire.send(head(stage.key.secret, length))
            refused(wire.reply(), 413)
    assert stage.gateway.resident_bytes() - before < 20_000_000


def test_eleven_megabytes_without_a_length_are_refused(stage: Stage):
    with Wire(stage.gateway.port) as wire:
        wire.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n"
            b"authorization: Bearer " + stage.key.secret.encode() + b"\r\n\r\n"
        )
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(11 * 16):
            if not wire.send(piece):
                break
        refused(wire.reply(), 413)


def test_ten_thousand_headers_are_refused(stage: Stage):
    more = [f"x-filler-{number}: {number}" for number in range(10_000)]
    with Wire(stage.gateway.port) as wire:
        wire.send(head(stage.key.secret, 0, *more))
        reply = wire.reply()
    assert reply is None or reply.status in (400, 431), "a parser that gave up may say so without a body"


def test_a_slow_head_is_cut_off(impatient: Stage):
    with Wire(impatient.gateway.port) as wire:
        slow = chat(impatient.key.secret)
        assert not wire.dribble(slow, every_s=0.1, for_s=15), "still listening to a head after 15 s of a 1 s limit"


def test_a_slow_body_is_cut_off(impatient: Stage):
    request = chat(impatient.key.secret)
    start = request.index(b"\r\n\r\n") + 4
    with Wire(impatient.gateway.port) as wire:
        wire.send(request[:start])
        assert not wire.dribble(request[start:], every_s=0.2, for_s=15), "still listening to a body after 15 s"
        refused(wire.reply(), 408)


def test_a_body_that_never_comes_is_cut_off(impatient: Stage):
    with Wire(impatient.gateway.port) as wire:
        wire.send(head(impatient.key.secret, 1000))
        refused(wire.reply(), 408)


def test_a_body_that_ends_early_reaches_nobody(stage: Stage):
    request = chat(stage.key.secret)
    with Wire(stage.gateway.port) as wire:
        wire.send(request[:-10])
        wire.end_sending()
        reply = wire.reply()
    assert reply is None or reply.status == 400
    assert stage.alpha.seen() == 0


@pytest.mark.parametrize("key", ["", "sk-wrong", "rl-00000000-wrong", pytest.param("x" * 5000, id="long")])
def test_a_wrong_key_is_refused(stage: Stage, key: str):
    refused(send(stage, chat(key)), 401)
    assert stage.alpha.seen() == 0


def test_a_wrong_key_is_an_authentication_error_for_the_client(stage: Stage):
    client = openai.OpenAI(base_url=stage.gateway.url(), api_key="sk-wrong")
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model="team", messages=[{"role": "user", "content": "Hello"}])


def test_a_key_that_is_right_but_for_its_last_letter_is_refused(stage: Stage):
    secret = stage.key.secret
    refused(send(stage, chat(secret[:-1] + ("a" if secret[-1] != "a" else "b"))), 401)


def test_a_revoked_key_is_refused_at_once(stage: Stage):
    key = stage.gateway.create_key()
    assert send(stage, chat(key.secret)).status == 200
    stage.gateway.cli("keys", "revoke", key.id)
    refused(send(stage, chat(key.secret)), 401)


def test_an_expired_key_is_refused(stage: Stage):
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    key = stage.gateway.create_key("--expires", soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert send(stage, chat(key.secret)).status == 200
    until(lambda: send(stage, chat(key.secret)).status == 401, 15, "the key has expired")


def test_a_key_reaches_only_its_models(stage: Stage):
    key = stage.gateway.create_key("--allow", "beta-model")
    assert send(stage, chat(key.secret, "beta-model")).status == 200
    reply = send(stage, chat(key.secret, "alpha-model"))
    assert reply.status in (403, 404) and reply.json()["error"]["message"]
    assert stage.alpha.seen() == 0


def test_an_unknown_model_is_not_found(stage: Stage):
    answer = stage.stream("no-such-model").failed(openai.NotFoundError)
    assert answer.error.code == "model_not_found"
    assert "no-such-model" in str(answer.error)


@pytest.mark.parametrize("place", [b"GET /v1/nothing", b"GET /v1/chat/completions", b"DELETE /v1/models"])
def test_an_unknown_place_is_said_in_json(stage: Stage, place: bytes):
    key = stage.key.secret.encode()
    reply = send(stage, place + b" HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer " + key + b"\r\n\r\n")
    assert reply.status in (404, 405) and reply.json()["error"]["message"]


NO_HTTP = [b"\x16\x03\x01\x02\x00\x01", b"\r\n" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]


@pytest.mark.parametrize("junk", NO_HTTP)
def test_what_is_not_http_does_no_harm(stage: Stage, junk: bytes):
    with Wire(stage.gateway.port) as wire:
        wire.send(junk)
        wire.end_sending()
        reply = wire.reply()
    assert reply is None or reply.status in (400, 426, 505)


def test_a_caller_that_leaves_cancels_the_upstream_call(stage: Stage):
    stage.alpha.misbehave("slow-words-50ms-words-1000")
    with Wire(stage.gateway.port) as wire:
        wire.send(chat(stage.key.secret, stream=True))
        assert b"200 OK" in wire.read_some(300)
    until(lambda: stage.alpha.cancelled() == 1, 15, "the upstream call was given up")
    stage.alpha.behave()


def test_a_caller_that_leaves_before_the_first_word_cancels_too(stage: Stage):
    stage.alpha.misbehave("silence")
    with Wire(stage.gateway.port) as wire:
        wire.send(chat(stage.key.secret, "alpha-model", stream=True))
        until(lambda: stage.alpha.seen() == 1, 10, "the call is on its way")
    until(lambda: stage.alpha.cancelled() == 1, 15, "the upstream call was given up")
    assert stage.beta.seen() == 0
    stage.alpha.behave()


def test_two_hundred_callers_that_leave_cost_no_memory(stage: Stage):
    stage.alpha.misbehave("slow-words-20ms-words-2000")

    def leave(times: int) -> None:
        for _ in range(times):
            with Wire(stage.gateway.port) as wire:
                wire.send(chat(stage.key.secret, "alpha-model", stream=True))
                wire.read_some(300)

    leave_together(leave, times=50)
    until(lambda: stage.alpha.cancelled() == 200, 30, "the first 200 calls were given up")
    before = stage.gateway.resident_bytes()
    leave_together(leave, times=50)
    until(lambda: stage.alpha.cancelled() == 400, 30, "the next 200 calls were given up")
    grown = stage.gateway.resident_bytes() - before
    assert grown < 6_000_000, f"grew by {grown} bytes"
    until(lambda: stage.alpha.counts()["in_flight"] == 0, 10, "nothing is left in flight")
    stage.alpha.behave()


def leave_together(leave, times: int) -> None:
    threads = [threading.Thread(target=leave, args=(times,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def send(stage: Stage, request: bytes) -> Reply:
    with Wire(stage.gateway.port) as wire:
        wire.send(request)
        reply = wire.reply()
    assert reply is not None, "the gateway closed without a word"
    return reply


def refused(reply: Reply | None, status: int) -> dict:
    """The error object of a refusal in OpenAI's shape."""
    assert reply is not None, "the gateway closed without a word"
    assert reply.status == status, f"{reply.status}: {reply.body[:500]!r}"
    error = reply.json()["error"]
    assert error["message"] and error["type"] and "code" in error and "param" in error
    return error
