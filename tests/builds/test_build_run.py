"""From the request to the version, through the engine; and what is refused before anything is made."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from interlock.accounts.caller import Caller
from interlock.builds import queries
from interlock.builds.kind import BuildStep, Job
from interlock.builds.models import Build
from interlock.builds.services import start_build
from interlock.catalog.models import Service, Version
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused
from interlock.runs import services as runs
from interlock.runs import wake
from interlock.runs.models import Run
from interlock.runs.worker.process import Worker
from tests.builds.conftest import Yard

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def worker(yard: Yard) -> Iterator[Worker]:
    worker = Worker()
    worker.start()
    wake.serve_here(worker.offer_quietly, worker.stop_run)
    yield worker
    wake.serve_here(None, None)
    worker.stop()
    connections.close_all()


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, "waited half a minute in vain"
        time.sleep(0.01)


def ended(build: Build) -> Run:
    rows = Run.objects.filter(origin="build", origin_id=build.pk)
    until(lambda: rows.filter(ended_at__isnull=False).exists())
    return rows.get()


def ask(yard: Yard, **given: Any) -> Build:
    return start_build(**{"by": yard.by, "service_id": yard.service.pk, "ref": "main", **given})


def test_a_build_is_asked_for_and_its_version_follows_the_run(yard: Yard, worker: Worker) -> None:
    build = ask(yard, description="First")
    assert ended(build).status == "succeeded", yard.log(build)
    version = yard.version(build)
    assert (version.status, version.description) == ("success", "First")
    acts = Entry.objects.filter(subject="version", subject_id=version.pk).order_by("id")
    assert [row.act for row in acts] == ["version.requested", "version.started", "version.succeeded"]
    [row] = queries.builds(by=yard.by, service_id=yard.service.pk)
    assert (row.id, row.version_name, row.status, row.run_id) == (
        build.pk,
        version.name,
        "success",
        build.run_id,
    )
    assert queries.builds_of(by=yard.by, version_id=version.pk) == [row]
    assert queries.build(by=yard.by, build_id=build.pk) == row


def test_a_failed_script_fails_run_and_version(yard: Yard, worker: Worker) -> None:
    yard.configure(build_script="exit 3")
    build = ask(yard)
    assert ended(build).status == "failed"
    version = yard.version(build)
    assert (version.status, version.reason) == ("failed", "build_script_failed:3")


def test_a_script_that_takes_too_long_is_a_timeout(yard: Yard, worker: Worker) -> None:
    yard.configure(build_script="sleep 600", build_timeout=1)
    build = ask(yard)
    assert ended(build).status == "failed"
    assert yard.version(build).status == "timeout"


def test_a_stopped_build_is_canceled(yard: Yard, worker: Worker, tmp_path: Path) -> None:
    began = tmp_path / "began"
    yard.configure(build_script=f"touch '{began}'; sleep 600")
    build = ask(yard)
    until(began.exists)
    assert build.run_id is not None
    runs.stop(run_id=build.run_id, by=yard.by, reason="the wrong branch")
    assert ended(build).status == "canceled", yard.log(build)
    assert yard.version(build).status == "canceled"
    assert not list(yard.store.names("checkout"))


def test_builds_of_one_service_go_on_at_once(yard: Yard, worker: Worker) -> None:
    """They share one cache of objects; each fetches into a ref of its own."""
    names = [f"b{number}" for number in range(4)]
    for name in names:
        yard.repository.git("checkout", "-q", "-b", name, "main")
        yard.repository.commit(**{f"{name}_dot_py": name})
    builds = [ask(yard, ref=name) for name in names]
    assert [ended(build).status for build in builds] == ["succeeded"] * 4, [yard.log(b) for b in builds]
    commits = {yard.version(build).commit for build in builds}
    assert len(commits) == 4


def test_a_token_that_may_only_build_can_start_its_build(yard: Yard) -> None:
    token = Caller(
        "token",
        "9",
        "ci",
        roles={yard.project.pk: frozenset({"operator"})},
        scopes=frozenset({"view", "build"}),
    )
    build = ask(yard, by=token)
    run, _ = yard.step(build)
    assert run.started_at is not None
    assert run.requested_by == {"kind": "token", "id": "9", "name": "ci"}


@pytest.mark.parametrize(
    "ref",
    ["", "--upload-pack=touch x", "-x", "a b", "a..b", "main;touch x\n", "$(x) y", "a\0", "HEAD~1", "@{u}"],
)
def test_refs_that_git_would_misread_make_nothing(yard: Yard, ref: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(yard, ref=ref)
    assert refused.value.code == "ref_unfit"
    assert (Version.objects.count(), Build.objects.count(), Run.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"build_url": "--upload-pack=touch x"}, "build_url_unfit"),
        ({"build_url": "ext::sh -c touch% x"}, "build_url_unfit"),
        ({"build_url": "ftp://example.com/x"}, "build_url_scheme"),
        ({"build_source": "gitlab"}, "build_source_not_git"),
    ],
)
def test_a_service_that_cannot_be_built_here_makes_nothing(
    yard: Yard, change: dict[str, str], code: str
) -> None:
    """Also when the row was written by an older platform with other rules."""
    Service.objects.filter(pk=yard.service.pk).update(**change)
    with pytest.raises(Refused) as refused:
        ask(yard)
    assert refused.value.code == code
    assert (Version.objects.count(), Run.objects.count()) == (0, 0)


def test_a_folder_is_no_source_where_the_platform_forbids_it(yard: Yard, settings: Any) -> None:
    settings.ALLOW_FILE_GIT = False
    with pytest.raises(Refused) as refused:
        ask(yard)
    assert refused.value.code == "build_url_scheme"


def test_who_may_only_look_cannot_build(yard: Yard) -> None:
    for role, code in (("viewer", "not_allowed"), ("approver", "not_allowed")):
        with pytest.raises(Refused) as refused:
            ask(yard, by=Caller("person", "2", "vera", roles={yard.project.pk: frozenset({role})}))
        assert refused.value.code == code
    stranger = Caller("person", "3", "sam")
    with pytest.raises(Refused) as refused:
        ask(yard, by=stranger)
    assert refused.value.code == "service_not_known"
    build = ask(yard)
    with pytest.raises(Refused):
        queries.build(by=stranger, build_id=build.pk)
    with pytest.raises(Refused):
        queries.builds(by=stranger, service_id=yard.service.pk)


def test_the_step_takes_its_own_parameters_only(yard: Yard) -> None:
    _, step = yard.step(ask(yard))
    good = dict(step.params)
    kind = BuildStep()
    kind.check(good, on_hosts=False)
    assert Job.read(good).params() == good
    for change in (
        {"url": 5},
        {"rebuild": "yes"},
        {"build_id": "1"},
        {"more": 1},
        {"url": "-x"},
        {"ref": "--x"},
    ):
        with pytest.raises(Refused):
            kind.check({**good, **change}, on_hosts=False)
    with pytest.raises(Refused):
        kind.check({name: good[name] for name in good if name != "ref"}, on_hosts=False)
    with pytest.raises(Refused) as refused:
        kind.check(good, on_hosts=True)
    assert refused.value.code == "kind_not_on_hosts"
