"""Blotting out secrets in a stream of bytes, at the same length, across the borders of its pieces."""

from __future__ import annotations

import base64
from collections.abc import Iterable

SHORTEST = 4  # bytes: shorter ones would blot out half of every log


class Masker:
    """Feed it pieces; what may be the beginning of a secret is held back until more has come."""

    def __init__(self, secrets: Iterable[str]) -> None:
        needles = self._needles = _needles(secrets)
        self._longest = max(map(len, needles), default=0)
        self._prefixes = {n[:size] for n in needles for size in range(1, len(n))}
        self._held = b""

    @property
    def pending(self) -> int:
        """Bytes held back."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        if not self._needles:
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
        for start, end in sorted(self._found(whole), reverse=True):
            if start < cut < end:
                cut = start
        return cut

    def _mask(self, data: bytes) -> bytes:
        found = self._found(data)
        if not found:
            return data
        masked = bytearray(data)
        for start, end in found:
            masked[start:end] = b"*" * (end - start)
        return bytes(masked)

    def _found(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets begin and end, also those that overlap."""
        found = []
        for needle in self._needles:
            start = data.find(needle)
            while start >= 0:
                found.append((start, start + len(needle)))
                start = data.find(needle, start + 1)
        return found


def _needles(secrets: Iterable[str]) -> set[bytes]:
    """Each secret, each line of it, and its base64."""
    found = set()
    for secret in secrets:
        raw = secret.encode()
        parts = {raw, raw.strip(), *(line.strip() for line in raw.splitlines()), base64.b64encode(raw)}
        found |= {part for part in parts if len(part) >= SHORTEST}
    return found
