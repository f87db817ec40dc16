#!/usr/bin/env python3
"""Checks every dependency against deny.toml: licence, source, banned names, second versions.

`cargo deny check licenses bans sources` says the same and more, but takes
minutes to build; this needs `cargo metadata` only.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    packages = resolved_packages(rules["graph"]["targets"])
    foreign = [p for p in packages if p["source"]]
    faults = [
        *licence_faults(packages, rules["licenses"]),
        *source_faults(foreign, rules["sources"]),
        *ban_faults(foreign, rules["bans"]),
    ]
    for fault in faults:
        print(f"licences: {fault}", file=sys.stderr)
    print(f"licences: {len(foreign)} dependencies, {len(faults)} against deny.toml")
    return 1 if faults else 0


def resolved_packages(targets: list[str]) -> list[dict]:
    """Every package that some named target builds, once."""
    found = {}
    for target in targets:
        command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
        output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        metadata = json.loads(output)
        reached = {node["id"] for node in metadata["resolve"]["nodes"]}
        found |= {p["id"]: p for p in metadata["packages"] if p["id"] in reached}
    return sorted(found.values(), key=lambda p: (p["name"], p["version"]))


def licence_faults(packages: list[dict], rules: dict) -> list[str]:
    allowed = set(rules["allow"])
    exempt_private = rules["private"]["ignore"]
    return [
        f"{label(p)} has licence {p['license']!r}, which deny.toml does not allow"
        for p in packages
        if not (exempt_private and p["publish"] == []) and not permits(p["license"] or "", allowed)
    ]


def permits(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with the allowed licences; AND binds tighter than OR."""
    # Crates published before 2018 wrote `MIT/Apache-2.0` for `OR`.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either() -> bool:
        met = both()
        while peek() == "OR":
            take()
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while peek() == "AND":
            take()
            met = one() and met
        return met

    def one() -> bool:
        name = take()
        if name == "(":
            met = either()
            take()
            return met
        if peek() == "WITH":
            take()
            name = f"{name} WITH {take()}"
        return name in allowed

    try:
        return either() and peek() is None
    except IndexError:
        return False


def source_faults(packages: list[dict], rules: dict) -> list[str]:
    allowed = {f"registry+{url}" for url in rules["allow-registry"]}
    return [f"{label(p)} comes from {p['source']}" for p in packages if p["source"] not in allowed]


def ban_faults(packages: list[dict], rules: dict) -> list[str]:
    banned = {rule["name"]: rule["reason"] for rule in rules["deny"]}
    faults = [f"{label(p)} is banned: {banned[p['name']]}" for p in packages if p["name"] in banned]
    versions = defaultdict(list)
    for p in packages:
        if not any(skips(rule, p) for rule in rules["skip"]):
            versions[p["name"]].append(p["version"])
    several = {name: found for name, found in versions.items() if len(found) > 1}
    return faults + [f"{name} has several versions: {', '.join(found)}" for name, found in several.items()]


def skips(rule: dict, package: dict) -> bool:
    return rule["name"] == package["name"] and (package["version"] + ".").startswith(rule["version"] + ".")


def label(package: dict) -> str:
    return f"{package['name']} {package['version']}"


if __name__ == "__main__":
    sys.exit(main())
