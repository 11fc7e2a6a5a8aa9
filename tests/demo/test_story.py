"""The whole story, as a user starts it: real processes, real SSH, a kill -9 in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 600  # a bound for a machine under load; the story itself takes less than two minutes


def play(*flags: str) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "demo", "--check", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr[-2000:]
    return told.stdout


@pytest.mark.slow
@pytest.mark.ssh
def test_the_story_holds_in_one_process_on_sqlite() -> None:
    assert "all of it held" in play()


@pytest.mark.cluster
@pytest.mark.ssh
def test_the_story_holds_on_a_cluster() -> None:
    assert "all of it held" in play("--cluster")
