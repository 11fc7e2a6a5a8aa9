"""Tasks from the command line, against a server that listens."""

from __future__ import annotations

import pytest

from tests.api.conftest import Shop
from tests.cli.conftest import Terminal, rows

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]


def test_a_task_is_looked_at(shop: Shop, ann: Terminal) -> None:
    task = shop.task()
    assert rows(ann.run("tasks", "list"))[0][:3] == [str(task["id"]), "Say", "it"]
    assert ann.json("tasks", "show", "Say it") == shop.ann.get(f"/tasks/{task['id']}")
    shown = ann.run("tasks", "show", f"#{task['id']}").stdout
    assert ["word", "text", "needed"] in [line.split()[:3] for line in shown.splitlines()]
    assert "did you mean Say it?" in ann.run("tasks", "show", "Sayit", expect=5).stderr


def test_a_task_is_planned_and_run(shop: Shop, ann: Terminal) -> None:
    shop.task()
    words = ("Say it", "-p", "word=a=b", "--hosts", "web-2")
    shown = ann.run("tasks", "plan", *words)
    assert "hosts: web-2" in shown.stdout
    assert 'echo "$PARAM_WORD"' in shown.stdout
    assert "word  a=b" in shown.stdout
    assert "web-2: host not checked" in shown.stderr
    assert shop.ann.get("/runs")["items"] == []
    assert "--yes" in ann.run("tasks", "run", *words, expect=2).stderr
    plan_hash = ann.json("tasks", "plan", *words)["plan_hash"]
    assert (
        ann.refused("tasks", "run", *words[:3], "--plan-hash", plan_hash, "--yes", expect=3)["code"]
        == "plan_changed"
    )
    told = ann.run("tasks", "run", *words, "--yes", "--wait", expect=7)
    assert "Waits for approval" in told.stdout
    run = shop.ann.get("/runs")["items"][0]
    assert run["plan_hash"] == plan_hash
    again = ann.json("runs", "rerun", str(run["id"]))
    assert again["made_from"]["values"] == {"word": "a=b"}


def test_values_that_do_not_fit_are_all_named(shop: Shop, ann: Terminal) -> None:
    shop.task()
    told = ann.run("tasks", "run", "Say it", "-p", "wrod=x", "--yes", expect=3).stderr
    assert "  wrod: " in told
    assert "  word: " in told
    assert "name=value" in ann.run("tasks", "run", "Say it", "-p", "word", expect=2).stderr
