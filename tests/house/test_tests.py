"""Every test claims something, and none hides behind a skip or a mock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import REPOSITORY, Module, dotted, modules, plant

CLAIMS = {"raises", "warns", "fail", "assert_allclose", "assert_array_equal", "assert_close", "assert_equal"}


def every_test_claims_something(tree: Path) -> list[str]:
    """Test functions without an assertion of their own or in a helper of their module."""
    found: list[str] = []
    for module in modules(tree):
        helpers = {function.name for function in module.functions() if _asserts(function, set())}
        found += [
            f"{module.at(test)} {test.name} claims nothing" for test in _tests(module) if not _asserts(test, helpers)
        ]
    return found


def _tests(module: Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [function for function in module.functions() if function.name.startswith("test_")]


def _asserts(function: ast.AST, helpers: set[str]) -> bool:
    called = {dotted(node.func).split(".")[-1] for node in ast.walk(function) if isinstance(node, ast.Call)}
    return bool(called & (CLAIMS | helpers)) or any(isinstance(node, ast.Assert) for node in ast.walk(function))


def nothing_is_hidden(tree: Path) -> list[str]:
    """Skips, expected failures and mocks."""
    found: list[str] = []
    for module in modules(tree):
        found += [
            f"{module.at(node)} imports {name}" for node, name in module.imports() if name.startswith("unittest.mock")
        ]
        found += [
            f"{module.at(node)} {dotted(node)}"
            for node in ast.walk(module.ast)
            if isinstance(node, ast.Attribute)
            and dotted(node)
            in {"pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.xfail"}
        ]
    return found


RULES = [every_test_claims_something, nothing_is_hidden]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tests_keep_the_rule(rule) -> None:
    assert rule(REPOSITORY / "tests") == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (every_test_claims_something, "def test_a():\n    print(1)\n"),
        (nothing_is_hidden, "import pytest\n@pytest.mark.skip\ndef test_a():\n    assert True\n"),
        (nothing_is_hidden, "from unittest.mock import patch\n"),
    ],
)
def test_the_rule_bites(rule, text: str, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, {"test_a.py": text})) != []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_lets_good_tests_pass(rule, tmp_path: Path) -> None:
    good = "def check(x):\n    assert x\n\ndef test_a():\n    check(1)\n\ndef test_b():\n    assert 1 == 1\n"
    assert rule(plant(tmp_path, {"test_a.py": good})) == []
