"""login, logout, whoami, servers."""

from __future__ import annotations

import socket
import sys
from urllib.parse import urlsplit

import click
from rich.text import Text

from interlock_cli import servers
from interlock_cli.client import Client, Json
from interlock_cli.command import Desk, Nouns, Verb, pass_desk
from interlock_cli.errors import Trouble, Usage
from interlock_cli.servers import Server, Token


@click.command("login", cls=Verb)
@click.argument("url", required=False, envvar="INTERLOCK_URL")
@click.option("--name", metavar="NAME", help="What to call the server here. Default: its host name.")
@click.option("--user", metavar="USER", help="Sign in with a password, which is asked for.")
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@pass_desk
def login(desk: Desk, url: str | None, name: str | None, user: str | None, token_stdin: bool) -> None:
    """Sign in at a server, with a token or with a name and a password.

    With a password a token is made for this machine; `interlock logout` withdraws it.
    """
    known = servers.load()
    if not url:
        url = known.named(desk.server_name or known.current).url if known.known else None
    if not url:
        raise Usage("Say at which server.", ["interlock login https://interlock.example.com"])
    url = servers.fit_url(url)
    if servers.travels_openly(url):
        desk.screen.warn(f"{url} is not encrypted: whoever is on the way can read the token.")
    name = name or desk.server_name or urlsplit(url).hostname or "interlock"
    if name in known.known and known.known[name].url != url:
        raise Usage(f"“{name}” is {known.known[name].url} here.", ["--name gives this server another name"])
    token, token_id = _token(desk, url, user, token_stdin)
    me = _who(Server(name, url, token))
    known.known[name] = Server(name, url, token, token_id, me["username"])
    known.current = name
    path = servers.save(known)
    if desk.as_json:
        return desk.screen.document(me)
    desk.screen.say(Text.assemble(("✓ ", "green"), f"signed in at {url} as {me['username']}"))
    desk.screen.note(f"kept in {path}, readable by you only")


def _token(desk: Desk, url: str, user: str | None, from_stdin: bool) -> tuple[Token, int | None]:
    if from_stdin:
        return _fit(sys.stdin.readline()), None
    if not desk.screen.interactive:
        raise Usage("Nobody is here to be asked.", ["--token-stdin reads the token from standard input"])
    if user is None:
        text = click.prompt("Token (empty: sign in with a password)", hide_input=True, default="",
                            show_default=False, err=True)  # fmt: skip
        if text:
            return _fit(text), None
        user = click.prompt("User name", err=True)
    password = click.prompt("Password", hide_input=True, err=True)
    return _token_for(Server("", url), str(user), password)


def _fit(text: str) -> Token:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Usage("This is not a token. One looks like ilk_…")
    return Token(token)


def _token_for(server: Server, user: str, password: str) -> tuple[Token, int]:
    """A token of one's own for this machine; the session that makes it ends at once."""
    client = Client(server)
    try:
        client.post("/session", {"username": user, "password": password})
        # Both are what the platform asks of a browser.
        client.http.headers["X-CSRFToken"] = client.http.cookies.get("csrftoken") or ""
        client.http.headers["Referer"] = f"{server.url}/"
        made = client.post("/tokens", {"name": f"cli {socket.gethostname()}"[:64]})
        client.delete("/session")
        return Token(made["token"]), made["id"]
    finally:
        client.close()


def _who(server: Server) -> Json:
    client = Client(server)
    try:
        me: Json = client.get("/me")
        return me
    finally:
        client.close()


@click.command("logout", cls=Verb)
@pass_desk
def logout(desk: Desk) -> None:
    """Forget a server. A token that `interlock login` made is withdrawn."""
    known = servers.load()
    server = known.named(desk.server_name or known.current) if known.known else None
    if server is None:
        desk.screen.note("You are not signed in anywhere.")
        return
    withdrawn = server.token_id is not None and _withdraw(desk, server)
    del known.known[server.name]
    known.current = next(iter(known.known), "") if known.current == server.name else known.current
    servers.save(known)
    if desk.as_json:
        return desk.screen.document({})
    desk.screen.say(f"signed out of {server.url}" + (", its token is withdrawn" if withdrawn else ""))


def _withdraw(desk: Desk, server: Server) -> bool:
    client = Client(server, timeout=10, pauses=())
    try:
        client.delete(f"/tokens/{server.token_id}")
        return True
    except Trouble as trouble:
        desk.screen.warn(f"The token could not be withdrawn: {trouble.detail}")
        return False
    finally:
        client.close()


@click.command("whoami", cls=Verb)
@pass_desk
def whoami(desk: Desk) -> None:
    """Who you are, where, and what you may do."""
    me = desk.client.get("/me")
    if desk.as_json:
        return desk.screen.document(me)
    projects = {str(row["id"]): row["name"] for row in desk.client.pages("/projects")["items"]}
    roles = [f"{', '.join(held)} in {projects.get(at, at)}" for at, held in me["roles"].items()]
    desk.screen.facts(
        [
            ("server", desk.client.server.url),
            ("you", me["username"]),
            ("roles", "; ".join(roles) or ("administrator of the platform" if me["is_admin"] else "none")),
            ("rights", ", ".join(me["rights"])),
            ("token", "only for " + ", ".join(me["scopes"]) if me["scopes"] is not None else ""),
        ]
    )


@click.group("servers", cls=Nouns, invoke_without_command=True)
@click.pass_context
def known_servers(context: click.Context) -> None:
    """The servers you are signed in at."""
    if context.invoked_subcommand is None:
        context.invoke(list_servers)


@known_servers.command("list")
@pass_desk
def list_servers(desk: Desk) -> None:
    """All of them; the current one has a star."""
    known = servers.load()
    if desk.as_json:
        items = [
            {"name": s.name, "url": s.url, "person": s.person, "current": s.name == known.current}
            for s in known.known.values()
        ]
        return desk.screen.document({"items": items, "next": None})
    rows = ((("*" if s.name == known.current else ""), s.name, s.url, s.person) for s in known.known.values())
    desk.screen.table(["", "NAME", "URL", "PERSON"], rows, empty="None yet: interlock login URL")


@known_servers.command("use")
@click.argument("name")
@pass_desk
def use_server(desk: Desk, name: str) -> None:
    """Make a server the current one."""
    known = servers.load()
    known.current = known.named(name).name
    servers.save(known)
    desk.screen.note(f"{name} is the current server now")


COMMANDS = [login, logout, whoami, known_servers]
