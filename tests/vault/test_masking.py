"""No secret passes, at whichever place the stream is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from interlock.vault.masking import Masker

SECRETS = ["s3cret!", "s3cret!more", "line one\nline two", "pässwörd"]


def masked(text: bytes, pieces: list[int]) -> bytes:
    masker = Masker(SECRETS)
    out, rest = bytearray(), text
    for size in pieces:
        out += masker.feed(rest[:size])
        rest = rest[size:]
        assert len(out) + masker.pending == len(text) - len(rest)
    return bytes(out + masker.feed(rest) + masker.flush())


@given(
    st.lists(st.sampled_from(["x", "s3", " ", "\n", *SECRETS, "line one", "s3cret", "ß"]), max_size=20),
    st.lists(st.integers(0, 9), max_size=30),
)
def test_whatever_the_pieces(words: list[str], pieces: list[int]) -> None:
    text = "".join(words).encode()
    out = masked(text, pieces)
    assert len(out) == len(text)
    assert out == masked(text, [])
    for secret in ("s3cret!", "line one", "line two", "pässwörd"):
        assert secret.encode() not in out


@given(
    st.sets(st.text("ab", min_size=4, max_size=7), min_size=1, max_size=3),
    st.text("abc", max_size=60),
    st.lists(st.integers(0, 9), max_size=30),
)
def test_secrets_that_overlap_are_blotted_out_whole(secrets: set[str], text: str, pieces: list[int]) -> None:
    wanted = bytearray(text.encode())
    for secret in secrets:
        for start in range(len(text)):
            if text.startswith(secret, start):
                wanted[start : start + len(secret)] = b"*" * len(secret)
    masker = Masker(secrets)
    out, rest = b"", text.encode()
    for size in pieces:
        out += masker.feed(rest[:size])
        rest = rest[size:]
    assert out + masker.feed(rest) + masker.flush() == bytes(wanted)


def test_what_is_no_secret_stays() -> None:
    assert masked(b"s3cret without its mark, and more", [4, 4]) == b"s3cret without its mark, and more"


def test_short_secrets_would_blot_out_everything() -> None:
    assert Masker(["ab"]).feed(b"abba") == b"abba"
