"""The outbox: whoever dies, overtakes or fails, each entry is carried out, and none is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection

from interlock.journal.actor import SYSTEM
from interlock.journal.models import Entry, Outgoing
from interlock.journal.services import (
    LONGEST_PAUSE,
    TAKEN_FOR,
    EntryView,
    NewEntry,
    append,
    deliver_due,
    register_consumer,
)
from interlock.journal.transactions import writing

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
LATER = TAKEN_FOR + timedelta(seconds=1)


class Died(BaseException):
    """Ends a consumer as the end of its process would: nothing of ours is done afterwards."""


@pytest.fixture
def carried_out() -> list[int]:
    """Of what subjects a consumer of ours was told, in order."""
    return []


@pytest.fixture
def consume(carried_out: list[int]) -> Callable[[Callable[[int], None]], None]:
    def register(work: Callable[[int], None]) -> None:
        def call(entry: EntryView) -> None:
            carried_out.append(entry.subject_id)
            work(entry.subject_id)

        register_consumer("tests.outbox", {"test.done"}, call)

    register(lambda subject: None)
    return register


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def note(*subjects: int) -> None:
    with writing():
        append(*(NewEntry(SYSTEM, "test", subject, "test.done") for subject in subjects))


class Elsewhere(threading.Thread):
    """Another process' round, on a connection of its own, which may be held before or after a statement."""

    def __init__(self, at: Callable[[str], None] = lambda moment: None) -> None:
        super().__init__()
        self.at = at
        self.done: int | None = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if "JOIN" in sql:
                self.at("taken, not yet read")
            result = execute(sql, params, many, context)
            if "JOIN" not in sql and sql.startswith("SELECT"):
                self.at("looked")
            return result

        try:
            with connection.execute_wrapper(watch):
                self.done = deliver_due()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def ended(self) -> int:
        self.join(20)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        assert self.done is not None
        return self.done


class Hold:
    """Stops whoever comes the first time, until let go."""

    def __init__(self) -> None:
        self.reached, self._go = threading.Event(), threading.Event()

    def here(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            assert self._go.wait(20)

    @contextmanager
    def held(self) -> Iterator[None]:
        try:
            assert self.reached.wait(20)
            yield
        finally:
            self._go.set()


def test_two_that_saw_the_same_row_carry_it_out_once(consume: Any, carried_out: list[int]) -> None:
    note(1)
    both_have_looked = threading.Barrier(2, timeout=20)
    seen = threading.local()

    def look(moment: str) -> None:
        if moment == "looked" and not hasattr(seen, "before"):
            seen.before = True
            both_have_looked.wait()

    pair = [Elsewhere(look), Elsewhere(look)]
    assert sorted(one.ended() for one in pair) == [0, 1]
    assert carried_out == [1]
    assert not Outgoing.objects.exists()


def test_a_row_that_somebody_is_at_work_on_is_left_alone(consume: Any, carried_out: list[int]) -> None:
    at_work = Hold()
    consume(lambda subject: at_work.here())
    note(1)
    other = Elsewhere()
    with at_work.held():
        assert deliver_due() == 0
    assert other.ended() == 1
    assert carried_out == [1]


def test_a_consumer_that_dies_before_its_mark_is_followed_by_another(
    consume: Any, carried_out: list[int], clock: time_machine.Traveller
) -> None:
    def die(subject: int) -> None:
        raise Died

    consume(die)
    note(1, 2)
    with pytest.raises(Died):
        deliver_due()
    consume(lambda subject: None)
    assert deliver_due() == 1  # the other one; the first is held for the dead
    assert carried_out == [1, 2]
    clock.shift(LATER)
    assert deliver_due() == 1
    assert carried_out == [1, 2, 1]
    assert not Outgoing.objects.exists()


def test_a_slow_round_holds_each_row_for_its_whole_time(
    consume: Any, carried_out: list[int], clock: time_machine.Traveller
) -> None:
    at_work = Hold()
    consume(lambda subject: clock.shift(LATER) and None if subject == 1 else at_work.here())
    note(1, 2)
    other = Elsewhere()
    with at_work.held():
        assert deliver_due() == 0
    assert other.ended() == 2
    assert carried_out == [1, 2]


@pytest.mark.parametrize("end", ["succeeds", "fails"])
def test_who_outlived_its_hold_does_not_disturb_who_took_over(
    end: str, consume: Any, carried_out: list[int], clock: time_machine.Traveller
) -> None:
    first, second = Hold(), Hold()

    def work(subject: int) -> None:
        if not first.reached.is_set():
            first.here()
            if end == "fails":
                raise ValueError("late")
        else:
            second.here()

    consume(work)
    note(1)
    late = Elsewhere()
    with first.held():
        clock.shift(LATER)
        successor = Elsewhere()
        assert second.reached.wait(20)
    late.ended()
    with second.held():
        assert deliver_due() == 0
        assert not Outgoing.objects.filter(due_at__lte=datetime.now(UTC) + timedelta(seconds=10)).exists()
    successor.ended()
    assert carried_out == [1, 1]
    assert not Outgoing.objects.exists()


def test_a_row_that_is_done_before_its_taker_reads_it(
    consume: Any, carried_out: list[int], clock: time_machine.Traveller
) -> None:
    note(1, 2)
    between = Hold()
    slow = Elsewhere(lambda moment: between.here() if moment == "taken, not yet read" else None)
    with between.held():
        clock.shift(LATER)
        assert deliver_due() == 2
    assert slow.ended() == 0
    assert sorted(carried_out) == [1, 2]


@pytest.mark.postgres
def test_an_entry_that_is_committed_late_is_not_skipped(consume: Any, carried_out: list[int]) -> None:
    """Its id is lower than one that was carried out before it could be seen."""
    written = Hold()

    def late() -> None:
        with writing():
            append(NewEntry(SYSTEM, "test", 1, "test.done"))
            written.here()
        connection.close()

    writer = threading.Thread(target=late)
    writer.start()
    with written.held():
        note(2)
        assert deliver_due() == 1
        assert carried_out == [2]
    writer.join(20)
    assert list(Entry.objects.order_by("id").values_list("subject_id", flat=True)) == [1, 2]
    assert deliver_due() == 1
    assert carried_out == [2, 1]


def test_a_row_that_always_fails_holds_up_nobody(
    consume: Any, carried_out: list[int], clock: time_machine.Traveller
) -> None:
    def work(subject: int) -> None:
        if subject <= 3:
            raise ValueError(f"never {subject}")

    consume(work)
    note(1, 2, 3, 4)
    assert [deliver_due(limit=2) for _ in range(2)] == [0, 1]
    assert carried_out == [1, 2, 3, 4]
    pauses = []
    for _ in range(12):
        row = Outgoing.objects.get(entry__subject_id=1)
        pauses.append(round((row.due_at - datetime.now(UTC)).total_seconds()))
        clock.move_to(row.due_at)
        deliver_due()
    assert pauses[:4] == [2, 4, 8, 16] and pauses[-1] == LONGEST_PAUSE
    assert row.error == "ValueError('never 1')"
    consume(lambda subject: None)
    clock.shift(timedelta(seconds=LONGEST_PAUSE))
    assert deliver_due() == 3
    assert not Outgoing.objects.exists()
