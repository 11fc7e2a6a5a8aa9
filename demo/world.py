"""The demo world: the platform, six hosts, four people, and the service hello; made over the API only."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from demo.api import Api, Json, Unexpected, until
from demo.hosts import DemoHost
from demo.platform import ADMIN, PASSWORD, Platform
from demo.repository import EDITIONS
from demo.truth import Answer, ask_all

SERVICE = "hello"
PEOPLE = {"ann": "operator", "bob": "approver", "cy": "viewer", "dee": "admin"}
# Of the service. The health check of a bad version has to give up soon, and a slow machine must not fail it.
SETTINGS = {"health_timeout": 6, "stop_timeout": 20, "keep_versions": 6, "version_rule": "tag"}


@dataclass
class Kept:
    """What is found again at the next start."""

    address: str
    hosts_port: int
    hello_port: int
    tokens: dict[str, str]
    project: int
    environment: int
    service: int
    hosts: dict[str, int]
    versions: dict[str, int] = field(default_factory=dict)


class World:
    """Everything the story and the demo speak of."""

    def __init__(self, hosts: list[DemoHost], platform: Platform, kept: Kept) -> None:
        self.hosts = hosts
        self.platform = platform
        self.kept = kept
        people = {name: Api(kept.address, token) for name, token in kept.tokens.items()}
        self.admin = people[ADMIN]
        self.ann, self.bob, self.cy, self.dee = (people[name] for name in PEOPLE)
        self.run: int | None = None  # the one last looked at, for the report of a failure

    def close(self) -> None:
        for person in (self.admin, self.ann, self.bob, self.cy, self.dee):
            person.close()

    @property
    def versions(self) -> dict[str, int]:
        return self.kept.versions

    @property
    def service(self) -> int:
        return self.kept.service

    @property
    def names(self) -> list[str]:
        return [host.name for host in self.hosts]

    def host(self, name: str) -> DemoHost:
        return next(host for host in self.hosts if host.name == name)

    def tree(self, name: str) -> Path:
        """Where hello lies on a host."""
        return Path(self.host(name).root) / SERVICE

    def acts_log(self, name: str) -> Path:
        return self.tree(name) / "shared" / "acts.log"

    def answers(self) -> dict[str, Answer | None]:
        """What every host really runs."""
        said = ask_all(self.hosts, self.kept.hello_port)
        return dict(zip(self.names, said, strict=True))

    def instances(self) -> dict[str, Json]:
        """What the platform says of every host."""
        return {row["host"]: row for row in self.ann.items("/instances", service_id=self.service)}


def make_world(
    platform: Platform, hosts: list[DemoHost], client_key: str, hello_port: int, repository: str
) -> World:
    """Register everything, as the people of a team would do it."""
    address = platform.address
    admin = Api(address, sign_in(address, ADMIN))
    project = admin.post("/projects", {"name": "greetings", "description": "The demo's own project"})["id"]
    for name, role in PEOPLE.items():
        account = {"username": name, "name": name.capitalize(), "email": f"{name}@example.org"}
        person = admin.post("/people", {**account, "password": PASSWORD, "is_admin": False})["id"]
        admin.put(f"/projects/{project}/roles/{person}", {"roles": [role]})
    environment = admin.post(
        "/environments", {"name": "staging", "position": 1, "description": "Where hello is tried"}
    )["id"]
    admin.put(f"/environments/{environment}/grants", {"project_ids": [project]})
    ids = register_hosts(admin, hosts, environment, client_key)
    with ThreadPoolExecutor(len(PEOPLE)) as doors:  # passwords are slow to check, on purpose
        tokens = dict(zip(PEOPLE, doors.map(partial(sign_in, address), PEOPLE), strict=True))
    dee = Api(address, tokens["dee"])
    service = dee.post("/services", _hello(project, hello_port, repository))["id"]
    tokens[ADMIN] = admin.token
    for door in (admin, dee):
        door.close()
    ports = hosts[0].port - hosts[0].shift, hello_port
    return World(hosts, platform, Kept(address, *ports, tokens, project, environment, service, ids))


def register_hosts(admin: Api, hosts: list[DemoHost], environment: int, client_key: str) -> dict[str, int]:
    credential = admin.post("/credentials", {"name": "demo-key", "kind": "private_key", "value": client_key})
    ids = {}
    for host in hosts:
        made = admin.post(
            "/hosts",
            {
                "name": host.name,
                "address": host.address,
                "port": host.port,
                "user": host.user,
                "environment_id": environment,
                "credential_id": credential["id"],
                "root": str(host.root),
                "state_dir": str(host.state_dir),
                "labels": {"demo": "yes"},
                "description": "A demo host on this machine",
                "host_keys": [host.host_key],
            },
        )
        ids[host.name] = made["id"]
    admin.post("/hosts/check", {"host_ids": list(ids.values())})
    return ids


def _hello(project: int, port: int, repository: str) -> Json:
    return {
        "project_id": project,
        "name": SERVICE,
        "language": "python",
        "build_source": "git",
        "build_url": repository,
        "description": "Says hello, and which version of it does",
        "settings": {**SETTINGS, "port": port},
    }


def sign_in(address: str, username: str) -> str:
    """An API token of one's own, made in a session as the pages do it."""
    session = Api(address)
    session.post("/session", {"username": username, "password": PASSWORD})
    session.client.headers["X-CSRFToken"] = session.client.cookies.get("csrftoken") or ""
    token: str = session.post("/tokens", {"name": "demo"})["token"]
    session.close()
    return token


def build(world: World, tags: list[str]) -> None:
    """Build versions of hello side by side."""
    builds = {
        tag: world.ann.post(f"/services/{world.service}/builds", {"ref": tag})["version_id"] for tag in tags
    }
    for tag, version in builds.items():
        until(f"the build of {tag} ends", partial(_built, world, version), 60)
        world.versions[tag] = version


def _built(world: World, version: int) -> bool:
    found = world.ann.get(f"/versions/{version}")
    if found["status"] in ("failed", "timeout", "canceled", "duplicate"):
        world.run = found.get("run_id")
        raise Unexpected(f"the build of {found['ref']} ended {found['status']}: {found['reason']}")
    return bool(found["status"] == "success")


def all_tags() -> list[str]:
    return [edition.tag for edition in EDITIONS]


def keep(world: World, file: Path) -> None:
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(world.kept), indent=2))
    draft.rename(file)


def read_kept(file: Path) -> Kept | None:
    if not file.exists():
        return None
    values: dict[str, Any] = json.loads(file.read_text())
    return Kept(**values)
