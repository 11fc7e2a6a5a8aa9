"""From what is meant to the steps that do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.lifecycle.run.plan import HostPlan, Plan, Rollout, Stage, StepPlan

TRANSFER_SECONDS = 1800
SWITCH_SECONDS = 120
START_SECONDS = 300


def plan_of(intent: Mapping[str, Any]) -> Plan:
    """The plan of an intent: what is asked of people first, then the rollout under locks."""
    stages = []
    if intent["approval"] is not None:
        stages.append(Stage((StepPlan("approve", "approval", dict(intent["approval"])),)))
    if intent["start"] == "manual":
        stages.append(Stage((StepPlan("wait for the start", "wait", {"manual": True}),)))
    elif intent["start"] != "auto":
        stages.append(Stage((StepPlan("wait for the time", "wait", {"until": intent["start"]}),)))
    locks_at = len(stages)
    stages.append(Stage((_rollout(intent),)))
    return Plan(stages=tuple(stages), locks_at=locks_at)


def title_of(intent: Mapping[str, Any]) -> str:
    version = intent["version"]["name"] if intent["version"] else ""
    return f"{intent['action']} {intent['service']['name']} {version}".strip()


def _rollout(intent: Mapping[str, Any]) -> Rollout:
    makers = {"deploy": _install, "upgrade": _move, "revert": _move, "delete": _delete}
    steps, put_back = makers[intent["action"]](intent)
    return Rollout(
        name=title_of(intent)[:100],
        steps=steps,
        gate=_gate(intent),
        put_back=put_back if intent["put_back"] else (),
        hosts=tuple(_host(intent, host) for host in intent["hosts"]),
        batches=tuple(intent["batches"]),
        threshold=intent["threshold"],
        bake=intent["bake"],
        confirm=tuple(intent["confirm"]),
    )


def _gate(intent: Mapping[str, Any]) -> tuple[StepPlan, ...]:
    """After its time of proof a batch has to be healthy still, or the next one does not begin."""
    if not intent["bake"] or intent["action"] == "delete":
        return ()
    return (_script(intent, "health", named="still healthy"),)


def _host(intent: Mapping[str, Any], host: Mapping[str, Any]) -> HostPlan:
    keep = ("root", "from", "to", "port", "tag", "weight")
    return HostPlan(host["id"], host["name"], {name: host[name] for name in keep})


def _install(intent: Mapping[str, Any]) -> tuple[tuple[StepPlan, ...], tuple[StepPlan, ...]]:
    return _forward(intent), (_script(intent, "stop"), _step(intent, "remove", "remove", only="to"))


def _move(intent: Mapping[str, Any]) -> tuple[tuple[StepPlan, ...], tuple[StepPlan, ...]]:
    back = (
        _script(intent, "stop"),
        _step(intent, "switch back", "switch", to="from"),
        _script(intent, "start"),
        _script(intent, "health"),
    )
    return _forward(intent), back


def _forward(intent: Mapping[str, Any]) -> tuple[StepPlan, ...]:
    version = intent["version"]
    steps = [
        _step(
            intent, "transfer", "transfer", mutates=False, timeout=TRANSFER_SECONDS,
            package=version["package"], digest=version["digest"],
        )
    ]  # fmt: skip
    # The hooks may be in the package, which only the host can tell.
    steps.append(_script(intent, "before_switch"))
    steps.append(_script(intent, "stop"))
    steps.append(_step(intent, "switch", "switch", to="to", digest=version["digest"]))
    steps.append(_script(intent, "start"))
    steps.append(_script(intent, "after_switch"))
    steps.append(_script(intent, "health"))
    keep = intent["settings"]["keep_versions"]
    steps.append(_step(intent, "prune", "prune", mutates=False, keep=keep))
    return tuple(steps)


def _delete(intent: Mapping[str, Any]) -> tuple[tuple[StepPlan, ...], tuple[StepPlan, ...]]:
    return (_script(intent, "stop"), _step(intent, "remove", "remove", only="all")), ()


def _step(
    intent: Mapping[str, Any],
    name: str,
    kind: str,
    *,
    mutates: bool = True,
    timeout: int = SWITCH_SECONDS,
    **params: Any,
) -> StepPlan:
    """Our own steps leave the host as they should whether they ran once or twice."""
    params = {"service": intent["service"]["name"], "action": intent["action"], **params}
    return StepPlan(name, kind, params, timeout=timeout, on_lost="retry", mutates=mutates)


def _script(intent: Mapping[str, Any], what: str, named: str = "") -> StepPlan:
    settings = intent["settings"]
    seconds = {
        "stop": settings["stop_timeout"] + 30,
        "health": settings["health_timeout"] + 30,
    }.get(what, START_SECONDS)
    unit = settings["unit"] if what in ("start", "stop", "health") else ""
    params = {
        "service": intent["service"]["name"],
        "action": intent["action"],
        "what": what,
        "text": settings[what],
        "unit": unit,
    }
    if what == "health":
        params["seconds"], params["interval"] = settings["health_timeout"], settings["health_interval"]
    # Nobody can promise that somebody's start script may run twice; asking for health may be repeated.
    asks = what == "health"
    return StepPlan(
        named or what, "service_script", params, timeout=seconds,
        on_lost="retry" if asks else "hold", mutates=not asks,
    )  # fmt: skip
