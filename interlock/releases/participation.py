"""How instances and locks follow a release's run, inside the engine's transactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from interlock.accounts.caller import SYSTEM_CALLER
from interlock.catalog import queries as catalog
from interlock.catalog import services
from interlock.catalog.queries import InstanceRow
from interlock.catalog.services import KEEP, InstanceMove
from interlock.journal.actor import Actor
from interlock.lifecycle.instance import DONE, FAILED, SETTLED, WORKING, Action, InstanceStatus
from interlock.lifecycle.run.states import LaneStatus, RunStatus
from interlock.releases.intent import differences, intend
from interlock.releases.models import Release
from interlock.releases.plan import plan_of, title_of
from interlock.releases.request import read_request
from interlock.runs.participants import About, LaneChange, Locks, NewPlan, Participant
from interlock.runs.queries import RunRow as Run
from interlock.runs.queries import hosts_in_doubt


class ReleaseParticipant(Participant):
    def about(self, run: Run) -> About:
        release = Release.objects.only("service_id").get(run_id=run.id)
        return About(page=f"/releases/{release.pk}", service_id=release.service_id)

    def take_locks(self, run: Run) -> Locks | NewPlan:
        """Intent again, now that nothing can change under it; the same as approved, or back."""
        release = Release.objects.select_for_update().get(run_id=run.id)
        intended = intend(by=SYSTEM_CALLER, request=read_request(release.request), run_id=run.id)
        release.obstacles = intended.obstacles
        if intended.plan_hash != run.plan_hash:
            release.changes = differences(release.intent, intended.intent)
            release.intent, release.plan_hash = intended.intent, intended.plan_hash
            release.round += 1
            release.save(update_fields=["obstacles", "changes", "intent", "plan_hash", "round"])
            return NewPlan(plan_of(intended.intent), intended.plan_hash)
        by = _requester(run)
        made = services.ensure_instances(
            service_id=release.service_id,
            hosts=[host["id"] for host in intended.intent["hosts"]],
            by=by,
            **_given(release.request),
        )
        rows = catalog.instances(by=SYSTEM_CALLER, instance_ids=list(made.values()), absent=True, limit=None)
        release.former = {str(row.host_id): row.status for row in rows}
        release.save(update_fields=["obstacles", "former"])
        token = services.take_locks(
            service_id=release.service_id,
            run_id=run.id,
            instance_ids=list(made.values()),
            holder=by.name,
            reason=title_of(intended.intent),
            by=by,
        )
        return Locks(token)

    def lanes_changed(self, run: Run, changes: list[LaneChange]) -> None:
        # Not its intent: this is asked at every flush, and the intent is as long as the list of hosts.
        release = Release.objects.defer("intent", "request", "obstacles", "changes").get(run_id=run.id)
        by_host = {change.host_id: change for change in changes}
        rows = catalog.instances(
            by=SYSTEM_CALLER, service_id=release.service_id, host_ids=list(by_host), absent=True, limit=None
        )
        done = [row for row in rows if by_host[row.host_id].status is LaneStatus.SUCCEEDED]
        self._take_up_again(release, done, run)
        settled = {row.id for row in done}
        rows = [
            replace(row, status=WORKING[Action(release.action)]) if row.id in settled else row for row in rows
        ]
        moves = [move for row in rows for move in _moves(release, row, by_host[row.host_id])]
        services.move_instances(moves, _requester(run))

    def _take_up_again(self, release: Release, rows: list[InstanceRow], run: Run) -> None:
        """Instances that had failed and succeed after all (a person resolved it): at work in between."""
        action = Action(release.action)
        again = [
            InstanceMove(
                row.id, InstanceStatus(row.status), WORKING[action], next_version_id=release.version_id
            )
            for row in rows
            if InstanceStatus(row.status) is FAILED[action]
        ]
        services.move_instances(again, _requester(run))

    def ended(self, run: Run, status: RunStatus) -> None:
        """Free the locks of hosts that are proven still; the others stay, unproven."""
        doubted = hosts_in_doubt(run.id)
        held = catalog.locks(by=SYSTEM_CALLER, run_id=run.id)
        still = {lock.instance_id for lock in held if lock.host_id not in doubted and lock.instance_id}
        services.release_locks(run_id=run.id, still_instance_ids=still, by=_requester(run))


def _given(request: Mapping[str, Any]) -> dict[str, Any]:
    names = ("port", "tag", "weight")
    return {name: request[name] for name in names if request.get(name) is not None}


def _requester(run: Run) -> Actor:
    return Actor(**run.requested_by)


def _moves(release: Release, row: InstanceRow, change: LaneChange) -> list[InstanceMove]:
    """How the instance follows its lane; nothing when it has followed already."""
    action, old = Action(release.action), InstanceStatus(row.status)
    new, versions = _target(release, row, change, action)
    if new is None or new is old:
        return []
    return [InstanceMove(row.id, old, new, reason=change.error, **versions)]


def _target(
    release: Release, row: InstanceRow, change: LaneChange, action: Action
) -> tuple[InstanceStatus | None, dict[str, int | None]]:
    old = InstanceStatus(row.status)
    working, settled = WORKING[action], {"next_version_id": None}
    match change.status:
        case LaneStatus.RUNNING:
            # A lane that is through its gate or goes on after a retry is at work already.
            return (working if old in SETTLED else None), {"next_version_id": release.version_id}
        case LaneStatus.SUCCEEDED:
            keep = row.version_id if row.version_id != release.version_id else KEEP
            return DONE[action], {"version_id": release.version_id, "previous_version_id": keep, **settled}
        case LaneStatus.FAILED | LaneStatus.UNKNOWN:
            return FAILED[action], {**settled}
        case LaneStatus.CANCELED | LaneStatus.SKIPPED:
            if old is not working:
                return None, {}
            if change.touched:
                return FAILED[action], {**settled}
            return InstanceStatus(release.former.get(str(row.host_id), InstanceStatus.ABSENT)), {**settled}
    return None, {}
