"""Templates and tasks on rows: who may, what is kept, what is refused, what a run is made from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.services import create_project
from interlock.fleet.services import set_grants
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused, Unfit
from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.runs.adhoc import start_adhoc
from interlock.runs.models import Run, Step, Task, Template, TemplateVersion
from interlock.runs.queries import list_runs
from interlock.runs.task_edits import change_task, create_task, delete_task, disable_task, enable_task
from interlock.runs.task_runs import preview_task, rerun, run_task
from interlock.runs.template_queries import (
    compare_versions,
    task,
    tasks,
    template,
    template_versions,
    templates,
)
from interlock.runs.templates import (
    change_template,
    create_template,
    delete_template,
    restore_template,
    save_template,
)
from interlock.vault.services import put
from tests.cast import Cast, person

pytestmark = pytest.mark.django_db(databases="__all__")
Hosts = tuple[HostPlan, ...]
TEXT = """\
parameters:
  - {name: word, required: true}
  - {name: count, type: integer, default: 2}
  - {name: token, type: secret}
stages:
  - rollout:
      name: Say
      batches: [1, 100%]
      steps: [{name: say, kind: command, command: echo "$PARAM_WORD"}]
"""
HERE = "stages: [{name: here, kind: command, command: id}]"


def refused(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


def make_template(cast: Cast, name: str = "Say", text: str = TEXT) -> Template:
    return create_template(by=cast.dee, project_id=cast.project_id, name=name, text=text)


def make_task(cast: Cast, **more: Any) -> Task:
    facts = {"name": "Say it", "values": {"word": "hello"}, "hosts": {"all": True}, **more}
    template_id = facts.pop("template_id", None) or make_template(cast).id
    return create_task(by=cast.dee, project_id=cast.project_id, template_id=template_id, **facts)


def acts(subject: str) -> list[str]:
    return list(Entry.objects.filter(subject=subject).order_by("id").values_list("act", flat=True))


def test_every_save_is_a_version_that_stays(cast: Cast) -> None:
    row = make_template(cast)
    save_template(by=cast.dee, template_id=row.id, text=TEXT + "# two\n", base=1, note="more")
    stale = refused(lambda: save_template(by=cast.dee, template_id=row.id, text=TEXT, base=1))
    assert (stale.code, stale.facts["number"], stale.facts["by"]) == ("template_changed", 2, "dee")
    restore_template(by=cast.dee, template_id=row.id, number=1, base=2)
    view = template(by=cast.cy, template_id=row.id)
    assert (view.version.number, view.version.text, view.row.saved_by) == (3, TEXT, "dee")
    assert [parameter.name for parameter in view.read.template.parameters] == ["word", "count", "token"]  # type: ignore[union-attr]
    assert template(by=cast.cy, template_id=row.id, number=2).version.note == "more"
    assert [v.number for v in template_versions(by=cast.cy, template_id=row.id)] == [3, 2, 1]
    lines = compare_versions(by=cast.cy, template_id=row.id, old=1, new=2)
    assert [(line.kind, line.old, line.new) for line in lines[-2:]] == [("same", 9, 9), ("added", None, 10)]
    assert acts("template") == ["template.created", "template.saved", "template.saved"]
    assert refused(lambda: template(by=cast.cy, template_id=row.id, number=9)).code == (
        "template_version_not_known"
    )


def test_the_database_keeps_names_and_numbers_apart(cast: Cast) -> None:
    row = make_template(cast)
    assert refused(lambda: make_template(cast)).code == "name_taken"
    make_template(cast, "Other")
    assert (
        refused(lambda: change_template(by=cast.dee, template_id=row.id, name="Other")).code == "name_taken"
    )
    assert refused(lambda: make_template(cast, " x")).code == "title_unfit"
    with pytest.raises(IntegrityError), transaction.atomic():
        TemplateVersion.objects.create(template=row, number=1, text="", created_at=row.created_at)
    make_task(cast, template_id=row.id)
    assert refused(lambda: make_task(cast, template_id=row.id)).code == "name_taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(name="Say it").get()
        Task.objects.create(
            project_id=cast.project_id, template=row, name="Say it", created_at=row.created_at,
            updated_at=row.created_at,
        )  # fmt: skip


def test_viewing_editing_and_running_are_different_rights(cast: Cast, hosts: Hosts) -> None:
    made = make_task(cast)
    changes = [
        lambda by: create_template(by=by, project_id=cast.project_id, name="x", text=TEXT),
        lambda by: save_template(by=by, template_id=made.template_id, text=TEXT, base=1),
        lambda by: delete_template(by=by, template_id=made.template_id),
        lambda by: change_task(by=by, task_id=made.id, changes={"description": "x"}),
        lambda by: disable_task(by=by, task_id=made.id, reason="x"),
        lambda by: delete_task(by=by, task_id=made.id),
    ]
    for change in changes:
        for by in (cast.ann, cast.bob, cast.cy):
            assert refused(partial(change, by)).code == "not_allowed"
    for by in (cast.bob, cast.cy):
        assert refused(partial(run_task, by=by, task_id=made.id)).code == "not_allowed"
        assert preview_task(by=by, task_id=made.id).values["word"] == "hello"
    assert run_task(by=cast.ann, task_id=made.id).origin_id == made.id


def test_strangers_hear_that_it_is_not_there(cast: Cast, hosts: Hosts) -> None:
    made = make_task(cast)
    used = made.template_id
    other = create_project(by=SYSTEM_CALLER, name="other").id
    sam: Caller = person("sam", other, ["admin"])
    for call, code in (
        (lambda: template(by=sam, template_id=used), "template_not_known"),
        (lambda: template_versions(by=sam, template_id=used), "template_not_known"),
        (lambda: compare_versions(by=sam, template_id=used, old=1, new=1), "template_not_known"),
        (lambda: save_template(by=sam, template_id=used, text=TEXT, base=1), "template_not_known"),
        (lambda: delete_template(by=sam, template_id=used), "template_not_known"),
        (lambda: create_task(by=sam, project_id=other, template_id=used, name="x"), "template_not_known"),
        (lambda: task(by=sam, task_id=made.id), "task_not_known"),
        (lambda: change_task(by=sam, task_id=made.id, changes={"name": "x"}), "task_not_known"),
        (lambda: run_task(by=sam, task_id=made.id), "task_not_known"),
        (lambda: preview_task(by=sam, task_id=made.id), "task_not_known"),
    ):  # fmt: skip
        found = refused(call)  # type: ignore[arg-type]
        assert (found.code, found.kind) == (code, "missing")
    assert not templates(by=sam).exists() and not tasks(by=sam).exists()


def test_what_runs_on_the_platform_is_saved_by_who_keeps_the_platform(cast: Cast) -> None:
    assert refused(lambda: make_template(cast, text=HERE)).facts == {"right": "platform"}
    row = create_template(by=cast.root, project_id=cast.project_id, name="Here", text=HERE)
    made = make_task(cast, template_id=row.id, values={}, hosts=None)
    again = refused(lambda: restore_template(by=cast.dee, template_id=row.id, number=1, base=1))
    assert again.facts == {"right": "platform"}
    assert run_task(by=cast.ann, task_id=made.id).status == "running"


def test_a_template_in_use_is_archived_not_deleted(cast: Cast, hosts: Hosts) -> None:
    made = make_task(cast)
    assert refused(lambda: delete_template(by=cast.dee, template_id=made.template_id)).facts == {
        "tasks": "Say it"
    }
    change_template(by=cast.dee, template_id=made.template_id, name="Old", archived=True)
    assert not templates(by=cast.cy).exists() and templates(by=cast.cy, archived=True).count() == 1
    save = refused(lambda: save_template(by=cast.dee, template_id=made.template_id, text=TEXT, base=1))
    new = refused(lambda: make_task(cast, name="x", template_id=made.template_id))
    assert save.code == new.code == "template_archived"
    run = run_task(by=cast.ann, task_id=made.id)
    delete_task(by=cast.dee, task_id=made.id)
    delete_template(by=cast.dee, template_id=made.template_id)
    kept = Run.objects.get(id=run.id).made_from
    assert (kept["task"], kept["template"], kept["number"]) == ("Say it", "Old", 1)
    assert acts("template")[1:] == ["template.renamed", "template.archived", "template.deleted"]
    assert refused(lambda: rerun(by=cast.ann, run_id=run.id)).code == "task_not_known"


def test_a_run_freezes_plan_values_and_version(cast: Cast, hosts: Hosts) -> None:
    put(by=cast.dee, name="DEPLOY", value="not-to-be-told", project_id=cast.project_id)
    made = make_task(cast, values={"token": "DEPLOY"})
    seen = preview_task(by=cast.ann, task_id=made.id, values={"word": "hi", "count": "7"})
    assert not Run.objects.exists()
    run = run_task(
        by=cast.ann,
        task_id=made.id,
        values={"word": "hi", "count": "7"},
        plan_hash=seen.plan_hash,
        note="why",
    )
    save_template(by=cast.dee, template_id=made.template_id, text=TEXT.replace("echo", "print"), base=1)
    run = Run.objects.get(id=run.id)
    assert (run.status, run.origin, run.origin_id, run.title) == ("running", "task", made.id, "Say it")
    assert run.parameters == {"PARAM_WORD": "hi", "PARAM_COUNT": "7"}
    assert set(run.secrets) == {"PARAM_TOKEN"} and "not-to-be-told" not in str(run.made_from)
    assert run.made_from["values"] == {"word": "hi", "count": 7, "token": "DEPLOY"}
    assert (run.made_from["number"], run.plan_hash) == (1, seen.plan_hash)
    assert Step.objects.filter(run=run, name="say").count() == 1
    changed = refused(
        lambda: run_task(by=cast.ann, task_id=made.id, values={"word": "hi"}, plan_hash=seen.plan_hash)
    )
    assert changed.code == "plan_changed"
    again = rerun(by=cast.ann, run_id=run.id)
    assert (again.rerun_of_id, again.made_from["number"]) == (run.id, 2)
    assert again.parameters == run.parameters
    assert list_runs(by=cast.cy, origin="task", origin_id=made.id).count() == 2
    asked = Entry.objects.filter(act="task.run_asked").order_by("id").first()
    assert asked and (asked.reason, asked.facts) == ("why", {"run_id": run.id, "number": 1})


def test_values_that_do_not_fit_start_nothing(cast: Cast, hosts: Hosts) -> None:
    early = refused(lambda: make_task(cast, values={"wrod": "x", "count": "x"}))
    assert isinstance(early, Unfit) and [fault.code for fault in early.faults] == [
        "key_mistaken", "value_not_integer",
    ]  # fmt: skip
    made = make_task(cast, template_id=Template.objects.get().id, values={})
    late = refused(
        lambda: run_task(by=cast.ann, task_id=made.id, values={"count": "x", "token": "NONE", "zone": 1})
    )
    assert isinstance(late, Unfit) and late.kind == "invalid"
    assert [(fault.path, fault.code) for fault in late.faults] == [
        (("zone",), "value_not_known"), (("word",), "value_missing"),
        (("count",), "value_not_integer"), (("token",), "secret_lacking"),
    ]  # fmt: skip
    assert not Run.objects.exists()


def test_hosts_are_found_at_the_start(cast: Cast, hosts: Hosts) -> None:
    made = make_task(cast, hosts={"ids": [hosts[0].id, hosts[1].id]})
    assert [host.name for host in preview_task(by=cast.cy, task_id=made.id).hosts] == ["web-1", "web-2"]
    assert preview_task(by=cast.cy, task_id=made.id).obstacles[0]["code"] == "host_not_checked"
    other = preview_task(by=cast.cy, task_id=made.id, hosts={"names": ["web-3"]})
    assert [host.name for host in other.hosts] == ["web-3"]
    environment = Entry.objects.filter(act="environment.granted").get().subject_id
    set_grants(by=cast.root, environment_id=environment, project_ids=[])
    lost = refused(lambda: run_task(by=cast.ann, task_id=made.id))
    assert (lost.code, lost.facts) == ("host_not_known", {"hosts": "web-1, web-2"})
    strange = refused(lambda: run_task(by=cast.ann, task_id=made.id, hosts={"ids": [hosts[2].id]}))
    assert strange.facts == {"hosts": str(hosts[2].id)}
    everything = refused(lambda: run_task(by=cast.ann, task_id=made.id, hosts={"all": True}))
    assert everything.code == "no_host_found"
    change_task(by=cast.dee, task_id=made.id, changes={"hosts": None})
    assert refused(lambda: run_task(by=cast.ann, task_id=made.id)).code == "task_needs_hosts"
    assert refused(lambda: change_task(by=cast.dee, task_id=made.id, changes={"hosts": {}})).code == (
        "hosts_missing"
    )
    assert not Run.objects.exists()


def test_a_task_is_changed_disabled_and_enabled(cast: Cast, hosts: Hosts) -> None:
    made = make_task(cast)
    changed = change_task(
        by=cast.dee, task_id=made.id, changes={"name": "New", "values": {"word": "x"}}, version=1
    )
    assert (changed.version, changed.name, changed.updated_by) == (2, "New", "dee")
    stale = refused(
        lambda: change_task(by=cast.dee, task_id=made.id, changes={"description": "y"}, version=1)
    )
    assert stale.code == "task_changed"
    assert refused(lambda: disable_task(by=cast.dee, task_id=made.id, reason=" ")).code == "reason_missing"
    disable_task(by=cast.dee, task_id=made.id, reason="frozen")
    assert refused(lambda: run_task(by=cast.ann, task_id=made.id)).facts == {"reason": "frozen"}
    assert preview_task(by=cast.ann, task_id=made.id).obstacles[0] == {
        "code": "task_disabled", "reason": "frozen",
    }  # fmt: skip
    enable_task(by=cast.dee, task_id=made.id)
    assert run_task(by=cast.ann, task_id=made.id).status == "running"
    assert refused(lambda: change_task(by=cast.dee, task_id=made.id, changes={"id": 1})).code == (
        "fields_not_known"
    )
    assert acts("task") == ["task.created", "task.changed", "task.disabled", "task.enabled", "task.run_asked"]


def test_only_runs_of_tasks_run_again(cast: Cast) -> None:
    ask = StepPlan("ask", "approval")
    run = start_adhoc(by=cast.ann, project_id=cast.project_id, title="x", stages=[[ask]])
    assert refused(lambda: rerun(by=cast.ann, run_id=run.id)).code == "rerun_of_tasks_only"
