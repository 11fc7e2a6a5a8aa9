"""What every service of the fleet asks first: is the row there, are fields and names fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from interlock.lifecycle.refused import Refused, invalid, missing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def get_row(model: Any, row_id: int, code: str) -> Any:
    row = model.objects.filter(id=row_id).first()
    if row is None:
        raise missing(code, id=row_id)
    return row


def check_fields(changes: Mapping[str, Any], known: Any) -> None:
    strange = sorted(set(changes) - set(known))
    if strange:
        raise invalid("fields_not_known", fields=", ".join(strange))


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid("name_unfit", name=name[:64])


def check_free(model: Any, name: str, but: int | None = None) -> None:
    """Names that differ in case alone are one name to whoever reads them aloud."""
    if model.objects.filter(name__iexact=name).exclude(id=but).exists():
        raise Refused("name_taken", name=name)


def check_description(text: object) -> None:
    if not isinstance(text, str) or "\0" in text or len(text) > 256:
        raise invalid("description_unfit")
