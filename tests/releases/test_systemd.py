"""A systemd unit in place of scripts. systemd is the far side here: a program of its name keeps the units."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from interlock.catalog.settings import read_settings
from interlock.lifecycle.refused import Refused
from interlock.releases.kinds import ServiceScript
from tests.releases.host import Machine

# Units are folders; `ready-in` counts the questions until one that has started is active.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"{place}/asked"
for unit; do :; done
case $* in *--no-pager*status*) echo "$unit: main process exited, code=203/EXEC"; exit 3 ;; esac
[ -d "{place}/$unit" ] || {{ echo "Unit $unit not found." >&2; exit 5; }}
cd "{place}/$unit" || exit
case $* in
*start*)
  [ ! -e broken ] || {{ echo "Job for $unit failed because the control process exited." >&2; exit 1; }}
  echo active >state ;;
*stop*) echo inactive >state ;;
*is-active*)
  if [ -s ready-in ]; then
    read -r left <ready-in
    if [ "$left" -gt 1 ]; then echo $((left - 1)) >ready-in; else rm ready-in; fi
    echo activating
    exit 3
  fi
  cat state
  [ "$(cat state)" = active ] ;;
esac
"""
UNIT = "checkout@8000.service"
Ask = Callable[..., tuple[int | None, str]]


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place, programs = tmp_path / "units", tmp_path / "programs"
    for folder in (place / UNIT, programs):
        folder.mkdir(parents=True)
    (place / UNIT / "state").write_text("inactive\n")
    (programs / "systemctl").write_text(SYSTEMCTL.format(place=place))
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return place


@pytest.fixture(params=["sh", "busybox sh"])
def ask(request: pytest.FixtureRequest, units: Path, tmp_path: Path) -> Ask:
    """What a step of the service's says on a host where v1 is in use."""
    machine = Machine(tmp_path / "root", tmp_path / "state", request.param)
    version = machine.tree / "versions" / "v1"
    (version / "interlock").mkdir(parents=True)
    for what in ("start", "health", "after_switch"):
        (version / "interlock" / what).write_text("echo from the package\n")
    (machine.tree / "current").symlink_to("versions/v1")
    facts = {"port": 8000, "tag": "", "weight": 1, "from": None, "to": {"id": 1, "name": "v1"}}

    def one(what: str, *, unit: str = UNIT, text: str = "") -> tuple[int | None, str]:
        async def whole() -> tuple[int | None, str]:
            try:
                given = {"what": what, "unit": unit, "text": text, "seconds": 1, "interval": 1}
                outcome, said = await machine.do(ServiceScript(), facts, **given)
                return outcome.exit_code, said
            finally:
                await machine.close()
                machine.links = type(machine.links)()

        return asyncio.run(_within(whole()))

    return one


async def _within(whole: Awaitable[tuple[int | None, str]]) -> tuple[int | None, str]:
    async with asyncio.timeout(20):
        return await whole


def test_a_unit_is_started_asked_for_its_health_and_stopped(ask: Ask, units: Path) -> None:
    assert ask("start") == (0, "")
    assert ask("health") == (0, "active\nhealthy at check 1\n")
    assert ask("stop") == (0, "")
    assert (units / UNIT / "state").read_text() == "inactive\n"
    verbs = [next(word for word in line.split() if word[0] != "-") for line in _asked(units)]
    assert verbs == ["start", "is-active", "stop"]
    assert all(line.split()[-1] == UNIT for line in _asked(units))


def _asked(units: Path) -> list[str]:
    return (units / "asked").read_text().splitlines()


def test_a_unit_that_takes_its_time_is_asked_again(ask: Ask, units: Path) -> None:
    ask("start")
    (units / UNIT / "ready-in").write_text("1\n")
    code, said = ask("health")
    assert (code, said) == (0, "activating\ncheck 1: exit code 3\nactive\nhealthy at check 2\n")


def test_a_unit_that_does_not_start_says_why(ask: Ask, units: Path) -> None:
    (units / UNIT / "broken").touch()
    code, said = ask("start")
    assert code == 1
    assert "control process exited" in said and "code=203/EXEC" in said
    code, said = ask("health")
    assert code == 1
    assert said.endswith("not healthy within 1 s\n")


def test_a_unit_that_is_not_there_fails(ask: Ask) -> None:
    code, said = ask("start", unit="other.service")
    assert code == 5 and "not found" in said


def test_a_script_of_the_settings_goes_before_the_unit_and_the_unit_before_the_package(ask: Ask) -> None:
    assert ask("health", text="echo mine") == (0, "mine\nhealthy at check 1\n")
    assert ask("start") == (0, "")
    assert ask("start", unit="") == (0, "from the package\n")


@pytest.mark.parametrize(
    "name", ["-all", "a b", "x;reboot", "../etc", "a/b.service", "ünit", "a\nb", "$(id)"]
)
def test_names_that_are_not_of_a_unit_are_refused(name: str) -> None:
    with pytest.raises(Refused) as caught:
        read_settings({"unit": name})
    assert caught.value.code == "setting_unfit"


@pytest.mark.parametrize("name", [UNIT, "nginx", "app_2:x.service"])
def test_names_of_units(name: str) -> None:
    assert read_settings({"unit": name}).unit == name
