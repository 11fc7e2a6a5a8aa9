"""One run: where it stands, host by host, and what can be done about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from interlock.accounts.rights import visible_projects
from interlock.journal.queries import entries
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import Key
from interlock.lifecycle.run.states import RUN_ENDED, StepStatus
from interlock.releases.queries import release
from interlock.runs import grid, queries
from interlock.runs.approvals import vote_refusal
from interlock.runs.engine.snapshot import plan_of
from interlock.runs.queries import RunView, StepView, step_body
from interlock.web import labels
from interlock.web.door import STATUS, PageRequest, signed_in
from interlock.web.pages.run_choices import (
    bulk_choices,
    decision,
    host_choices,
    run_choices,
    tail,
    told,
    undecided,
)
from interlock.words import sentence

KEPT_IN_LINKS = ("key", "view", "status")  # of the address, while one looks from host to host
NAMED = 48  # hosts that have room for their names
LINES = 100  # of the table of hosts
ACTS = 40  # of the timeline
WHOLE = 64 * 1024  # bytes of a log that are shown without script
PIECE = 1024 * 1024


@signed_in
def page(request: PageRequest, run_id: int) -> HttpResponse:
    return drawn(request, run_id)


@signed_in
def parts(request: PageRequest, run_id: int) -> HttpResponse:
    """All of the page that changes, at the same query as the page."""
    return render(request, "web/_run.html", _context(request, run_id))


@signed_in
def log_file(request: PageRequest, run_id: int, body: str) -> HttpResponse:
    """A whole log, as it was stored."""
    run = queries.find_run(by=request.caller, run_id=run_id)
    focus = grid.focus_on(run, body)
    data, offset = bytearray(), 0
    while True:
        part = queries.log_bytes(by=request.caller, run_id=run_id, body=body, offset=offset, limit=PIECE)
        if not part.data:
            break
        data += part.data
        offset += len(part.data)
    name = slugify(focus.title) if focus else body
    answer = HttpResponse(bytes(data), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="run-{run_id}-{name or body}.log"'
    return answer


def drawn(request: PageRequest, run_id: int, refusal: Refused | None = None) -> HttpResponse:
    """The page; with what was refused above it."""
    context = _context(request, run_id)
    focus = context["focus"]
    if focus is not None:
        context["plain_log"] = tail(request.caller, run_id, focus.body, WHOLE)
    if refusal is not None:
        context["refusal"] = sentence(refusal.code, refusal.facts)
    return render(request, "web/run.html", context, status=STATUS[refusal.kind] if refusal else 200)


def _context(request: PageRequest, run_id: int) -> dict[str, Any]:
    by, asked = request.caller, request.GET
    view = queries.run_view(by=by, run_id=run_id)
    run = view.row
    verbs = {(verb.verb, verb.key): verb for verb in view.verbs}
    rollout = _chosen_rollout(view, asked.get("key", ""))
    state = asked.get("status", "")
    cells = 0 if asked.get("view") == "table" else grid.CELLS
    hosts = grid.grid_of(run, rollout.row, state, most=cells) if rollout else None
    focus, look = _focus(view, rollout, asked)
    code, facts = view.why
    context: dict[str, Any] = {
        "view": view,
        "run": run,
        "ended": run.status in RUN_ENDED,
        "why": sentence(code, told(facts)),
        "why_code": code,
        "tone": labels.LOOKS[run.status][0],
        "choices": run_choices(run.status, run.hold, verbs),
        "stages": _stages(view),
        "rollout": rollout,
        "rollouts": [step for step in view.steps if step.row.kind == "rollout"],
        "hosts": hosts,
        "state": state if state in grid.STATES else "",
        "progress": _progress(view, hosts),
        "focus": focus,
        "look": look,
        "look_choices": host_choices(look, verbs) if look else {},
        "decisions": [decision(by, run, step, verbs) for step in undecided(view)],
        "asks": [(approval, _refusal_of(request, approval)) for approval in view.approvals
                 if approval.status == "open"],
        "acts": _acts(request, view),
        "here": page_address(run_id, asked),
    }  # fmt: skip
    for made in context["decisions"]:
        broken = [name for name in ("failed", "unknown", "put_back") if hosts and hosts.tally.get(name)]
        made.broken_state = broken[0] if len(broken) == 1 else ""
    context |= _hosts_context(request, view, rollout, hosts)
    context |= _release_context(request, view, rollout)
    return context


def _acts(request: PageRequest, view: RunView) -> list[tuple[Any, str, bool]]:
    """What happened, newest first: an entry of the journal, the step it is about, whether a person did it."""
    names = {step.row.key: step.row.name for step in view.steps}
    rows = entries(project_ids=visible_projects(request.caller), subject="run", subject_id=view.row.id)
    # What follows from an act is written with who acted, but changes a status.
    return [
        (row, names.get(row.facts.get("key"), ""), not row.to_status or row.act == "run.created")
        for row in rows[:ACTS]
    ]


def page_address(run_id: int, query: QueryDict) -> str:
    """The page with what is chosen on it."""
    address, text = reverse("run", args=[run_id]), query.urlencode()
    return f"{address}?{text}" if text else address


def _chosen_rollout(view: RunView, key: str) -> StepView | None:
    """The one asked for; else the one at work, or the last that began."""
    rollouts = [step for step in view.steps if step.row.kind == "rollout"]
    for step in rollouts:
        if step.row.key == key:
            return step
    begun = [step for step in rollouts if step.row.status != StepStatus.PENDING]
    at_work = [step for step in begun if step.row.stage == view.row.stage]
    return next(iter([*at_work, *begun[-1:], *rollouts]), None)


def _focus(
    view: RunView, rollout: StepView | None, asked: QueryDict
) -> tuple[grid.Focus | None, grid.HostLook | None]:
    """Whose log, and which host beside it: as asked for, else what tells most."""
    run = view.row
    focus = grid.focus_on(run, asked.get("log", "")) if asked.get("log") else None
    host = asked.get("host", "")
    if focus is None and not host:
        focus = grid.focus_by_itself(run)
    host_id = int(host) if host.isascii() and host.isdigit() and len(host) < 16 else 0
    key = rollout.row.key if rollout else ""
    if focus is not None and focus.host_id:
        host_id, key = focus.host_id, focus.key
    look = grid.host_look(run, host_id, key) if host_id and key else None
    if focus is None and look is not None and look.body:
        focus = grid.focus_on(run, look.body)
    return focus, look


def _stages(view: RunView) -> list[dict[str, Any]]:
    plan = plan_of(view.row)
    asked: dict[str, list[Any]] = {}
    for approval in view.approvals:
        asked.setdefault(approval.step.key, []).append(approval)
    found: dict[int, dict[str, Any]] = {}
    for step in view.steps:
        stage = found.setdefault(step.row.stage, {"number": step.row.stage + 1, "branches": []})
        body = step_body(step.row) if grid.has_log(plan.branch(Key.parse(step.row.key))) else ""
        stage["branches"].append({"step": step, "body": body, "approvals": asked.get(step.row.key, [])})
        stage["always"] = plan.stages[step.row.stage].always
    return list(found.values())


def _progress(view: RunView, hosts: grid.Grid | None) -> dict[str, Any]:
    """Parts of a bar of a hundred: hosts of all rollouts, or steps where there are none."""
    tally: dict[str, int] = {}
    for step in view.steps:
        for status, n in step.tally.items():
            tone = labels.LOOKS.get(status, ("calm", ""))[0]
            tone = "good" if status == "skipped" else "" if status in ("pending", "canceled") else tone
            tally[tone] = tally.get(tone, 0) + n
    if not tally:
        for step in view.steps:
            tone = {"succeeded": "good", "skipped": "good"}.get(step.row.status, "")
            tally[tone] = tally.get(tone, 0) + 1
    whole, x, bars = max(sum(tally.values()), 1), 0.0, []
    for tone in ("good", "bad", "wait", "live"):
        if tally.get(tone):
            width = 100 * tally[tone] / whole
            bars.append({"tone": tone, "x": f"{x:.2f}", "width": f"{width:.2f}"})
            x += width
    return {"bars": bars, "done": tally.get("good", 0), "of": whole, "hosts": hosts is not None}


def _refusal_of(request: PageRequest, approval: Any) -> str:
    refused = vote_refusal(by=request.caller, approval=approval)
    return sentence(refused.code, refused.facts) if refused else ""


def _hosts_context(
    request: PageRequest, view: RunView, rollout: StepView | None, hosts: grid.Grid | None
) -> dict[str, Any]:
    """Links that keep what was chosen, and the cells or the table."""
    asked = request.GET
    base = [(name, asked[name]) for name in KEPT_IN_LINKS if asked.get(name)]
    context: dict[str, Any] = {"base": urlencode(base), "as_table": asked.get("view") == "table"}
    if rollout is None or hosts is None:
        return context
    if context["as_table"]:
        after = asked.get("after", "0")
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else 0
        lines, following = grid.host_lines(view.row, rollout.row, asked.get("status", ""), number, LINES)
        context |= {"lines": lines, "following": following}
        context["choices_of_hosts"] = bulk_choices(view, rollout)
    else:
        chosen = asked.get("host", "")
        named = hosts.hosts <= NAMED
        context["named"] = named
        context["batches"] = [
            (batch, _cells(batch, context["base"], chosen, named)) for batch in hosts.batches
        ]
    return context


def _cells(batch: grid.Batch, base: str, chosen: str, named: bool) -> SafeString:
    """Short, and not made by a template: there may be two thousand of them."""
    looks = {
        state: (f'class="cell {labels.LOOKS[state][0]}" data-state="{state}"', escape(labels.STATUSES[state]))
        for state in batch.tally
    }
    address = escape(f"?{base}&host=" if base else "?host=")
    drawn = []
    for number, cell in enumerate(batch.cells):
        look, word = looks[cell.state]
        host = escape(cell.host)
        current = ' aria-current="true"' if str(cell.host_id) == chosen else ""
        drawn.append(
            # Arrows go on from the first cell of a batch.
            f'<a {look} id="h{cell.host_id}" data-stay href="{address}{cell.host_id}#hosts"'
            f' tabindex="{-1 if number else 0}" title="{host}: {word}"{current}>'
            f"{f'<span>{host}</span>' if named else ''}</a>"
        )
    return mark_safe("".join(drawn))


def _release_context(request: PageRequest, view: RunView, rollout: StepView | None) -> dict[str, Any]:
    """What it releases, and the form that would take the hosts back to where they were."""
    run = view.row
    if run.origin != "release" or run.origin_id is None:
        return {}
    row = release(by=request.caller, release_id=run.origin_id)
    context: dict[str, Any] = {"release": row, "release_address": reverse("release", args=[row.id])}
    if rollout is None or row.action not in ("upgrade", "revert") or row.version is None:
        return context
    spec = plan_of(run).branch(Key.parse(rollout.row.key))
    former = {host.id: (host.facts.get("from") or {}).get("id") for host in getattr(spec, "hosts", ())}
    touched = [host_id for host_id in grid.touched_hosts(run, rollout.row.key) if former.get(host_id)]
    if touched:
        back = "revert" if row.action == "upgrade" else "upgrade"
        version_id = former[touched[0]]
        same = ",".join(str(host_id) for host_id in touched if former[host_id] == version_id)
        query = urlencode({"action": back, "version_id": version_id, "hosts": same})
        context["back_address"] = f"{reverse('release-form', args=[row.service_id])}?{query}"
    return context
