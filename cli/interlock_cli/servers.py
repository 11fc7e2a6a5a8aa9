"""The servers that somebody has signed in at: one file in the folder that the system keeps for that."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from interlock_cli.errors import NotSignedIn, Usage

FILE = "servers.json"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Token:
    """A token's text, which shows itself to nobody by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Token(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def reveal(self) -> str:
        return self._text


@dataclass(frozen=True)
class Server:
    """``token_id``: of a token that `login` made here, and `logout` withdraws."""

    name: str
    url: str
    token: Token = field(default_factory=lambda: Token(""))
    token_id: int | None = None
    person: str = ""


@dataclass
class Servers:
    """What the file holds."""

    current: str = ""
    known: dict[str, Server] = field(default_factory=dict)

    def named(self, name: str) -> Server:
        if name in self.known:
            return self.known[name]
        known = ", ".join(sorted(self.known)) or "none"
        raise Usage(f"There is no server “{name}” here. Known: {known}.", ["interlock login URL --name NAME"])

    def chosen(self, name: str | None, environment: Mapping[str, str]) -> Server:
        """The server that this command is for. The environment wins over the file, an option over both."""
        if name:
            return self.named(name)
        url, token = environment.get("INTERLOCK_URL", ""), environment.get("INTERLOCK_TOKEN", "")
        if not url and (not self.current or self.current not in self.known):
            raise NotSignedIn("You are not signed in at any server.", ["interlock login URL"])
        if not url:
            server = self.known[self.current]
            return Server(server.name, server.url, Token(token)) if token else server
        url = fit_url(url)
        # A token that was kept for one server is never sent to another one.
        kept = next((server for server in self.known.values() if server.url == url), Server("", url))
        return Server("INTERLOCK_URL", url, Token(token)) if token else kept


def fit_url(url: str) -> str:
    """``https://`` where nothing else was said, and nothing at the end."""
    if "://" not in url:
        host = urlsplit(f"//{url}").hostname or ""
        url = f"{'http' if host in LOOPBACK else 'https'}://{url}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Usage(
            f"“{url}” is not the address of a server. Give one such as https://interlock.example.com."
        )
    if parts.username or parts.password:
        raise Usage("The address holds a login. Leave it out: you are asked for it.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/api/v1")


def travels_openly(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    if sys.platform == "win32" and environment.get("APPDATA"):
        return Path(environment["APPDATA"]) / "interlock"
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "interlock"


def load() -> Servers:
    path = config_folder() / FILE
    try:
        text = path.read_text(encoding="utf-8")
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)  # somebody copied it about; what is in it is nobody else's business
        read = json.loads(text)
        known = {name: _server(name, facts) for name, facts in read["servers"].items()}
        return Servers(read.get("current", ""), known)
    except FileNotFoundError:
        return Servers()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # Without the cause: it may quote the file.
        raise Usage(
            f"{path} cannot be read ({type(error).__name__}).", ["remove it and sign in again"]
        ) from None


def _server(name: str, facts: Mapping[str, Any]) -> Server:
    return Server(name, facts["url"], Token(facts["token"]), facts.get("token_id"), facts.get("person", ""))


def save(servers: Servers) -> Path:
    """Whole or not at all, and readable by its owner only from its first byte on."""
    folder = config_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = {
        "current": servers.current,
        "servers": {
            server.name: {
                "url": server.url,
                "token": server.token.reveal(),
                "token_id": server.token_id,
                "person": server.person,
            }
            for server in servers.known.values()
        },
    }
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, folder / FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return folder / FILE
