"""An Ollama Modelfile beside a GGUF file: where the weights are, how a conversation is written, where answers end.

Ollama reads templates of Go, not Jinja. Ours is probed with a conversation; where it is a plain frame around each turn,
the same frame is written for Go, else the line is left out and Ollama looks for a template that it knows.
Source: Ollama's docs/modelfile.md and docs/template.md, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.ports import Message
from tunewright.text.chat import ChatFormat
from tunewright.text.template import FAILURES

MARKS = {"system": "\u0001S\u0001", "user": "\u0001U\u0001", "assistant": "\u0001A\u0001"}


@dataclass(frozen=True)
class Frame:
    """What stands around a turn of each role, before the first turn, and before an answer."""

    before: dict[str, str]
    after: dict[str, str]
    answer: str
    default: str
    """What the template writes at the start of a conversation without a system turn."""


def modelfile(chat: ChatFormat, *, file: str, system: str | None, context_tokens: int | None) -> str:
    """The text of a Modelfile."""
    lines = [f"FROM ./{file}"]
    frame = frame_of(chat)
    if frame is not None and '"""' not in go_template(frame):
        lines.append(f'TEMPLATE """{go_template(frame)}"""')
    if system and '"""' not in system:
        lines.append(f'SYSTEM """{system}"""')
    lines += [f'PARAMETER stop "{text}"' for text in chat.stop_texts if '"' not in text]
    if context_tokens:
        lines.append(f"PARAMETER num_ctx {context_tokens}")
    return "\n".join(lines) + "\n"


def frame_of(chat: ChatFormat) -> Frame | None:
    """The frame of a template; None for one that does more than that."""
    try:
        frame = _probed(chat)
        return frame if all(_written(frame, talk) == _rendered(chat, talk) for talk in _talks()) else None
    except (*FAILURES, ValueError):
        return None


def _probed(chat: ChatFormat) -> Frame:
    turns = [_turn(role) for role in ("system", "user", "assistant", "user", "assistant")]
    text = chat.render(turns, generation=False)
    first, rest = _cut(text, MARKS["system"])
    after_system, rest = _cut(rest, MARKS["user"])
    after_user, rest = _cut(rest, MARKS["assistant"])
    between, rest = _cut(rest, MARKS["user"])
    _again, last = _cut(rest, MARKS["assistant"])
    alone, asked = (chat.render([_turn("user")], generation=each) for each in (False, True))
    head, end_of_user = _cut(alone, MARKS["user"])
    before_user = between.removeprefix(last)
    if not (between.startswith(last) and after_user.startswith(end_of_user) and asked.startswith(alone)):
        raise ValueError("turns end in different ways")
    if not (after_system.endswith(before_user) and head.endswith(before_user)):
        raise ValueError("user turns begin in different ways")
    return Frame(
        before={"system": first, "user": before_user, "assistant": after_user.removeprefix(end_of_user)},
        after={"system": after_system.removesuffix(before_user), "user": end_of_user, "assistant": last},
        answer=asked.removeprefix(alone),
        default=head.removesuffix(before_user),
    )


def go_template(frame: Frame) -> str:
    """The frame in the language of Go's templates, over `.Messages`."""
    head = ""
    if frame.default:
        head = f'{{{{ if ne (index .Messages 0).Role "system" }}}}{frame.default}{{{{ end }}}}'
    roles = list(MARKS)
    branches = "".join(
        f'{{{{ {"if" if at == 0 else "else if"} eq .Role "{role}" }}}}'
        f"{frame.before[role]}{{{{ .Content }}}}{frame.after[role]}"
        for at, role in enumerate(roles)
    )
    return f"{head}{{{{ range .Messages }}}}{branches}{{{{ end }}}}{{{{ end }}}}{frame.answer}"


def _written(frame: Frame, talk: list[Message]) -> str:
    """What the frame makes of a conversation, up to where the assistant begins to answer."""
    text = "" if talk[0].get("role") == "system" else frame.default
    for turn in talk:
        role = turn.get("role", "")
        text += frame.before[role] + turn.get("content", "") + frame.after[role]
    return text + frame.answer


def _rendered(chat: ChatFormat, talk: list[Message]) -> str:
    return chat.render(talk, generation=True)


def _talks() -> list[list[Message]]:
    user, assistant, system = (_turn(role) for role in ("user", "assistant", "system"))
    return [[user], [system, user], [user, assistant, user], [system, user, assistant, user, assistant, user]]


def _turn(role: str) -> Message:
    return {"role": role, "content": MARKS[role]}


def _cut(text: str, mark: str) -> tuple[str, str]:
    before, found, after = text.partition(mark)
    if not found:
        raise ValueError(f"the template leaves out {mark!r}")
    return before, after
