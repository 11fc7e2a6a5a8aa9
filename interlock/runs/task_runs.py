"""Tasks carried out: what would be done, and the run that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.accounts.caller import Caller
from interlock.accounts.rights import require
from interlock.fleet.queries import HostRow, select_hosts
from interlock.journal.services import append
from interlock.journal.transactions import writing
from interlock.lifecycle.fields import Fault
from interlock.lifecycle.refused import Refused, Unfit
from interlock.lifecycle.run.plan import HostPlan, Plan, digest, to_json
from interlock.lifecycle.template.parameters import Value, fit, secret_names, variables
from interlock.lifecycle.template.template import Template as ReadTemplate
from interlock.runs import services
from interlock.runs.models import Run, Task, TemplateVersion
from interlock.runs.queries import find_run
from interlock.runs.task_edits import Selector, entry
from interlock.runs.template_queries import task as find_task
from interlock.runs.templates import check_line, read_text
from interlock.vault.services import known_references


@dataclass(frozen=True)
class Prepared:
    """What a task would do with these values, on the hosts that there are now."""

    task: Task
    number: int  # of the template's version
    values: Mapping[str, Value]
    selector: Selector | None
    hosts: tuple[HostRow, ...]
    plan: Plan
    variables: Mapping[str, str]
    secrets: Mapping[str, list[int]]  # variable -> secret and its version
    obstacles: tuple[Mapping[str, Any], ...]

    @property
    def plan_hash(self) -> str:
        facts = {"plan": to_json(self.plan), "parameters": self.variables, "secrets": self.secrets}
        return digest({**facts, "template": [self.task.template_id, self.number]})

    @property
    def made_from(self) -> dict[str, Any]:
        return {
            "task_id": self.task.pk,
            "task": self.task.name,
            "template_id": self.task.template_id,
            "template": self.task.template.name,
            "number": self.number,
            "values": dict(self.values),
            "hosts": self.selector,
        }


def preview_task(
    *, by: Caller, task_id: int, values: Mapping[str, Any] | None = None, hosts: Selector | None = None
) -> Prepared:
    """What would be done, and what stands in the way. Nothing is kept."""
    return _prepare(by, find_task(by=by, task_id=task_id), values or {}, hosts)


def run_task(
    *,
    by: Caller,
    task_id: int,
    values: Mapping[str, Any] | None = None,
    hosts: Selector | None = None,
    plan_hash: str | None = None,
    note: str = "",
    rerun_of: int | None = None,
    tick: Mapping[str, Any] | None = None,
) -> Run:
    """Make a run and start it, for a schedule's ``tick``. ``values`` and ``hosts`` go before the task's own.

    With ``plan_hash`` what was looked at is what is carried out: refused when it is another plan by now.
    """
    check_line("note", note, 256)
    with writing():
        task = find_task(by=by, task_id=task_id)
        require(by, "operate", task.project_id)
        if task.disabled:
            raise Refused("task_disabled", reason=task.disabled)
        prepared = _prepare(by, task, values or {}, hosts)
        if plan_hash is not None and plan_hash != prepared.plan_hash:
            raise Refused("plan_changed", plan_hash=prepared.plan_hash)
        run = services.create_run(
            project_id=task.project_id,
            origin="task",
            origin_id=task.pk,
            title=task.name,
            plan=prepared.plan,
            plan_hash=prepared.plan_hash,
            by=by,
            parameters=prepared.variables,
            secrets=prepared.secrets,
            made_from={**prepared.made_from, **(tick or {})},
            rerun_of=rerun_of,
        )
        append(entry(by, task, "task.run_asked", note, run_id=run.id, number=prepared.number, **(tick or {})))
        return services.start(run_id=run.id, by=by)


def rerun(*, by: Caller, run_id: int, note: str = "") -> Run:
    """The task of a run once more: its newest template, the run's values, the hosts that there are now."""
    former = find_run(by=by, run_id=run_id)
    if former.origin != "task" or former.origin_id is None:
        raise Refused("rerun_of_tasks_only")
    asked = former.made_from
    return run_task(
        by=by,
        task_id=former.origin_id,
        values=asked["values"],
        hosts=asked["hosts"],
        note=note,
        rerun_of=former.id,
    )


def _prepare(by: Caller, task: Task, values: Mapping[str, Any], hosts: Selector | None) -> Prepared:
    number = task.template.current
    template = read_text(TemplateVersion.objects.get(template_id=task.template_id, number=number).text)
    fitted = fit(template.parameters, {**task.values, **values})
    secrets, lacking = _secrets(task, template, fitted.values)
    faults = [*fitted.faults, *lacking]
    if faults:
        raise Unfit("values_unfit", faults)
    selector = hosts if hosts is not None else task.hosts
    found = _hosts(by, task, selector) if template.needs_hosts and selector is not None else ()
    plan = template.plan([HostPlan(host.id, host.name) for host in found])
    services.check_plan(plan, task.project_id)
    return Prepared(
        task=task,
        number=number,
        values=fitted.values,
        selector=None if selector is None else dict(selector),
        hosts=found,
        plan=plan,
        variables=variables(template.parameters, fitted.values),
        secrets=secrets,
        obstacles=tuple(_obstacles(task, found)),
    )


def _secrets(
    task: Task, template: ReadTemplate, values: Mapping[str, Value]
) -> tuple[dict[str, list[int]], list[Fault]]:
    """References to put into the run, and a fault for each secret that is not there."""
    wanted = secret_names(template.parameters, values)
    known = known_references(wanted.values(), task.project_id)
    lacking = [
        Fault((one.name,), "secret_lacking", {"name": one.name, "secret": wanted[one.variable]})
        for one in template.parameters
        if one.variable in wanted and wanted[one.variable] not in known
    ]
    return {name: known[secret] for name, secret in wanted.items() if secret in known}, lacking


def _hosts(by: Caller, task: Task, selector: Selector) -> tuple[HostRow, ...]:
    # The task's own hosts were the project's once: those that are not any more can be told by name.
    by_name = selector == task.hosts
    found = select_hosts(by=by, project_id=task.project_id, selector=selector, by_name=by_name)
    if not found:
        raise Refused("no_host_found", kind="invalid")
    return tuple(found)


def _obstacles(task: Task, hosts: tuple[HostRow, ...]) -> list[Mapping[str, Any]]:
    """What stands in the way just now, beside the plan and outside its hash."""
    found: list[Mapping[str, Any]] = []
    if task.disabled:
        found.append({"code": "task_disabled", "reason": task.disabled})
    return found + [{"code": "host_not_checked", "host": host.name} for host in hosts if not host.checked]
