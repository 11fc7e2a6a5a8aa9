"""Templates and tasks on pages: faults at their lines, versions nobody loses, runs that were looked at."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from interlock.runs.models import Run, Task, Template
from interlock.runs.task_edits import create_task
from interlock.runs.templates import create_template, save_template
from interlock.vault.services import put
from interlock.web.pages.examples import EXAMPLE
from tests.cast import Cast, make_cast
from tests.web.visits import Visitor, make_place, text

pytestmark = pytest.mark.django_db(databases="__all__")
EVIL = "<script>alert(1)</script>"
WRONG = (
    "stages:\n  - name: a\n    kind: comand\n    command: x\n  - rollout:\n      name: b\n      stepz: []\n"
)
ASKS = """\
parameters:
  - {name: reason, required: true, help: "why <b>now</b>"}
  - {name: grace, type: integer, default: 5}
  - {name: hard, type: boolean}
  - {name: mode, type: choice, choices: [soft, hard]}
  - {name: pass, type: secret}
stages:
  - rollout:
      name: Restart
      steps: [{name: Restart, kind: command, command: "echo $PARAM_REASON"}]
"""


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def make(cast: Cast, content: str = ASKS, name: str = "Restart") -> Template:
    return create_template(by=cast.root, project_id=cast.project_id, name=name, text=content)


def task_of(cast: Cast, template: Template, **more: Any) -> Task:
    plain = {
        "project_id": cast.project_id,
        "template_id": template.id,
        "name": "Restart hello",
        "hosts": {"all": True},
    }
    return create_task(by=cast.root, **plain | more)


def errors(answer: Any) -> list[str]:
    return sorted(answer.context["form"].errors)


def test_the_example_can_be_saved_as_it_is(cast: Cast) -> None:
    visitor = Visitor(cast.dee)
    assert "# What this does" in text(visitor.get("/templates/new"))
    fields = {"project": cast.project_id, "name": "Restart", "text": EXAMPLE.replace("\n", "\r\n")}
    answer = visitor.post("/templates/new", **fields, note="first")
    row = Template.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/templates/{row.id}")
    assert row.versions.get().text == EXAMPLE
    taken = visitor.post("/templates/new", **fields)
    assert taken.status_code == 422 and errors(taken) == ["name"]


def test_all_faults_are_told_at_their_lines_and_the_text_stays(cast: Cast) -> None:
    visitor, row = Visitor(cast.dee), make(cast)
    typed = f"# {EVIL}\n{WRONG}"
    new = {"project": cast.project_id, "name": "x"}
    for path, more in (("/templates/new", new), (f"/templates/{row.id}", {"base": 1})):
        answer = visitor.post(path, text=typed, note="my note", **more)
        page = text(answer)
        assert answer.status_code == 422
        lines = [fault["line"] for fault in answer.context["faults"]]  # type: ignore[attr-defined]
        assert {4, 8} <= set(lines) and len(lines) >= 2
        assert 'faults="4,' in page and 'data-line="4"' in page
        assert "kind: comand" in page and 'value="my note"' in page
        assert EVIL not in page and "&lt;script&gt;" in page
    said = text(visitor.post("/templates/_check", text=typed))
    assert 'data-line="4"' in said and EVIL not in said
    assert "No faults." in text(visitor.post("/templates/_check", text=ASKS))
    assert Template.objects.get().current == 1


def test_a_file_is_taken_in_and_given_out(cast: Cast) -> None:
    visitor = Visitor(cast.dee)
    fields = {"project": cast.project_id, "name": "Restart", "text": ""}
    bad = visitor.post("/templates/new", **fields, file=SimpleUploadedFile("t.yaml", WRONG.encode()))
    assert bad.status_code == 422 and "kind: comand" in text(bad)
    visitor.post("/templates/new", **fields, file=SimpleUploadedFile("t.yaml", ASKS.encode()))
    answer = visitor.get(f"/templates/{Template.objects.get().id}/file")
    assert text(answer) == ASKS and "attachment" in answer["Content-Disposition"]


def test_who_saves_over_another_is_told_and_loses_nothing(cast: Cast) -> None:
    row, visitor = make(cast), Visitor(cast.dee)
    save_template(by=cast.root, template_id=row.id, text=ASKS + "# theirs\n", base=1)
    answer = visitor.post(f"/templates/{row.id}", text=ASKS + "# mine\n", base=1)
    page = text(answer)
    assert answer.status_code == 422
    assert "# mine" in page and 'name="base" value="2"' in page and "Your text is below" in page
    assert visitor.post(f"/templates/{row.id}", text=ASKS + "# mine\n", base=2).status_code == 303
    compared = text(visitor.get(f"/templates/{row.id}/versions/3", against=2))
    assert '<tr class="removed">' in compared and "# theirs" in compared and "# mine" in compared
    assert visitor.post(f"/templates/{row.id}/versions/1/restore", base=3).status_code == 303
    assert Template.objects.get().versions.get(number=4).text == ASKS
    assert visitor.get(f"/templates/{row.id}/versions/9").status_code == 404


def test_a_template_is_renamed_archived_and_deleted(cast: Cast) -> None:
    row, visitor = make(cast), Visitor(cast.dee)
    path = f"/templates/{row.id}/change"
    assert visitor.post(path, act="rename", name="\n").status_code == 422
    visitor.post(path, act="rename", name=f"a {EVIL}")
    visitor.post(path, act="archive")
    page = text(visitor.get(f"/templates/{row.id}"))
    assert EVIL not in page and "readonly" in page and "Save as a new version" not in page
    assert EVIL not in text(visitor.get("/templates", archived="1"))
    assert "a &lt;script" not in text(visitor.get("/templates"))
    visitor.post(path, act="take_back")
    task = task_of(cast, row)
    assert visitor.post(f"/templates/{row.id}/delete").status_code == 409
    visitor.post(f"/tasks/{task.id}/change", act="delete")
    assert visitor.post(f"/templates/{row.id}/delete")["Location"] == "/templates"


def test_a_task_keeps_what_was_given_and_its_faults_come_all_at_once(cast: Cast) -> None:
    make_place(cast, "web-1")
    row, visitor = make(cast), Visitor(cast.dee)
    put(by=cast.root, name="DEPLOY", value="correct horse", project_id=cast.project_id)
    path = f"/tasks/new?template={row.id}"
    page = text(visitor.get(path))
    assert "why &lt;b&gt;now&lt;/b&gt;" in page and ">DEPLOY</option>" in page and "correct horse" not in page
    wrong = {
        "name": "Restart hello",
        "value_grace": "soon",
        "value_mode": "medium",
        "names": "web-1",
        "labels": "x",
    }
    answer = visitor.post(path, **wrong)
    assert answer.status_code == 422 and 'value="soon"' in text(answer)
    wrong |= {"value_mode": "soft", "labels": ""}
    assert errors(visitor.post(path, **wrong)) == ["value_grace"]
    assert errors(visitor.post(path, **wrong | {"value_grace": "3", "names": "web-9"})) == ["names"]
    fine = wrong | {"value_grace": "3", "value_hard": "no", "value_pass": "DEPLOY"}
    assert visitor.post(path, **fine).status_code == 303
    task = Task.objects.get()
    assert task.values == {"grace": 3, "hard": False, "mode": "soft", "pass": "DEPLOY"}
    assert task.hosts == {"names": ["web-1"]}
    again = text(visitor.get(f"/tasks/{task.id}/edit"))
    assert 'value="3"' in again and 'value="no" selected' in again and "web-1" in again
    assert visitor.post(f"/tasks/{task.id}/edit", **fine | {"version": 99}).status_code == 422


def test_what_was_looked_at_is_what_is_run(cast: Cast) -> None:
    make_place(cast, "web-1", "web-2")
    row, visitor = make(cast), Visitor(cast.ann)
    task = task_of(cast, row, values={"grace": 7})
    path = f"/tasks/{task.id}/run"
    missing = visitor.post(path, act="look", value_grace="x")
    assert missing.status_code == 422 and errors(missing) == ["value_grace", "value_reason"]
    given = {"value_reason": EVIL, "value_grace": "7"}
    looked = visitor.post(path, act="look", **given)
    assert looked.status_code == 200 and EVIL not in text(looked)
    assert "On 2 hosts" in text(looked) and "never been checked" in text(looked)
    seen = looked.context["prepared"].plan_hash  # type: ignore[attr-defined]
    assert not Run.objects.exists()
    other = visitor.post(path, act="run", plan_hash=seen, **given | {"value_reason": "another"})
    assert other.status_code == 422 and not Run.objects.exists()
    fields = {"act": "run", "plan_hash": seen, "once": "k1", **given}
    answer = visitor.post(path, **fields)
    run = Run.objects.get()
    assert answer["Location"] == f"/runs/{run.id}" == visitor.post(path, **fields)["Location"]
    assert Run.objects.count() == 1 and run.parameters["PARAM_REASON"] == EVIL
    page = text(visitor.get(f"/tasks/{task.id}"))
    assert f"/runs/{run.id}" in page


def test_a_disabled_task_says_why_and_is_not_run(cast: Cast) -> None:
    make_place(cast, "web-1")
    task = task_of(cast, make(cast))
    dee, ann = Visitor(cast.dee), Visitor(cast.ann)
    assert dee.post(f"/tasks/{task.id}/change", act="disable", reason="").status_code == 422
    dee.post(f"/tasks/{task.id}/change", act="disable", reason=EVIL)
    for path in ("/tasks", f"/tasks/{task.id}", f"/tasks/{task.id}/run"):
        page = text(ann.get(path))
        assert EVIL not in page and "&lt;script&gt;" in page
    refused = ann.post(f"/tasks/{task.id}/run", act="run", value_reason="x")
    assert refused.status_code == 422 and not Run.objects.exists()
    dee.post(f"/tasks/{task.id}/change", act="enable")
    assert ann.post(f"/tasks/{task.id}/run", act="run", value_reason="x").status_code == 303


def test_each_role_does_what_it_may(cast: Cast) -> None:
    make_place(cast, "web-1")
    row = make(cast)
    task, stranger = task_of(cast, row), make_cast("tools").ann
    for who in (cast.ann, cast.bob, cast.cy):
        visitor = Visitor(who)
        page = text(visitor.get(f"/templates/{row.id}"))
        assert "readonly" in page and "Make a task" not in page and "Archive" not in page
        assert "Add a template" not in text(visitor.get("/templates"))
        for path in (f"/templates/{row.id}", f"/templates/{row.id}/change", f"/templates/{row.id}/delete",
                     f"/templates/{row.id}/versions/1/restore", f"/tasks/{task.id}/edit",
                     f"/tasks/new?template={row.id}"):  # fmt: skip
            assert visitor.post(path, text=ASKS, base=1, act="archive", name="x").status_code == 403, path
        for act in ("disable", "enable", "delete"):
            assert visitor.post(f"/tasks/{task.id}/change", act=act, reason="x").status_code == 403
        runs = visitor.post(f"/tasks/{task.id}/run", act="run", value_reason="x").status_code
        assert runs == (303 if who is cast.ann else 403)
        assert ("/run" in text(visitor.get("/tasks")).split("<main")[1]) or who is not cast.ann
    lost = Visitor(stranger)
    for path in (
        f"/templates/{row.id}",
        f"/templates/{row.id}/file",
        f"/tasks/{task.id}",
        f"/tasks/{task.id}/run",
    ):
        assert lost.get(path).status_code == 404, path
    assert "Restart" not in text(lost.get("/tasks")) + text(lost.get("/templates"))
