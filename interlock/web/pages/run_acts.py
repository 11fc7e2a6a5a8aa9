"""What people say to a run: each form is one verb, and comes back to the page it was sent from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from interlock.lifecycle.refused import Refused, invalid
from interlock.runs import approvals, services
from interlock.web.door import PageRequest, once, safe_next, signed_in
from interlock.web.pages.approvals import drawn as inbox
from interlock.web.pages.run import drawn

REASON = 2000  # characters


@require_POST
@signed_in
def act(request: PageRequest, run_id: int, verb: str) -> HttpResponse:
    """Do it and go back; what was refused is told above the page as it is by now."""

    def done() -> str:
        VERBS[verb](request, run_id)
        return _back(request, run_id)

    try:
        return once(request, done)
    except Refused as refused:
        if refused.kind == "missing":
            raise
        if _back(request, run_id).startswith(reverse("approvals")):
            return inbox(request, refused=refused, about=run_id)
        return drawn(request, run_id, refusal=refused)


def _back(request: PageRequest, run_id: int) -> str:
    given = request.POST.get("next", "")
    return safe_next(request, given) if given else reverse("run", args=[run_id])


def _text(request: PageRequest, name: str = "reason") -> str:
    return request.POST.get(name, "").replace("\0", "").strip()[:REASON]


def _key(request: PageRequest) -> str:
    return request.POST.get("key", "")[:32]


def _hosts(request: PageRequest) -> list[int] | None:
    """The hosts that were chosen; None where the form is about all that broke."""
    given = request.POST.getlist("host")
    if not all(host.isascii() and host.isdigit() and len(host) < 16 for host in given):
        raise invalid("hosts_missing")
    return [int(host) for host in given] or None


def _start(request: PageRequest, run_id: int) -> None:
    services.start(run_id=run_id, by=request.caller)


def _stop(request: PageRequest, run_id: int) -> None:
    services.stop(run_id=run_id, by=request.caller, reason=_text(request))


def _pause(request: PageRequest, run_id: int) -> None:
    services.pause(run_id=run_id, by=request.caller, reason=_text(request))


def _resume(request: PageRequest, run_id: int) -> None:
    services.resume(run_id=run_id, by=request.caller, reason=_text(request))


def _give_up(request: PageRequest, run_id: int) -> None:
    services.give_up(run_id=run_id, by=request.caller, reason=_text(request))


def _retry(request: PageRequest, run_id: int) -> None:
    key, hosts = _key(request), _hosts(request)
    services.retry(run_id=run_id, key=key, by=request.caller, reason=_text(request), host_ids=hosts)


def _exclude(request: PageRequest, run_id: int) -> None:
    key, hosts = _key(request), _hosts(request) or []
    services.exclude(run_id=run_id, key=key, by=request.caller, reason=_text(request), host_ids=hosts)


def _resolve(request: PageRequest, run_id: int) -> None:
    answers: dict[str, Literal["done", "retry", "fail"]] = {"done": "done", "retry": "retry", "fail": "fail"}
    answer = answers.get(request.POST.get("answer", ""))
    if answer is None:
        raise invalid("answer_missing")
    key, hosts = _key(request), _hosts(request)
    services.resolve(
        run_id=run_id, key=key, by=request.caller, reason=_text(request), answer=answer, host_ids=hosts
    )


def _skip(request: PageRequest, run_id: int) -> None:
    services.skip(run_id=run_id, key=_key(request), by=request.caller, reason=_text(request))


def _go_on(request: PageRequest, run_id: int) -> None:
    services.go_on(run_id=run_id, key=_key(request), by=request.caller)


def _approve(request: PageRequest, run_id: int) -> None:
    approvals.approve(
        run_id=run_id,
        key=_key(request),
        by=request.caller,
        note=_text(request, "note"),
        plan_hash=request.POST.get("plan_hash", ""),
    )


def _reject(request: PageRequest, run_id: int) -> None:
    approvals.reject(
        run_id=run_id,
        key=_key(request),
        by=request.caller,
        note=_text(request, "note"),
        plan_hash=request.POST.get("plan_hash", ""),
    )


VERBS: dict[str, Callable[[PageRequest, int], None]] = {
    "start": _start,
    "stop": _stop,
    "pause": _pause,
    "resume": _resume,
    "give-up": _give_up,
    "retry": _retry,
    "exclude": _exclude,
    "resolve": _resolve,
    "skip": _skip,
    "go-on": _go_on,
    "approve": _approve,
    "reject": _reject,
}
