"""What must not stand in the source at all: pickles, code from outside, swallowed errors, hosts, prints."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import REPOSITORY, SRC, dotted, modules, plant

PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
TEXT_FILES = {".py", ".html", ".jinja", ".j2", ".css", ".js", ".json", ".yaml", ".yml", ".toml", ".txt", ".md", ".svg"}
NOT_A_CONNECTION = {
    "www.w3.org": "the name of an XML or JSON vocabulary",
    "json-schema.org": "the name of a vocabulary",
    "openlineage.io": "the name of the schema that a facet keeps to",
}
PROGRAMS = {"models/convert.py": "runs as a process of its own; its standard error is how it says no"}
HOST = re.compile(r"(?:https?|wss?|ftp)://(?!\$|\{|%)([A-Za-z0-9.\-\[\]:]+)")
LOOPBACK = re.compile(r"^(127\.[0-9.]+|localhost|\[::1\])(:\d+)?$")
# Written in pieces, so that this file does not break its own rule.
OF_THIS_MACHINE = re.compile(
    "|".join(["/work/" + "(main|shared)", "/ro" + "ot/", "/opt/" + "(wheels|pypi)", "pypi" + r"\.org"])
)


def no_pickle(tree: Path) -> list[str]:
    """Imports of what runs code while it reads, and torch's and numpy's doors to it."""
    found: list[str] = []
    for module in modules(tree):
        imports = [(node, name) for node, name in module.imports() if name.split(".")[0] in PICKLES]
        found += [f"{module.at(node)} imports {name}" for node, name in imports]
        found += [f"{module.at(node)} {problem}" for node in ast.walk(module.ast) if (problem := _unpickles(node))]
    return found


def _unpickles(node: ast.AST) -> str:
    if isinstance(node, ast.ImportFrom) and node.module == "torch":
        taken = {alias.name for alias in node.names} & {"load", "save"}
        return f"takes torch.{taken.pop()}" if taken else ""
    if isinstance(node, ast.Attribute) and dotted(node) in {"torch.load", "torch.save"}:
        return f"uses {dotted(node)}"
    if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not _is(node.value, False):
        return "allows pickle"
    if isinstance(node, ast.Call) and dotted(node.func).endswith((".save_state", ".read_pickle", ".to_pickle")):
        return f"calls {dotted(node.func)}"
    return ""


def no_code_from_outside(tree: Path) -> list[str]:
    """eval, exec, compile, shells, and remote code of model repositories."""
    return [f"{module.at(node)} {p}" for module in modules(tree) for node in ast.walk(module.ast) if (p := _runs(node))]


def _runs(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "compile"}:
        return f"calls {node.func.id}"
    if isinstance(node, ast.Call) and dotted(node.func) in {"os.system", "os.popen", "subprocess.getoutput"}:
        return f"calls {dotted(node.func)}"
    if isinstance(node, ast.keyword) and node.arg in {"trust_remote_code", "shell"} and not _is(node.value, False):
        return f"sets {node.arg}"
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return "sets trust_remote_code" if any(_remote(key, value) for key, value in pairs) else ""
    return ""


def _remote(key: ast.expr | None, value: ast.expr) -> bool:
    return key is not None and _is(key, "trust_remote_code") and not _is(value, False)


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is type(value) and node.value == value


def prints_in_the_command_line_only(tree: Path) -> list[str]:
    """`print` and writes to the standard streams outside app/cli."""
    return [
        f"{module.at(node)} writes to the terminal"
        for module in modules(tree)
        if not module.inside.startswith("app/cli/") and module.inside not in PROGRAMS
        for node in ast.walk(module.ast)
        if (isinstance(node, ast.Call) and dotted(node.func) == "print")
        or (isinstance(node, ast.Attribute) and dotted(node) in {"sys.stdout.write", "sys.stderr.write"})
    ]


def no_error_is_swallowed(tree: Path) -> list[str]:
    """Handlers that do nothing, and handlers of everything that do not raise again."""
    return [
        f"{module.at(node)} {problem}"
        for module in modules(tree)
        for node in ast.walk(module.ast)
        if isinstance(node, ast.ExceptHandler) and (problem := _swallows(node))
    ]


def _swallows(handler: ast.ExceptHandler) -> str:
    if all(isinstance(line, ast.Pass | ast.Continue) or _is_ellipsis(line) for line in handler.body):
        return "catches and passes"
    broad = handler.type is None or dotted(handler.type) in {"Exception", "BaseException"}
    raises = any(isinstance(node, ast.Raise) for line in handler.body for node in ast.walk(line))
    return "catches everything" if broad and not raises else ""


def _is_ellipsis(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and _is(line.value, ...)


def process_variables_at_the_entry(tree: Path) -> list[str]:
    """Writes to the environment outside app/cli."""
    return [
        f"{module.at(node)} writes to the environment"
        for module in modules(tree)
        if not module.inside.startswith("app/cli/")
        for node in ast.walk(module.ast)
        if _writes_environment(node)
    ]


def _writes_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return dotted(node.value) == "os.environ" and isinstance(node.ctx, ast.Store | ast.Del)
    writers = {"os.putenv", "os.environ.update", "os.environ.setdefault", "os.environ.pop"}
    return isinstance(node, ast.Call) and dotted(node.func) in writers


def no_hosts(tree: Path) -> list[str]:
    """Addresses outside this machine, in code and in data files; docstrings may name a source."""
    found: list[str] = []
    for path in sorted(path for path in tree.rglob("*") if path.suffix in TEXT_FILES):
        texts = _code_strings(path) if path.suffix == ".py" else [path.read_text(encoding="utf-8")]
        hosts = {host for text in texts for host in HOST.findall(text)}
        outside = sorted(host for host in hosts if not LOOPBACK.match(host) and host not in NOT_A_CONNECTION)
        found += [f"{path.relative_to(tree)} names {host}" for host in outside]
    return found


def _code_strings(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in strings if id(node) not in said]


def no_place_of_this_machine(files: list[Path]) -> list[str]:
    """Paths of a developer's machine and hosts of registries."""
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file())
    return [f"{path.name}: {hit.group()}" for path, text in texts if (hit := OF_THIS_MACHINE.search(text))]


RULES = [
    no_pickle,
    no_code_from_outside,
    prints_in_the_command_line_only,
    no_error_is_swallowed,
    process_variables_at_the_entry,
    no_hosts,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule) -> None:
    assert rule(SRC) == []


def test_files_of_the_repository_name_no_place_of_this_machine() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    files = [REPOSITORY / name for name in listed.split("\0") if name]
    assert len(files) > 100
    assert no_place_of_this_machine(files) == []


BREACHES = [
    (no_pickle, "core/a.py", "import pickle"),
    (no_pickle, "core/a.py", "from cloudpickle import dumps"),
    (no_pickle, "train/a.py", "import torch\ntorch.load('x')"),
    (no_pickle, "train/a.py", "from torch import load"),
    (no_pickle, "data/a.py", "import numpy as np\nnp.load('x', allow_pickle=True)"),
    (no_pickle, "train/a.py", "accelerator.save_state('x')"),
    (no_code_from_outside, "core/a.py", "eval('1')"),
    (no_code_from_outside, "core/a.py", "exec('1')"),
    (no_code_from_outside, "models/a.py", "load(trust_remote_code=True)"),
    (no_code_from_outside, "models/a.py", "load(trust_remote_code=given)"),
    (no_code_from_outside, "models/a.py", "load(**{'trust_remote_code': True})"),
    (no_code_from_outside, "models/a.py", "import subprocess\nsubprocess.run('ls', shell=True)"),
    (prints_in_the_command_line_only, "app/flow.py", "print('hello')"),
    (prints_in_the_command_line_only, "app/flow.py", "import sys\nsys.stderr.write('hello')"),
    (no_error_is_swallowed, "core/a.py", "try:\n    f()\nexcept ValueError:\n    pass\n"),
    (
        no_error_is_swallowed,
        "core/a.py",
        "for x in y:\n    try:\n        f()\n    except ValueError:\n        continue\n",
    ),
    (no_error_is_swallowed, "core/a.py", "try:\n    f()\nexcept Exception:\n    x = 1\n"),
    (no_error_is_swallowed, "core/a.py", "try:\n    f()\nexcept:\n    x = 1\n"),
    (process_variables_at_the_entry, "models/a.py", "import os\nos.environ['A'] = '1'"),
    (process_variables_at_the_entry, "models/a.py", "import os\nos.environ.setdefault('A', '1')"),
    (no_hosts, "models/a.py", "URL = 'https://hub.example.com/api'"),
    (no_hosts, "app/report.html", "<script src='https://cdn.example.com/x.js'></script>"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_the_rule_bites(rule, name: str, text: str, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, {name: text})) != []


ALLOWED = {
    "core/a.py": '"""Source: https://arxiv.org/abs/2106.09685, 2026-11-22."""\nURL = "http://127.0.0.1:8000/v1"\n',
    "models/a.py": "load(trust_remote_code=False)\nmodel.eval()\nre.compile('x')\n",
    "app/cli/main.py": "import os\nos.environ['A'] = '1'\nprint('done')\n",
    "app/report.html": "<svg xmlns='http://www.w3.org/2000/svg'></svg>",
    "core/b.py": "try:\n    f()\nexcept OSError as error:\n    raise ValueError from error\n",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_lets_good_code_pass(rule, tmp_path: Path) -> None:
    assert rule(plant(tmp_path, ALLOWED)) == []


@pytest.mark.parametrize("text", ["cd /work/" + "main", "see /ro" + "ot/x", "pip -i https://pypi" + ".org/simple"])
def test_a_place_of_this_machine_is_found(text: str, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(text)
    assert no_place_of_this_machine([path]) != []
