"""Blotting out secrets in a stream of bytes, at the same length, across the borders of its pieces."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

SHORTEST = 4  # bytes: shorter ones would blot out half of every log


class Masker:
    """Feed it pieces; what may be the beginning of a secret is held back until more has come."""

    def __init__(self, secrets: Iterable[str]) -> None:
        needles = sorted(_needles(secrets), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(n) for n in needles)) if needles else None
        self._longest = max(map(len, needles), default=0)
        self._prefixes = {n[:size] for n in needles for size in range(1, len(n))}
        self._held = b""

    @property
    def pending(self) -> int:
        """Bytes held back."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        if self._pattern is None:
            return data
        whole = self._held + data
        # Whole secrets first; then keep what is, at the end, the beginning of one.
        cut = self._safe_end(whole)
        self._held = whole[cut:]
        return self._mask(whole[:cut])

    def flush(self) -> bytes:
        """The end has come: what was held back is all there is."""
        rest, self._held = self._held, b""
        return self._mask(rest)

    def _safe_end(self, whole: bytes) -> int:
        """The first place from which on a secret might go on past the end."""
        for start in range(max(0, len(whole) - self._longest + 1), len(whole)):
            if whole[start:] in self._prefixes:
                return self._not_inside_match(whole, start)
        return len(whole)

    def _not_inside_match(self, whole: bytes, cut: int) -> int:
        """A cut inside a whole secret would show its head: move it in front."""
        assert self._pattern is not None
        for match in self._pattern.finditer(whole):
            if match.start() < cut < match.end():
                return match.start()
        return cut

    def _mask(self, data: bytes) -> bytes:
        if self._pattern is None:
            return data
        return self._pattern.sub(lambda match: b"*" * len(match.group()), data)


def _needles(secrets: Iterable[str]) -> set[bytes]:
    """Each secret, each line of it, and its base64."""
    found = set()
    for secret in secrets:
        raw = secret.encode()
        parts = {raw, raw.strip(), *(line.strip() for line in raw.splitlines()), base64.b64encode(raw)}
        found |= {part for part in parts if len(part) >= SHORTEST}
    return found
