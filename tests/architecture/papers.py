"""What is written down outside the code: settings are documented, nothing names one person's machine."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import Module, called_name, modules

SETTING = re.compile(r"^INTERLOCK_[A-Z0-9_]+$")
IN_TABLE = re.compile(r"^\| *`(INTERLOCK_[A-Z0-9_]+)`", re.MULTILINE)
# Written in pieces, so that this file does not accuse itself.
HOME = r"(?<![\w.$}-])/(?:wo" r"rk|ro" r"ot|home/\w+)/"
INDEX = r"https?://\S*(?:py" r"pi|mirr" r"or)\S*"
OF_ONE_MACHINE = re.compile(f"{HOME}|{INDEX}")


def settings_undocumented(root: Path) -> list[str]:
    page = root / "docs" / "settings.md"
    documented = set(IN_TABLE.findall(page.read_text(encoding="utf-8"))) if page.exists() else set()
    read = {name: fault for module in programs(root) for name, fault in settings_read(module)}
    faults = [f"{where}: {name} is not in docs/settings.md" for name, where in sorted(read.items())]
    stale = sorted(documented - read.keys())
    return [fault for fault in faults if fault.split()[1] not in documented] + [
        f"docs/settings.md: nothing reads {name}" for name in stale
    ]


def programs(root: Path) -> Iterator[Module]:
    for module in modules(root, "interlock", "cli", "demo"):
        # The service that the demo releases reads what the platform hands to services: no settings.
        if not module.name.startswith("demo/hello/"):
            yield module
    if (root / "dev").exists():
        yield Module(root, root / "dev")


def settings_read(module: Module) -> Iterator[tuple[str, str]]:
    """Names taken out of ``os.environ``, by ``get``, ``setdefault``, ``getenv`` or an index."""
    for node in ast.walk(module.tree):
        name: ast.expr | None = None
        if isinstance(node, ast.Call) and called_name(node) in {"get", "setdefault", "getenv"} and node.args:
            name = node.args[0]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            name = node.slice if "environ" in ast.unparse(node.value) else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and SETTING.match(name.value):
            yield name.value, module.fault(node, "").rstrip(": ")


def traces_of_one_machine(root: Path) -> list[str]:
    faults = []
    for path in committed_files(root):
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if OF_ONE_MACHINE.search(line):
                faults.append(f"{path.relative_to(root)}:{number}: a path or an address of one machine")
    return faults


def committed_files(root: Path) -> list[Path]:
    if not (root / ".git").exists():
        return sorted(path for path in root.rglob("*") if path.is_file())
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    return [root / name for name in listed.stdout.split("\0") if name]
