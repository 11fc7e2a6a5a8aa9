"""Templates and tasks through the API: text in, faults by line out, a task run."""

from __future__ import annotations

import pytest

from interlock.journal.models import Entry
from tests.api.conftest import TEMPLATE, Shop

pytestmark = pytest.mark.django_db(databases="__all__")


def test_faults_of_a_text_are_told_by_line(shop: Shop) -> None:
    body = {"project_id": shop.project, "name": "Say", "text": "stages:\n  - nmae: a\n    kind: wiat\n"}
    told = shop.dee.refused("POST", "/templates", body, status=422, code="template_unfit")
    assert told["facts"] == {"count": 3, "line": 2}
    assert [(e["line"], e["column"], e["code"]) for e in told["errors"]] == [
        (2, 5, "param_missing"), (2, 5, "key_mistaken"), (3, 11, "key_mistaken"),
    ]  # fmt: skip
    assert told["errors"][2] == {
        "loc": ["stages", "0", "kind"], "code": "key_mistaken", "line": 3, "column": 11,
        "msg": "“wiat” is not known here. Did you mean “wait”?", "facts": {"key": "wiat", "meant": "wait"},
    }  # fmt: skip
    checked = shop.dee.post("/templates/check", {"project_id": shop.project, "text": body["text"]}, 200)
    assert (checked["faults"], checked["stages"]) == (told["errors"], [])
    shop.ann.refused("POST", "/templates/check", {"project_id": shop.project, "text": ""}, status=403,
                     code="not_allowed")  # fmt: skip


def test_a_template_is_kept_in_versions(shop: Shop) -> None:
    made = shop.dee.post(
        "/templates", {"project_id": shop.project, "name": "Say", "text": TEMPLATE, "note": "a"}
    )
    path = f"/templates/{made['id']}"
    assert made["version"]["content"]["parameters"] == [
        {"name": "word", "type": "text", "variable": "PARAM_WORD", "required": True, "default": None,
         "choices": [], "pattern": "", "help": {"en": "What to say", "zh": "What to say"}}
    ]  # fmt: skip
    assert made["version"]["text"] == TEMPLATE and made["version"]["content"]["needs_hosts"]
    saved = shop.dee.post(f"{path}/versions", {"text": TEMPLATE + "\n", "base": 1, "note": "b"})
    assert (saved["number"], saved["version"]["note"], saved["tasks"]) == (2, "b", 0)
    shop.dee.refused("POST", f"{path}/versions", {"text": TEMPLATE, "base": 1}, status=409,
                     code="template_changed")  # fmt: skip
    assert shop.dee.post(f"{path}/restore", {"number": 1, "base": 2})["number"] == 3
    assert [v["number"] for v in shop.cy.get(f"{path}/versions")["items"]] == [3, 2, 1]
    assert shop.cy.get(f"{path}/versions/2")["text"] == TEMPLATE + "\n"
    assert {line["kind"] for line in shop.cy.get(f"{path}/compare", old=1, new=2)["lines"]} == {
        "same",
        "added",
    }
    assert shop.dee.patch(path, {"name": "Speak", "archived": True})["archived_at"]
    assert shop.cy.get("/templates")["items"] == []
    assert shop.cy.get("/templates", archived="true")["items"][0]["name"] == "Speak"
    for method in ("GET", "PATCH", "DELETE"):
        body = {} if method == "PATCH" else None
        shop.sam.refused(method, path, body, status=404, code="template_not_known")
    assert shop.dee.delete(path) == {}
    shop.dee.refused("GET", path, status=404, code="template_not_known")


def test_a_task_is_looked_at_and_run(shop: Shop) -> None:
    task = shop.task()
    path = f"/tasks/{task['id']}"
    assert (task["hosts"], task["number"], task["parameters"][0]["name"]) == ({"all": True}, 1, "word")
    wrong = {"values": {"wrod": "x"}}
    told = shop.ann.refused("POST", f"{path}/run", wrong, status=422, code="values_unfit")
    assert [(error["loc"], error["code"]) for error in told["errors"]] == [
        (["wrod"], "key_mistaken"), (["word"], "value_missing"),
    ]  # fmt: skip
    asked = {"values": {"word": "hi"}, "hosts": {"names": ["web-2"]}}
    plan = shop.cy.post(f"{path}/preview", asked, 200)
    assert [host["host"] for host in plan["hosts"]] == ["web-2"] and plan["values"] == {"word": "hi"}
    assert plan["obstacles"] == [{"code": "host_not_checked", "host": "web-2"}]
    asked["plan_hash"] = plan["plan_hash"]
    run = shop.ann.post(f"{path}/run", asked, **{"Idempotency-Key": "once"})
    assert shop.ann.post(f"{path}/run", asked, **{"Idempotency-Key": "once"})["id"] == run["id"]
    assert (run["origin"], run["origin_id"], run["plan_hash"]) == ("task", task["id"], plan["plan_hash"])
    assert run["made_from"] == {
        "task_id": task["id"], "task": "Say it", "template_id": task["template_id"], "template": "Say",
        "number": 1, "values": {"word": "hi"}, "hosts": {"names": ["web-2"]},
        "schedule_id": None, "schedule": None, "tick": None,
    }  # fmt: skip
    again = shop.ann.post(f"/runs/{run['id']}/rerun")
    assert (again["rerun_of"], again["made_from"]) == (run["id"], run["made_from"])
    runs = shop.cy.get("/runs", origin="task", origin_id=task["id"])["items"]
    assert [line["id"] for line in runs] == [again["id"], run["id"]]
    assert Entry.objects.filter(act="task.run_asked").count() == 2
    last = shop.cy.get("/tasks")["items"][0]["last_run"]
    assert (task["last_run"], last["id"], last["status"]) == (None, again["id"], "waiting")


def test_a_task_is_changed(shop: Shop) -> None:
    task = shop.task(values={"word": "hi"})
    path = f"/tasks/{task['id']}"
    assert shop.dee.patch(path, {"description": "d", "version": 1})["version"] == 2
    shop.dee.refused("PATCH", path, {"name": "x", "version": 1}, status=409, code="task_changed")
    assert shop.dee.patch(path, {"hosts": None})["hosts"] is None
    shop.dee.refused("PATCH", path, {"hosts": {}}, status=422, code="hosts_missing")
    shop.ann.refused("POST", f"{path}/run", {}, status=422, code="task_needs_hosts")
    assert shop.dee.post(f"{path}/disable", {"reason": "frozen"}, 200)["disabled"] == "frozen"
    shop.ann.refused("POST", f"{path}/run", {}, status=409, code="task_disabled")
    assert shop.dee.post(f"{path}/enable", expect=200)["disabled"] == ""
    assert (
        shop.cy.get("/tasks", search="Say", template_id=task["template_id"])["items"][0]["name"] == "Say it"
    )
    shop.dee.refused("DELETE", f"/templates/{task['template_id']}", status=409, code="template_in_use")
    shop.cy.refused("DELETE", path, status=403, code="not_allowed")
    shop.sam.refused("GET", path, status=404, code="task_not_known")
    assert shop.dee.delete(path) == {}
