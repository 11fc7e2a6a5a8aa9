"""The directions of ``.importlinter``: kept by the code, broken by what they forbid."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.source import REPOSITORY

PLANTED = {
    "interlock/runs/planted.py": "from interlock.releases import apps\n",
    "interlock/lifecycle/planted.py": "import time\n",
    "interlock/store/planted.py": "import django\n",
    "interlock/urls.py": "import demo\n",
    "interlock/api/planted.py": "from interlock.fleet.models import Host\n",
    "cli/interlock_cli/planted.py": "from interlock.lifecycle.refused import Refused\n",
    "interlock/elsewhere.py": "",
}
BROKEN = {
    "Upper rooms know lower ones, never the other way",
    "The lifecycle knows no Django, no clock and no I/O",
    "Below the contexts there is no Django",
    "The product does not know its demo",
    "Only fleet touches the models of fleet",
    "The command line knows the platform by HTTP only",
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    command = [sys.executable, "-c", program, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def copy_of_the_house(root: Path) -> Path:
    for folder in ("interlock", "demo", "cli"):
        ignored = shutil.ignore_patterns("__pycache__", "*.html", "static")
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    shutil.copy(REPOSITORY / ".importlinter", root)
    return root


def test_the_contracts_are_kept() -> None:
    done = lint(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_bite(tmp_path: Path) -> None:
    house = copy_of_the_house(tmp_path)
    for name, text in PLANTED.items():
        with (house / name).open("a", encoding="utf-8") as file:
            file.write(text)
    done = lint(house)
    assert done.returncode != 0
    lines = done.stdout.splitlines()
    broken = {line.split(" BROKEN")[0] for line in lines if " BROKEN" in line}
    assert broken == BROKEN, done.stdout
    assert "elsewhere" in done.stdout, "a room without a place was let in"
