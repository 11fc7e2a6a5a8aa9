"""Many rows of everything, written past the services: only what is read of them matters."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from interlock.accounts.models import Membership, Person, Project, Token
from interlock.catalog.models import Instance, Lock, Service, Version
from interlock.fleet.models import Credential, Environment, Grant, Host, HostGroup, HostKey
from interlock.journal.models import Entry
from interlock.notify.models import Channel, Message, Subscription
from interlock.releases.models import Release
from interlock.runs.models import (
    Approval,
    Lane,
    Run,
    Schedule,
    Step,
    Target,
    Task,
    Template,
    TemplateVersion,
    Tick,
)
from interlock.vault.models import Secret, SecretVersion

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TEMPLATE = "stages: [{name: ask, kind: approval}]"


class Crowd:
    """Adds ``count`` of each thing at every call; everything belongs to one project and service."""

    def __init__(self, project_id: int, service_id: int, environment_id: int, person_id: int) -> None:
        self.project_id, self.service_id = project_id, service_id
        self.environment_id, self.person_id = environment_id, person_id
        self.made = 0

    def add(self, count: int) -> None:
        names = [f"crowd-{number}" for number in range(self.made, self.made + count)]
        self.made += count
        self._people(names)
        self._places(names)
        self._catalog(names)
        self._runs(names)
        self._templates(names)
        self._channels(names)

    def _people(self, names: list[str]) -> None:
        people = Person.objects.bulk_create([Person(username=name) for name in names])
        project = self.project_id
        Membership.objects.bulk_create(
            [Membership(person=p, project_id=project, role="viewer") for p in people]
        )
        Project.objects.bulk_create([Project(name=name) for name in names])
        digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
        Token.objects.bulk_create(
            [
                Token(person_id=self.person_id, name=name, prefix="x", digest=digest)
                for name, digest in zip(names, digests, strict=True)
            ]
        )
        Entry.objects.bulk_create(
            [
                Entry(
                    at=NOW,
                    actor_kind="person",
                    actor_id="1",
                    actor_name=name,
                    project_id=project,
                    subject="service",
                    subject_id=self.service_id,
                    act="service.updated",
                )
                for name in names
            ]
        )

    def _places(self, names: list[str]) -> None:
        secrets = Secret.objects.bulk_create(
            [Secret(name=name, project_id=self.project_id, current=1) for name in names]
        )
        SecretVersion.objects.bulk_create(
            [SecretVersion(secret=secret, number=1, ciphertext=b"x", created_by="x") for secret in secrets]
        )
        credentials = Credential.objects.bulk_create(
            [Credential(name=s.name, kind="password", secret=s) for s in secrets]
        )
        environments = Environment.objects.bulk_create([Environment(name=name) for name in names])
        Grant.objects.bulk_create(
            [Grant(project_id=self.project_id, environment=environment) for environment in environments]
        )
        groups = HostGroup.objects.bulk_create([HostGroup(name=name) for name in names])
        self.hosts = Host.objects.bulk_create(
            [
                Host(
                    name=c.name,
                    address="127.0.0.1",
                    environment_id=self.environment_id,
                    credential=c,
                    root=f"/srv/{c.name}",
                )
                for c in credentials
            ]
        )
        HostKey.objects.bulk_create(
            [HostKey(host=h, line="ssh-ed25519 x", fingerprint=h.name, accepted_by="x") for h in self.hosts]
        )
        through = Host.groups.through
        through.objects.bulk_create(
            [through(host=host, hostgroup=group) for host, group in zip(self.hosts, groups, strict=True)]
        )

    def _catalog(self, names: list[str]) -> None:
        who = {"created_by_id": self.person_id, "updated_by_id": self.person_id}
        shape = {"project_id": self.project_id, "language": "go", "build_source": "upload", **who}
        services = Service.objects.bulk_create([Service(name=name, **shape) for name in names])
        self.versions = Version.objects.bulk_create(
            [
                Version(
                    service_id=self.service_id,
                    name=name,
                    status="success",
                    package="p",
                    digest="d",
                    created_by_id=self.person_id,
                )
                for name in names
            ]
        )
        instances = Instance.objects.bulk_create(
            [
                Instance(
                    service=service,
                    host=host,
                    version=version,
                    previous_version=version,
                    status="running",
                    **who,
                )
                for service, host, version in zip(services, self.hosts, self.versions, strict=True)
            ]
        )
        run = self._run_of("holder")
        Lock.objects.bulk_create(
            [
                Lock(
                    service_id=i.service_id,
                    instance=i,
                    run=run,
                    token=1,
                    holder="ann",
                    reason="x",
                    taken_at=NOW,
                )
                for i in instances
            ]
        )

    def _run_of(self, title: str) -> Run:
        plan = {"schema": 1, "locks_at": -1, "stages": []}
        facts = {"project_id": self.project_id, "origin": "adhoc", "plan": plan, "created_at": NOW}
        return (
            Run(title=title, plan_hash="x", **facts)
            if title != "holder"
            else Run.objects.create(title=title, plan_hash="x", **facts)
        )

    def _runs(self, names: list[str]) -> None:
        runs = Run.objects.bulk_create([self._run_of(name) for name in names])
        Release.objects.bulk_create(
            [
                Release(
                    project_id=self.project_id,
                    service_id=self.service_id,
                    action="upgrade",
                    version=version,
                    run=run,
                    request={},
                    intent={"hosts": []},
                    created_by_id=self.person_id,
                )
                for run, version in zip(runs, self.versions, strict=True)
            ]
        )
        asked = Step.objects.bulk_create(
            [Step(run=run, key="0.0", stage=0, kind="approval", name="ask", status="waiting") for run in runs]
        )
        Approval.objects.bulk_create(
            [Approval(run_id=s.run_id, step=s, round=1, plan_hash="x", opened_at=NOW) for s in asked]
        )

    def _channels(self, names: list[str]) -> None:
        secret = Secret.objects.latest("id")
        facts = {"project_id": self.project_id, "created_at": NOW}
        channels = Channel.objects.bulk_create(
            [Channel(name=name, kind="slack", place="x", secret=secret, **facts) for name in names]
        )
        Subscription.objects.bulk_create(
            [
                Subscription(channel=c, service_id=self.service_id, events=["run_failed"], **facts)
                for c in channels
            ]
        )
        facts |= {"key": "x", "event": "test", "due_at": NOW}
        Message.objects.bulk_create([Message(channel=c, title=c.name, **facts) for c in channels])

    def _templates(self, names: list[str]) -> None:
        facts = {"project_id": self.project_id, "created_at": NOW}
        templates = Template.objects.bulk_create(
            [Template(name=name, current=len(names), **facts) for name in names]
        )
        versions = [(templates[-1], number) for number in range(1, len(names) + 1)]
        versions += [(template, len(names)) for template in templates[:-1]]
        TemplateVersion.objects.bulk_create(
            [
                TemplateVersion(template=template, number=number, text=TEMPLATE, created_at=NOW)
                for template, number in dict.fromkeys(versions)
            ]
        )
        tasks = Task.objects.bulk_create(
            [Task(name=t.name, template=templates[-1], updated_at=NOW, **facts) for t in templates]
        )
        self._schedules(tasks[-1], names)

    def _schedules(self, task: Task, names: list[str]) -> None:
        """All of one task, and all their ticks of the last of them."""
        facts = {"project_id": self.project_id, "task": task, "kind": "cron", "cron": "0 9 * * *"}
        policies = {"zone": "UTC", "misfire": "skip", "grace": 300, "overlap": "skip"}
        times = {"created_at": NOW, "updated_at": NOW}
        schedules = Schedule.objects.bulk_create(
            [Schedule(name=name, **facts, **policies, **times) for name in names]
        )
        runs = Run.objects.order_by("-id")[: len(names)]
        Tick.objects.bulk_create(
            [
                Tick(
                    schedule=schedules[-1],
                    at=NOW + timedelta(minutes=n),
                    status="started",
                    run=run,
                    decided_at=NOW,
                )
                for n, run in enumerate(runs)
            ]
        )

    def add_lanes(self, run_id: int, step_id: int, inner_id: int) -> None:
        """A lane with a target for each host of the last ``add``."""
        lanes = Lane.objects.bulk_create(
            [
                Lane(run_id=run_id, step_id=step_id, host=host, host_name=host.name, batch=0)
                for host in self.hosts
            ]
        )
        Target.objects.bulk_create(
            [
                Target(lane=lane, step_id=inner_id, status="succeeded", try_number=1, started_at=NOW)
                for lane in lanes
            ]
        )
