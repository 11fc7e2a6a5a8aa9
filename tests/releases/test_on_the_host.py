"""The steps of a release for real: our scripts under dash and busybox, in a tree of the test's own."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import StepStatus
from interlock.releases.kinds import KINDS, Prune, Remove, ServiceScript, Switch, Transfer
from tests.releases.host import HOSTILE, Machine, package

Story = Callable[[Machine], Awaitable[None]]
Play = Callable[[Story], None]
SHELLS = ["sh", "busybox sh"]
FACTS: dict[str, Any] = {"port": 8000, "tag": "blue", "weight": 100, "from": None, "to": None}


def named(name: str, number: int = 1) -> dict[str, Any]:
    return {"id": number, "name": name, "digest": "", "package": ""}


def facts(to: str, former: str = "", **more: Any) -> dict[str, Any]:
    return {**FACTS, "to": named(to), "from": named(former) if former else None, **more}


@pytest.fixture(params=SHELLS)
def play(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Play:
    if not shutil.which(request.param.split()[0]):
        pytest.skip(f"no {request.param} here")
    settings.STORE_URL = f"file://{tmp_path}/store"
    # A root with a blank and a quote in it: hosts may have such.
    machine = Machine(tmp_path / "the root's", tmp_path / "state", request.param)
    machine.root.mkdir()

    def carry_out(story: Story) -> None:
        async def whole() -> None:
            try:
                await story(machine)
            finally:
                await machine.close()

        asyncio.run(whole())

    return carry_out


def stored(machine: Machine, version: str, files: dict[str, str] | None = None) -> dict[str, str]:
    store = f"file://{machine.root.parent}/store"
    name = f"checkout/1/{version}.tar.gz"
    return {"package": name, "digest": package(store, name, files or {"app.txt": version})}


async def bring(machine: Machine, version: str, files: dict[str, str] | None = None) -> dict[str, str]:
    given = stored(machine, version, files)
    outcome, log = await machine.do(Transfer(), facts(version), **given)
    assert outcome.status is StepStatus.SUCCEEDED, log
    return given


async def switch(machine: Machine, to: str, former: str = "", digest: str = "") -> None:
    outcome, log = await machine.do(Switch(), facts(to, former), to="to", digest=digest)
    assert outcome.status is StepStatus.SUCCEEDED, log


async def script(machine: Machine, what: str, text: str = "", **more: Any) -> tuple[StepStatus, str]:
    given = {"seconds": 5, "interval": 1} if what == "health" else {}
    place = more.pop("facts", facts("v1"))
    outcome, log = await machine.do(ServiceScript(), place, what=what, text=text, unit="", **given, **more)
    return outcome.status, log


def test_a_package_is_unpacked_whole_beside_the_others(play: Play) -> None:
    async def story(machine: Machine) -> None:
        given = await bring(machine, "v1", {"app.txt": "one", "dir/-odd name": "x"})
        there = machine.tree / "versions" / "v1"
        assert (there / "app.txt").read_text() == "one"
        assert (there / "dir" / "-odd name").read_text() == "x"
        assert (there / ".interlock-digest").read_text() == given["digest"]
        assert os.listdir(machine.tree / "versions") == ["v1"]
        assert os.listdir(machine.tree / "incoming") == []
        assert (machine.tree / "shared").is_dir()
        assert not (machine.tree / "current").exists()

    play(story)


def test_a_version_that_is_there_verified_needs_no_package(play: Play) -> None:
    async def story(machine: Machine) -> None:
        given = await bring(machine, "v1")
        (machine.root.parent / "store" / given["package"]).unlink()
        outcome, log = await machine.do(Transfer(), facts("v1"), **given)
        assert outcome.status is StepStatus.SUCCEEDED
        assert "already" in log

    play(story)


def test_half_a_version_is_made_anew(play: Play) -> None:
    async def story(machine: Machine) -> None:
        given = stored(machine, "v1")
        draft = machine.tree / "versions" / ".v1.draft"
        half = machine.tree / "versions" / "v1"
        for folder in (draft, half):
            folder.mkdir(parents=True)
            (folder / "left-over").write_text("half")
        outcome, log = await machine.do(Transfer(), facts("v1"), **given)
        assert outcome.status is StepStatus.SUCCEEDED, log
        assert sorted(os.listdir(half)) == [".interlock-digest", "app.txt"]
        assert not draft.exists()

    play(story)


def test_a_package_that_is_not_what_was_approved_is_refused(play: Play) -> None:
    async def story(machine: Machine) -> None:
        given = {**stored(machine, "v1"), "digest": "0" * 64}
        with pytest.raises(Exception, match="digest_wrong"):
            await machine.do(Transfer(), facts("v1"), **given)
        assert os.listdir(machine.tree / "versions") == []
        assert os.listdir(machine.tree / "incoming") == []

    play(story)


def test_switching_replaces_the_link_and_never_looks_into_it(play: Play) -> None:
    async def story(machine: Machine) -> None:
        for version in ("v1", "v2"):
            await bring(machine, version)
        await switch(machine, "v1")
        assert machine.current == "versions/v1"
        await switch(machine, "v2", "v1")
        assert machine.current == "versions/v2"
        await switch(machine, "v2", "v1")  # once more, as after a lost worker
        assert machine.current == "versions/v2"
        assert sorted(os.listdir(machine.tree / "versions" / "v1")) == [".interlock-digest", "app.txt"]
        assert not [name for name in os.listdir(machine.tree) if name.startswith(".current")]
        back = facts("v2", "v1")
        outcome, _ = await machine.do(Switch(), back, to="from")
        assert (outcome.status, machine.current) == (StepStatus.SUCCEEDED, "versions/v1")

    play(story)


@pytest.mark.parametrize("case", ["absent", "half", "other digest", "no former"])
def test_what_is_not_whole_is_not_switched_to(play: Play, case: str) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        if case == "half":
            (machine.tree / "versions" / "v2").mkdir()
        if case == "other digest":
            await bring(machine, "v2")
        to = "from" if case == "no former" else "to"
        outcome, _ = await machine.do(Switch(), facts("v2"), to=to, digest="0" * 64)
        assert outcome.status is StepStatus.FAILED
        assert machine.current == "versions/v1"

    play(story)


def test_a_lower_fence_is_refused_by_the_host(play: Play) -> None:
    async def story(machine: Machine) -> None:
        for version in ("v1", "v2"):
            await bring(machine, version)
        machine.token = 9
        await switch(machine, "v2")
        machine.token = 8  # a release that lost its lock, still at work somewhere
        outcome, _ = await machine.do(Switch(), facts("v1"), to="to")
        assert (outcome.error, machine.current) == ("fence_refused", "versions/v2")

    play(story)


NAMES = (
    "SERVICE",
    "ACTION",
    "VERSION",
    "PREVIOUS",
    "HOST",
    "PORT",
    "WEIGHT",
    "TAG",
    "RELEASE",
    "ROOT",
    "SHARED",
)


@pytest.mark.parametrize("where", ["settings", "package"])
def test_a_script_is_told_everything_by_its_environment_and_no_value_is_run(play: Play, where: str) -> None:
    tell = "".join(f'printf "%s=%s|" {name} "$INTERLOCK_{name}"\n' for name in NAMES)

    async def story(machine: Machine) -> None:
        text = f"#!/bin/sh\npwd -P\n{tell}"
        await bring(machine, "v2", {"interlock/start": text, "app.txt": "x"})
        await switch(machine, "v2")
        given = facts("v2", "v1", tag=HOSTILE)
        status, log = await script(machine, "start", text if where == "settings" else "", facts=given)
        assert status is StepStatus.SUCCEEDED, log
        folder, _, rest = log.partition("\n")
        tree = str(machine.tree)
        assert folder == f"{tree}/versions/v2"
        values = {
            "SERVICE": "checkout",
            "ACTION": "upgrade",
            "VERSION": "v2",
            "PREVIOUS": "v1",
            "HOST": "web-1",
            "PORT": "8000",
            "WEIGHT": "100",
            "TAG": HOSTILE,
            "RELEASE": "77",
            "ROOT": tree,
            "SHARED": f"{tree}/shared",
        }
        assert rest == "".join(f"{name}={values[name]}|" for name in NAMES)
        assert not list(machine.root.parent.rglob("PWNED"))

    play(story)


def test_the_script_of_the_settings_goes_before_that_of_the_package(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1", {"interlock/start": "#!/bin/sh\necho of the package"})
        await switch(machine, "v1")
        assert (await script(machine, "start"))[1] == "of the package\n"
        assert (await script(machine, "start", "echo of the settings"))[1] == "of the settings\n"
        status, log = await script(machine, "after_switch")
        assert status is StepStatus.SUCCEEDED
        assert "no after_switch script" in log

    play(story)


def test_the_first_line_of_a_script_says_what_reads_it(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        python = "#!/usr/bin/env python3\nprint(6 * 7)\n"
        assert await script(machine, "start", python) == (StepStatus.SUCCEEDED, "42\n")
        status, log = await script(machine, "start", "#!/no/such/interpreter\n")
        assert status is StepStatus.FAILED
        assert log

    play(story)


def test_hooks_may_come_with_the_package(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(
            machine,
            "v1",
            {"interlock/before_switch": "echo drained", "interlock/after_switch": "echo filled"},
        )
        assert await script(machine, "before_switch") == (StepStatus.SUCCEEDED, "drained\n")
        await switch(machine, "v1")
        assert await script(machine, "after_switch") == (StepStatus.SUCCEEDED, "filled\n")

    play(story)


def test_a_script_sees_nothing_of_ours_but_what_is_meant_for_it(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        _, log = await script(machine, "start", "env")
        names = {line.partition("=")[0] for line in log.splitlines()}
        assert "INTERLOCK_VERSION" in names
        assert names.isdisjoint({"WHAT", "UNIT", "SECONDS_ALLOWED", "INTERVAL"})

    play(story)


def test_scripts_run_where_their_version_is(play: Play) -> None:
    async def story(machine: Machine) -> None:
        for version in ("v1", "v2"):
            await bring(machine, version)
        await switch(machine, "v1")
        moving = facts("v2", "v1")
        assert (await script(machine, "before_switch", "cat app.txt", facts=moving))[1] == "v2"
        assert (await script(machine, "stop", "cat app.txt", facts=moving))[1] == "v1"
        told = 'printf "%s" "$INTERLOCK_VERSION"'
        assert (await script(machine, "stop", told, facts=moving))[1] == "v1"
        await switch(machine, "v2", "v1")
        assert (await script(machine, "start", "cat app.txt", facts=moving))[1] == "v2"

    play(story)


def test_a_script_that_fails_fails_its_step(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        for what in ("start", "stop", "after_switch"):
            outcome, _ = await machine.do(ServiceScript(), facts("v1"), what=what, text="exit 7", unit="")
            assert (outcome.status, outcome.exit_code) == (StepStatus.FAILED, 7)

    play(story)


def test_before_the_first_version_there_is_nothing_to_stop_and_nothing_to_start(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        assert (await script(machine, "stop", "exit 7"))[0] is StepStatus.SUCCEEDED
        assert (await script(machine, "start", "true"))[0] is StepStatus.FAILED

    play(story)


def test_health_is_asked_until_it_is_good(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        third = 'echo x >>asked; [ "$(wc -l <asked)" -ge 3 ]'
        status, log = await script(machine, "health", third)
        assert status is StepStatus.SUCCEEDED
        assert log.splitlines()[-3:] == ["check 1: exit code 1", "check 2: exit code 1", "healthy at check 3"]

    play(story)


def test_health_that_never_comes_fails_when_its_time_is_up(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        given = {"what": "health", "text": "exit 3", "unit": "", "seconds": 1, "interval": 1}
        outcome, log = await machine.do(ServiceScript(), facts("v1"), **given)
        assert outcome.status is StepStatus.FAILED
        assert "check 1: exit code 3" in log
        assert "not healthy within 1 s" in log

    play(story)


def test_pruning_keeps_the_newest_the_one_in_use_and_the_one_before(play: Play) -> None:
    async def story(machine: Machine) -> None:
        for number in range(1, 7):
            await bring(machine, f"v{number}")
            os.utime(machine.tree / "versions" / f"v{number}", (number * 1000, number * 1000))
        await switch(machine, "v2")
        outcome, log = await machine.do(Prune(), facts("v2", "v1"), keep=2)
        assert outcome.status is StepStatus.SUCCEEDED
        assert sorted(os.listdir(machine.tree / "versions")) == ["v1", "v2", "v5", "v6"]
        assert sorted(log.split()) == ["pruned", "pruned", "v3", "v4"]

    play(story)


def test_removing_the_service_leaves_what_is_shared(play: Play) -> None:
    async def story(machine: Machine) -> None:
        await bring(machine, "v1")
        await switch(machine, "v1")
        (machine.tree / "shared" / "data").write_text("dear")
        for _ in range(2):  # once more, as after a lost worker
            outcome, log = await machine.do(Remove(), facts("v1"), only="all")
            assert outcome.status is StepStatus.SUCCEEDED, log
        assert (machine.tree / "shared" / "data").read_text() == "dear"
        assert not os.path.lexists(machine.tree / "current")
        assert not (machine.tree / "versions").exists()

    play(story)


def test_a_deploy_that_is_put_back_takes_only_its_own_version_away(play: Play) -> None:
    async def story(machine: Machine) -> None:
        for version in ("v1", "v2"):
            await bring(machine, version)
        await switch(machine, "v1")
        outcome, _ = await machine.do(Remove(), facts("v2"), only="to")
        assert outcome.status is StepStatus.SUCCEEDED
        assert machine.current == "versions/v1"
        assert os.listdir(machine.tree / "versions") == ["v1"]
        await machine.do(Remove(), facts("v1"), only="to")
        assert not os.path.lexists(machine.tree / "current")

    play(story)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
def test_kinds_refuse_what_they_do_not_know(kind: Any) -> None:
    kind.check({"service": "checkout", "action": "upgrade"}, on_hosts=True)
    for params, on_hosts in (({"service": "x"}, False), ({"service": "x", "odd": 1}, True), ({}, True)):
        with pytest.raises(Refused) as caught:
            kind.check(params, on_hosts=on_hosts)
        assert caught.value.kind == "invalid"
