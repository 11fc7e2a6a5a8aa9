"""Releases, runs and votes from the command line, against a server that listens."""

from __future__ import annotations

import threading

import pytest

from tests.api.conftest import Shop
from tests.cli.conftest import Terminal, rows, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]


def releases(shop: Shop) -> int:
    return len(shop.ann.get("/releases")["items"])


# Releasing


def test_a_plan_changes_nothing(shop: Shop, installed: Terminal) -> None:
    told = installed.run("plan", "upgrade", "checkout", "v2", "--all", "--batches", "1,100%").stdout
    lines = told.splitlines()
    assert lines[1:6] == ["batch 1 of 2 · 1 host", "  web-1  v1 → v2", "batch 2 of 2 · 2 hosts",
                          "  web-2  v1 → v2", "  web-3  v1 → v2"]  # fmt: skip
    assert lines[-1] == f"plan {installed.plan('upgrade', 'checkout', 'v2', '--all', '--batches', '1,100%')}"
    warned = installed.run("plan", "upgrade", "checkout", "v2", "--hosts", "web-1")
    assert warned.stderr.startswith("! web-1: host not checked")
    assert releases(shop) == 0


def test_options_become_the_request(shop: Shop, installed: Terminal) -> None:
    made = installed.json(
        "upgrade", "checkout", "v2", "--hosts", "web-1,web-2", "--hosts", "web-3", "--batches", "1,100%",
        "--bake", "5m",
        "--threshold", "1", "--no-put-back", "--confirm-after", "1", "--at", "+2h", "--approvers", "bob",
        "--approval-deadline", "1h", "--note", "why not", "--yes",
    )  # fmt: skip
    asked = made["request"]
    assert asked["hosts"] == ["web-1", "web-2", "web-3"]
    assert (asked["batches"], asked["bake"], asked["threshold"]) == (["1", "100%"], 300, 1)
    assert (asked["put_back"], asked["confirm"], asked["start"], asked["note"]) == (
        False,
        [0],
        "at",
        "why not",
    )
    assert (asked["approval"]["people"], asked["approval"]["deadline"]) == (["bob"], 3600)
    assert made == shop.ann.get(f"/releases/{made['id']}")
    shown = installed.run("releases", "show", str(made["id"])).stdout
    for words in (
        "why not",
        "1 approval(s) by bob",
        "within 60 min",
        "up to 1 host may fail",
        "after batch 1",
    ):
        assert words in shown
    assert rows(installed.run("releases", "list", "--service", "checkout"))[0][0] == str(made["id"])


def test_by_what_hosts_are(shop: Shop, installed: Terminal) -> None:
    made = installed.json("upgrade", "checkout", "v2", "--environment", "qa", "--yes")
    assert [host["host"] for host in made["hosts"]] == ["web-1", "web-2", "web-3"]
    assert installed.refused("upgrade", "checkout", "v2", "--group", "none", "--yes", expect=5)


def test_names_that_the_platform_does_not_know(installed: Terminal) -> None:
    told = installed.run("upgrade", "checkout", "v2", "--hosts", "web-1,wbe-2", "--yes", expect=5).stderr
    assert "wbe-2: did you mean web-2?" in told
    assert (
        "did you mean checkout?"
        in installed.run("upgrade", "chekout", "v2", "--all", "--yes", expect=5).stderr
    )
    assert "did you mean v" in installed.run("upgrade", "checkout", "v22", "--all", "--yes", expect=5).stderr


def test_without_a_version(shop: Shop, installed: Terminal) -> None:
    assert installed.json("plan", "upgrade", "checkout", "--all")["intent"]["version"]["name"] == "v2"
    assert "no version was named: v2" in installed.run("plan", "upgrade", "checkout", "--all").stderr
    # Nothing was there before: a guess would not be a revert.
    assert "Name the version" in installed.run("plan", "revert", "checkout", "--all", expect=2).stderr
    assert installed.json("plan", "delete", "checkout", "--all")["intent"]["version"] is None


def test_nothing_starts_unasked(shop: Shop, installed: Terminal) -> None:
    told = installed.run("upgrade", "checkout", "v2", "--all", expect=2)
    assert "web-1  v1 → v2" in told.stdout
    assert "--yes" in told.stderr
    assert releases(shop) == 0


def test_what_was_seen_is_what_is_run(shop: Shop, installed: Terminal) -> None:
    words = ("upgrade", "checkout", "v2", "--all")
    seen = installed.plan(*words)
    shop.version("v3")
    changed = installed.run(*words, "--batches", "1,100%", "--plan-hash", seen, "--yes", expect=3)
    assert "The plan is another one by now" in changed.stderr
    assert releases(shop) == 0
    assert installed.json(*words, "--plan-hash", seen, "--yes")["plan_hash"] == seen


def test_an_answer_that_got_lost_starts_nothing_twice(shop: Shop, installed: Terminal) -> None:
    installed.line.lost = ["/api/v1/releases"]
    made = installed.json("upgrade", "checkout", "v2", "--all", "--yes")
    assert installed.line.lost == []
    assert releases(shop) == 1
    assert made["id"] == shop.ann.get("/releases")["items"][0]["id"]


def test_a_key_of_ones_own(shop: Shop, installed: Terminal) -> None:
    words = (
        "upgrade",
        "checkout",
        "v2",
        "--all",
        "--at",
        "2099-01-01T00:00Z",
        "--yes",
        "--idempotency-key",
        "job-7",
    )
    assert installed.json(*words)["id"] == installed.json(*words)["id"]
    assert releases(shop) == 1


# Following


def test_waiting_until_a_person_is_asked(shop: Shop, installed: Terminal) -> None:
    told = installed.run(
        "upgrade", "checkout", "v2", "--all", "--approve-before", "--yes", "--wait", expect=7
    )
    run = shop.ann.get("/runs")["items"][0]["id"]
    assert "Waits for approval: 0 of 1 given." in told.stdout
    assert f"interlock approve {run}" in told.stderr
    document = installed.json("runs", "wait", str(run), expect=7)
    assert document == shop.ann.get(f"/runs/{run}")


@pytest.mark.parametrize("line", ["whole", "cut", "without streams"])
def test_followed_to_its_end(shop: Shop, ann: Terminal, line: str) -> None:
    run = shop.waiting_run()["id"]
    ann.line.cuts = line == "cut"
    ann.line.streams = line != "without streams"
    codes: list[object] = []

    def wait() -> None:
        codes.append(ann.json("runs", "wait", str(run), "--patient")["status"])

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    # With a cut line: until it has come back, behind what it has seen.
    wait_until(lambda: len(ann.line.opened) > (1 if line == "cut" else 0))
    ann.as_other(shop.bob.token).run("approve", str(run), "--yes")
    waiting.join(20)
    assert codes == ["succeeded"]
    version = shop.ann.get(f"/runs/{run}")["version"]
    assert all(int(seen) < version for seen in ann.line.opened)
    if line == "whole":
        assert len(ann.line.opened) == 1


def test_plain_lines_into_a_pipe(shop: Shop, ann: Terminal) -> None:
    run = shop.waiting_run()["id"]
    told = ann.as_other(shop.bob.token).run("approve", str(run), "--yes", "--wait", "--note", "seen").stdout
    assert told.splitlines()[-1].startswith("succeeded  Ask first  run")
    assert "\x1b" not in told
    assert "✓" not in told
    assert "“" not in told or "seen" in told
    assert "seen" in ann.run("runs", "show", str(run)).stdout


def test_an_end_that_nobody_wanted(shop: Shop, ann: Terminal) -> None:
    run = str(shop.waiting_run()["id"])
    ann.as_other(shop.bob.token).run("reject", run, "--yes")
    assert ann.json("runs", "wait", run, expect=1)["status"] == "rejected"


# Steering


def test_stopped_with_proof(shop: Shop, ann: Terminal) -> None:
    run = str(shop.waiting_run()["id"])
    assert ann.json("runs", "stop", run, "--reason", "wrong day", "--wait")["status"] == "canceled"
    assert "wrong day" in ann.run("journal", "--run", run).stdout
    assert ann.refused("runs", "stop", run, expect=3)["code"] == "run_ended"
    assert ann.json("runs", "wait", run, expect=1)["status"] == "canceled"


def test_hosts_are_taken_out_by_name(shop: Shop, ann: Terminal) -> None:
    rollout = {"name": "ask", "hosts": {"names": ["web-1", "web-2"]}, "batches": ["1", "100%"],
               "steps": [{"name": "say", "kind": "command", "params": {"command": "true"}}]}  # fmt: skip
    run = str(shop.command_run(stages=[[{"rollout": rollout}]])["id"])
    told = ann.run("runs", "exclude", run, "--host", "web-9", expect=5).stderr
    assert "web-9: did you mean web-" in told
    ann.run("runs", "exclude", run, "--host", "web-2", "--reason", "is being repaired")
    lanes = {lane["host"]: lane["status"] for lane in shop.ann.get(f"/runs/{run}/lanes")["items"]}
    assert lanes["web-2"] == "skipped"
    shown = ann.run("runs", "show", run).stdout
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith("web-2")] == [
        ["web-2", "2", "skipped"]
    ]


def test_verbs_that_are_not_allowed_now(shop: Shop, ann: Terminal) -> None:
    run = str(shop.waiting_run()["id"])
    assert ann.refused("runs", "retry", run, expect=3)["code"] == "step_not_broken"
    assert ann.refused("runs", "go-on", run, expect=3)["code"] == "not_waiting_to_go_on"
    assert ann.refused("runs", "skip", run, expect=3)["code"] == "step_not_broken"
    assert ann.refused("runs", "resolve", run, "done", expect=3)["code"] == "step_not_broken"
    assert ann.refused("runs", "give-up", run, expect=3)["code"] == "nothing_to_give_up"
    assert ann.refused("runs", "start", run, expect=3)["code"] == "run_already_started"
    assert ann.refused("runs", "retry", run, "--step", "9.9", expect=5)["code"] == "not_found"


def test_the_inbox(shop: Shop, ann: Terminal) -> None:
    bob = ann.as_other(shop.bob.token)
    assert "Nothing waits for you." in bob.run("inbox").stderr
    run = shop.waiting_run()["id"]
    step = {"name": "look", "kind": "wait", "params": {"manual": True}}
    manual = shop.command_run(stages=[[{"step": step}]], title="Look first")["id"]
    assert [approval["run_id"] for approval in bob.json("inbox")["approvals"]] == [run]
    assert f"interlock approve {run}" in bob.run("inbox").stdout
    assert bob.json("inbox")["runs"] == []  # Bob approves, and steers nothing
    assert [row["id"] for row in ann.json("inbox")["runs"]] == [manual]
    ann.run("runs", "go-on", str(manual), "--wait")


def test_a_vote_is_for_the_plan_that_was_shown(shop: Shop, installed: Terminal) -> None:
    made = installed.json("upgrade", "checkout", "v2", "--all", "--approve-before", "--yes")
    bob = installed.as_other(shop.bob.token)
    run = str(made["run_id"])
    assert "web-2  v1 → v2" in bob.run("approve", run, expect=2).stdout
    refused = bob.refused("approve", run, "--yes", "--plan-hash", "0" * 64, expect=3)
    assert refused["code"] == "plan_changed"
    own = installed.refused("approve", run, "--yes", expect=4)
    assert own["code"] == "not_allowed"
    bob.run("approve", run, "--yes")
    assert shop.ann.get(f"/runs/{run}")["approvals"][0]["status"] == "approved"
    assert "waits for no approval" in bob.run("approve", run, "--yes", expect=2).stderr


def test_locks(shop: Shop, installed: Terminal) -> None:
    made = installed.json("upgrade", "checkout", "v2", "--all", "--yes")
    lock = installed.json("locks", "list", "--service", "checkout")["items"][-1]
    assert lock["run_id"] == made["run_id"]
    assert str(lock["id"]) in [row[0] for row in rows(installed.run("locks", "list"))]
    assert (
        installed.refused("locks", "free", str(lock["id"]), "--note", "looked", expect=3)["code"]
        == "lock_held"
    )
    held = installed.run("upgrade", "checkout", "v2", "--all", "--yes", expect=3).stderr
    assert "Locked by" in held
    assert "interlock locks list" in held
