"""Pages of docs/reference about parts: a page a method and optimiser, one for schedules, objectives and presets.

Every example on them is read as a recipe before it is written.
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from reference_words import HEAD, keys

from tunewright.core import catalog
from tunewright.recipe import preset
from tunewright.recipe.load import load_recipe
from tunewright.recipe.recipe import Recipe

TASK = "name: my-task\nmodel: builtin:smollm2-135m-instruct\ndata: rows.jsonl\n"
PLACES = {
    "methods": "method",
    "objectives": "objective",
    "optimisers": "training.optimiser",
    "schedules": "training.schedule",
}
"""Where a part of a kind stands in a recipe."""
OPTIONS = "the option classes in src/tunewright/recipe/options/{kind} and the work beside them"
WEIGHT_BYTES, GRADIENT_BYTES = 4, 4
SHARES = (1, 4, 10, 25, 50, 75, 90, 100)
STEPS = 100
YEAR = re.compile(r"\b(19|20)\d\d\b")
ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})")


def pages() -> dict[str, Callable[[], str]]:
    """Every page about parts, by name, and what makes it."""
    made: dict[str, Callable[[], str]] = {"presets.md": presets_page}
    for kind in ("objectives", "schedules"):
        made[f"{kind}.md"] = partial(kind_page, kind)
    for kind in ("methods", "optimisers"):
        made[f"{kind}.md"] = partial(index_page, kind)
        for name in catalog.names(kind):
            made[f"{kind}/{name}.md"] = partial(part_page, kind, name)
    return made


def head(kind: str, title: str) -> str:
    """The mark of a generated page, and its title."""
    return HEAD.format(source=OPTIONS.format(kind=kind)) + f"# {title}"


def part_page(kind: str, name: str) -> str:
    """A part: what it is, where it comes from, how it is written, what it costs, its keys."""
    lines = [head(kind, f"`{name}`"), *about(kind, name), *FACTS[kind](name)]
    lines += ["## In a recipe", f"`{PLACES[kind]}: {name}`, or with its keys, here with their defaults:"]
    return page([*lines, example(kind, name), *key_list(kind, name, level=2)])


def kind_page(kind: str) -> str:
    """All parts of a kind on one page."""
    lines = [head(kind, kind.capitalize()), f"A recipe names one under `{PLACES[kind]}`.", *FACTS[kind]("")]
    for name in catalog.names(kind):
        lines += [f"## `{name}`", *about(kind, name), example(kind, name), *key_list(kind, name, level=3)]
    return page(lines)


def index_page(kind: str) -> str:
    """The parts of a kind, a line each, with links to their pages."""
    lines = [head(kind, kind.capitalize()), f"A recipe names one under `{PLACES[kind]}`.", *INTRODUCTIONS[kind]]
    rows = [
        [f"[`{name}`]({kind}/{name}.md)", meaning(kind, name), *COLUMNS[kind](name)] for name in catalog.names(kind)
    ]
    return page([*lines, table(["name", "what it is", *COLUMN_HEADS[kind]], rows)])


def presets_page() -> str:
    """Every preset, what it sets, and the same spelled out."""
    source = HEAD.format(source="src/tunewright/recipe/presets")
    lines = [
        source + "# Presets",
        "A preset is a few values of a recipe under a name. They lie under what the recipe itself says: a key that you "
        "write wins, the others are those of the preset. A list takes several; a later one lies over an earlier one. "
        "`tunewright explain preset` says the same in a terminal.",
        recipe_block(TASK + "preset: qlora\nmethod: {rank: 32}\n"),
    ]
    for name in preset.names():
        written = "".join(line for line in preset.text(name).splitlines(keepends=True) if not line.startswith("#"))
        comment = [line.removeprefix("# ") for line in preset.text(name).splitlines() if line.startswith("#")]
        checked(TASK + f"preset: {name}\n")
        lines += [f"## `{name}`", " ".join(comment), f"`preset: {name}` stands for", yaml_block(written)]
    return page(lines)


def about(kind: str, name: str) -> list[str]:
    """What a part is, and where the idea and the code come from."""
    work = inspect.getdoc(sys.modules[catalog.work(kind, name).__module__]) or ""
    source = work.splitlines()[0]
    return [meaning(kind, name), *([f"Source: {source}"] if YEAR.search(source) else [])]


def meaning(kind: str, name: str) -> str:
    """The sentence of a part's options."""
    return inspect.getdoc(catalog.options(kind, name)) or ""


def example(kind: str, name: str) -> str:
    """A part in a recipe, every key with its default."""
    *blocks, last = PLACES[kind].split(".")
    written = [f"{block}:" for block in blocks]
    indent = "  " * len(blocks)
    given = catalog.options(kind, name)().model_dump(mode="json", exclude={"version"})
    written += [f"{indent}{last}:", *(f"{indent}  {key}: {plain(value)}" for key, value in given.items())]
    text = "\n".join(written) + "\n"
    recipe = checked(TASK + text)
    found: Any = recipe
    for step in (*blocks, last):
        found = getattr(found, step)
    if found != catalog.options(kind, name)():
        raise ValueError(f"the example of {kind}/{name} is not its defaults")
    return yaml_block(text)


def checked(text: str) -> Recipe:
    """The recipe of a text. Raises UserError when it is none, so that no page shows it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return load_recipe(path, environment={})


def key_list(kind: str, name: str, *, level: int) -> list[str]:
    """The keys of a part under a heading, when it has any."""
    _meaning, *items = keys(catalog.options(kind, name), but={"type", "version"})
    return [f"{'#' * level} Keys", *items] if items else []


def plain(value: Any) -> str:
    """A value as a recipe writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def optimiser_facts(name: str) -> list[str]:
    """Memory, rate and schedule of an optimiser."""
    work = catalog.work("optimisers", name)
    state = work.state_bytes
    return [
        "## What it costs and means",
        f"- **Memory**: {number(state)} bytes of state a trained weight, beside {WEIGHT_BYTES} for the weight and "
        f"{GRADIENT_BYTES} for its gradient: {number(WEIGHT_BYTES + GRADIENT_BYTES + state)} in all (2 more where "
        "products are in bf16).\n"
        f"- **`learning_rate: auto`** is the method's own rate times {number(work.learning_rate_factor)}.\n"
        f"- **`schedule: auto`** is `{work.schedule}`.",
    ]


def method_facts(name: str) -> list[str]:
    """Rate of a method, and whether its base stays."""
    method = catalog.work("methods", name)(catalog.options("methods", name)())
    stays = (
        "stays as it is: the result is an adapter, and the base can be had by switching it off"
        if method.adapts
        else "changes: the result is a whole model"
    )
    return [
        "## What it costs and means",
        f"- **The base** {stays}.\n"
        f"- **`learning_rate: auto`** is {method.learning_rate:g} times the factor of the "
        "[optimiser](../optimisers.md).\n"
        "- **Memory**: weights that do not train take what `model.weights` says (4 bytes in fp32, 2 in bf16, "
        "1 in int8, about half of one in nf4); those that train take what the optimiser's page says.",
    ]


def schedule_facts(_name: str) -> list[str]:
    """What the schedules do to the rate of a run, with their defaults."""
    rows = []
    for name in catalog.names("schedules"):
        schedule = catalog.work("schedules", name)(catalog.options("schedules", name)())
        rows.append([f"`{name}`", *(f"{schedule.factor(step, STEPS):.2f}" for step in SHARES)])
    return [
        "`auto` is the one that fits the optimiser. A warm-up of w steps rises over w + 1, so that the first update is "
        "not wasted on a rate of zero; a fall ends one step before its floor.",
        f"The rate at some steps of a run of {STEPS}, as a share of the highest, with the defaults:",
        table(["schedule", *(f"step {step}" for step in SHARES)], rows),
    ]


def number(value: float) -> str:
    """`8` for 8.0."""
    return f"{value:g}"


def linked(text: str) -> str:
    """A text whose papers can be clicked."""
    return ARXIV.sub(r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def yaml_block(text: str) -> str:
    """A block of YAML."""
    return f"```yaml\n{text}```"


def recipe_block(text: str) -> str:
    """A whole recipe, which is one."""
    checked(text)
    return yaml_block(text)


def page(lines: list[str]) -> str:
    """Paragraphs as a file."""
    return linked("\n\n".join(lines)) + "\n"


FACTS: dict[str, Callable[[str], list[str]]] = {
    "methods": method_facts,
    "objectives": lambda _name: [],
    "optimisers": optimiser_facts,
    "schedules": schedule_facts,
}
INTRODUCTIONS: dict[str, list[str]] = {
    "methods": [
        "Forms of LoRA have names of their own as [presets](presets.md): QLoRA, DoRA, rsLoRA, PiSSA. Which to take "
        "when: [Choose a method](../how-to/choose-a-method.md)."
    ],
    "optimisers": [
        "All of them keep float32 weights and decay matrices only; vectors (biases, norms) are not decayed. The "
        "bytes are those of state, a trained weight."
    ],
}
COLUMN_HEADS = {"methods": ["rate of `auto`"], "optimisers": ["state, bytes", "factor of `auto`", "schedule of `auto`"]}
COLUMNS: dict[str, Callable[[str], list[str]]] = {
    "methods": lambda name: [f"{catalog.work('methods', name)(catalog.options('methods', name)()).learning_rate:g}"],
    "optimisers": lambda name: [
        number(catalog.work("optimisers", name).state_bytes),
        number(catalog.work("optimisers", name).learning_rate_factor),
        f"`{catalog.work('optimisers', name).schedule}`",
    ],
}
