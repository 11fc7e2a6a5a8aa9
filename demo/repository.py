"""The git repository of hello, the service that the demo releases: a tag for each version of it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("hello")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Edition:
    """What a version of hello does differently."""

    tag: str
    healthy: bool = True
    pace: str = "start_seconds=0"  # sourced by its start script
    news: str = ""


EDITIONS = (
    Edition("v1.0", news="Say hello"),
    Edition("v1.1", news="Say hello again"),
    Edition("v1.2", news="Say hello better"),
    Edition("v1.3", healthy=False, news="Say hello, and break the health check"),
    # Slow enough that something can be killed or stopped while it starts.
    Edition("v1.4", pace="start_seconds=3", news="Warm up before saying hello"),
    Edition(
        "v1.5",
        pace="case $INTERLOCK_HOST in demo-[12]) start_seconds=0 ;; *) start_seconds=60 ;; esac",
        news="Warm up for far too long, except where it was tried",
    ),
)


def make_repository(folder: Path) -> str:
    """Make the repository if it is not there; its address."""
    if not (folder / ".git").exists():
        draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        _write_history(draft)
        draft.rename(folder)
    return folder.resolve().as_uri()


def _write_history(folder: Path) -> None:
    shutil.copytree(SOURCE, folder, ignore=IGNORED)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for number, edition in enumerate(EDITIONS):
        about = {"version": edition.tag, "healthy": edition.healthy}
        (folder / "about.json").write_text(json.dumps(about) + "\n")
        (folder / "interlock" / "pace").write_text(f"{edition.pace}\n")
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message", edition.news, day=number + 1)
        _git(folder, "tag", edition.tag)


def _git(folder: Path, *words: str, day: int = 1) -> None:
    when = f"2026-01-{day:02}T09:00:00+00:00"
    name, email = "Dee", "dee@example.org"
    settings = {
        "PATH": os.environ["PATH"],
        # Nothing of the person's own git settings (signing, hooks, templates) may come in.
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
        "GIT_COMMITTER_DATE": when,
    }
    command = ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", *words]
    subprocess.run(command, check=True, env=settings)
