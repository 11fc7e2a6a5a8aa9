"""The build step on real repositories, carried out by the platform's own worker code."""

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.builds.models import Build
from interlock.builds.services import start_build
from interlock.catalog.models import Version
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.kinds.base import Outcome
from tests.builds.conftest import Yard

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def built(yard: Yard, ref: str = "main", *, rebuild: bool = False) -> tuple[Build, Outcome]:
    build = start_build(by=yard.by, service_id=yard.service.pk, ref=ref, rebuild=rebuild)
    outcome = yard.attempt(build)
    assert outcome is not None
    return build, outcome


def members(yard: Yard, version: Version) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(yard.store.read(version.package))) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            found[member.name] = content.read() if content else b""
    return found


def test_a_branch_becomes_a_version_with_a_package(yard: Yard) -> None:
    commit = yard.repository.git("rev-parse", "HEAD")
    yard.configure(build_script='echo "built $INTERLOCK_VERSION of $INTERLOCK_COMMIT" >built.txt')
    build, outcome = built(yard)
    assert outcome.status is StepStatus.SUCCEEDED, yard.log(build)
    version = yard.version(build)
    assert (version.status, version.commit) == ("success", commit)
    assert re.fullmatch(rf"20\d{{12}}-main-{commit[:8]}", version.name)
    assert version.package == f"checkout/{build.pk}/checkout-{version.name}.tar.gz"
    stored = yard.store.describe(version.package)
    assert (version.digest, version.size) == (stored.sha256, stored.size)
    assert members(yard, version) == {
        "app.py": b"print('hello')\n",
        "built.txt": f"built {version.name} of {commit}\n".encode(),
        "interlock": b"",
        "interlock/start": b"exec python3 app.py\n",
    }
    assert outcome.result["version"] == version.name
    assert f"== Building {version.name}" in yard.log(build)
    assert not list((yard.data / "builds" / "work").iterdir())


def test_the_same_commit_gives_the_same_bytes(yard: Yard) -> None:
    first, _ = built(yard)
    again = start_build(by=yard.by, service_id=yard.service.pk, ref="main", rebuild=True)
    # Another name: names carry the second in which they were asked for.
    run, _ = yard.step(again)
    run.plan["stages"][0]["branches"][0]["step"]["params"]["stem"] = "20990101000000-main-"
    run.save()
    yard.attempt(again)
    one, other = yard.version(first), yard.version(again)
    assert other.status == "success", yard.log(again)
    assert other.name != one.name
    assert (other.digest, other.size) == (one.digest, one.size)


def test_a_commit_that_has_a_version_is_a_duplicate_and_its_script_does_not_run(
    yard: Yard, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    yard.configure(build_script=f"echo >>'{count}'")
    first, _ = built(yard)
    second, outcome = built(yard)
    assert outcome.status is StepStatus.SUCCEEDED
    version = yard.version(second)
    assert (version.status, version.name) == ("duplicate", "")
    assert version.reason == f"same_commit_as:{yard.version(first).name}"
    assert count.read_text() == "\n"
    assert list(yard.store.names("checkout")) == [yard.version(first).package]


def test_refs_of_every_sort_are_found(yard: Yard) -> None:
    repository = yard.repository
    old = repository.git("rev-parse", "HEAD")
    repository.git("tag", "-a", "v1.0", "-m", "One")
    repository.git("tag", "v1.1")
    repository.git("checkout", "-q", "-b", "feature/pay+more")
    new = repository.commit(new_dot_py="")
    repository.git("checkout", "-q", "main")
    for ref, commit, middle in (
        ("feature/pay+more", new, "feature-pay+more"),
        ("refs/heads/main", old, "main"),
        ("v1.0", old, "v1.0"),
        ("refs/tags/v1.1", old, "v1.1"),
        (new, new, "commit"),
        (new[:9], new, new[:9]),
    ):
        build, outcome = built(yard, ref, rebuild=True)
        version = yard.version(build)
        assert outcome.status is StepStatus.SUCCEEDED, yard.log(build)
        assert version.commit == commit
        assert version.name[15:] == f"{middle}-{commit[:8]}"


def test_with_the_tag_rule_the_tag_is_the_name(yard: Yard) -> None:
    yard.configure(version_rule="tag")
    yard.repository.git("tag", "v2.1.0")
    build, _ = built(yard, "v2.1.0")
    assert yard.version(build).name == "v2.1.0"
    # A branch is no tag, and the same name is not given twice.
    build, outcome = built(yard, "main")
    assert outcome.error == "build_ref_missing"
    yard.repository.commit(more_dot_py="")
    yard.repository.git("tag", "-f", "v2.1.0")
    build, outcome = built(yard, "v2.1.0")
    assert outcome.error == "version_name_taken"
    assert (yard.version(build).status, yard.version(build).reason) == ("failed", "version_name_taken:v2.1.0")


@pytest.mark.parametrize(
    ("script", "path", "error", "said"),
    [
        ("echo no; exit 7", "", "build_script_failed:7", "no"),
        ("false\necho not reached", "", "build_script_failed:1", "== Building"),
        ("#!/usr/bin/env python3\nimport sys\nsys.exit(9)", "", "build_script_failed:9", "== Building"),
        ("no-such-program", "", "build_script_failed:127", "not found"),
        ("rm -rf app.py interlock", "", "package_empty", "package_empty"),
        ("", "dist", "package_path_missing", "dist"),
        ("", "*.jar", "package_path_missing", "*.jar"),
        ("ln -s ../../../etc out", "", "package_member_unfit", "out"),
        ("mkfifo pipe", "", "package_member_unfit", "pipe"),
        ("ln -s /etc conf", "conf/*", "package_member_unfit", "conf"),
    ],
)
def test_what_fails_says_where_and_leaves_nothing(
    yard: Yard, script: str, path: str, error: str, said: str
) -> None:
    yard.configure(build_script=script, package_path=path)
    build, outcome = built(yard)
    assert (outcome.status, outcome.error) == (StepStatus.FAILED, error.split(":")[0])
    assert said in yard.log(build)
    assert (yard.version(build).status, yard.version(build).reason) == ("failed", error)
    assert not list(yard.store.names())
    assert not list((yard.data / "builds" / "work").iterdir())


def test_a_repository_that_is_not_there_fails_the_fetch(yard: Yard) -> None:
    yard.repository.folder.rename(yard.repository.folder.with_name("moved"))
    build, outcome = built(yard)
    assert outcome.error == "build_fetch_failed"
    assert "== Fetching main" in yard.log(build)


def test_an_unknown_branch_is_named(yard: Yard) -> None:
    for ref in ("nothing", "0123abcd", "refs/heads/nothing"):
        build, outcome = built(yard, ref)
        assert outcome.error == "build_ref_missing"
        assert ref in yard.log(build)


def test_values_never_become_shell_text(yard: Yard, tmp_path: Path) -> None:
    """A branch and a path may hold anything that git and the settings allow: quotes, $(), semicolons."""
    canary = tmp_path / "canary"
    ref = "x'$(touch${IFS}canary);`id`\"&|"
    yard.repository.git("branch", ref)
    yard.configure(package_path="app.py\n$(touch canary)*.none")
    build, outcome = built(yard, ref)
    assert outcome.error == "package_path_missing"
    yard.configure(package_path="app.py")
    build, outcome = built(yard, ref)
    assert outcome.status is StepStatus.SUCCEEDED, yard.log(build)
    assert not canary.exists()
    assert not list(tmp_path.rglob("canary"))


def test_submodules_get_no_protocols_that_services_have_not(yard: Yard, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% {canary}\n'
    yard.repository.commit(_dot_gitmodules=modules)
    commit = yard.repository.git("rev-parse", "HEAD")
    yard.repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},x")
    yard.repository.git("commit", "-q", "-m", "A submodule")
    build, outcome = built(yard)
    assert outcome.error == "build_checkout_failed", yard.log(build)
    assert not canary.exists()


def test_the_script_sees_nothing_of_the_platform(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_SECRET_KEY", "the-key-of-all-sessions")
    yard.configure(build_script="env >env.txt")
    build, _ = built(yard)
    seen = members(yard, yard.version(build))["env.txt"].decode()
    assert "the-key-of-all-sessions" not in seen
    assert f"INTERLOCK_BUILD={build.pk}" in seen


def waits_for(path: Path, count: Path) -> str:
    return f"echo >>'{count}'; while [ ! -e '{path}' ]; do sleep 0.05; done; echo went on"


def script_began(count: Path) -> Callable[[], bool]:
    return count.exists


def test_a_worker_that_dies_leaves_a_build_that_another_follows(yard: Yard, tmp_path: Path) -> None:
    gate, count = tmp_path / "gate", tmp_path / "count"
    yard.configure(build_script=waits_for(gate, count))
    build = start_build(by=yard.by, service_id=yard.service.pk, ref="main")
    assert yard.attempt(build, until=script_began(count)) is None
    gate.touch()
    outcome = yard.attempt(build)
    assert outcome is not None
    assert outcome.status is StepStatus.SUCCEEDED, yard.log(build)
    assert yard.version(build).status == "success"
    assert count.read_text() == "\n"
    assert yard.log(build).count("went on") == 1


def test_after_success_another_worker_changes_nothing(yard: Yard) -> None:
    """The worker died between the news and the end of the step: its folder is cleared already."""
    build, _ = built(yard)
    before = Version.objects.values().get(pk=build.version_id)
    outcome = yard.attempt(build)
    assert outcome is not None
    assert outcome.status is StepStatus.SUCCEEDED
    assert Version.objects.values().get(pk=build.version_id) == before


def test_a_package_that_an_earlier_try_stored_is_read_again_and_used(yard: Yard, tmp_path: Path) -> None:
    """The first try stored its package and died before the news; the second builds other bytes."""
    count = tmp_path / "count"
    yard.configure(build_script=f"echo >>'{count}'; cp '{count}' tries.txt")
    build = start_build(by=yard.by, service_id=yard.service.pk, ref="main")
    assert yard.attempt(build) is not None
    first = yard.version(build)
    package, digest = first.package, first.digest
    Version.objects.filter(pk=first.pk).update(
        status="building", name="", commit="", package="", digest="", size=None
    )
    outcome = yard.attempt(build, 2)
    assert outcome is not None
    assert outcome.status is StepStatus.SUCCEEDED, yard.log(build)
    second = yard.version(build)
    assert count.read_text() == "\n\n"
    assert (second.package, second.digest) == (package, digest)
    assert yard.store.describe(package).sha256 == digest
    assert list(yard.store.names()) == [package]


def test_a_second_try_builds_what_the_first_one_built(yard: Yard, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    yard.configure(build_script=f"test -e '{gate}'")
    build, outcome = built(yard)
    first = yard.repository.git("rev-parse", "HEAD")
    assert outcome.error == "build_script_failed"
    yard.repository.commit(later_dot_py="")
    gate.touch()
    assert yard.attempt(build, 2) is not None
    assert yard.version(build).commit == first


def test_stopping_ends_the_script_and_clears_up(yard: Yard, tmp_path: Path) -> None:
    gate, count = tmp_path / "gate", tmp_path / "count"
    yard.configure(build_script=waits_for(gate, count))
    build = start_build(by=yard.by, service_id=yard.service.pk, ref="main")
    outcome = yard.attempt(build, until=script_began(count), stop=True)
    assert outcome is not None
    assert outcome.status is StepStatus.CANCELED
    assert not list((yard.data / "builds" / "work").iterdir())
    assert yard.version(build).status == "building"


def test_a_package_beyond_the_limit_is_not_stored(yard: Yard, settings: Any) -> None:
    settings.PACKAGE_LIMIT = 50
    _, outcome = built(yard)
    assert outcome.error == "package_too_large"
    assert not list(yard.store.names())


def test_a_folder_that_cannot_be_written_is_said_so(yard: Yard) -> None:
    yard.data.mkdir(exist_ok=True)
    (yard.data / "builds").write_text("a file where the folder should be")
    _, outcome = built(yard)
    assert (outcome.status, outcome.error) == (StepStatus.FAILED, "build_folder_unwritable")
