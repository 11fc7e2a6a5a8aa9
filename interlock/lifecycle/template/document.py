"""YAML to plain values, with the place of each: no tags, no surprises, bounded in every direction.

Built from the parser's events rather than from its nodes: a tag, an alias and a level too deep are seen
before anything is made of them, and nothing recurses. Scalars are read by the rules of YAML 1.2, where
``no`` is a word and ``0o17`` or ``12:30`` are not numbers of some other kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from interlock.lifecycle.fields import TOLD, Fault, Path

TEXT_LIMIT = 128 * 1024  # characters
LINES_MOST = 2000
NODES_MOST = 10_000  # aliases count as often as they are used
DEEPEST = 16
NUMBER_LONGEST = 18  # digits: what databases and JSON readers can hold

# With the C library it is twenty times faster; both make the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Also what YAML 1.1 took for ends of lines: nobody's editor would count lines as we do.
_PRINTABLE = "\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_UNPRINTABLE = re.compile(f"[^{_PRINTABLE}]")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]{1,3})?|[-+]?[0-9]+[eE][-+]?[0-9]{1,3}")
_MEANINGS: dict[str, bool | None] = {"null": None, "true": True, "false": False}
_WORDS: dict[str, bool | None] = {
    form: value
    for word, value in _MEANINGS.items()
    for form in (word, word.capitalize(), word.upper(), *(("", "~") if value is None else ()))
}


@dataclass(frozen=True)
class Place:
    """Both counted from 1, columns in characters."""

    line: int
    column: int


@dataclass
class Document:
    """``places`` of values and ``keys`` of names, by path."""

    widths: list[int]  # of the text's lines, in characters
    value: Any = None
    readable: bool = True  # else ``value`` is not whole
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    faults: list[tuple[Place, Fault]] = field(default_factory=list)

    def place_of(self, fault: Fault) -> Place:
        """Where the fault is; of what is not there, where it would be."""
        path = fault.path
        while True:
            found = self.keys.get(path) if fault.on_key and path == fault.path else None
            found = found or self.places.get(path)
            if found is not None or not path:
                return found or Place(1, 1)
            path = path[:-1]

    def inside(self, place: Place) -> Place:
        """At its end the parser stands behind the last line; a person looks at the last line."""
        line = min(place.line, len(self.widths))
        width = self.widths[line - 1]
        return Place(line, width + 1 if line < place.line else min(place.column, width + 1))


class _Unreadable(Exception):
    def __init__(self, place: Place, code: str, **facts: object) -> None:
        super().__init__(code)
        self.place, self.fault = place, Fault((), code, facts)


@dataclass
class _Open:
    """A mapping or list that is being filled; ``key`` is the name that waits for its value."""

    value: Any
    path: Path
    anchor: str | None
    key: str | None = None
    twice: bool = False


def compose(text: str) -> Document:
    """Whatever the text is: a document, with its faults when it cannot be read."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    document = Document([len(line) for line in text.split("\n")])
    try:
        _check_text(text)
        _Composer(document).read(yaml.parse(text, Loader=_LOADER))
    except _Unreadable as problem:
        document.readable = False
        document.faults.append((problem.place, problem.fault))
    except yaml.YAMLError as error:
        document.readable = False
        document.faults.append(_syntax(error, text))
    return document


def _check_text(text: str) -> None:
    if len(text) > TEXT_LIMIT or text.count("\n") >= LINES_MOST:
        raise _Unreadable(Place(1, 1), "template_too_long", limit=TEXT_LIMIT, lines=LINES_MOST)
    strange = _UNPRINTABLE.search(text)
    if strange is not None:
        before = text[: strange.start()]
        place = Place(before.count("\n") + 1, strange.start() - before.rfind("\n"))
        raise _Unreadable(place, "yaml_unprintable", character=f"U+{ord(strange.group()):04X}")


def _syntax(error: yaml.YAMLError, text: str) -> tuple[Place, Fault]:
    mark = getattr(error, "problem_mark", None)
    place = _place(mark) if mark is not None else Place(1, 1)
    lines = text.split("\n")
    if "".join(lines[place.line - 1 : place.line])[: place.column].strip(" ").startswith("\t"):
        return place, Fault((), "yaml_tab")
    problem = str(getattr(error, "problem", None) or "it breaks off")
    return place, Fault((), "yaml_unreadable", {"problem": problem[:200]})


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Composer:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._nodes = 0
        self._begun = False

    def read(self, events: Iterator[Any]) -> None:
        for event in events:
            place = _place(event.start_mark)
            if isinstance(event, yaml.DocumentStartEvent):
                if self._begun:
                    raise _Unreadable(place, "yaml_second_document")
                self._begun = True
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event, place)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event, place)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event, place)

    def _scalar(self, event: Any, place: Place) -> None:
        self._check_tag(event, place)
        if self._wants_key():
            self._take_key(event.value, place)
            return
        value = event.value
        if event.implicit[0] and not event.style:
            value = self._plain(event.value, place)
        self._put(value, place)
        self._remember(event.anchor, value)

    def _plain(self, text: str, place: Place) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) > NUMBER_LONGEST:
                raise _Unreadable(place, "number_too_long", value=text[:TOLD])
            return int(text)
        return float(text) if len(text) < TOLD and _FLOAT.fullmatch(text) else text

    def _begin(self, event: Any, place: Place) -> None:
        self._check_tag(event, place)
        if self._wants_key():
            raise _Unreadable(place, "key_not_a_word")
        if len(self._open) >= DEEPEST:
            raise _Unreadable(place, "template_too_deep", levels=DEEPEST)
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._put(value, place)
        self._open.append(_Open(value, path, event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        self._remember(done.anchor, done.value)

    def _alias(self, event: Any, place: Place) -> None:
        if self._wants_key():
            raise _Unreadable(place, "key_not_a_word")
        if event.anchor not in self._anchors:
            # Also one inside of what it stands for: that would have no end.
            raise _Unreadable(place, "alias_not_known", alias=str(event.anchor)[:TOLD])
        value = self._anchors[event.anchor]
        self._count(_size(value, NODES_MOST) - 1, place)
        depth = _depth(value)
        if len(self._open) + depth > DEEPEST:
            raise _Unreadable(place, "template_too_deep", levels=DEEPEST)
        self._put(value, place)

    def _check_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            raise _Unreadable(place, "yaml_tag", tag=str(event.tag)[:TOLD])

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _take_key(self, name: str, place: Place) -> None:
        inside = self._open[-1]
        path = (*inside.path, name)
        inside.key, inside.twice = name, name in inside.value
        if inside.twice:
            first = self._document.keys[path]
            facts = {"key": name[:TOLD], "line": first.line}
            self._document.faults.append((place, Fault(path, "key_twice", facts, on_key=True)))
        else:
            self._document.keys.setdefault(path, place)

    def _put(self, value: Any, place: Place) -> Path:
        """Into what is open; returns the path."""
        self._count(1, place)
        if not self._open:
            self._document.value = value
            path: Path = ()
        else:
            inside = self._open[-1]
            if isinstance(inside.value, list):
                path = (*inside.path, len(inside.value))
                inside.value.append(value)
            else:
                assert inside.key is not None
                path = (*inside.path, inside.key)
                if not inside.twice:
                    inside.value[inside.key] = value
                inside.key, inside.twice = None, False
        self._document.places.setdefault(path, place)
        return path

    def _remember(self, anchor: str | None, value: Any) -> None:
        if anchor is not None:
            self._anchors[anchor] = value

    def _count(self, more: int, place: Place) -> None:
        self._nodes += more
        if self._nodes > NODES_MOST:
            raise _Unreadable(place, "template_too_large", limit=NODES_MOST)


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _size(value: Any, most: int) -> int:
    """How many values there are, aliases counted as often as they are used; no further than to ``most``."""
    count, rest = 0, [value]
    while rest and count <= most:
        item = rest.pop()
        count += 1
        rest += _children(item)
    return count


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [child for item in level for child in _children(item)]:
        depth += 1
    return depth
