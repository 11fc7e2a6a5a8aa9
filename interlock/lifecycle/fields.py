"""What people write, held against what is declared: every fault of it, each with its place.

A field says what is wrong with a value and raises nothing; so a template, and a step of one, is told all
of its faults at once, while a door that wants only the first raises that.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.lifecycle.filling import names_in
from interlock.lifecycle.refused import Refused, invalid

Path = tuple[str | int, ...]
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
BODY_LIMIT = 256 * 1024  # bytes of a script; more belongs into a package
TOLD = 64  # characters of a stranger's word that go into a sentence


@dataclass(frozen=True)
class Fault:
    """``on_key``: the name is wrong, not what stands behind it."""

    path: Path
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
    on_key: bool = False

    def refused(self) -> Refused:
        return invalid(self.code, **self.facts)


@dataclass(frozen=True)
class Use:
    """A parameter that is named in a text. ``secrets``: it may be a secret, for the text is shown nowhere."""

    path: Path
    name: str
    secrets: bool


def fault(path: Path, code: str, **facts: object) -> Fault:
    """A fault whose sentence names the field that it is in."""
    names = [part for part in path if isinstance(part, str)]
    return Fault(path, code, {"param": names[-1][:TOLD] if names else "", **facts})


class Field:
    """A value of any kind; what is ``required`` may not be left out."""

    def __init__(self, *, required: bool = False) -> None:
        self.required = required

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        return iter(())

    def uses(self, value: Any, path: Path) -> Iterator[Use]:
        """The parameters that its texts name, where they may; of a value without faults."""
        return iter(())


class Text(Field):
    """One line or a few: up to ``most`` characters."""

    def __init__(self, most: int = 100, *, least: int = 1, required: bool = False) -> None:
        super().__init__(required=required)
        self.most, self.least = most, least

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, str) or not self.least <= len(value) <= self.most:
            yield fault(path, "param_not_text", limit=self.most)
        elif "\0" in value:
            yield fault(path, "param_has_nul")


class Filled(Text):
    """Text in which ``{name}`` stands for a parameter's value."""

    def __init__(self, most: int, *, least: int = 1, required: bool = False, secrets: bool = False) -> None:
        super().__init__(most, least=least, required=required)
        self.secrets = secrets

    def uses(self, value: Any, path: Path) -> Iterator[Use]:
        return (Use(path, name, self.secrets) for name in names_in(value))


class FilledJson(Field):
    """Any JSON; in its texts ``{name}`` stands for a parameter's value, a secret's too."""

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        try:
            size = len(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            yield fault(path, "param_not_json")
            return
        if size > BODY_LIMIT:
            yield fault(path, "param_too_long", limit=BODY_LIMIT)

    def uses(self, value: Any, path: Path) -> Iterator[Use]:
        if isinstance(value, str):
            yield from (Use(path, name, secrets=True) for name in names_in(value))
        elif isinstance(value, Mapping | list):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            for name, one in items:
                yield from self.uses(one, (*path, name))


class BodyText(Field):
    """Text that is run."""

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, str) or not value.strip():
            yield fault(path, "param_missing")
        elif "\0" in value:
            yield fault(path, "param_has_nul")
        elif len(value.encode(errors="replace")) > BODY_LIMIT:
            yield fault(path, "param_too_long", limit=BODY_LIMIT)


class Number(Field):
    def __init__(self, least: float, most: float, *, whole: bool = True, required: bool = False) -> None:
        super().__init__(required=required)
        self.least, self.most, self.whole = least, most, whole

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        fits = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        if not fits or not self.least <= value <= self.most:
            code = "param_not_whole" if self.whole else "param_out_of_range"
            yield fault(path, code, least=self.least, most=self.most)


class Flag(Field):
    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, bool):
            yield fault(path, "param_not_a_flag")


class Choice(Field):
    def __init__(self, *choices: str, required: bool = False) -> None:
        super().__init__(required=required)
        self.choices = choices

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if value not in self.choices:
            yield fault(path, "param_not_a_choice", choices=", ".join(self.choices))


class Moment(Field):
    """A time with its zone."""

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        told = str(value)[:TOLD]
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            yield fault(path, "time_unreadable", value=told)
            return
        if moment.tzinfo is None:
            yield fault(path, "time_without_zone", value=told)


class List(Field):
    """``each`` says what its items are."""

    def __init__(
        self, each: Field | None = None, *, least: int = 0, most: int = 50, required: bool = False
    ) -> None:
        super().__init__(required=required)
        self.each, self.least, self.most = each or Field(), least, most

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            yield fault(path, "param_not_a_list", least=self.least, most=self.most)
            return
        for number, item in enumerate(value):
            yield from self.each.faults(item, (*path, number))

    def uses(self, value: Any, path: Path) -> Iterator[Use]:
        for number, item in enumerate(value):
            yield from self.each.uses(item, (*path, number))


class Record(Field):
    """A mapping with the names of ``fields`` and no others."""

    def __init__(self, fields: Mapping[str, Field], *, required: bool = False) -> None:
        super().__init__(required=required)
        self.fields = fields

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield fault(path, "param_not_a_mapping")
            return
        for name in value:
            if name not in self.fields:
                yield unknown((*path, name), self.fields)
        for name, one in self.fields.items():
            if name in value:
                yield from one.faults(value[name], (*path, name))
            elif one.required:
                yield Fault(path, "param_missing", {"param": name})

    def uses(self, value: Any, path: Path) -> Iterator[Use]:
        for name, one in self.fields.items():
            if name in value:
                yield from one.uses(value[name], (*path, name))


class Names(Field):
    """A mapping of names of one's own, fit for ``what`` they name, to texts."""

    def __init__(self, fits: Callable[[str], bool], code: str, each: Field, *, most: int = 100) -> None:
        super().__init__()
        self.fits, self.code, self.each, self.most = fits, code, each, most

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, Mapping) or len(value) > self.most:
            yield fault(path, "param_not_a_mapping")
            return
        for name, text in value.items():
            if not isinstance(name, str) or not self.fits(name):
                yield Fault((*path, name), self.code, {"name": str(name)[:TOLD]}, on_key=True)
            yield from self.each.faults(text, (*path, name))

    def uses(self, value: Any, path: Path) -> Iterator[Use]:
        for name, text in value.items():
            yield from self.each.uses(text, (*path, name))


class EnvValue(Field):
    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(value, str) or "\0" in value or len(value) > BODY_LIMIT:
            yield Fault(path, "env_value_unfit", {"name": str(path[-1])[:TOLD]})


def _fits_env(name: str) -> bool:
    """Names that we set ourselves are nobody's to set: a body could not trust them any more."""
    return ENV_NAME.fullmatch(name) is not None and not name.startswith(("INTERLOCK_", "PARAM_"))


def Env() -> Names:
    return Names(_fits_env, "env_name_unfit", EnvValue())


def unknown(path: Path, known: Collection[str]) -> Fault:
    """Nobody would read it: a typo must not be silently without effect."""
    name = str(path[-1])[:TOLD]
    meant = closest(name, known)
    if meant:
        return Fault(path, "key_mistaken", {"key": name, "meant": meant}, on_key=True)
    return Fault(path, "key_not_known", {"key": name, "known": ", ".join(sorted(known))}, on_key=True)


def closest(name: str, known: Collection[str]) -> str:
    """The known word that was probably meant; empty when none is near."""
    found = difflib.get_close_matches(name.lower().replace("-", "_"), sorted(known), n=1, cutoff=0.6)
    return found[0] if found else ""
