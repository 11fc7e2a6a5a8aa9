"""The steps of a release on a host. Values reach the scripts as environment, never as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from interlock.lifecycle.refused import invalid
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.kinds.base import Outcome, Work
from interlock.store import StoreError, open_store

SCRIPTS = Path(__file__).with_name("scripts")


def _text(name: str) -> bytes:
    return (SCRIPTS / f"{name}.sh").read_bytes()


def service_root(work: Work) -> str:
    assert work.host is not None
    return f"{work.host.facts['root']}/{work.step.params['service']}"


def environment(work: Work) -> dict[str, str]:
    """What every script of a release is told, built-in or the service's own."""
    assert work.host is not None
    facts, params = work.host.facts, work.step.params
    to, former = facts["to"] or {}, facts["from"] or {}
    root = service_root(work)
    return {
        "INTERLOCK_SERVICE": params["service"],
        "INTERLOCK_ACTION": params["action"],
        "INTERLOCK_VERSION": to.get("name") or former.get("name") or "",
        "INTERLOCK_PREVIOUS": former.get("name") or "",
        "INTERLOCK_HOST": work.host.name,
        "INTERLOCK_PORT": str(facts["port"] or ""),
        "INTERLOCK_WEIGHT": str(facts["weight"]),
        "INTERLOCK_TAG": facts["tag"],
        "INTERLOCK_RELEASE": str(work.run.origin_id or ""),
        "INTERLOCK_ROOT": root,
        "INTERLOCK_SHARED": f"{root}/shared",
    }


class _OnHosts:
    name = ""
    known: frozenset[str] = frozenset()

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        if not on_hosts:
            raise invalid("kind_only_on_hosts", step_kind=self.name)
        if set(params) - self.known - {"service", "action"} or "service" not in params:
            raise invalid("params_not_known", params=", ".join(params), known=", ".join(sorted(self.known)))


class Transfer(_OnHosts):
    """Bring the package to the host, verified there, and unpack it beside the versions that are there."""

    name = "transfer"
    known = frozenset({"package", "digest"})

    async def carry_out(self, work: Work) -> Outcome:
        params, root = work.step.params, service_root(work)
        env = {**environment(work), "DIGEST": params["digest"], "FILE": params["package"].rpartition("/")[2]}
        link = await work.link()
        asked = await link.ask(_text("staged").decode(), env)
        if b"absent" in asked.out:
            try:
                package = open_store(settings.STORE_URL).path(params["package"])
            except StoreError as error:
                await work.say(f"{error.code}: {params['package']}")
                return Outcome(StepStatus.FAILED, error="package_missing")
            await link.put(package, f"{root}/incoming/{params['digest']}", sha256=params["digest"])
        elif asked.code != 0:
            await work.say(asked.out.decode(errors="replace"))
            return Outcome(StepStatus.FAILED, exit_code=asked.code, error="host_tree_unusable")
        return await work.run_body(_text("unpack"), env=env, fence_directory=root)


class Switch(_OnHosts):
    """Point ``current`` at a version: by a temporary link and a rename, so that it is never absent."""

    name = "switch"
    known = frozenset({"to", "digest"})

    async def carry_out(self, work: Work) -> Outcome:
        assert work.host is not None
        which = work.host.facts[work.step.params["to"]]
        if which is None:
            return Outcome(StepStatus.FAILED, error="no_version_to_switch_to")
        env = {**environment(work), "VERSION": which["name"], "DIGEST": work.step.params.get("digest", "")}
        return await work.run_body(_text("switch"), env=env, fence_directory=service_root(work))


class ServiceScript(_OnHosts):
    """The service's own start, stop, health and hooks: from its settings, its package, or a systemd unit."""

    name = "service_script"
    known = frozenset({"what", "text", "unit", "seconds", "interval"})

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        env = {
            **environment(work),
            "WHAT": params["what"],
            "UNIT": params["unit"],
            "SECONDS_ALLOWED": str(params.get("seconds", 0)),
            "INTERVAL": str(params.get("interval", 1)),
        }
        files = {"script": params["text"].encode()} if params["text"] else {}
        fence = service_root(work) if work.step.mutates else None
        return await work.run_body(_text("service"), env=env, files=files, fence_directory=fence)


class Remove(_OnHosts):
    """Take a version (``only: to``) or all of them off the host; what is in ``shared`` stays."""

    name = "remove"
    known = frozenset({"only"})

    async def carry_out(self, work: Work) -> Outcome:
        env = {**environment(work), "ONLY": work.step.params["only"]}
        return await work.run_body(_text("remove"), env=env, fence_directory=service_root(work))


class Prune(_OnHosts):
    """Keep the last few versions, and always the one in use and the one before it."""

    name = "prune"
    known = frozenset({"keep"})

    async def carry_out(self, work: Work) -> Outcome:
        env = {**environment(work), "KEEP": str(work.step.params["keep"])}
        return await work.run_body(_text("prune"), env=env, fence_directory=service_root(work))


KINDS = (Transfer(), Switch(), ServiceScript(), Remove(), Prune())
