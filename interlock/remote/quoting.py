"""The only way a value gets into shell text."""

from __future__ import annotations

CHUNK = 16 * 1024


def word(value: str) -> str:
    """One word of shell text that stands for exactly `value`."""
    if "\0" in value:
        raise ValueError("a NUL byte cannot be handed to a shell")
    return "'" + value.replace("'", "'\\''") + "'"


def _escaped(byte: int) -> str:
    if byte == 0x5C:
        return "\\\\"
    if byte == 0x0A or (0x20 <= byte < 0x7F and byte != 0x27):
        return chr(byte)
    return f"\\0{byte:03o}"


_TABLE = tuple(_escaped(byte) for byte in range(256))


def escaped(content: bytes) -> str:
    """The word from which `printf %b`, a builtin everywhere, makes exactly `content`: any bytes, NUL too."""
    return word("".join(map(_TABLE.__getitem__, content)))


def write_file(content: bytes, path: str) -> str:
    """Commands that write `content` to `path`, which is shell text already (quoted, or "$variable/..")."""
    pieces = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)] or [b""]
    first = f"printf %b {escaped(pieces[0])} >{path}"
    return " && ".join([first, *(f"printf %b {escaped(piece)} >>{path}" for piece in pieces[1:])])
