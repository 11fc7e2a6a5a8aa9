"""The folders of one build on this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from interlock.builds.packing import EXIT_CODES

# No build lasts longer than a day: older folders belong to runs whose machine or worker never came back.
LEFTOVER_SECONDS = 2 * 24 * 3600
_REASONS = {
    "fetch": "build_fetch_failed",
    "ref": "build_ref_missing",
    "checkout": "build_checkout_failed",
    "script": "build_script_failed",
    "pack": "build_pack_failed",
}
_PACKING = {number: code for code, number in EXIT_CODES.items()}


class Workplace:
    """``folder`` is one try's own; ``cache`` holds the objects of all builds of the service."""

    def __init__(self, root: Path, service: str, build_id: int, try_number: int) -> None:
        self._tries = root / "work"
        self._prefix = f"{build_id}-"
        self.folder = self._tries / f"{build_id}-{try_number}"
        self.cache = root / "cache" / f"{service}.git"
        self.package = self.folder / "package"

    def prepare(self, script: str, known_commits: Iterable[str]) -> None:
        """Repeatable: what is already there belongs to a body that may be running."""
        self._tries.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear_leftovers()
        self.folder.mkdir(exist_ok=True, mode=0o700)
        if not (self.folder / "known").exists():
            self._write("build", _runnable(script), 0o700)
            self._write("known", "".join(f"{commit}\n" for commit in known_commits), 0o600)

    def _write(self, name: str, text: str, mode: int) -> None:
        draft = self.folder / f".{name}"
        draft.write_text(text)
        draft.chmod(mode)
        draft.rename(self.folder / name)

    def _clear_leftovers(self) -> None:
        for path in self._tries.iterdir():
            # An earlier try of this build has ended before a new one is decided.
            mine = path.name.startswith(self._prefix) and path != self.folder
            if mine or time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

    def read(self, name: str) -> str:
        """A one-line file that the script left; "" when there is none."""
        try:
            return (self.folder / name).read_text().strip()
        except FileNotFoundError:
            return ""

    def reason(self, exit_code: int) -> str:
        """Why the script ended so, as a code."""
        stage = self.read("stage")
        reason = _REASONS.get(stage, "build_failed")
        if stage == "pack":
            return _PACKING.get(exit_code, reason)
        return f"{reason}:{exit_code}" if stage == "script" else reason

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _runnable(script: str) -> str:
    if not script.strip():
        return ""
    return script if script.startswith("#!") else f"#!/bin/sh -e\n{script}\n"
