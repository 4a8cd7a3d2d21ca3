"""What every house rule reads: the modules of a source tree. A breach is one sentence; no breach is an empty list."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
SRC = REPOSITORY / "src" / "tunewright"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(text: str, name: str) -> ast.Module:
    """A file's syntax tree, which nobody changes: a hundred rules read the same files."""
    return ast.parse(text, filename=name)


@dataclass(frozen=True)
class Module:
    """One Python file below the package folder `tree`."""

    tree: Path
    path: Path

    @cached_property
    def ast(self) -> ast.Module:
        return parsed(self.text, str(self.path))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def inside(self) -> str:
        """Path below the package, such as `train/loop.py`."""
        return self.path.relative_to(self.tree).as_posix()

    @property
    def room(self) -> str:
        """The first folder, or the file's own name where it lies in the package itself."""
        return self.path.relative_to(self.tree).parts[0].removesuffix(".py")

    @property
    def package(self) -> tuple[str, ...]:
        """The dotted package that relative imports start from."""
        return ("tunewright", *self.path.relative_to(self.tree).parent.parts)

    def at(self, node: ast.AST) -> str:
        """`train/loop.py:12`."""
        return f"{self.inside}:{getattr(node, 'lineno', 1)}"

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        yield from (node for node in ast.walk(self.ast) if isinstance(node, Function))

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every imported dotted name with its statement; `from a import b` gives `a.b`."""
        for node in ast.walk(self.ast):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node, f"{self._start(node)}.{alias.name}") for alias in node.names)

    def _start(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        above = self.package[: len(self.package) - node.level + 1]
        return ".".join((*above, *([node.module] if node.module else [])))


def modules(tree: Path) -> list[Module]:
    """Every module of a package folder, sorted by path."""
    return [Module(tree, path) for path in sorted(tree.rglob("*.py"))]


def plant(folder: Path, files: Mapping[str, str]) -> Path:
    """A package folder with these files: where a test plants a breach. Returns the folder."""
    tree = folder / "tunewright"
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return ""
