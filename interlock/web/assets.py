"""The files that browsers fetch, at addresses that change when a file does."""

from __future__ import annotations

import hashlib
import shutil
from importlib.metadata import version
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

OURS = Path(__file__).resolve().parent / "static"
# Their wheels bring files of their own: a new version of these is a new build, too.
THEIRS = ("django-htmx", "django-ninja")
# Served as they are to who asks for them: packing them would take a first start twenty seconds.
SELDOM = ["ninja", "ext", "htmx-2.js", "htmx-4*", "htmax*"]


def build_id() -> str:
    """Names this build of the files, so that a browser may keep each of them for ever."""
    digest = hashlib.sha256()
    for path in sorted(OURS.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(OURS)).encode())
            digest.update(path.read_bytes())
    for name in THEIRS:
        digest.update(version(name).encode())
    return digest.hexdigest()[:10]


def prepare() -> None:
    """Lay the files of this build out once, packed as browsers take them; those of older builds go."""
    django.setup(set_prefix=False)
    root = Path(settings.STATIC_ROOT)
    whole = root / ".whole"
    if not whole.exists():
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=SELDOM)
        whole.touch()
    for old in root.parent.iterdir():
        if old != root and old.is_dir():
            shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    prepare()
