"""A shop seen through the API: people with tokens, hosts nobody reaches, a service with versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.services import create_project, create_token
from interlock.catalog.services import (
    InstanceMove,
    create_service,
    create_version,
    ensure_instances,
    move_instances,
    version_news,
)
from interlock.fleet.services import create_environment, create_host, set_grants
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.version import VersionStatus
from tests.cast import Cast, make_cast, person

Json = dict[str, Any]
TEMPLATE = """\
help: {en: Says a word, zh: 说一个词}
parameters:
  - {name: word, required: true, help: What to say}
stages:
  - {name: May I, kind: approval}
  - rollout:
      name: Say
      steps: [{name: say, kind: command, command: echo "$PARAM_WORD"}]
"""
WRITES = {"POST": 201, "PUT": 200, "PATCH": 200, "DELETE": 200}


class Desk:
    """The API as one caller sees it. What is not expected fails the test."""

    def __init__(self, token: str = "", **headers: str) -> None:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.token = token
        self.client = Client(headers=headers)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> HttpResponse:
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        answer: HttpResponse = self.client.generic(
            method, f"/api/v1{path}", query_params=query or None, headers=headers, **content
        )
        return answer

    def get(self, path: str, **query: Any) -> Any:
        return self._read(self.ask("GET", path, **query), 200)

    def post(self, path: str, body: Any = None, expect: int = 201, **headers: str) -> Any:
        return self._read(self.ask("POST", path, body if body is not None else {}, headers), expect)

    def put(self, path: str, body: Any) -> Any:
        return self._read(self.ask("PUT", path, body), 200)

    def patch(self, path: str, body: Any) -> Any:
        return self._read(self.ask("PATCH", path, body), 200)

    def delete(self, path: str) -> Any:
        return self._read(self.ask("DELETE", path), 200)

    def refused(
        self, method: str, path: str, body: Any = None, *, status: int, code: str, **query: Any
    ) -> Json:
        answer = self.ask(method, path, body, **query)
        told = problem(answer)
        assert (answer.status_code, told["code"]) == (status, code), answer.content[:1000]
        return told

    @staticmethod
    def _read(answer: HttpResponse, expect: int) -> Any:
        assert answer.status_code == expect, (answer.status_code, answer.content[:2000])
        return json.loads(answer.content)


def problem(answer: HttpResponse) -> Json:
    """The problem details of an answer, which have to be whole."""
    assert answer["Content-Type"] == "application/problem+json", (answer.status_code, answer.content[:500])
    told: Json = json.loads(answer.content)
    assert set(told) == {"type", "title", "status", "code", "detail", "facts", "errors"}
    assert told["status"] == answer.status_code
    assert told["detail"] not in ("", told["code"]), f"no sentence for {told['code']}"
    assert "?" not in told["detail"].removesuffix("?"), f"a fact is missing: {told}"
    return told


@dataclass
class Shop:
    cast: Cast
    ann: Desk
    bob: Desk
    cy: Desk
    dee: Desk
    root: Desk
    sam: Desk  # administers another project, and sees nothing of this one
    nobody: Desk
    project: int
    other_project: int
    environment: int
    hosts: list[int]
    service: int
    versions: dict[str, int] = field(default_factory=dict)

    def version(self, name: str, status: VersionStatus = VersionStatus.SUCCESS) -> int:
        row = create_version(by=SYSTEM_CALLER, service_id=self.service, ref="main")
        made: Json = {}
        if status is VersionStatus.SUCCESS:
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            made = {"name": name, "package": f"checkout/{row.id}/p.tar.gz", "digest": sha256, "size": 9}
        assert version_news(version_id=row.id, status=status, by=SYSTEM, **made)
        self.versions[name] = row.id
        return row.id

    def install(self, version: str, hosts: list[int] | None = None) -> list[int]:
        ids = list(ensure_instances(service_id=self.service, hosts=hosts or self.hosts, by=SYSTEM).values())
        for old, new in ((InstanceStatus.ABSENT, InstanceStatus.INSTALLING),
                         (InstanceStatus.INSTALLING, InstanceStatus.RUNNING)):  # fmt: skip
            moves = [InstanceMove(id, old, new, version_id=self.versions[version]) for id in ids]
            assert len(move_instances(moves, by=SYSTEM)) == len(ids)
        return sorted(ids)

    def command_run(self, desk: Desk | None = None, **more: Any) -> Json:
        """A run that waits for a worker: there is none in the tests."""
        made: Json = (desk or self.ann).post("/runs", command_run(self.project, **more))
        return made

    def waiting_run(self) -> Json:
        """A run that waits for Bob."""
        step = {"name": "ask", "kind": "approval", "params": {"not_requester": True}}
        body = {"project_id": self.project, "title": "Ask first", "stages": [[{"step": step}]]}
        made: Json = self.ann.post("/runs", body)
        return made

    def task(self, **more: Any) -> Json:
        """Of a template that says a word on all hosts, when Bob agrees."""
        body = {"project_id": self.project, "name": "Say", "text": TEMPLATE}
        template = self.dee.post("/templates", body)["id"]
        asked = {"project_id": self.project, "template_id": template, "name": "Say it", "hosts": "all"}
        made: Json = self.dee.post("/tasks", {**asked, **more})
        return made

    def channel(self, **more: Any) -> Json:
        """Of the project, with everything that happens to runs going to it. Nothing listens there."""
        body = {"project_id": self.project, "name": "ops", "kind": "wecom",
                "address": "http://127.0.0.1:1/cgi-bin/webhook/send?key=t0ken-in-the-query"}  # fmt: skip
        made: Json = self.dee.post("/channels", {**body, **more})
        events = ["run_started", "run_failed"]
        wanted = {"channel_id": made["id"], "project_id": self.project, "events": events}
        self.dee.post("/subscriptions", wanted)
        return made

    def schedule(self, **more: Any) -> Json:
        """Every night, of a task that says a word."""
        asked = {"name": "Nightly", "kind": "cron", "cron": "0 2 * * *", "values": {"word": "hi"}, **more}
        if "task_id" not in asked:
            asked["task_id"] = self.task()["id"]
        made: Json = self.dee.post("/schedules", asked)
        return made

    def release(self, **more: Any) -> Json:
        body = {"service": "checkout", "action": "upgrade", "version": "v2", **more}
        made: Json = self.ann.post("/releases", body)
        return made


def command_run(project_id: int, **more: Any) -> Json:
    step = {"name": "say", "kind": "command", "params": {"command": "echo hello"}}
    rollout = {"name": "say on all", "hosts": {"groups": None}, "steps": [step]}
    return {"project_id": project_id, "title": "Say hello", "stages": [[{"rollout": rollout}]], **more}


def desk(by: Caller) -> Desk:
    return Desk(create_token(by=by, name="test")[1])


def make_shop() -> Shop:
    cast = make_cast()
    other = create_project(by=SYSTEM_CALLER, name="other").id
    environment = create_environment(by=cast.root, name="qa").id
    set_grants(by=cast.root, environment_id=environment, project_ids=[cast.project_id])
    hosts = [
        # Port 1 of the loopback: nothing listens there, and the refusal comes at once.
        create_host(by=cast.root, name=f"web-{n}", address="127.0.0.1", port=1, environment_id=environment,
                    root=f"/srv/shop-{n}").id
        for n in (1, 2, 3)
    ]  # fmt: skip
    service = create_service(
        by=cast.dee, project_id=cast.project_id, name="checkout", language="python", build_source="git",
        build_url="https://git.example.com/shop/checkout.git", settings={"port": 8000},
    )  # fmt: skip
    names = ("ann", "bob", "cy", "dee", "root")
    desks = {name: desk(getattr(cast, name)) for name in names}
    sam = desk(person("sam", other, ["admin"]))
    return Shop(
        cast, **desks, sam=sam, nobody=Desk(), project=cast.project_id, other_project=other,
        environment=environment, hosts=hosts, service=service.id,
    )  # fmt: skip


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    shop = make_shop()
    shop.version("v1")
    shop.version("v2")
    yield shop
