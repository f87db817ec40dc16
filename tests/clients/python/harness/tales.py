"""A long conversation with tools and facts planted in it, as each official client would send it."""

import random
from dataclasses import dataclass

WORDS = """the a of and to in it that we with on for as was at by this from have or an they which one you were all her
she there would their will when who him been has more if no out do so can what up said about other into than its time
could new them man some these then two first may any like now my such make over our even most me state after also
made many through years much your way long little house water again light morning garden paper window""".split()
NAMES = ["Aurora", "Basalt", "Cobalt", "Dunlin", "Ember", "Falcon", "Garnet", "Heron", "Indigo", "Juniper"]
# What people agree on in a long conversation, each with a number of its own.
FACTS = [
    "FACT {n}: we decided that {name}-{n} listens on port {p}.",
    "FACT {n}: {name}-{n} belongs to Anna Keller, keller{p}@example.org.",
    "FACT {n}: never drop the table {name}_{p}; it must stay until 2027-03-{day:02}.",
    "FACT {n}: the log of {name}-{n} is /var/log/{name}/{p}.log.",
    "FACT {n}: {name}-{n} may cost {p} euros a month.",
    'FACT {n}: the customer prefers "{name} {p}" as its name.',
    "FACT {n}: 我们决定 {name} 使用端口 {p}。",
    "FACT {n}: the build of {name}-{n} takes {p} ms on average.",
]


@dataclass
class Turn:
    """What the user says, what a tool gives where one is asked, and what the assistant answers."""

    user: str
    result: str | None
    assistant: str


@dataclass
class Tale:
    """`facts` are planted in the first two thirds of the turns: with the user, in results, with the assistant."""

    turns: list[Turn]
    facts: list[str]

    def known_to(self, text: str) -> int:
        """How many of the facts stand in it."""
        return sum(fact in text for fact in self.facts)


def tale(turns: int, facts: int, words: int, seed: int = 7) -> Tale:
    """The same for the same arguments; each side of a turn has so many words besides its fact."""
    dice = random.Random(seed)

    def said() -> str:
        sentences, left = [], words
        while left > 0:
            length = min(left, dice.randrange(6, 14))
            left -= length
            sentences.append(" ".join(dice.choices(WORDS, k=length)).capitalize() + ".")
        return " ".join(sentences)

    planted = [
        FACTS[number % len(FACTS)].format(
            n=number, name=dice.choice(NAMES), p=dice.randrange(1000, 9999), day=number % 28 + 1
        )
        for number in range(1, facts + 1)
    ]
    told: list[Turn] = []
    for number in range(turns):
        result = said() if number % 2 else None
        told.append(Turn(f"{said()} What of it?", result, said()))
    for number, fact in enumerate(planted):
        turn = told[number * (turns * 2 // 3) // facts]
        match number % 3:
            case 0:
                turn.user = f"{fact} {turn.user}"
            case 1 if turn.result:
                turn.result = f"{turn.result} {fact}"
            case _:
                turn.assistant = f"{turn.assistant} {fact}"
    return Tale(told, planted)


def texts(value: object) -> str:
    """Every text in a body."""
    match value:
        case str():
            return value
        case dict() | list():
            return "\n".join(texts(inner) for inner in (value.values() if isinstance(value, dict) else value))
        case _:
            return ""


LAST = "And what shall we do now?"


def as_chat(told: Tale) -> list[dict]:
    messages: list[dict] = [{"role": "system", "content": "Be brief."}]
    for number, turn in enumerate(told.turns):
        messages.append({"role": "user", "content": turn.user})
        if turn.result:
            call = {"id": f"call_{number}", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": turn.result})
        messages.append({"role": "assistant", "content": turn.assistant})
    return [*messages, {"role": "user", "content": LAST}]


def as_responses(told: Tale) -> list[dict]:
    items: list[dict] = []
    for number, turn in enumerate(told.turns):
        items.append({"role": "user", "content": turn.user})
        if turn.result:
            id = f"call_{number}"
            items.append({"type": "function_call", "call_id": id, "name": "look", "arguments": '{"at": 1}'})
            items.append({"type": "function_call_output", "call_id": id, "output": turn.result})
        items.append({"role": "assistant", "content": turn.assistant})
    return [*items, {"role": "user", "content": LAST}]


def as_messages(told: Tale) -> list[dict]:
    messages: list[dict] = []
    for number, turn in enumerate(told.turns):
        messages.append({"role": "user", "content": turn.user})
        if turn.result:
            id = f"toolu_{number}"
            call = {"type": "tool_use", "id": id, "name": "look", "input": {"at": 1}}
            result = {"type": "tool_result", "tool_use_id": id, "content": turn.result}
            messages.append({"role": "assistant", "content": [call]})
            messages.append({"role": "user", "content": [result]})
        messages.append({"role": "assistant", "content": turn.assistant})
    return [*messages, {"role": "user", "content": LAST}]


def as_gemini(told: Tale) -> list[dict]:
    contents: list[dict] = []
    say = lambda role, *parts: contents.append({"role": role, "parts": list(parts)})
    for turn in told.turns:
        say("user", {"text": turn.user})
        if turn.result:
            say("model", {"function_call": {"name": "look", "args": {"at": 1}}})
            say("user", {"function_response": {"name": "look", "response": {"output": turn.result}}})
        say("model", {"text": turn.assistant})
    say("user", {"text": LAST})
    return contents
