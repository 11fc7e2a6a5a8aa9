"""Files and functions that a reader can hold in the head, under names that say something."""

import ast
from pathlib import Path

from tests.architecture.source import Module, modules

FILE_LINES = 400
FUNCTION_LINES = 40
FOLDERS = ("interlock", "cli", "demo", "bench", "tests")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "handler", "handlers"}

# file or "file:function" -> why it may be longer. Empty is how it should be.
LISTED: dict[str, str] = {}


def long_files(root: Path) -> list[str]:
    files = [module.path for module in modules(root, *FOLDERS)] + [root / "dev"]
    faults = []
    for path in files:
        lines = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
        name = path.relative_to(root).as_posix()
        if lines > FILE_LINES and name not in LISTED:
            faults.append(f"{name}: {lines} lines, more than {FILE_LINES}")
    return faults


def long_functions(root: Path) -> list[str]:
    product = [*modules(root, "interlock", "cli", "demo", "bench"), Module(root, root / "dev")]
    faults = []
    for module in product:
        for node in ast.walk(module.tree) if module.path.exists() else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES and f"{module.name}:{node.name}" not in LISTED:
                    faults.append(module.fault(node, f"{node.name} has {lines} lines, over {FUNCTION_LINES}"))
    return faults


def vague_names(root: Path) -> list[str]:
    return [
        f"{module.name}: a name that says nothing"
        for module in modules(root, *FOLDERS)
        if VAGUE.intersection(module.parts)
    ]
