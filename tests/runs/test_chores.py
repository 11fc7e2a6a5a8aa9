"""Duties of other contexts, done by whoever reconciles."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from interlock.runs import reconciler
from interlock.runs.reconciler import Reconciler

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
SECONDS = 10  # until a test gives up


@pytest.fixture
def chores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(reconciler, "_chores", {})
    yield


def test_one_that_hangs_holds_up_nothing_and_is_not_begun_twice(chores: None) -> None:
    begun, go_on, times = threading.Event(), threading.Event(), []

    def hang() -> None:
        times.append(1)
        begun.set()
        go_on.wait(SECONDS)

    reconciler.register_chore("hangs", 0, hang)
    one = Reconciler()
    one.round()
    assert begun.wait(SECONDS)
    one.round()
    assert times == [1]
    go_on.set()
    assert one._at_chores is not None
    one._at_chores.join(SECONDS)
    one.round()
    one._at_chores.join(SECONDS)
    assert times == [1, 1]


def test_one_that_breaks_does_not_keep_the_others_from_theirs(chores: None) -> None:
    done = threading.Event()
    reconciler.register_chore("breaks", 0, lambda: 1 / 0)
    reconciler.register_chore("works", 0, done.set)
    one = Reconciler()
    one.round()
    assert done.wait(SECONDS)
    assert one._at_chores is not None
    one._at_chores.join(SECONDS)
