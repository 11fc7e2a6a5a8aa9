"""The wheel alone, in an environment that holds what it declares and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.source import REPOSITORY

pytestmark = pytest.mark.slow


def declared(
    name: str, found: dict[str, metadata.Distribution] | None = None
) -> dict[str, metadata.Distribution]:
    """The distribution and all that it needs, out of the environment that the tests run in."""
    found = {} if found is None else found
    if name.lower() not in found:
        found[name.lower()] = metadata.distribution(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                declared(requirement.name, found)
    return found


def test_it_is_installed_alone(tmp_path: Path) -> None:
    source = tmp_path / "cli"
    shutil.copytree(REPOSITORY / "cli", source, ignore=shutil.ignore_patterns("__pycache__"))
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, source], check=True)
    wheel = next(tmp_path.glob("interlock_cli-*.whl"))
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel], check=True)
    home = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    needed = metadata.Distribution.at(next(home.glob("interlock_cli-*.dist-info"))).requires or []
    assert {Requirement(text).name for text in needed} == {"click", "rich", "httpx"}
    # From here, so that no index has to answer; the closure is what an installer would fetch.
    for text in needed:
        for distribution in declared(Requirement(text).name).values():
            copy_distribution(distribution, home)
    program = tmp_path / "venv" / "bin" / "interlock"
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, env={})
    assert re.fullmatch(r"interlock \d+\.\d+\.\d+\n", shown.stdout)
    told = subprocess.run(
        [program, "whoami"], capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)}
    )
    assert (told.returncode, "interlock login URL" in told.stderr) == (4, True), told.stderr


def copy_distribution(distribution: metadata.Distribution, home: Path) -> None:
    for file in distribution.files or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), home / file)
