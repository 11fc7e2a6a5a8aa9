"""The answer to a repeated request: the first one's, and never two at work for one key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from interlock.accounts.caller import Caller
from interlock.accounts.services import Begun, Former, begin_request, finish_request, forget_request
from interlock.journal.transactions import writing
from interlock.lifecycle.refused import Refused
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db(databases="__all__")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def begun(actor: Caller, key: str = "k", digest: str = "d") -> Begun:
    found = begin_request(actor=actor, key=key, digest=digest)
    assert isinstance(found, Begun)
    return found


def test_the_answer_of_the_first_is_the_answer_of_the_second(cast: Cast) -> None:
    finish_request(begun(cast.ann), status_code=201, body={"id": 1})
    assert begin_request(actor=cast.ann, key="k", digest="d") == Former(201, {"id": 1})


def test_while_the_first_is_at_work_the_second_is_asked_to_wait(cast: Cast) -> None:
    begun(cast.ann)
    with pytest.raises(Refused, match="request_at_work"):
        begin_request(actor=cast.ann, key="k", digest="d")


def test_a_key_belongs_to_one_request_of_one_person(cast: Cast) -> None:
    finish_request(begun(cast.ann), status_code=200, body={})
    with pytest.raises(Refused, match="idempotency_key_reused"):
        begin_request(actor=cast.ann, key="k", digest="other")
    begun(cast.bob, digest="other")


def test_what_did_nothing_frees_its_key(cast: Cast) -> None:
    forget_request(begun(cast.ann))
    begun(cast.ann, digest="mended")


@pytest.mark.parametrize("key", ["", "x" * 129, "a\0b"])
def test_keys_have_a_form(cast: Cast, key: str) -> None:
    with pytest.raises(Refused, match="idempotency_key_unfit"):
        begin_request(actor=cast.ann, key=key, digest="d")


def test_a_request_whose_process_died_is_taken_over_and_cannot_finish(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        dead = begun(cast.ann)
    with time_machine.travel(NOW + timedelta(minutes=3), tick=False):
        heir = begun(cast.ann)
        with pytest.raises(Refused, match="request_at_work"):
            begin_request(actor=cast.ann, key="k", digest="d")
        # Were the first only slow, its work would have to be undone: it cannot keep its answer.
        with pytest.raises(Refused, match="request_at_work"), writing():
            finish_request(dead, status_code=201, body={"id": 1})
        forget_request(dead)
        finish_request(heir, status_code=201, body={"id": 2})
        assert begin_request(actor=cast.ann, key="k", digest="d") == Former(201, {"id": 2})


def test_answers_are_kept_for_a_day(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        finish_request(begun(cast.ann), status_code=201, body={})
    with time_machine.travel(NOW + timedelta(hours=23), tick=False):
        assert isinstance(begin_request(actor=cast.ann, key="k", digest="d"), Former)
    with time_machine.travel(NOW + timedelta(hours=25), tick=False):
        begun(cast.ann, digest="another")
