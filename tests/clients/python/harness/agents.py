"""Coding agents as users run them: without a terminal, in a home and a folder of their own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.gateway import Gateway, Key

# What `./test` installed; without it the tests of agents are skipped.
INSTALLED = os.environ.get("ROUNDELAY_AGENTS", "")


@dataclass
class Workplace:
    """Where an agent works: its home, and a folder with a file to change."""

    home: Path
    folder: Path

    @classmethod
    def under(cls, folder: Path) -> "Workplace":
        home, work = folder / "home", folder / "work"
        home.mkdir()
        work.mkdir()
        return cls(home, work)

    def run(self, command: list[str], env: dict[str, str], within_s: float) -> subprocess.CompletedProcess[str]:
        """Runs a command with nothing of the machine's environment but where its programs are."""
        node = os.environ["ROUNDELAY_NODE"]
        path = f"{Path(node).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.home), "TERM": "dumb", "NO_COLOR": "1"} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
        )
        # For who reads why a test failed.
        (self.home.parent / "agent.log").write_text(f"{done.returncode}\n{done.stderr}\n{done.stdout}")
        return done


def claude_code(place: Workplace, gateway: Gateway, key: Key, model: str, prompt: str, *more: str) -> dict:
    """Claude Code's own account of a task, from its JSON."""
    env = {
        "ANTHROPIC_BASE_URL": gateway.url(""),
        "ANTHROPIC_AUTH_TOKEN": key.secret,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    command = [f"{INSTALLED}/node_modules/.bin/claude", "-p", prompt, "--model", model, "--output-format", "json"]
    done = place.run([*command, "--dangerously-skip-permissions", *more], env, 150)
    assert done.stdout.strip(), f"{done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


def codex(
    place: Workplace,
    gateway: Gateway,
    key: Key,
    model: str,
    prompt: str,
    is_websocket: bool,
    name: str = "gateway",
    **more: object,
) -> subprocess.CompletedProcess[str]:
    """Codex with a provider of its own; what it printed is one JSON event a line."""
    settings = place.home / ".codex"
    settings.mkdir(exist_ok=True)
    (settings / "config.toml").write_text(f"""
model = "{model}"
model_provider = "gateway"
{"".join(f"{member} = {json.dumps(value)}" + chr(10) for member, value in more.items())}
[model_providers.gateway]
name = "{name}"
base_url = "{gateway.url()}"
env_key = "GATEWAY_KEY"
wire_api = "responses"
supports_websockets = {str(is_websocket).lower()}
request_max_retries = 4
stream_max_retries = 5
""")
    command = [f"{INSTALLED}/node_modules/.bin/codex", "exec", "--skip-git-repo-check", "--json"]
    return place.run([*command, "--sandbox", "danger-full-access", prompt], {"GATEWAY_KEY": key.secret}, 150)


def gemini_cli(place: Workplace, gateway: Gateway, key: Key, model: str, prompt: str) -> dict:
    """gemini-cli's own account of a task, from its JSON."""
    settings = place.home / ".gemini"
    settings.mkdir(exist_ok=True)
    kept = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
    (settings / "settings.json").write_text(json.dumps(kept | {"general": {"enableAutoUpdate": False}}))
    env = {"GEMINI_API_KEY": key.secret, "GOOGLE_GEMINI_BASE_URL": gateway.url(""), "GEMINI_CLI_NO_RELAUNCH": "true"}
    command = [f"{INSTALLED}/node_modules/.bin/gemini", "-p", prompt, "--model", model, "--output-format", "json"]
    done = place.run([*command, "--skip-trust", "--approval-mode", "yolo"], env, 150)
    assert done.stdout.strip(), f"{done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


def opencode(place: Workplace, gateway: Gateway, key: Key, model: str, prompt: str, package: str) -> list[dict]:
    """The events that opencode printed; `package` is the client of the AI SDK that it speaks by."""
    provider = {
        "npm": package,
        "options": {"baseURL": gateway.url(), "apiKey": key.secret},
        "models": {model: {"name": model, "limit": {"context": 200_000, "output": 8_000}}},
    }
    kept = {"provider": {"gateway": provider}, "small_model": f"gateway/{model}"}
    kept |= {"autoupdate": False, "share": "disabled"}
    # It would install its plugin kit into every new home.
    unreachable = {"npm_config_registry": "http://127.0.0.1:9", "npm_config_fetch_retries": "0"}
    env = {"OPENCODE_CONFIG_CONTENT": json.dumps(kept), "OPENCODE_DISABLE_MODELS_FETCH": "1"} | unreachable
    command = [f"{INSTALLED}/node_modules/.bin/opencode", "run", "--pure", "--auto", "--format", "json"]
    done = place.run([*command, "--title", "colours", "--model", f"gateway/{model}", prompt], env, 150)
    assert done.stdout.strip(), f"{done.returncode}: {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def qwen_code(place: Workplace, gateway: Gateway, key: Key, model: str, prompt: str) -> list[dict]:
    """The messages that Qwen Code printed, the last with its own account."""
    env = {"OPENAI_API_KEY": key.secret, "OPENAI_BASE_URL": gateway.url(), "OPENAI_MODEL": model}
    command = [f"{INSTALLED}/node_modules/.bin/qwen", "-p", prompt, "--auth-type", "openai", "--model", model]
    done = place.run([*command, "--approval-mode", "yolo", "--output-format", "json"], env, 150)
    assert done.stdout.strip(), f"{done.returncode}: {done.stderr}"
    return json.loads(done.stdout)
