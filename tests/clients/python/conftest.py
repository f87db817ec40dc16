"""Fixtures: a stage for each test, and its logs when the test fails."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import stage as stages
from harness.stage import Stage

# A proxy or a default endpoint of the machine would lead the clients elsewhere.
FOREIGN = (
    *("http_proxy", "https_proxy", "all_proxy", "openai_base_url", "openai_api_key", "anthropic_base_url"),
    *("google_api_key", "gemini_api_key", "google_gemini_base_url", "google_genai_use_vertexai"),
)


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.lower() in FOREIGN]:
        del os.environ[name]
    if "ROUNDELAY_BINARY" not in os.environ:
        raise pytest.UsageError("ROUNDELAY_BINARY is not set: run ./test, or name a built roundelay")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    folder = item.funcargs.get("tmp_path") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and folder:
        for log in sorted(folder.glob("*.log")):
            words = log.read_text(errors="replace").splitlines()[-40:]
            report.sections.append((f"log of {log.stem}", "\n".join(words)))
    return report


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Two rehearsal providers and a gateway that has just started."""
    with stages.standing(tmp_path) as built:
        yield built


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Stage]:
    """The same with limits on callers that a test can wait for."""
    with stages.standing(tmp_path, server=IMPATIENT) as built:
        yield built


IMPATIENT = """
header_timeout = "1s"
body_grace = "1s"
body_rate_min = 1000
"""
