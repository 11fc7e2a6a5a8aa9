"""A template's parameters: what may be declared, and whether values fit.

Bodies get them as environment variables and in no other way: the shell expands ``"$PARAM_NAME"`` itself, as
a value and never as text of the script. Secrets travel as names; their text is put in where a body starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import re2

from interlock.lifecycle.fields import (
    TOLD,
    Choice,
    Fault,
    Field,
    Flag,
    List,
    Path,
    Record,
    Text,
    closest,
    fault,
)
from interlock.lifecycle.filling import PREFIX

VALUE_LIMIT = 4000  # characters
INTEGER_MOST = 2**53 - 1  # what JSON readers everywhere take for a whole number
TYPES = ("text", "integer", "boolean", "choice", "secret")
LANGUAGES = ("en", "zh")

Value = str | int | bool
Type = Literal["text", "integer", "boolean", "choice", "secret"]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_INTEGER = re.compile(r"[-+]?[0-9]{1,16}")
_NEEDED = re.compile(rf"\b{PREFIX}[A-Z0-9_]+")


@dataclass(frozen=True)
class Parameter:
    name: str
    type: Type = "text"
    required: bool = False
    default: Value | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    help: Mapping[str, str] = field(default_factory=dict)  # language -> text

    @property
    def variable(self) -> str:
        """What bodies know it as."""
        return PREFIX + self.name.upper()


@dataclass(frozen=True)
class Fitted:
    """Values as they will be used, defaults among them; and all that does not fit."""

    values: Mapping[str, Value]
    faults: tuple[Fault, ...]


class Help(Field):
    """A text, or one for each language."""

    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        one = Text(500)
        shape = Record(dict.fromkeys(LANGUAGES, one)) if isinstance(value, Mapping) else one
        yield from shape.faults(value, path)


class Pattern(Field):
    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        found = list(Text(200).faults(value, path))
        if not found and (problem := _pattern_problem(value)):
            found = [fault(path, "pattern_unreadable", problem=problem)]
        yield from found


SHAPE = Record(
    {
        "name": Text(48, required=True),
        "type": Choice(*TYPES),
        "required": Flag(),
        "default": Field(),
        "choices": List(Text(100), least=1, most=100),
        "pattern": Pattern(),
        "help": Help(),
    }
)


def _compiled(pattern: str) -> Any:
    # Linear in time whatever the pattern: one project's template cannot hold up everybody's server.
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _pattern_problem(pattern: str) -> str:
    try:
        _compiled(pattern)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        return (detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail))[:200]
    return ""


def is_sound(written: Any) -> bool:
    """Whether the shape of a declaration is right."""
    return next(SHAPE.faults(written, ()), None) is None


def declaration_faults(declared: Sequence[Any], path: Path) -> Iterator[Fault]:
    """What only a parameter as a whole, or all of them together, can get wrong."""
    seen: set[str] = set()
    for number, one in enumerate(declared):
        at = (*path, number)
        if not is_sound(one):
            continue  # told already
        name, type_ = one["name"], one.get("type", "text")
        if not _NAME.fullmatch(name):
            yield Fault((*at, "name"), "parameter_name_unfit", {"name": name})
        elif name in seen:
            yield Fault((*at, "name"), "parameter_twice", {"name": name})
        seen.add(name)
        for key, wanted in (("choices", "choice"), ("pattern", "text")):
            if key in one and type_ != wanted:
                yield Fault((*at, key), "not_of_this_type", {"key": key, "type": type_}, on_key=True)
        if type_ == "choice" and "choices" not in one:
            yield Fault(at, "param_missing", {"param": "choices"})
        elif one.get("required") and "default" in one:
            yield Fault((*at, "default"), "required_has_default", {"name": name}, on_key=True)
        elif "default" in one:
            yield from value_faults(parameter_of(one), one["default"], (*at, "default"))


def parameter_of(written: Mapping[str, Any]) -> Parameter:
    """Of a declaration whose shape is right."""
    told = written.get("help", {})
    return Parameter(
        name=written["name"],
        type=written.get("type", "text"),
        required=written.get("required", False),
        default=written.get("default"),
        choices=tuple(written.get("choices", ())),
        pattern=written.get("pattern", ""),
        help=dict(told) if isinstance(told, Mapping) else {"en": told, "zh": told},
    )


def value_faults(parameter: Parameter, value: Any, path: Path) -> Iterator[Fault]:
    def unfit(code: str, **facts: object) -> Fault:
        return Fault(path, code, {"name": parameter.name, **facts})

    if parameter.type == "integer":
        if plain(parameter, value) is None:
            yield unfit("value_not_integer", most=INTEGER_MOST)
    elif parameter.type == "boolean":
        if plain(parameter, value) is None:
            yield unfit("value_not_boolean")
    elif not isinstance(value, str) or "\0" in value or not _encodable(value):
        yield unfit("value_not_text")
    elif len(value) > VALUE_LIMIT:
        yield unfit("value_too_long", limit=VALUE_LIMIT)
    elif parameter.type == "choice" and value not in parameter.choices:
        yield unfit("value_not_a_choice", choices=", ".join(parameter.choices[:20]))
    elif parameter.type == "secret" and not value.strip():
        yield unfit("value_missing")
    elif parameter.pattern and not _compiled(parameter.pattern).fullmatch(value):
        yield unfit("value_not_matching", pattern=parameter.pattern)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def plain(parameter: Parameter, value: Any) -> Value | None:
    """The value as its type; numbers and yes or no also from the texts that forms and hooks send."""
    if parameter.type == "integer":
        number = int(value) if isinstance(value, str) and _INTEGER.fullmatch(value.strip()) else value
        fits = isinstance(number, int) and not isinstance(number, bool) and abs(number) <= INTEGER_MOST
        return number if fits else None
    if parameter.type == "boolean":
        told = {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else value
        return told if isinstance(told, bool) else None
    return value if isinstance(value, str) else None


def fit(parameters: Sequence[Parameter], given: Mapping[str, Any], *, partly: bool = False) -> Fitted:
    """The given values and the defaults; with ``partly`` what is required may still come later."""
    faults = [value_unknown(name, parameters) for name in given if name not in {p.name for p in parameters}]
    values: dict[str, Value] = {}
    for parameter in parameters:
        value = given.get(parameter.name)
        # An empty field of a form says nothing; only a text that may be anything may be meant to be empty.
        open_text = parameter.type == "text" and not parameter.required and not parameter.pattern
        empty = value is None or (value == "" and not open_text)
        value = parameter.default if empty else value
        if value is None:
            if parameter.required and not partly:
                faults.append(Fault((parameter.name,), "value_missing", {"name": parameter.name}))
            continue
        wrong = list(value_faults(parameter, value, (parameter.name,)))
        faults += wrong
        fitting = None if wrong else plain(parameter, value)
        if fitting is not None:
            values[parameter.name] = fitting
    return Fitted(values, tuple(faults))


def value_unknown(name: str, parameters: Sequence[Parameter]) -> Fault:
    known = [parameter.name for parameter in parameters]
    told = name[:TOLD]
    meant = closest(told, known)
    if meant:
        return Fault((told,), "key_mistaken", {"key": told, "meant": meant}, on_key=True)
    return Fault((told,), "value_not_known", {"name": told, "known": ", ".join(known[:20])}, on_key=True)


def variables(parameters: Sequence[Parameter], values: Mapping[str, Value]) -> dict[str, str]:
    """The environment of bodies, secrets left out. What has no value is there, and empty."""
    found = {}
    for parameter in parameters:
        value = values.get(parameter.name, "")
        if parameter.type != "secret":
            found[parameter.variable] = str(value).lower() if isinstance(value, bool) else str(value)
        elif value == "":
            found[parameter.variable] = ""
    return found


def secret_names(parameters: Sequence[Parameter], values: Mapping[str, Value]) -> dict[str, str]:
    """Variable -> name of the secret whose text it gets."""
    return {
        parameter.variable: str(values[parameter.name])
        for parameter in parameters
        if parameter.type == "secret" and parameter.name in values
    }


def undeclared(text: str, parameters: Sequence[Parameter]) -> Iterator[tuple[str, str]]:
    """Variables of ours that the text uses and nobody declares, each with the one that was meant, if any."""
    known = {parameter.variable: parameter.name.lower() for parameter in parameters}
    for variable in dict.fromkeys(_NEEDED.findall(text)):
        if variable not in known:
            meant = closest(variable.removeprefix(PREFIX), known.values())
            yield variable, PREFIX + meant.upper() if meant else ""
