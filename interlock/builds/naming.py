"""Names of versions, by the rule of their service."""

import re
from datetime import datetime

from interlock.lifecycle.refused import invalid

# The file is called <service>-<name>.tar.gz, and a name in the store has at most 128 characters a segment.
FILE_NAME_LIMIT = 128
BRANCH_LIMIT = 32
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_UNFIT = re.compile(r"[^A-Za-z0-9._+]+")


def name_stem(*, rule: str, ref: str, at: datetime, service: str) -> str:
    """The whole name by the rule "tag"; else all but the commit's first eight digits, which come behind."""
    short = re.sub(r"^refs/(heads|tags)/", "", ref)
    if rule == "tag":
        return check_name(_fitting(short), service)
    branch = "commit" if _COMMIT.fullmatch(short) else _fitting(short)[:BRANCH_LIMIT].strip("-.")
    return f"{at:%Y%m%d%H%M%S}-{branch or 'ref'}-"


def _fitting(text: str) -> str:
    """The text with what cannot be part of a directory's name made "-"."""
    return re.sub(r"\.{2,}", ".", _UNFIT.sub("-", text)).strip("-.+")


def check_name(name: str, service: str) -> str:
    """Refuse a name that cannot be a directory on a host and a file in the store."""
    fits = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name) and ".." not in name
    if not fits or len(file_name(service, name)) > FILE_NAME_LIMIT:
        raise invalid("version_name_unfit", name=name[:FILE_NAME_LIMIT])
    return name


def file_name(service: str, name: str) -> str:
    return f"{service}-{name}.tar.gz"


def package_name(service: str, build_id: int, name: str) -> str:
    """Where the package of a build lies in the store."""
    return f"{service}/{build_id}/{file_name(service, name)}"
