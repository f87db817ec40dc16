"""One rehearsal provider behind a gateway under every dialect: a model for each."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.gateway import Gateway, Key
from harness.rehearsal import Rehearsal

# What a provider of each dialect is configured with, `{origin}` being the rehearsal's.
PROVIDERS = {
    "chat": 'protocol = "openai"\nbase_url = "{origin}/v1"',
    "messages": 'protocol = "anthropic"\nbase_url = "{origin}"',
    "gemini": 'protocol = "gemini"\nbase_url = "{origin}/v1beta"',
    "bedrock": 'protocol = "bedrock"\nbase_url = "{origin}"\nregion = "eu-central-1"',
}
UPSTREAMS = list(PROVIDERS)
# Asked by callers of the same dialect alone: for others there are chats, or messages, that are written alike.
PROVIDERS["vertex"] = 'protocol = "anthropic"\nproject = "p"\nlocation = "us-east5"\nbase_url = "{origin}/v1"'
PROVIDERS["responses"] = 'protocol = "openai"\nresponses = true\nbase_url = "{origin}/v1"'
# What is asked with something else than a key.
CREDENTIALS = {"bedrock": 'access_key_id = "{name}-id"\nsecret_access_key = "{name}-secret"'}


def pairs(callers: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Each of the callers, whose dialect is their first word, with each provider it can be at."""
    own = {"responses": ["responses"], "messages": ["vertex"]}
    return [(*caller, upstream) for caller in callers for upstream in UPSTREAMS + own.get(caller[0], [])]


# Faults follow each other here, and each is to reach the provider: none of them sets it aside.
PATIENT = """
[routing.breaker]
consecutive = 10000
endpoint_consecutive = 10000
outcomes_min = 10000
"""


@dataclass
class House:
    """A gateway whose model `chat` is at a provider that speaks OpenAI's chat, and so on; `team` is a pool of all."""

    rehearsal: Rehearsal
    gateway: Gateway
    key: Key


def provider(dialect: str, name: str, origin: str, about: str | None = None) -> str:
    """A provider of this dialect, with one model of its own name and prices of 1 and 2 USD for a million tokens."""
    about = (about or PROVIDERS[dialect]).format(origin=origin)
    credentials = CREDENTIALS.get(dialect, 'api_keys = ["{name}-secret"]').format(name=name)
    return f"""
[providers.{name}]
{about}
{credentials}
timeouts = {{ connect = "2s", headers = "10s", first_content = "10s", idle = "10s" }}

[models.{name}]
deployments = ["{name}/rehearsal"]
attempts = 1
context_window = 1000000
price = {{ input = 1.0, output = 2.0 }}
"""


@contextmanager
def standing(folder: Path) -> Iterator[House]:
    """Starts both and ends what was started; `folder` is empty."""
    with ExitStack() as at_end:
        rehearsal = Rehearsal("rehearsal", folder)
        at_end.callback(rehearsal.kill)
        rehearsal.start()
        text = PATIENT + "".join(provider(name, name, rehearsal.origin) for name in PROVIDERS)
        gateway = Gateway(folder, text)
        at_end.callback(gateway.kill)
        gateway.start()
        yield House(rehearsal, gateway, gateway.create_key())
