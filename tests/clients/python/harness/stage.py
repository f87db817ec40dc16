"""The usual stage: two rehearsal providers behind one gateway."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import openai

from harness import calls
from harness.calls import Answer
from harness.gateway import Gateway, Key
from harness.rehearsal import Rehearsal

# Seconds where production has minutes, so that a silent upstream costs a test little.
TIMEOUTS = 'timeouts = { connect = "1s", headers = "2s", first_content = "2s", idle = "2s", total = "30s" }'

# A failed provider is asked again after a second, so that a test can see it come back.
BRISK = """
[routing.breaker]
open = "1s"
"""

CONFIGURATION = """
[providers.alpha]
protocol = "openai"
base_url = "{alpha}"
api_keys = ["alpha-secret"]
{timeouts}

[providers.beta]
protocol = "openai"
base_url = "{beta}"
api_keys = ["beta-secret"]
{timeouts}

[models.alpha-model]
deployments = ["alpha/rehearsal"]
context_window = 100000

[models.beta-model]
deployments = ["beta/rehearsal"]
context_window = 100000
price = {{ input = 1.0, output = 2.0 }}   # USD for a million tokens

[models.beta-wide]
deployments = ["beta/wide"]
context_window = 400000

[pools.team]                             # alpha first, so that what alpha does is what a test sees
members = {{ alpha-model = 2, beta-model = 1 }}
strategy = "priority"

[pools.widening]
members = {{ alpha-model = 2, beta-wide = 1 }}
strategy = "priority"

[pools.shared]
members = {{ alpha-model = 0.6, beta-model = 0.4 }}
strategy = "weighted"
"""


@dataclass
class Stage:
    """A gateway with the models `alpha-model` and `beta-model`, and pools of both."""

    alpha: Rehearsal
    beta: Rehearsal
    gateway: Gateway
    key: Key
    client: openai.OpenAI = field(init=False)

    def __post_init__(self) -> None:
        self.client = openai.OpenAI(base_url=self.gateway.url(), api_key=self.key.secret)

    def stream(self, model: str = "team", prompt: str = "Tell me of the sea.", **fields: object) -> Answer:
        return calls.stream(self.client, model, prompt, **fields)

    def ask(self, model: str = "team", prompt: str = "Tell me of the sea.", **fields: object) -> Answer:
        return calls.ask(self.client, model, prompt, **fields)

    def heal(self) -> None:
        """Ends every scenario; the gateway still remembers what it saw."""
        self.alpha.behave()
        self.beta.behave()


@contextmanager
def standing(folder: Path, routing: str = BRISK, server: str = "") -> Iterator[Stage]:
    """Starts all three and ends what was started; `folder` is empty and the test's own."""
    with ExitStack() as at_end:
        alpha, beta = Rehearsal("alpha", folder), Rehearsal("beta", folder)
        at_end.callback(alpha.kill)
        at_end.callback(beta.kill)
        alpha.start()
        beta.start()
        text = routing + CONFIGURATION.format(alpha=alpha.base_url, beta=beta.base_url, timeouts=TIMEOUTS)
        gateway = Gateway(folder, text, server)
        at_end.callback(gateway.kill)
        gateway.start()
        yield Stage(alpha, beta, gateway, gateway.create_key())
