"""How the context that made a run takes part in the engine's transactions.

Each call is made inside the transaction that changes the run, so what a participant writes is true
exactly when the run's change is. No I/O in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlock.lifecycle.run.plan import Plan
from interlock.lifecycle.run.states import LaneStatus, RunStatus

if TYPE_CHECKING:
    from interlock.runs.models import Run


@dataclass(frozen=True)
class LaneChange:
    """A lane that began or ended. ``touched``: a mutating step was started on the host.

    ``put_back``: it failed and was brought back to what it had before. ``still``: everything the run
    started there has been read back as ended.
    """

    host_id: int
    host_name: str
    status: LaneStatus
    touched: bool
    put_back: bool
    still: bool
    error: str


@dataclass(frozen=True)
class NewPlan:
    """The plan as it must be now, when it is not the one the run was made with."""

    plan: Plan
    plan_hash: str


@dataclass(frozen=True)
class Locks:
    token: int


@dataclass(frozen=True)
class About:
    """What a run is about, for whoever tells of it: the service, and the path of the page to look at."""

    page: str
    service_id: int | None = None


class Participant:
    """Does nothing; override what the run's maker needs."""

    def about(self, run: Run) -> About:
        return About(page=f"/runs/{run.id}")

    def started(self, run: Run) -> None:
        """The run was started (its approvals may still be ahead)."""

    def take_locks(self, run: Run) -> Locks | NewPlan:
        """Take what the run needs, all or nothing; raise ``Refused`` to make it wait for a person."""
        return Locks(token=0)

    def lanes_changed(self, run: Run, changes: list[LaneChange]) -> None:
        """Lanes began (``running``) or ended. A retried lane begins again."""

    def ended(self, run: Run, status: RunStatus) -> None:
        """The run is terminal: free what was taken, settle what never began."""


_participants: dict[str, Participant] = {}


def register(origin: str, participant: Participant) -> None:
    _participants[origin] = participant


def participant_of(origin: str) -> Participant:
    return _participants.get(origin, _NOBODY)


_NOBODY = Participant()
