"""Going to hosts from a page: the live connection check, and which of their keys are trusted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_GET, require_POST

from interlock.accounts.rights import may
from interlock.fleet import checks, queries, services
from interlock.fleet.probing import STAGES, Stage, probe
from interlock.lifecycle.refused import Refused
from interlock.remote import HostSpec
from interlock.web.door import PageRequest, go_to, once, signed_in
from interlock.words import refusal


@signed_in
@require_POST
def check(request: PageRequest, host_id: int) -> HttpResponseBase:
    """With ``live`` each stage is sent as it is known; without script the page comes when all are."""
    planned = checks.plan_check(by=request.caller, host_ids=[host_id])
    if "live" not in request.POST:
        checks.check_hosts(by=request.caller, host_ids=[host_id])
        return go_to(request, reverse("host", args=[host_id]))
    answer = StreamingHttpResponse(_told(*planned[0], translation.get_language()), content_type="text/html")
    answer["Cache-Control"], answer["X-Accel-Buffering"] = "no-store", "no"
    return answer


async def _told(spec: HostSpec, root: str, language: str | None) -> AsyncIterator[bytes]:
    """Each piece is the whole list as it is by then, on one line."""
    stages: list[Stage] = []
    yield _drawn(stages, language)
    async for stage in probe(spec, root):
        stages.append(stage)
        yield _drawn(stages, language)
    await sync_to_async(checks.note)(spec, stages)


def _drawn(stages: Sequence[Stage], language: str | None) -> bytes:
    done = [{"name": s.name, "status": s.status, "code": s.code, "found": s.found} for s in stages]
    ended = any(stage.status == "failed" for stage in stages)
    names = [] if ended else [name for name in STAGES if name not in {stage.name for stage in stages}]
    rest = [{"name": name, "status": "running" if not at else "pending"} for at, name in enumerate(names)]
    with translation.override(language):
        text = render_to_string("web/_stages.html", {"stages": [*done, *rest]})
    return text.replace("\n", " ").encode() + b"\n"


@signed_in
@require_GET
def keys(request: PageRequest, host_id: int) -> HttpResponse:
    return _keys_page(request, host_id)


def _keys_page(
    request: PageRequest, host_id: int, *, refused: Refused | None = None, **more: Any
) -> HttpResponse:
    host = queries.host(by=request.caller, host_id=host_id)
    facts = {
        "host": host,
        "keys": list(host.keys.all()),
        "keeps": may(request.caller, "fleet"),
        "refused": refusal(refused) if refused else "",
        **more,
    }
    return render(request, "web/host_keys.html", facts, status=422 if refused else 200)


@signed_in
@require_POST
def scan(request: PageRequest, host_id: int) -> HttpResponse:
    """Ask the host; what it shows is for a person to compare."""
    return _scanned(request, host_id)


def _scanned(request: PageRequest, host_id: int, refused: Refused | None = None) -> HttpResponse:
    try:
        offered = checks.scan_keys(by=request.caller, host_id=host_id)
    except Refused as error:
        if error.code != "host_unreachable":
            raise
        return _keys_page(request, host_id, trouble=error.facts["why"])
    host = queries.host(by=request.caller, host_id=host_id)
    trusted = {key.line.split()[0]: key for key in host.keys.all()}
    shown = [{"key": key, "former": trusted.get(key.kind)} for key in offered]
    changed = bool(trusted) and not any(key.accepted for key in offered)
    return _keys_page(request, host_id, refused=refused, offered=shown, changed=changed)


@signed_in
@require_POST
def accept(request: PageRequest, host_id: int) -> HttpResponse:
    """A first key by a click; one that is not the one we knew only by typing the host's name."""
    by, asked = request.caller, request.POST
    host = queries.host(by=by, host_id=host_id)
    known = {key.fingerprint for key in host.keys.all()}

    def act() -> str:
        line = asked.get("line", "")
        _, fingerprint = services.read_key(line)
        if known and fingerprint not in known and asked.get("confirm", "").strip() != host.name:
            raise Refused("name_not_typed", kind="invalid", name=host.name)
        instead_of = asked.get("instead_of", "") if asked.get("replace") else ""
        services.accept_key(by=by, host_id=host_id, line=line, instead_of=instead_of)
        return reverse("host", args=[host_id])

    try:
        return once(request, act)
    except Refused as error:
        if error.kind != "invalid":
            raise
        if asked.get("typed"):
            return _keys_page(request, host_id, refused=error, line=asked.get("line", ""))
        return _scanned(request, host_id, error)


@signed_in
@require_POST
def remove(request: PageRequest, host_id: int) -> HttpResponse:
    fingerprint = request.POST.get("fingerprint", "")
    services.remove_key(by=request.caller, host_id=host_id, fingerprint=fingerprint)
    return go_to(request, reverse("host-keys", args=[host_id]))
