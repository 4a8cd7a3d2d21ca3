"""Nothing grows past what a reader holds in mind: files, functions, arguments, names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import REPOSITORY, SRC, Function, Module, dotted, modules, plant

FILE_LINES = 400
FUNCTION_LINES = 60
ARGUMENTS = 6
POSITIONAL = 2
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "misc", "common"}
FIXED_SHAPES = {
    "forward": "torch calls it with the arguments of the layer or of the autograd function",
    "backward": "torch calls it with one gradient an output",
    "setup_context": "torch calls it with (context, inputs, output)",
    "packed_attention": "the attention interface of Transformers calls it",
    "to_json": "chat templates call it as the filter `tojson` with Transformers' arguments",
    "convert": "click calls a type's convert with (value, parameter, context)",
    "save": "the port Method: (model, weights, folder)",
    "find_record": "(stage, key) is one address, the record's class says what is read there",
    "keep_record": "(stage, key) is one address, the record is what is written there",
}
"""Functions whose arguments somebody else chose, and who."""


def short_files(tree: Path) -> list[str]:
    """Files past the limit of lines."""
    counts = [(module, module.text.count("\n")) for module in modules(tree)]
    return [f"{module.inside}: {lines} lines (limit {FILE_LINES})" for module, lines in counts if lines > FILE_LINES]


def short_compiled_files(tree: Path) -> list[str]:
    """Files of C++ past the limit of lines."""
    counts = [
        (path, path.read_text(encoding="utf-8").count("\n"))
        for path in sorted(tree.rglob("*.*"))
        if path.suffix in (".cpp", ".h")
    ]
    return [f"{path.name}: {lines} lines (limit {FILE_LINES})" for path, lines in counts if lines > FILE_LINES]


def short_functions(tree: Path) -> list[str]:
    """Functions past the limit of lines, from `def` to the end."""
    return [
        f"{module.at(function)} {function.name}: {_lines(function)} lines (limit {FUNCTION_LINES})"
        for module in modules(tree)
        for function in module.functions()
        if _lines(function) > FUNCTION_LINES
    ]


def _lines(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def few_arguments(tree: Path) -> list[str]:
    """Functions of more arguments than six, `self` and `cls` left out."""
    return [
        f"{module.at(function)} {function.name}: {len(names)} arguments (limit {ARGUMENTS})"
        for module in modules(tree)
        for function in module.functions()
        if len(names := [*_positional(function), *(given.arg for given in function.args.kwonlyargs)]) > ARGUMENTS
        and function.name not in FIXED_SHAPES
        and not _is_called_by_a_framework(function)
    ]


def keyword_only_after_two(tree: Path) -> list[str]:
    """Public functions that take a third argument by position."""
    return [
        f"{module.at(function)} {function.name}: {', '.join(_positional(function))} are positional (limit {POSITIONAL})"
        for module in modules(tree)
        for function in module.functions()
        if not function.name.startswith("_")
        and len(_positional(function)) > POSITIONAL
        and function.name not in FIXED_SHAPES
        and not _is_called_by_a_framework(function)
    ]


def _positional(function: Function) -> list[str]:
    given = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return given[1:] if given[:1] in (["self"], ["cls"], ["ctx"]) else given


def _is_called_by_a_framework(function: Function) -> bool:
    """Commands of click get their arguments by name; validators of pydantic by position."""
    names = {dotted(mark.func if isinstance(mark, ast.Call) else mark) for mark in function.decorator_list}
    return any(name.split(".")[0] == "click" or name.endswith((".command", "_validator")) for name in names)


def telling_names(tree: Path) -> list[str]:
    """Modules and folders whose names say nothing."""
    return [
        f"{module.inside}: the name says nothing about what is inside"
        for module in modules(tree)
        if EMPTY_NAMES & {part.removesuffix(".py") for part in Path(module.inside).parts}
    ]


def said_in_a_sentence(tree: Path) -> list[str]:
    """Modules, and public functions and classes of a module, without a docstring."""
    found: list[str] = []
    for module in modules(tree):
        if module.path.name == "__init__.py" and not module.text.strip():
            continue
        if ast.get_docstring(module.ast) is None:
            found.append(f"{module.inside}: the module has no docstring")
        found += [f"{module.at(node)} {node.name}: no docstring" for node in _public(module) if not _is_said(node)]
    return found


def _public(module: Module) -> list[Function | ast.ClassDef]:
    named = (node for node in module.ast.body if isinstance(node, Function | ast.ClassDef))
    return [node for node in named if not node.name.startswith("_")]


def _is_said(node: Function | ast.ClassDef) -> bool:
    return ast.get_docstring(node) is not None


RULES = [
    short_files,
    short_compiled_files,
    short_functions,
    few_arguments,
    keyword_only_after_two,
    telling_names,
    said_in_a_sentence,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule) -> None:
    assert rule(SRC) == []


@pytest.mark.parametrize("rule", [short_files, short_functions, telling_names], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("folder", ["tests", "scripts"])
def test_tests_and_scripts_keep_the_rule(rule, folder: str) -> None:
    assert rule(REPOSITORY / folder) == []


HEAD = '"""Says what it is."""\n'
BREACHES = [
    (short_files, "core/a.py", HEAD + "x = 1\n" * 400),
    (short_compiled_files, "core/native/a.h", "int x;\n" * 401),
    (short_functions, "core/a.py", HEAD + "def f():\n" + "    x = 1\n" * 60),
    (few_arguments, "core/a.py", HEAD + "def f(a, b, *, c, d, e, g, h): ...\n"),
    (few_arguments, "core/a.py", HEAD + "class A:\n    def f(self, a, b, *, c, d, e, g, h): ...\n"),
    (keyword_only_after_two, "core/a.py", HEAD + "def f(a, b, c): ...\n"),
    (keyword_only_after_two, "core/a.py", HEAD + "class A:\n    def f(self, a, b, c=1): ...\n"),
    (telling_names, "core/utils.py", HEAD),
    (telling_names, "helpers/a.py", HEAD),
    (said_in_a_sentence, "core/a.py", "x = 1\n"),
    (said_in_a_sentence, "core/a.py", HEAD + "def f(): ...\n"),
    (said_in_a_sentence, "core/a.py", HEAD + "class A: ...\n"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_the_rule_bites(rule, name: str, text: str, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, {name: text})) != []


GOOD = f'''{HEAD}
def f(a, b, *, c, d, e, g):
    """Six arguments, two by position."""


class A:
    """Its own receiver is no argument."""

    def g(self, a, b, *, c, d, e, h): ...


def _own(a, b, c, d): ...
'''


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_lets_good_code_pass(rule, tmp_path: Path) -> None:
    longest = HEAD + 'def f():\n    """Says."""\n' + "    x = 1\n" * 58
    assert rule(plant(tmp_path, {"core/a.py": GOOD, "core/__init__.py": "", "core/b.py": longest})) == []
