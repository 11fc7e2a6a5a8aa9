"""``{name}`` in a text of a template: the value of a parameter, put into plain text and never into a script.

``{{name}}`` is how one writes ``{name}`` itself. Other braces mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

PREFIX = "PARAM_"  # of the variables that parameters are in the environment of bodies
_PLACE = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]{0,63})\}\}|\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")


class Unfilled(Exception):
    """A text names what has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def names_in(text: str) -> list[str]:
    return list(dict.fromkeys(found[2] for found in _PLACE.finditer(text) if found[2]))


def values_of(variables: Mapping[str, str]) -> dict[str, str]:
    """What texts may name, out of the environment of bodies: ``PARAM_WORD`` is ``{word}``."""
    return {
        name.removeprefix(PREFIX).lower() if name.startswith(PREFIX) else name: value
        for name, value in variables.items()
    }


def fill(text: str, values: Mapping[str, str], encode: Callable[[str], str] = str) -> str:
    """Each value goes through ``encode``; what a value holds is not looked at for further names."""

    def put_in(found: re.Match[str]) -> str:
        literal, name = found[1], found[2]
        if literal:
            return f"{{{literal}}}"
        if name not in values:
            raise Unfilled(name)
        return encode(values[name])

    return _PLACE.sub(put_in, text)


def fill_all(value: Any, values: Mapping[str, str]) -> Any:
    """The texts in lists and mappings; keys stay as they are written."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, Mapping):
        return {name: fill_all(one, values) for name, one in value.items()}
    return [fill_all(one, values) for one in value] if isinstance(value, list) else value
