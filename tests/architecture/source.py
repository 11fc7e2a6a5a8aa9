"""The source as data for the rules: files, trees, and what a fault looks like."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    root: Path
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def parts(self) -> tuple[str, ...]:
        return self.path.relative_to(self.root).with_suffix("").parts

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def fault(self, node: ast.AST, words: str) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 1)}: {words}"


def modules(root: Path, *folders: str, migrations: bool = False) -> Iterator[Module]:
    """The Python files below the folders; a folder that does not exist has none."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            if migrations or "migrations" not in path.relative_to(root).parts:
                yield Module(root, path)


def called_name(node: ast.AST) -> str:
    """The last name of what is called: ``b`` for ``a.b()`` and for ``b()``; empty for anything else."""
    if isinstance(node, ast.Call):
        return called_name_of(node.func)
    return ""


def called_name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def strings(node: ast.AST) -> set[str]:
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called_name(node) in names:
            yield node
