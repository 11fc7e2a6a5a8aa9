"""The translations, held against what the code says. As a program: take new messages in.

``python -m tests.architecture.messages`` adds what is new to each catalogue, untranslated, and drops
what nobody says any more; a person then writes the translations.
"""

import ast
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from tests.architecture.source import REPOSITORY, called_name, modules

LANGUAGES = ("zh_Hans",)
# gettext's functions, and the underscore they are imported as -> how many of the arguments are messages
MARKERS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}


def catalogue(root: Path, language: str) -> Path:
    return root / "locale" / language / "LC_MESSAGES" / "django.po"


def said(root: Path) -> dict[str | tuple[str, str], str]:
    """Each message of the code, with the file that says it."""
    found: dict[str | tuple[str, str], str] = {}
    for module in modules(root, "interlock"):
        for node in ast.walk(module.tree):
            count = MARKERS.get(called_name(node), 0)
            if count and isinstance(node, ast.Call):
                constants = [item.value for item in node.args[:count] if isinstance(item, ast.Constant)]
                texts = [text for text in constants if isinstance(text, str) and text]
                if len(texts) == count:
                    found.setdefault(texts[0] if count == 1 else (texts[0], texts[1]), module.name)
    for path in sorted((root / "interlock").glob("*/templates/**/*.html")):
        for text in said_by_template(path.read_text()):
            found.setdefault(text, str(path.relative_to(root)))
    return found


def said_by_template(source: str) -> Iterator[str | tuple[str, str]]:
    """Django writes a template's messages as calls of gettext; Babel reads those."""
    # How a template is indented would be a fault of Python's.
    lines = (line.lstrip() for line in templatize(source).splitlines())
    calls = io.BytesIO("\n".join(lines).encode())
    for _line, name, message, _comments in extract_python(calls, list(MARKERS), [], {}):
        yield message if MARKERS.get(name) == 1 and isinstance(message, str) else tuple(message[:2])


def untranslated(root: Path) -> list[str]:
    return [fault for language in LANGUAGES for fault in faults_of(root, language)]


def faults_of(root: Path, language: str) -> Iterator[str]:
    path = catalogue(root, language)
    if not path.exists():
        yield f"{path.relative_to(root)} is missing"
        return
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    said_now = said(root)
    known: dict[object, Message] = {message.id: message for message in messages if message.id}
    for text, where in said_now.items():
        message = known.get(text)
        if message is None or not message.string or not all(texts_of(message)):
            yield f"{language}: not translated: {text!r} ({where})"
    for known_text, message in known.items():
        if known_text not in said_now:
            yield f"{language}: nobody says {known_text!r}"
        if message.fuzzy:
            yield f"{language}: fuzzy: {known_text!r}"
    for message, errors in messages.check():
        yield from (f"{language}: {message.id!r}: {error}" for error in errors)
    for message in known.values():
        if not message.fuzzy and facts_differ(message):
            yield f"{language}: other facts than in English: {message.id!r}"


def texts_of(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def facts_differ(message: Message) -> bool:
    # Babel compares kinds of placeholders; a fact left out of a sentence is a fault here as well.
    english = message.id if isinstance(message.id, str) else message.id[-1]
    return any(text and facts(text) != facts(english) for text in texts_of(message))


def facts(text: str) -> set[str]:
    return {piece.split(")")[0] for piece in text.split("%(")[1:]}


def take_in(root: Path, language: str) -> int:
    """Bring the catalogue up to what the code says; the number of messages without a translation."""
    path = catalogue(root, language)
    old: dict[object, Message] = {}
    if path.exists():
        with path.open("rb") as file:
            old = {message.id: message for message in read_po(file, locale=language)}
    # A fixed date: the file changes when its messages do.
    fresh = Catalog(
        language, project="Interlock", fuzzy=False, creation_date=datetime(2026, 1, 1, tzinfo=UTC)
    )
    fresh.revision_date = fresh.creation_date
    for text in said(root):
        earlier = old.get(text)
        fresh.add(text, earlier.string if earlier else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, fresh, width=100)
    return sum(1 for message in fresh if message.id and not (message.string and all(texts_of(message))))


def main() -> int:
    for language in LANGUAGES:
        print(f"{language}: {take_in(REPOSITORY, language)} messages to translate")
    return 0


if __name__ == "__main__":
    sys.exit(main())
