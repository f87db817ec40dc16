"""What is no conversation, by OpenAI's official client: its types, its decoding of vectors, its streams and its files."""

import base64
import io
import wave

import pytest
from openai import OpenAI

from harness.stage import Stage


def client(stage: Stage) -> OpenAI:
    return OpenAI(api_key=stage.key.secret, base_url=stage.gateway.url(), max_retries=0)


def recording(seconds: float) -> tuple[str, bytes, str]:
    """Silence, as the gateway's own reader of WAV should understand it."""
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * int(8000 * seconds))
    return "said.wav", held.getvalue(), "audio/wav"


def test_vectors_are_decoded_from_the_form_that_the_client_asks_for(stage: Stage):
    texts = ["one two three", "four"]
    # The client asks for base64 where nothing is said, and decodes it itself.
    decoded = client(stage).embeddings.create(model="team", input=texts)
    plain = client(stage).embeddings.create(model="team", input=texts, encoding_format="float")
    assert [entry.embedding for entry in decoded.data] == [entry.embedding for entry in plain.data]
    assert len(decoded.data) == 2 and len(decoded.data[0].embedding) == 8
    assert decoded.usage.prompt_tokens == 4
    tokens = client(stage).embeddings.create(model="team", input=[[1, 2, 3], [4]], dimensions=3)
    assert [len(entry.embedding) for entry in tokens.data] == [3, 3]


def test_a_moderation(stage: Stage):
    answer = client(stage).moderations.create(model="team", input=["a flower", "violence"])
    assert [result.flagged for result in answer.results] == [False, True]


def test_images_are_made_edited_varied_and_streamed(stage: Stage):
    made = client(stage).images.generate(model="team", prompt="a red hat", n=2)
    assert len(made.data) == 2 and base64.b64decode(made.data[0].b64_json).startswith(b"\x89PNG")
    assert made.usage.output_tokens == 544
    picture = ("hat.png", base64.b64decode(made.data[0].b64_json), "image/png")
    edited = client(stage).images.edit(model="team", prompt="a blue hat", image=[picture, picture])
    assert len(edited.data) == 1
    assert client(stage).images.create_variation(model="team", image=picture).data
    stream = client(stage).images.generate(model="team", prompt="a red hat", stream=True, partial_images=2)
    kinds = [event.type for event in stream]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]


def test_speech_whole_and_as_it_comes(stage: Stage):
    ask = {"model": "team", "voice": "alloy", "input": "one two three"}
    whole = client(stage).audio.speech.create(**ask).read()
    with wave.open(io.BytesIO(whole)) as sound:
        assert sound.getnframes() == 3 * 400
    with client(stage).audio.speech.with_streaming_response.create(**ask) as answer:
        assert answer.headers["content-type"] == "audio/wav"
        assert b"".join(answer.iter_bytes()) == whole


def test_speech_that_is_cut_raises(stage: Stage):
    stage.alpha.misbehave("cut-after-2")
    ask = {"model": "alpha-model", "voice": "alloy", "input": "one two three four five"}
    # Not an error of the API, which has none to tell: the connection's own.
    with pytest.raises(Exception) as raised:
        client(stage).audio.speech.create(**ask).read()
    assert "incomplete" in str(raised.value) or "onnection" in str(raised.value)


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "verbose_json"])
def test_transcripts_in_every_form(stage: Stage, form: str):
    answer = client(stage).audio.transcriptions.create(model="team", file=recording(1.5), response_format=form)
    text = answer if isinstance(answer, str) else answer.text
    assert "words that were heard" in text
    translated = client(stage).audio.translations.create(model="team", file=recording(1.5))
    assert "words" in translated.text


def test_a_transcript_as_it_comes(stage: Stage):
    stream = client(stage).audio.transcriptions.create(model="team", file=recording(1), stream=True)
    events = list(stream)
    text = "".join(event.delta for event in events if event.type == "transcript.text.delta").strip()
    assert events[-1].type == "transcript.text.done" and events[-1].text == text


def test_a_provider_that_fails_is_replaced(stage: Stage):
    stage.alpha.misbehave("503")
    assert client(stage).embeddings.create(model="team", input="a").data
    assert client(stage).audio.transcriptions.create(model="team", file=recording(1)).text
    assert client(stage).audio.speech.create(model="team", voice="alloy", input="a").read()


def test_a_rerank_as_cohere_has_it(stage: Stage):
    asked = {"model": "team", "query": "red hat", "documents": ["a cat", "a red hat"], "top_n": 1}
    answer = client(stage).post("/rerank", body=asked, cast_to=object)
    assert answer["results"] == [{"index": 1, "relevance_score": 1.0}]
