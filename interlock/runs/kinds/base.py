"""What a step kind is, and the registry of kinds.

A kind is one object with a name. Other contexts register theirs in their ``apps.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

from interlock.lifecycle.fields import Fault, Field, Record
from interlock.lifecycle.refused import invalid
from interlock.lifecycle.run.plan import HostPlan, StepPlan
from interlock.lifecycle.run.states import StepStatus
from interlock.remote import Link

T = TypeVar("T")
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Outcome:
    """How one try ended. ``error`` is a code; ``result`` is kept with a solo step."""

    status: StepStatus
    exit_code: int | None = None
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


SUCCEEDED = Outcome(StepStatus.SUCCEEDED)


@dataclass(frozen=True)
class RunFacts:
    id: int
    title: str
    origin: str
    origin_id: int | None
    project_id: int
    lock_token: int
    parameters: Mapping[str, str]
    made_at: datetime = EPOCH

    def on_host(self, body: str) -> str:
        """The name of a body's directory on its host.

        Ids come again: from a restored database, or a second platform. With the moment at which the run
        was made they do not; a host would take the new body for the old one, and not run it.
        """
        return f"{body}-{(self.made_at - EPOCH) // timedelta(milliseconds=1):x}"


class Work(Protocol):
    """One try of one step, on one host or (``host`` is None) on the platform's side."""

    run: RunFacts
    step: StepPlan
    host: HostPlan | None
    try_number: int
    body_id: str
    secrets: Mapping[str, str]  # variable -> text
    adopted: bool  # an earlier worker may have done some of this try

    @property
    def call_key(self) -> str:
        """Names the step (on its host) for other systems; the same in every try."""

    async def link(self) -> Link:
        """The host's connection; for a solo step a shell on this machine."""

    async def run_body(
        self,
        script: bytes,
        *,
        interpreter: Literal["sh", "bash", "python3"] = "sh",
        env: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        cwd: str | None = None,
        fence_directory: str | None = None,
    ) -> Outcome:
        """Run the try's one body to its end: at most once, log kept, time limit and stop obeyed.

        After a worker's death another one calls the kind again for the same try; this then follows
        the body that is already there. Parameters and secrets of the run are in its environment.
        """

    async def say(self, text: str) -> None:
        """Add a line to the log of a step that runs no body."""

    async def in_database(self, call: Callable[[], T]) -> T:
        """Run ``call`` in the engine's database thread."""


class Kind(Protocol):
    """A kind of step. ``carry_out`` must be repeatable: it is called again when a worker died."""

    name: str

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        """Raise ``Refused`` for parameters that cannot work."""

    def carry_out(self, work: Work) -> Awaitable[Outcome]: ...


class Declared:
    """A kind whose parameters people write: in templates, and for runs of this once.

    ``fields`` say what each may be, ``rules`` what only all of them together can break.
    """

    name: str
    fields: Mapping[str, Field] = {}
    on_hosts = True  # whether it can be a rollout's step
    by_worker = True  # or by the engine itself, which asks people or waits for a time

    def faults(self, params: Mapping[str, Any], *, on_hosts: bool) -> list[Fault]:
        """All that is wrong, each with its path inside the parameters."""
        if on_hosts and not self.on_hosts:
            return [Fault((), "kind_not_on_hosts", {"step": self.name, "step_kind": self.name})]
        # What is mistaken in itself is no matter for the rules.
        return list(Record(self.fields).faults(params, ())) or list(self.rules(params))

    def rules(self, params: Mapping[str, Any]) -> Iterator[Fault]:
        return iter(())

    def lacks(self, params: Mapping[str, Any], project_id: int) -> Iterator[Fault]:
        """What the step needs and the project does not have; looked at before a run is made."""
        return iter(())

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        for fault in self.faults(params, on_hosts=on_hosts):
            raise fault.refused()


# Kinds that only compute: they get no work, no log and no secrets.
INSTANT: set[str] = set()
_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _kinds[kind.name] = kind


def find(name: str) -> Kind | None:
    """The kind, or None: a newer worker may know it."""
    return _kinds.get(name)


def names() -> list[str]:
    return sorted(_kinds)


def declared() -> dict[str, Declared]:
    """The kinds that may be written in templates; the others are filled by builds and releases."""
    return {name: kind for name, kind in sorted(_kinds.items()) if isinstance(kind, Declared)}


def check_step(step: StepPlan, project_id: int, *, on_hosts: bool) -> None:
    kind = find(step.kind)
    if kind is None:
        raise invalid("kind_not_known", step=step.name, step_kind=step.kind, known=", ".join(names()))
    kind.check(step.params, on_hosts=on_hosts)
    for fault in kind.lacks(step.params, project_id) if isinstance(kind, Declared) else ():
        raise fault.refused()
