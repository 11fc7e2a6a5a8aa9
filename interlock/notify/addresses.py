"""Addresses of channels: what each kind takes, what may be shown of it, what must be blotted out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from interlock.lifecycle.refused import invalid
from interlock.vault.masking import SHORTEST, Masker

KINDS = ("dingtalk", "feishu", "wecom", "slack", "webhook", "mail", "apprise")
SIGNED = frozenset({"dingtalk", "feishu", "webhook"})  # those that take a key to sign with
_SCHEMES: Mapping[str, tuple[str, ...]] = {"mail": ("smtp", "smtps")}
SIGNING_KEY_LEAST = 16  # characters, of our own webhooks; robots have theirs made for them
ADDRESS_MOST = 2000
RECIPIENTS_MOST = 50
_MAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,189}")


@dataclass(frozen=True)
class Reach:
    """All that it takes to reach a channel's far side. Shows nothing of it."""

    kind: str
    address: str = field(repr=False)
    signing_key: str = field(default="", repr=False)
    sender: str = ""
    recipients: tuple[str, ...] = ()

    def blotted(self, text: str) -> str:
        """The text without any part of the address or the key."""
        masker = Masker([self.signing_key, *secret_parts(self)] if self.signing_key else secret_parts(self))
        raw = masker.feed(text.encode(errors="replace")) + masker.flush()
        return raw.decode(errors="replace")


def check_reach(reach: Reach) -> None:
    """Refuse what cannot be an address of its kind; the refusal repeats nothing of it."""
    if reach.kind not in KINDS:
        raise invalid("channel_kind_not_known", known=", ".join(KINDS))
    address = reach.address
    if not address.isprintable() or " " in address or not 1 <= len(address) <= ADDRESS_MOST:
        raise invalid("channel_address_unfit", channel_kind=reach.kind)
    if reach.kind == "apprise":
        if ":" not in address:
            raise invalid("channel_address_unfit", channel_kind=reach.kind)
    elif not _fits(reach):
        raise invalid("channel_address_unfit", channel_kind=reach.kind)
    _check_key(reach)
    _check_mail(reach)


def _fits(reach: Reach) -> bool:
    try:
        parts = urlsplit(reach.address)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    schemes = _SCHEMES.get(reach.kind, ("http", "https"))
    # A name and password of a web address would travel in a header that we do not mask.
    named = "@" in parts.netloc and reach.kind != "mail"
    return parts.scheme in schemes and bool(parts.hostname) and port_fits and not named


def _check_key(reach: Reach) -> None:
    if reach.kind == "webhook" and len(reach.signing_key) < SIGNING_KEY_LEAST:
        raise invalid("signing_key_unfit", least=SIGNING_KEY_LEAST)
    if reach.signing_key and reach.kind not in SIGNED:
        raise invalid("signing_key_not_of_kind", channel_kind=reach.kind)


def _check_mail(reach: Reach) -> None:
    people = [reach.sender, *reach.recipients]
    if reach.kind != "mail":
        if any(people):
            raise invalid("recipients_not_of_kind", channel_kind=reach.kind)
    elif len(people) - 1 not in range(1, RECIPIENTS_MOST + 1):
        raise invalid("recipients_unfit", most=RECIPIENTS_MOST)
    for one in people:
        if reach.kind == "mail" and not _MAIL.fullmatch(one):
            raise invalid("mail_address_unfit", address=one[:100])


def place_of(reach: Reach) -> str:
    """What may be shown: the machine, or of the many others only which service it is."""
    parts = urlsplit(reach.address)
    if reach.kind == "apprise":
        return f"{parts.scheme}://"
    return (parts.hostname or "")[:255]


def secret_parts(reach: Reach) -> Sequence[str]:
    """The address whole and in pieces, as written and decoded."""
    parts = urlsplit(reach.address)
    pieces = [reach.address, parts.username or "", parts.password or "", *parts.path.split("/")]
    pieces += [value for _name, value in parse_qsl(parts.query)]
    pieces += [parts.path, f"{parts.path}?{parts.query}", parts.query, parts.fragment]
    if reach.kind == "apprise":
        pieces += [parts.netloc, *parts.netloc.replace("@", ":").split(":")]
    # Words of a path that everybody knows ("send", "hook") would only make an error unreadable.
    known = {"", "send", "hook", "webhook", "services", "open-apis", "cgi-bin", "robot"}
    found = {piece for one in pieces for piece in (one, unquote(one))}
    return sorted(piece for piece in found if len(piece) >= SHORTEST and piece.lower() not in known)
