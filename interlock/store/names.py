"""Which names a store takes: relative paths of harmless segments."""

import re

from interlock.store.protocol import StoreError

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
NAME_LIMIT = 255  # characters; what the database keeps of a package's name


def check_name(name: str) -> tuple[str, ...]:
    """The segments of ``name``. A dot in front is refused: that is how unfinished files are named."""
    segments = tuple(name.split("/"))
    fits = len(name) <= NAME_LIMIT and all(_SEGMENT.fullmatch(part) and ".." not in part for part in segments)
    if not fits:
        raise StoreError("store_name_unfit", name[:NAME_LIMIT])
    return segments
