"""The step kind ``http``, against a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.kinds.http import Http
from tests.farside import FarSide, far_side
from tests.runs.attempts import Attempts

kept = pytest.mark.django_db(databases="__all__", transaction=True)
KEY = "interlock-s12-0"


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as side:
        yield side


def attempts() -> Attempts:
    return Attempts(
        Http(),
        parameters={"PARAM_SERVICE": "a/b &c", "WORD": "hi"},
        secrets={"PARAM_TOKEN": "s3cr3t-token"},
    )


@kept
def test_parameters_are_put_in_where_they_can_do_no_harm(side: FarSide) -> None:
    side.answer({"said": "s3cr3t-token is yours"})
    tries = attempts()
    outcome = tries.make(
        method="POST",
        url=f"{side.url}/of/{{service}}?w={{service}}",
        headers={"Authorization": "Bearer {token}"},
        json={"{literal}": "{WORD}", "deep": [{"token": "{token}"}, 7, "{{WORD}}"]},
    )
    assert (outcome.status, outcome.result) == (StepStatus.SUCCEEDED, {"status": 200})
    (asked,) = side.asked
    assert asked.path == "/of/a%2Fb%20%26c?w=a%2Fb%20%26c"
    assert asked.json == {"{literal}": "hi", "deep": [{"token": "s3cr3t-token"}, 7, "{WORD}"]}
    assert (asked.headers["authorization"], asked.headers["idempotency-key"]) == ("Bearer s3cr3t-token", KEY)
    log = tries.log()
    assert "200 OK" in log and "************ is yours" in log and "s3cr3t" not in log


@kept
def test_every_try_is_the_same_call(side: FarSide) -> None:
    tries = attempts()
    tries.make(method="POST", url=side.url)
    tries.make(2, method="POST", url=side.url)
    assert [asked.headers["idempotency-key"] for asked in side.asked] == [KEY, KEY]


@kept
@pytest.mark.parametrize("answer", ["close", 500])
def test_an_answer_that_is_none(side: FarSide, answer: str | int) -> None:
    side.answer(answer)
    told = {method: attempts().make(method=method, url=side.url) for method in ("GET", "POST")}
    lost = answer == "close"
    # Nobody knows what became of the POST; a GET is simply tried again.
    assert told["POST"].status is (StepStatus.UNKNOWN if lost else StepStatus.FAILED)
    assert told["GET"].status is StepStatus.FAILED
    assert {one.error for one in told.values()} == {"http_answer_lost" if lost else "http_status"}


@kept
def test_a_hanging_far_side_is_given_up_in_the_steps_time(side: FarSide) -> None:
    side.answer("hang")
    assert attempts().make(url=side.url, timeout=1).status is StepStatus.TIMED_OUT


@kept
def test_after_a_dead_worker_only_what_may_be_repeated_is(side: FarSide) -> None:
    assert attempts().make(adopted=True, method="PUT", url=side.url).status is StepStatus.SUCCEEDED
    lost = attempts().make(adopted=True, method="POST", url=side.url)
    assert (lost.status, lost.error) == (StepStatus.UNKNOWN, "http_answer_lost")
    assert [asked.method for asked in side.asked] == ["PUT"]


@kept
def test_what_was_expected(side: FarSide) -> None:
    side.answer(409)
    assert attempts().make(method="DELETE", url=side.url, expect=[204, 409]).status is StepStatus.SUCCEEDED
    assert attempts().make(method="DELETE", url=side.url).error == "http_status"


@kept
def test_redirects_are_followed_on_the_same_host_only(side: FarSide) -> None:
    with far_side() as elsewhere:
        side.answer((302, {"Location": "/there"}, b""), (302, {"Location": elsewhere.url}, b""))
        assert attempts().make(url=side.url, expect=[302]).status is StepStatus.SUCCEEDED
        assert [asked.path for asked in side.asked] == ["/", "/there"]
        side.answer((302, {"Location": "/again"}, b""))
        assert attempts().make(url=side.url).error == "http_answer_lost"
        side.asked.clear()
        assert attempts().make(method="POST", url=side.url).error == "http_status"
        assert (len(side.asked), elsewhere.asked) == (1, [])


@kept
def test_an_answer_without_end_is_cut(side: FarSide) -> None:
    side.answer((200, {}, b"x" * (1024 * 1024 + 1)))
    tries = attempts()
    assert tries.make(url=side.url).status is StepStatus.SUCCEEDED
    log = tries.log()
    assert "more than 1048576 bytes" in log and log.count("x") == 64 * 1024


@kept
def test_what_cannot_be_sent_is_not() -> None:
    tries = Attempts(Http(), parameters={"WORD": "a\r\nHost: evil"})
    unfit = tries.make(url="http://127.0.0.1:1/", headers={"X-Word": "{WORD}"})
    gone = tries.make(2, method="POST", url="http://127.0.0.1:1/")
    nameless = tries.make(3, url="http://127.0.0.1:1/{gone}")
    assert {(one.status, one.error) for one in (unfit, gone, nameless)} == {
        (StepStatus.FAILED, "http_not_sent")
    }


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"url": "ftp://x"}, "url_unfit"),
        ({"url": "https://me:word@x/"}, "url_unfit"),
        ({"url": "http://"}, "url_unfit"),
        ({"url": "http://x", "headers": {"Host": "y"}}, "header_name_unfit"),
        ({"url": "http://x", "headers": {"a b": "y"}}, "header_name_unfit"),
        ({"url": "http://x", "json": {}}, "http_body_unfit"),
        ({"url": "http://x", "method": "POST", "json": {}, "body": "b"}, "http_body_unfit"),
        ({"url": "http://x", "method": "POST", "json": {1, 2}}, "param_not_json"),
        ({"url": "http://x", "expect": []}, "param_not_a_list"),
    ],
)
def test_what_is_refused(params: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        Http().check(params, on_hosts=False)
    assert refused.value.code == code
    assert "word" not in str(refused.value.facts)
