"""Schedules through the API: made, seen with their times and ticks, changed, paused, resumed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from interlock.runs.schedule_ticks import fire_due
from tests.api.conftest import Shop

pytestmark = pytest.mark.django_db(databases="__all__")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def test_a_schedule_is_made_once_and_seen(shop: Shop) -> None:
    task = shop.task()
    asked = {"task_id": task["id"], "name": "Nightly", "kind": "cron", "cron": "30 2 * * 1-5",
             "zone": "Europe/Berlin", "values": {"word": "hi"}, "hosts": {"names": ["web-1"]}}  # fmt: skip
    made = shop.dee.post("/schedules", asked, **{"Idempotency-Key": "once"})
    assert shop.dee.post("/schedules", asked, **{"Idempotency-Key": "once"}) == made
    assert (made["owner"], made["status"], made["why"], made["last_tick"]) == ("dee", "active", None, None)
    assert (made["misfire"], made["grace"], made["overlap"]) == ("skip", 300, "skip")
    assert made["words"] == "At 02:30 on Monday through Friday"
    assert made["next_times"][0] == {"at": "2026-11-23T01:30:00Z", "local": "2026-11-23T02:30:00+01:00"}
    assert (len(made["next_times"]), made["next_at"]) == (10, "2026-11-23T01:30:00Z")
    path = f"/schedules/{made['id']}"
    assert shop.cy.get(path) == made
    line = shop.cy.get("/schedules", task_id=task["id"], status="active", search="night")["items"]
    assert [one["task"] for one in line] == ["Say it"]
    assert shop.cy.get(f"/tasks/{task['id']}/schedules")["items"] == line
    in_chinese = shop.cy.ask("GET", path, headers={"Accept-Language": "zh-hans"})
    assert json.loads(in_chinese.content)["words"] == "周一至周五 02:30"
    for call in ("GET", "DELETE"):
        shop.sam.refused(call, path, status=404, code="schedule_not_known")
    shop.sam.refused("GET", f"/tasks/{task['id']}/schedules", status=404, code="task_not_known")
    shop.ann.refused("DELETE", path, status=403, code="not_allowed")
    assert shop.dee.delete(path) == {}


def test_faults_are_told_all_at_once(shop: Shop) -> None:
    asked = {
        "task_id": shop.task()["id"],
        "name": "x",
        "kind": "cron",
        "cron": "0 25 * * *",
        "zone": "Berlin",
    }
    told = shop.dee.refused("POST", "/schedules", asked, status=422, code="schedule_unfit")
    assert [(error["loc"], error["code"]) for error in told["errors"]] == [
        (["zone"], "zone_not_known"), (["cron"], "cron_unfit"), (["values", "word"], "value_missing"),
    ]  # fmt: skip
    assert told["errors"][0]["msg"].endswith("such as Europe/Berlin.")
    assert told["errors"][1]["msg"].startswith("“0 25 * * *”: field 2 of 5")


def test_times_are_shown_before_anything_is_kept(shop: Shop) -> None:
    asked = {"kind": "cron", "cron": "0 9 1 * *", "zone": "Asia/Shanghai", "ends_at": "2027-01-31T00:00"}
    shown = shop.cy.post("/schedules/preview", asked, 200)
    assert shown["words"] == "At 09:00 on the first day of every month"
    assert [one["local"] for one in shown["times"]] == [
        "2026-12-01T09:00:00+08:00",
        "2027-01-01T09:00:00+08:00",
    ]
    once = shop.cy.post("/schedules/preview", {"kind": "once", "at": "2026-12-01T09:00:00+01:00"}, 200)
    assert once == {"words": "", "times": [{"at": "2026-12-01T08:00:00Z", "local": "2026-12-01T08:00:00Z"}]}
    shop.cy.refused("POST", "/schedules/preview", {"kind": "once"}, status=422, code="schedule_unfit")
    shop.nobody.refused("POST", "/schedules/preview", asked, status=401, code="not_signed_in")


def test_a_schedule_is_changed_paused_and_resumed(shop: Shop) -> None:
    path = f"/schedules/{shop.schedule(ends_at='2027-01-01T00:00:00Z')['id']}"
    changed = shop.dee.patch(path, {"ends_at": None, "overlap": "queue", "hosts": "all", "version": 1})
    assert (changed["ends_at"], changed["overlap"], changed["version"], changed["hosts"]) == (
        None, "queue", 2, {"all": True},
    )  # fmt: skip
    assert shop.dee.patch(path, {"hosts": None})["hosts"] is None
    shop.dee.refused("PATCH", path, {"version": 1}, status=409, code="schedule_changed")
    paused = shop.dee.post(f"{path}/pause", {"reason": "freeze"}, 200)
    assert (paused["status"], paused["reason"], paused["next_times"]) == ("paused", "freeze", [])
    told = shop.dee.refused("POST", f"{path}/pause", {"reason": "x"}, status=409, code="schedule_not_active")
    assert told["facts"] == {"status": "paused"}
    shop.ann.refused("POST", f"{path}/resume", {}, status=403, code="not_allowed")
    resumed = shop.root.post(f"{path}/resume", expect=200)
    assert (resumed["status"], resumed["owner"]) == ("active", "root-shop")


def test_past_ticks_tell_their_run_or_why_there_is_none(shop: Shop, clock: Any) -> None:
    made = shop.schedule(cron="0 * * * *")
    path = f"/schedules/{made['id']}"
    clock.shift(timedelta(hours=1))
    fire_due()
    clock.shift(timedelta(hours=1))
    fire_due()
    shop.dee.patch(f"/tasks/{made['task_id']}", {"values": {}})
    shop.dee.patch(path, {"overlap": "allow"})
    template = shop.dee.get(f"/tasks/{made['task_id']}")["template_id"]
    text = "parameters: [{name: count, required: true}]\nstages: [{name: ask, kind: approval}]"
    shop.dee.post(f"/templates/{template}/versions", {"text": text, "base": 1})
    clock.shift(timedelta(hours=1))
    fire_due()
    third, second, first = shop.cy.get(f"{path}/ticks")["items"]
    run = shop.cy.get("/runs", origin="task", origin_id=made["task_id"])["items"][0]
    assert (first["status"], first["run_id"], first["run_status"]) == ("started", run["id"], "waiting")
    assert (first["at"], first["why"], first["errors"]) == ("2026-11-21T13:00:00Z", None, [])
    assert second["why"] == {
        "code": "tick_overlaps", "facts": {"run_id": run["id"]},
        "text": f"Run {run['id']} of this schedule was still open.",
    }  # fmt: skip
    assert third["why"]["code"] == "values_unfit"
    assert [(error["loc"], error["msg"]) for error in third["errors"]][1] == (
        ["count"],
        "“count” needs a value.",
    )
    assert shop.cy.get(f"{path}/ticks", status="started")["items"] == [first]
    assert shop.cy.get(path)["last_tick"] == {
        "at": "2026-11-21T15:00:00Z",
        "status": "skipped",
        "run_id": None,
    }
    made_from = shop.cy.get(f"/runs/{run['id']}")["made_from"]
    assert (made_from["schedule_id"], made_from["tick"]) == (made["id"], "2026-11-21T13:00:00Z")
    shop.sam.refused("GET", f"{path}/ticks", status=404, code="schedule_not_known")


def test_one_that_stopped_itself_says_what_to_do(shop: Shop, clock: Any) -> None:
    made = shop.schedule(cron="0 * * * *")
    shop.root.patch(f"/people/{shop.cast.dee.person_id}", {"is_active": False})
    clock.shift(timedelta(hours=1))
    fire_due()
    stopped = shop.cy.get(f"/schedules/{made['id']}")
    assert stopped["status"] == "stopped" and stopped["why"]["code"] == "schedule_owner_gone"
    assert stopped["why"]["text"] == (
        "It ran as dee, who is not active any more. Resume it, and it runs as you from then on."
    )
