"""Who acts: plain values, so that the record outlives the person's row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """``kind`` is person, token, schedule, hook or system; ``id`` is the row's id as text."""

    kind: str
    id: str
    name: str


SYSTEM = Actor("system", "", "interlock")
