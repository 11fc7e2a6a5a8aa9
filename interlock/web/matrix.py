"""From counted instances to the cells of the matrix: what runs there, what is under way, what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from interlock.catalog.queries import LockTally, ServiceRow, Tally
from interlock.lifecycle.instance import FAILED, WORKING

_FAILED, _WORKING = {status.value for status in FAILED.values()}, {s.value for s in WORKING.values()}


@dataclass
class Share:
    """Instances of a cell on one version."""

    version_id: int | None
    name: str
    number: int = 0
    newer: bool = False  # where a rollout leads, or the youngest where versions differ without one


@dataclass
class Cell:
    column_id: int | None
    shares: dict[int | None, Share] = field(default_factory=dict)
    total: int = 0
    failed: int = 0
    moving: int = 0
    maintenance: int = 0
    locks: list[LockTally] = field(default_factory=list)
    target: str = ""
    lagging: bool = False

    def take(self, tally: Tally) -> None:
        share = self.shares.setdefault(tally.version_id, Share(tally.version_id, tally.version_name))
        share.number += tally.number
        self.total += tally.number
        self.failed += tally.number * (tally.status in _FAILED)
        self.moving += tally.number * (tally.status in _WORKING)
        self.maintenance += tally.number * tally.maintenance
        if tally.next_version_id is not None:
            self.target = tally.next_version_name

    def settle(self, newest_id: int | None, target: tuple[int, str] | None) -> None:
        """``target``: the version that a release under way leads to."""
        aim = target[0] if target and self.locks else None
        if target and self.locks:
            self.target = target[1]
        known = [version_id for version_id in self.shares if version_id is not None]
        if aim is None and len(known) > 1:
            aim = max(known)
        for share in self.shares.values():
            share.newer = share.version_id is not None and share.version_id == aim
        self.lagging = bool(newest_id and known) and min(known) < (newest_id or 0)

    @property
    def ordered(self) -> list[Share]:
        return sorted(
            self.shares.values(), key=lambda share: (share.newer, share.version_id or 0), reverse=True
        )

    @property
    def split(self) -> bool:
        return len(self.shares) > 1 or bool(self.moving)

    @property
    def done(self) -> int:
        return sum(share.number for share in self.shares.values() if share.newer)

    @property
    def parts(self) -> list[tuple[str, int]]:
        failed = min(self.failed, self.total - self.done)
        moving = min(self.moving, self.total - self.done - failed)
        rest = self.total - self.done - failed - moving
        return [("good", self.done), ("live", moving), ("bad", failed), ("calm", rest)]

    @property
    def held(self) -> int:
        return sum(lock.number for lock in self.locks)


@dataclass(frozen=True)
class Line:
    service: ServiceRow
    cells: Sequence[Cell | None]


def lines(
    services: Sequence[ServiceRow],
    columns: Collection[int | None],
    tallies: Iterable[Tally],
    locks: Iterable[LockTally],
    targets: Mapping[int, tuple[int, str]],
) -> list[Line]:
    """A line a service, with a cell a column; None where the service is not."""
    cells: dict[tuple[int, int | None], Cell] = {}
    for tally in tallies:
        cells.setdefault((tally.service_id, tally.column_id), Cell(tally.column_id)).take(tally)
    for lock in locks:
        if found := cells.get((lock.service_id, lock.column_id)):
            found.locks.append(lock)
    newest = {service.id: service.newest_id for service in services}
    for (service_id, _), cell in cells.items():
        cell.settle(newest.get(service_id), targets.get(service_id))
    return [Line(service, [cells.get((service.id, column)) for column in columns]) for service in services]
