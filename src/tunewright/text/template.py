"""Chat templates, rendered in Jinja's sandbox as Transformers renders them (`apply_chat_template`, 5.x).

Templates come with a model, so they are foreign code: the sandbox is immutable, and `dict` and `namespace` are replaced
by forms that give no way out of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.ports import Message

FIXED_DAY = date(2024, 7, 26)
"""The day a template sees: Llama 3 templates fall back to it, and tokens must not depend on when data was prepared."""

FAILURES = (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
"""What a foreign template may raise while it renders."""


class Generation(Extension):
    """`{% generation %}` marks the assistant's text for Transformers; here its body is rendered and nothing else."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's own declaration)

    def parse(self, parser: Parser) -> nodes.Node:
        """The body in a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


class SafeDict:
    """`dict(...)` without the class behind it."""

    def __call__(self, *args: Any, **named: Any) -> dict[Any, Any]:
        """A new dict."""
        return dict(*args, **named)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        """`dict.fromkeys`."""
        return dict.fromkeys(*args)


class SafeNamespace(Namespace):
    """`namespace(...)` that refuses names with a leading underscore."""

    def __init__(*args: Any, **named: Any) -> None:  # as in Jinja, so that `namespace(self=...)` works
        self, rest = args[0], args[1:]
        attributes = dict(*rest, **named)
        for name in attributes:
            check_name(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute from inside a template."""
        check_name(name)
        super().__setitem__(name, value)


def check_name(name: object) -> None:
    """Raise SecurityError for a name that could reach Python's internals."""
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a template may not set {name!r}")


def raise_exception(message: str) -> None:
    """What templates call to refuse a conversation."""
    raise jinja2.TemplateError(message)


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's `tojson` without its HTML escapes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Template:
    """A compiled chat template with the special tokens that it may write."""

    def __init__(self, source: str, tokens: Mapping[str, str], *, today: date = FIXED_DAY) -> None:
        """`tokens` maps names such as `bos_token` to their text. Raises UserError when the source is not a template."""
        self.source = source
        dated = today.isoformat() if "strftime_now" in source else ""
        self.digest = digest.of_json([source, dict(tokens), dated])
        self._render: Callable[..., str] = compile_template(source, today).render
        self._tokens = dict(tokens)

    def render(self, messages: Sequence[Message], *, generation: bool, tools: Sequence[Mapping[str, Any]] = ()) -> str:
        """Text of a conversation; with `generation` the header of the assistant's next turn stands at the end.

        `tools` are the JSON schemas that the conversation offers. Raises one of `FAILURES` when the template refuses.
        """
        turns = [plain_turn(turn) for turn in messages]
        named: dict[str, Any] = {**self._tokens, "add_generation_prompt": generation}
        return self._render(messages=turns, tools=list(tools) or None, documents=None, **named)


def plain_turn(turn: Message) -> dict[str, Any]:
    """A turn as templates know it: without its weight, reasoning also under gpt-oss's name for it."""
    found = {name: value for name, value in turn.items() if name != "weight"}
    return found if "reasoning_content" not in found else {"thinking": found["reasoning_content"], **found}


def compile_template(source: str, today: date) -> jinja2.Template:
    """A template in the environment that Transformers gives to chat templates."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    filters = cast("dict[str, Any]", environment.filters)  # pyright: ignore[reportUnknownMemberType]
    filters["tojson"] = to_json
    known = cast("dict[str, Any]", environment.globals)  # pyright: ignore[reportUnknownMemberType]
    known.update(raise_exception=raise_exception, strftime_now=today.strftime, dict=SafeDict(), namespace=SafeNamespace)
    try:
        return environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise UserError(
            f"the chat template cannot be read: {error.message}.",
            where=f"chat template, line {error.lineno}",
            do="Mend chat_template.jinja in the model's folder.",
        ) from error
