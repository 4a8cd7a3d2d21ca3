"""Imports point down, heavy libraries stay in their rooms, and names are looked up in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import SRC, Function, Module, dotted, modules, plant

GROUND = {"core"}
FIRST = {"recipe", "registry", "text", "detect", "stats"}
SECOND = {"data", "models", "plan"}
ALL = GROUND | FIRST | SECOND | {"train", "evaluate", "serve", "monitor", "app"}
MAY_IMPORT = {
    "core": set[str](),
    **dict.fromkeys(FIRST, GROUND),
    **dict.fromkeys(SECOND, GROUND | FIRST),
    "train": GROUND | FIRST | SECOND,
    "evaluate": GROUND | FIRST | {"data"},
    "serve": GROUND | FIRST | {"models"},
    "monitor": GROUND | FIRST,
    "app": ALL,
    "api": ALL,  # the Python API: the same story as the command line
    "__main__": ALL,
    "edge": {"core", "recipe"},
    "__init__": {"core"},
}
HEAVY = {"torch", "transformers", "peft", "accelerate", "torchao", "bitsandbytes"}
HEAVY_ROOMS = {"models", "train", "serve", "edge"}
LOADERS = {"core/catalog.py": "the registry", "__init__.py": "nouns, when they are asked for"}


def one_way(tree: Path) -> list[str]:
    """Imports between rooms that the floors do not allow."""
    found: list[str] = []
    for module in modules(tree):
        if module.room not in MAY_IMPORT:
            found.append(f"{module.inside}: no room is called {module.room}; see docs/decisions before you add one")
            continue
        for node, name in module.imports():
            parts = name.split(".")
            room = parts[1] if parts[0] == "tunewright" and len(parts) > 1 else module.room
            if room not in {module.room, *MAY_IMPORT[module.room]} and room != "__version__":
                found.append(f"{module.at(node)} {module.room} may not import {room}")
    return found


def edge_is_chosen_by_name(tree: Path) -> list[str]:
    """Imports of edge files; edge options are the recipe's, and edge files do not import one another."""
    return [
        f"{module.at(node)} imports {name}"
        for module in modules(tree)
        for node, name in module.imports()
        if name.startswith("tunewright.edge")
    ]


def heavy_in_heavy_rooms(tree: Path) -> list[str]:
    """torch and what loads it, outside its rooms."""
    return [
        f"{module.at(node)} imports {name}"
        for module in modules(tree)
        for node, name in module.imports()
        if name.split(".")[0] in HEAVY and module.room not in HEAVY_ROOMS
    ]


def imports_on_top(tree: Path) -> list[str]:
    """Import statements inside functions."""
    return [
        f"{module.at(node)} imports inside {function.name}"
        for module in modules(tree)
        for function in module.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def dynamic_imports(tree: Path) -> list[str]:
    """Imports by a computed name, outside `LOADERS` and the command line, which loads its verbs so."""
    return [
        f"{module.at(node)} imports by a computed name"
        for module in modules(tree)
        if module.inside not in LOADERS and not module.inside.startswith("app/cli/")
        for node in ast.walk(module.ast)
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {"import_module", "__import__"}
    ]


def work_is_resolved_once(tree: Path) -> list[str]:
    """Uses of `catalog.work` outside app/resolve.py."""
    return [
        f"{module.at(node)} loads work; only app/resolve.py does"
        for module in modules(tree)
        if module.inside not in {"app/resolve.py", "core/catalog.py"}
        for node in ast.walk(module.ast)
        if _takes_work(node)
    ]


def _takes_work(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "tunewright.core.catalog" and any(alias.name in {"work", "*"} for alias in node.names)
    return isinstance(node, ast.Attribute) and dotted(node).endswith("catalog.work")


def empty_inits(tree: Path) -> list[str]:
    """`__init__.py` files with code; the root's gives the nouns."""
    return [
        f"{module.inside} is not empty"
        for module in modules(tree)
        if module.path.name == "__init__.py" and module.inside != "__init__.py" and _code(module)
    ]


def _code(module: Module) -> bool:
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in module.ast.body)


RULES = [
    one_way,
    edge_is_chosen_by_name,
    heavy_in_heavy_rooms,
    imports_on_top,
    dynamic_imports,
    work_is_resolved_once,
    empty_inits,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule) -> None:
    assert rule(SRC) == []


BREACHES = [
    (one_way, "core/nouns.py", "from tunewright.recipe.recipe import Recipe"),
    (one_way, "text/chat.py", "import tunewright.stats.paired"),
    (one_way, "recipe/load.py", "from tunewright import data"),
    (one_way, "data/prepare.py", "from tunewright.models.find import find"),
    (one_way, "train/loop.py", "from tunewright.evaluate.evaluate import evaluate"),
    (one_way, "evaluate/evaluate.py", "from tunewright.models.load import load"),
    (one_way, "serve/gateway.py", "from tunewright.train import loop"),
    (one_way, "data/sources/hub.py", "from ...models import find"),
    (one_way, "__init__.py", "from tunewright.app.flow import run"),
    (one_way, "edge/engines/vllm.py", "from tunewright.serve import gateway"),
    (one_way, "misc/thing.py", "x = 1"),
    (edge_is_chosen_by_name, "app/resolve.py", "from tunewright.edge.engines import vllm"),
    (heavy_in_heavy_rooms, "data/prepare.py", "import torch"),
    (heavy_in_heavy_rooms, "app/flow.py", "from transformers import AutoModel"),
    (heavy_in_heavy_rooms, "evaluate/evaluate.py", "import torch.nn.functional as F"),
    (imports_on_top, "train/loop.py", "def f():\n    if True:\n        import json\n"),
    (imports_on_top, "train/loop.py", "class A:\n    async def f(self):\n        from json import loads\n"),
    (dynamic_imports, "train/loop.py", "import importlib\ntorch = importlib.import_module('to' + 'rch')"),
    (work_is_resolved_once, "app/flow.py", "from tunewright.core import catalog\ncatalog.work('methods', 'lora')"),
    (work_is_resolved_once, "app/flow.py", "from tunewright.core.catalog import work"),
    (work_is_resolved_once, "app/flow.py", "import tunewright.core.catalog\ntunewright.core.catalog.work('a', 'b')"),
    (empty_inits, "train/__init__.py", "from tunewright.train.loop import train"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_the_rule_bites(rule, name: str, text: str, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, {name: text})) != []


ALLOWED = {
    "__init__.py": "from tunewright.core.nouns import Run",
    "recipe/load.py": "from tunewright.core import catalog\ncatalog.options('methods', 'lora')",
    "data/prepare.py": "from tunewright.recipe.options.sources import csv\nfrom ..text import chat",
    "train/loop.py": "import torch\nfrom tunewright.models.load import load\nfrom tunewright.data import dataset",
    "evaluate/evaluate.py": "from tunewright.data.dataset import Dataset",
    "app/resolve.py": "from tunewright.core import catalog\ncatalog.work('methods', 'lora')",
    "app/cli/main.py": "import importlib\nimportlib.import_module('tunewright.app.cli.train')",
    "api.py": "from tunewright.app import flow",
    "train/__init__.py": '"""The room."""',
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_lets_good_code_pass(rule, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, ALLOWED)) == []


def test_functions_are_found_at_any_depth(tmp_path: Path) -> None:
    (module,) = modules(plant(tmp_path, {"core/a.py": "class A:\n    def b(self):\n        def c(): ...\n"}))
    assert [function.name for function in module.functions()] == ["b", "c"]
    assert all(isinstance(function, Function) for function in module.functions())
