"""The whole story on a world of its own, as ``./dev demo --check`` plays it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 400  # three times what a small machine with other work needs


def play(*options: str) -> None:
    command = [sys.executable, "-m", "demo", "--check", *options]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.ssh
@pytest.mark.slow
def test_the_story_holds_in_one_process() -> None:
    play()


@pytest.mark.ssh
@pytest.mark.cluster
def test_the_story_holds_in_a_cluster() -> None:
    play("--cluster")
