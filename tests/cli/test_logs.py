"""Logs and broken hosts: a run that a worker, played by the test, has taken half way."""

from __future__ import annotations

import os
import threading

import pytest

from interlock.lifecycle.run.states import StepStatus
from interlock.runs import logs
from interlock.runs.engine.apply import Claimer
from interlock.runs.models import Run
from tests.api.conftest import Shop
from tests.cli.conftest import Terminal
from tests.runs.play import begin_all, claimed, end_all

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]

WORKER = Claimer("played", "here", 60.0)
SAID = "取 abc\x1b]0;owned\x07\nno end".encode()


class Half:
    """Hosts web-1 to web-3, each at its only step."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        rollout = {"name": "say on all", "hosts": {"names": ["web-1", "web-2", "web-3"]},
                   "steps": [{"name": "say", "kind": "command", "params": {"command": "true"}}]}  # fmt: skip
        self.id = shop.command_run(stages=[[{"rollout": rollout}]])["id"]
        self.work = claimed(Run.objects.get(id=self.id), WORKER)
        self.reply = begin_all(self.work, WORKER)

    def body(self, host: str) -> str:
        lanes = self.shop.ann.get(f"/runs/{self.id}/lanes")["items"]
        return next(str(lane["targets"][0]["body"]) for lane in lanes if lane["host"] == host)

    def say(self, host: str, data: bytes, start: int = 0) -> None:
        head = logs.open_log(self.id, self.body(host))
        assert logs.store_chunk(head.id, start, data, limit=10**7) == start + len(data)

    def end(self, status: StepStatus) -> None:
        end_all(self.work, WORKER, self.reply, status)


@pytest.fixture
def half(shop: Shop, ann: Terminal) -> Half:
    return Half(shop)


def test_lines_say_where_they_are_from(half: Half, ann: Terminal) -> None:
    run = str(half.id)
    assert "Nothing was said yet." in ann.run("runs", "logs", run).stderr
    assert "Nothing has failed yet." in ann.run("runs", "logs", run, "--failed").stderr
    half.say("web-1", SAID)
    half.say("web-2", b"two\n")
    told = ann.run("runs", "logs", run).stdout_bytes.decode()
    assert told.splitlines() == [
        "web-1 say | 取 abc\x1b]0;owned\x07",
        "web-2 say | two",
        "web-1 say | no end",
    ]
    only = ann.json("runs", "logs", run, "--host", "web-2,web-3")["items"]
    assert [(item["host"], item["step"], item["text"]) for item in only] == [
        ("web-2", "say", "two\n"),
        ("web-3", "say", ""),
    ]
    assert "did you mean web-" in ann.run("runs", "logs", run, "--host", "wbe-1", expect=5).stderr
    ann.run("runs", "logs", run, "-f", "--json", expect=2)


def test_one_log_is_its_very_bytes(half: Half, ann: Terminal) -> None:
    data = os.urandom(3_000_000)
    for start in range(0, len(data), 60_000):
        half.say("web-1", data[start : start + 60_000], start)
    assert ann.run("runs", "logs", str(half.id), "--host", "web-1", "--step", "say").stdout_bytes == data


def test_followed_as_it_comes_until_a_person_is_asked(half: Half, ann: Terminal) -> None:
    half.say("web-1", b"first\n")
    told: list[str] = []

    def follow() -> None:
        told.append(ann.run("runs", "logs", str(half.id), "-f", expect=7).stdout)

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    half.say("web-1", b"second\n", 6)
    half.end(StepStatus.FAILED)
    following.join(20)
    assert told
    assert told[0].splitlines() == ["web-1 say | first", "web-1 say | second"]


def test_broken_hosts_are_named_and_what_can_be_done(half: Half, ann: Terminal) -> None:
    run = str(half.id)
    half.say("web-3", b"no room\n")
    half.end(StepStatus.FAILED)
    told = ann.run("runs", "wait", run, expect=7)
    broken = [line for line in told.stdout.splitlines() if line.startswith("failed web-")]
    assert [line.split()[:2] for line in broken] == [["failed", f"web-{number}"] for number in (1, 2, 3)]
    assert all("at “say”" in line for line in broken)
    assert "3 failed" in told.stdout
    assert f"interlock runs retry {run}" in told.stderr
    assert "web-3 say | no room" in ann.run("runs", "logs", run, "--failed").stdout_bytes.decode()
    assert [row["id"] for row in ann.json("inbox")["runs"]] == [half.id]
    # The step need not be named: there is only one that can be meant.
    ann.run("runs", "exclude", run, "--host", "web-2", "--reason", "away")
    ann.run("runs", "retry", run, "--host", "web-1")
    lanes = {lane["host"]: lane["status"] for lane in half.shop.ann.get(f"/runs/{run}/lanes")["items"]}
    assert lanes == {"web-1": "pending", "web-2": "skipped", "web-3": "failed"}


def test_a_pause(half: Half, ann: Terminal) -> None:
    run = str(half.id)
    assert f"interlock runs resume {run}" in ann.run("runs", "pause", run, "--reason", "lunch").stderr
    half.end(StepStatus.SUCCEEDED)
    assert ann.json("runs", "wait", run, expect=7)["status"] == "paused"
    assert "lunch" in ann.run("journal", "--run", run).stdout
    assert ann.json("runs", "resume", run, "--wait")["status"] == "succeeded"


def test_giving_up_is_what_was_wanted(half: Half, ann: Terminal) -> None:
    half.end(StepStatus.FAILED)
    assert ann.json("runs", "give-up", str(half.id), "--wait")["status"] == "failed"
    assert ann.json("runs", "wait", str(half.id), expect=1)["status"] == "failed"


def test_a_run_of_many_hosts_is_not_read_side_by_side(
    half: Half, ann: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interlock_cli.commands.logs.MANY", 2)
    assert "--failed" in ann.run("runs", "logs", str(half.id), expect=2).stderr
    ann.run("runs", "logs", str(half.id), "--host", "web-1")
