"""Reading what an address says."""

from __future__ import annotations

MOST = 2**53 - 1  # what both databases take for a key


def number(text: str | None) -> int | None:
    """A whole number from 1 up; anything else is as good as not there."""
    fits = text is not None and text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MOST
    return int(text) if text is not None and fits else None
