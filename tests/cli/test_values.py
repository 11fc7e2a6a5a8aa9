"""What is read from people, kept for them, and shown to them; no server is asked."""

from __future__ import annotations

import json
import os
import re
import stat
import traceback
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from interlock_cli import names, reading, servers
from interlock_cli.client import languages
from interlock_cli.errors import NotSignedIn, Usage
from interlock_cli.news import read_events
from interlock_cli.plan import show_plan
from interlock_cli.screen import Screen, clean, sentence, span
from interlock_cli.servers import Server, Servers, Token, fit_url

NOW = datetime(2026, 11, 21, 20, 30, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("1d", 86400), ("0", 0)]
)
def test_spans(text: str, seconds: int) -> None:
    assert reading.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "5x", "1h30", "-5m", "1.5h", "5 m"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="span"):
        reading.seconds(text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("+30m", "2026-11-21T21:00:00+08:00"),
        ("22:30", "2026-11-21T22:30:00+08:00"),
        ("8:05", "2026-11-22T08:05:00+08:00"),
        ("2026-11-22T02:00:00+01:00", "2026-11-22T02:00:00+01:00"),
    ],
)
def test_times_to_come(text: str, time: str) -> None:
    assert reading.time_to_come(text, NOW) == time


def test_a_time_without_a_zone_is_of_this_machine() -> None:
    read = datetime.fromisoformat(reading.time_to_come("2026-11-22T02:00", NOW))
    assert read.tzinfo is not None
    assert read == datetime(2026, 11, 22, 2, 0).astimezone()


@pytest.mark.parametrize("text", ["tomorrow", "25:00", "2026-13-01", "+soon"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        reading.time_to_come(text, NOW)


def test_names_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("web-1 web-2\n# not these: web-9\nweb-3, web-4  # the new ones\n\n")
    assert reading.words(f"@{file}") == ["web-1", "web-2", "web-3", "web-4"]
    assert reading.words("web-1, web-2,") == ["web-1", "web-2"]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("interlock.example.com", "https://interlock.example.com"),
        ("localhost:8700", "http://localhost:8700"),
        ("127.0.0.1:8700/", "http://127.0.0.1:8700"),
        ("https://example.com/interlock/api/v1/", "https://example.com/interlock"),
    ],
)
def test_addresses_of_servers(given: str, url: str) -> None:
    assert fit_url(given) == url


@pytest.mark.parametrize("given", ["ftp://example.com", "https://", "https://ann:secret@example.com"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(Usage) as refused:
        fit_url(given)
    assert "secret" not in refused.value.detail


def test_servers_are_kept_for_their_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    kept = Servers("one", {"one": Server("one", "https://one", Token("ilk_geheim"), 7, "ann")})
    path = servers.save(kept)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [servers.FILE]
    path.chmod(0o644)
    read = servers.load()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read.named("one").token.reveal() == "ilk_geheim"
    assert (read.current, read.named("one").token_id, read.named("one").person) == ("one", 7, "ann")


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = servers.save(Servers("one", {"one": Server("one", "https://one", Token("t"))}))
    before = path.read_bytes()
    unwritable = Servers("two", {"two": Server("two", "https://two", Token("t"), token_id=object())})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        servers.save(unwritable)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [servers.FILE]


@pytest.mark.parametrize("text", ["{", "[]", '{"servers": {"one": {"token": "ilk_geheim"}}}'])
def test_a_broken_file_is_named_and_not_quoted(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "interlock").mkdir()
    (tmp_path / "interlock" / servers.FILE).write_text(text)
    with pytest.raises(Usage) as refused:
        servers.load()
    assert servers.FILE in refused.value.detail
    assert "geheim" not in "".join(traceback.format_exception(refused.value))


def test_a_token_shows_itself_to_nobody() -> None:
    server = Server("one", "https://one", Token("ilk_geheim"))
    assert "geheim" not in f"{server!r} {server.token} {server.token!r} {Servers('one', {'one': server})}"


def test_a_kept_token_goes_to_its_own_server_only() -> None:
    known = Servers(
        "one",
        {"one": Server("one", "https://one", Token("t1")), "two": Server("two", "https://two", Token("t2"))},
    )
    assert known.chosen(None, {}).token.reveal() == "t1"
    assert known.chosen("two", {"INTERLOCK_URL": "https://one"}).token.reveal() == "t2"
    assert known.chosen(None, {"INTERLOCK_URL": "https://two/"}).token.reveal() == "t2"
    assert not known.chosen(None, {"INTERLOCK_URL": "https://elsewhere"}).token
    assert known.chosen(None, {"INTERLOCK_TOKEN": "t3"}).token.reveal() == "t3"
    given = known.chosen(None, {"INTERLOCK_URL": "https://elsewhere", "INTERLOCK_TOKEN": "t3"})
    assert (given.url, given.token.reveal()) == ("https://elsewhere", "t3")
    with pytest.raises(NotSignedIn):
        Servers().chosen(None, {})
    with pytest.raises(Usage):
        known.chosen("three", {})


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN, zh;q=0.9, en;q=0.5"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "de_DE@euro"}, "de-DE, de;q=0.9, en;q=0.5"),
        ({}, "en"),
    ],
)
def test_the_language_of_the_sentences(environment: dict[str, str], asked: str) -> None:
    assert languages(environment) == asked


def test_events_out_of_their_lines() -> None:
    stream = [
        "retry: 1000",
        "",
        ": still here",
        "",
        "id: 3",
        "event: run",
        'data: {"version": 3}',
        "",
        "data: x",
    ]
    events = list(read_events(iter(stream)))
    assert [(event.name, event.id, json.loads(event.data)) for event in events] == [
        ("run", "3", {"version": 3})
    ]


def test_what_was_probably_meant() -> None:
    hosts = [f"web-{number}" for number in range(1, 30)]
    assert names.close("wbe-12", hosts) == ["web-12"]
    assert names.close("zz", hosts) == []
    assert names.close("CHECK", ["checkout", "search"]) == ["checkout"]


def test_a_terminal_is_not_given_orders() -> None:
    assert clean("web\x1b]0;owned\x07-1\x9b31m") == "web]0;owned-131m"
    assert clean("主机-1\n2") == "主机-1 2"


def test_times_in_sentences_are_of_this_machine() -> None:
    told = sentence("until 2026-11-21T08:03:56.204445+00:00.")
    here = datetime.fromisoformat("2026-11-21T08:03:56+00:00").astimezone()
    assert told == f"until {here:%Y-%m-%d %H:%M:%S}."


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h"), (-3, "0 s")]
)
def test_how_long_it_is(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_a_large_plan_names_every_host_once(capsys: pytest.CaptureFixture[str]) -> None:
    hosts = [
        {"host": f"web-{n}", "from": "v1" if n % 2 else "v0", "to": "v2", "batch": int(n > 0)}
        for n in range(2000)
    ]
    intent = {
        "service": {"name": "checkout"}, "action": "upgrade", "version": {"name": "v2"}, "approval": None,
        "start": "auto", "threshold": 0, "put_back": True, "bake": 0, "confirm": [],
    }  # fmt: skip
    plan = {"plan_hash": "h", "hosts": hosts, "batches": [1, 1999], "intent": intent, "obstacles": []}
    show_plan(Screen(), plan)
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 7
    assert sorted(re.findall(r"web-\d+", shown)) == sorted(row["host"] for row in hosts)
    assert "v1 → v2  1000 hosts: web-1, web-3" in shown


@pytest.mark.skipif(os.name != "posix", reason="folders of POSIX systems")
def test_the_configuration_folder() -> None:
    assert servers.config_folder({"XDG_CONFIG_HOME": "/x"}) == Path("/x/interlock")
    assert servers.config_folder({}) == Path.home() / ".config" / "interlock"
