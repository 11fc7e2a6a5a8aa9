"""Where a service is built from: which addresses and refs may be handed to git."""

import re
from urllib.parse import urlsplit

from django.conf import settings

from interlock.lifecycle.refused import invalid

_SCP_LIKE = re.compile(
    r"(?P<user>[A-Za-z0-9][A-Za-z0-9._-]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):[A-Za-z0-9_~][^:\s]*"
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)")


def check_git_url(url: str) -> None:
    """Refuse what git would take for an option, a program or a local path, and passwords in plain sight."""
    if not url or len(url) > 255 or url.startswith("-") or re.search(r"[\x00-\x20\x7f\\]", url):
        raise invalid("build_url_unfit", url=url[:255])
    if "://" not in url:
        # user@host:path, which git takes for ssh. "ext::program" has two colons and does not match.
        if not _SCP_LIKE.fullmatch(url):
            raise invalid("build_url_unfit", url=url)
        return
    _check_address(url)


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        raise invalid("build_url_unfit", url=url) from None
    if parts.scheme == "file" and settings.ALLOW_FILE_GIT:
        if parts.netloc or not parts.path.startswith("/"):
            raise invalid("build_url_unfit", url=url)
        return
    if parts.scheme not in allowed_schemes():
        raise invalid("build_url_scheme", scheme=parts.scheme, allowed=", ".join(allowed_schemes()))
    if parts.password is not None or (parts.username and parts.scheme == "https"):
        raise invalid("build_url_has_secret")
    # ssh://-oProxyCommand=x/ would be an option to ssh.
    if not _HOST.fullmatch(parts.hostname or "") or (parts.username and not _USER.fullmatch(parts.username)):
        raise invalid("build_url_unfit", url=url)


def allowed_schemes() -> list[str]:
    return ["https", "ssh", "git", *(["file"] if settings.ALLOW_FILE_GIT else [])]


def check_ref(ref: str) -> None:
    """The rules of git-check-ref-format for a branch, tag or commit, and nothing like an option."""
    fits = (
        0 < len(ref.encode()) <= 200
        and len(ref) <= 200
        and ref[0] not in "-./"
        and ref[-1] not in "./"
        and ref != "@"
        and not _FORBIDDEN_IN_REF.search(ref)
    )
    if not fits:
        raise invalid("ref_unfit", ref=ref[:200])


def check_page_url(url: str) -> None:
    """The address of a GitLab project or Jenkins job; "" is allowed."""
    parts = urlsplit(url) if url else None
    if parts and (parts.scheme not in ("http", "https") or not parts.hostname or len(url) > 255):
        raise invalid("build_url_unfit", url=url[:255])
    if parts and (parts.password is not None or parts.username):
        raise invalid("build_url_has_secret")
