"""News of a build: late, repeated, out of order, clashing."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.catalog import queries
from interlock.catalog.models import Service, Version
from interlock.catalog.services import create_version, version_news
from interlock.journal.actor import SYSTEM
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.version import MOVES, VersionStatus
from tests.catalog.conftest import DIGEST, Shop

S = VersionStatus
WHOLE: dict[str, Any] = {
    "name": "20260101000000-main-0123abcd",
    "commit": "0123abcd" * 5,
    "package": "checkout/1/checkout-x.tar.gz",
    "digest": DIGEST,
    "size": 7,
}


def news(version: Version, status: VersionStatus, **facts: Any) -> bool:
    return version_news(version_id=version.pk, status=status, by=SYSTEM, **facts)


def asked(shop: Shop, ref: str = "main") -> Version:
    return create_version(by=shop.operator, service_id=shop.service.pk, ref=ref)


def test_a_version_is_asked_for_built_and_then_final(shop: Shop) -> None:
    version = asked(shop)
    assert version.status == S.PENDING
    assert news(version, S.BUILDING)
    assert news(version, S.SUCCESS, **WHOLE)
    row = queries.version(by=shop.viewer, version_id=version.pk)
    assert (row.status, row.name, row.commit, row.package, row.digest, row.size) == (
        "success",
        *(WHOLE[name] for name in ("name", "commit", "package", "digest", "size")),
    )
    assert row.ended_at is not None
    for status in S:
        assert not news(version, status, **{**WHOLE, "name": "other", "digest": "e" * 64}, reason="late")
    assert queries.version(by=shop.viewer, version_id=version.pk) == row
    acts = Entry.objects.filter(subject="version", subject_id=version.pk).order_by("id")
    assert [entry.act for entry in acts] == ["version.requested", "version.started", "version.succeeded"]


@pytest.mark.parametrize("first", [S.FAILED, S.TIMEOUT, S.CANCELED])
def test_late_success_is_taken(shop: Shop, first: VersionStatus) -> None:
    version = asked(shop)
    news(version, first, reason="build_script_failed:3")
    row = queries.version(by=shop.viewer, version_id=version.pk)
    assert (row.reason, row.reason_facts, row.name) == ("build_script_failed", {"detail": "3"}, "")
    assert news(version, S.SUCCESS, **WHOLE)
    row = queries.version(by=shop.viewer, version_id=version.pk)
    assert (row.status, row.reason, row.name) == ("success", "", WHOLE["name"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(list(S)), st.sampled_from(["1.0", "1.1", ""])),
        max_size=14,
    )
)
def test_whatever_comes_in_whatever_order(shop: Shop, events: list[tuple[int, VersionStatus, str]]) -> None:
    """Against a model that knows only the table of moves and who has which name."""
    service = shop.another_service(f"s{Service.objects.count()}")
    before = Entry.objects.count() + 3
    rows = [create_version(by=shop.admin, service_id=service.pk, ref="main") for _ in range(3)]
    expected: dict[int, tuple[VersionStatus, str]] = {row.pk: (S.PENDING, "") for row in rows}
    moves = 0
    for number, status, name in events:
        row = rows[number]
        old = expected[row.pk][0]
        taken = status is S.SUCCESS and (not name or name in {held for _, held in expected.values()})
        new = S.FAILED if taken and (not name or S.SUCCESS in MOVES[old]) else status
        moved = new in MOVES[old]
        if moved:
            expected[row.pk] = (new, name if new is S.SUCCESS else "")
            moves += 1
        assert news(row, status, **{**WHOLE, "name": name}) is moved
    stored = {row.pk: (S(row.status), row.name) for row in Version.objects.filter(service=service)}
    assert stored == expected
    assert Entry.objects.count() - before == moves
    for pk, (status, _) in stored.items():
        assert (Version.objects.get(pk=pk).ended_at is not None) == (status not in (S.PENDING, S.BUILDING))


def test_of_two_builds_with_one_name_the_second_fails_and_says_why(shop: Shop) -> None:
    first, second = asked(shop), asked(shop)
    assert news(first, S.SUCCESS, **WHOLE)
    assert news(second, S.SUCCESS, **WHOLE)
    row = queries.version(by=shop.viewer, version_id=second.pk)
    assert (row.status, row.name, row.package) == ("failed", "", "")
    assert (row.reason, row.reason_facts) == ("version_name_taken", {"detail": WHOLE["name"]})
    # Told again under a name that is free, it becomes what it is.
    assert not news(second, S.SUCCESS, **WHOLE)
    assert news(second, S.SUCCESS, **{**WHOLE, "name": "1.2"})


def test_another_service_may_use_the_name(shop: Shop) -> None:
    other = create_version(by=shop.admin, service_id=shop.another_service("cart").pk, ref="main")
    assert news(asked(shop), S.SUCCESS, **WHOLE)
    assert news(other, S.SUCCESS, **WHOLE)
    other.refresh_from_db()
    assert other.status == S.SUCCESS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": ""}, "version_name_missing"),
        ({"name": "../1"}, "version_name_unfit"),
        ({"name": "a/b"}, "version_name_unfit"),
        ({"name": "a..b"}, "version_name_unfit"),
        ({"name": ".x"}, "version_name_unfit"),
        ({"name": "-rf"}, "version_name_unfit"),
        ({"name": "1.0\n"}, "version_name_unfit"),
        ({"name": "版本"}, "version_name_unfit"),
        ({"name": "x" * 129}, "version_name_unfit"),
        ({"commit": "HEAD"}, "commit_unfit"),
        ({"commit": "a" * 65}, "commit_unfit"),
        ({"package": ""}, "package_missing"),
        ({"package": "x" * 256}, "package_missing"),
        ({"digest": ""}, "package_missing"),
        ({"digest": "D" * 64}, "package_missing"),
        ({"digest": "d" * 63}, "package_missing"),
    ],
)
def test_a_success_that_is_not_whole_is_a_failure(shop: Shop, change: dict[str, Any], reason: str) -> None:
    version = asked(shop)
    assert news(version, S.SUCCESS, **{**WHOLE, **change})
    row = queries.version(by=shop.viewer, version_id=version.pk)
    assert (row.status, row.reason, row.name, row.digest) == ("failed", reason, "", "")


def test_news_of_nothing_is_refused(shop: Shop) -> None:
    with pytest.raises(Refused) as refused:
        version_news(version_id=0, status=S.BUILDING, by=SYSTEM)
    assert refused.value.code == "version_not_known"


UNFIT_REFS = ["-x", "--upload-pack=x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@"]
UNFIT_REFS += ["a@{1}", "/a", "a/", "a//b", "a.lock", "a.lock/b", ".a", "a/.b", "a.", "a\n", "a\0", "x" * 201]


@pytest.mark.parametrize("ref", [*UNFIT_REFS, "版" * 80])
def test_refs_that_git_would_misread_are_refused(shop: Shop, ref: str) -> None:
    with pytest.raises(Refused) as refused:
        asked(shop, ref)
    assert refused.value.code == "ref_unfit"
    assert not Version.objects.exists()


@pytest.mark.parametrize(
    "ref", ["main", "feature/x-1_2", "v1.0+b", "refs/tags/v1", "发布", "a@b", "0123abcd" * 5]
)
def test_refs_of_git_are_taken(shop: Shop, ref: str) -> None:
    assert asked(shop, ref).ref == ref


def test_who_may_only_look_cannot_ask_for_a_version(shop: Shop) -> None:
    with pytest.raises(Refused) as refused:
        create_version(by=shop.viewer, service_id=shop.service.pk, ref="main")
    assert refused.value.code == "not_allowed"
    with pytest.raises(Refused) as refused:
        create_version(by=shop.stranger, service_id=shop.service.pk, ref="main")
    assert refused.value.code == "service_not_known"


def test_versions_are_listed_youngest_first_in_pages(shop: Shop, django_assert_num_queries: Any) -> None:
    made = [shop.version(f"1.{n}") for n in range(5)]
    news(asked(shop), S.FAILED)

    def names(**given: Any) -> list[str]:
        return [row.name for row in queries.versions(by=shop.viewer, service_id=shop.service.pk, **given)]

    assert names(limit=3) == ["", "1.4", "1.3"]
    assert names(limit=3, before_id=made[3].pk) == ["1.2", "1.1", "1.0"]
    assert names(status="failed") == [""]
    assert names(search=".2") == ["1.2"]
    with pytest.raises(Refused):
        names(status="broken")
    with django_assert_num_queries(2):
        names()


def test_the_oldest_success_of_a_commit_is_found(shop: Shop) -> None:
    commit = "abc1234" * 5
    first = shop.version("1.0", commit=commit)
    shop.version("1.1", commit=commit)
    given: dict[str, Any] = {"by": shop.viewer, "service_id": shop.service.pk}
    found = queries.version_of_commit(**given, commit=commit)
    assert found is not None
    assert found.id == first.pk
    assert queries.version_of_commit(**given, commit="") is None
    assert queries.version_named(**given, name="1.1").commit == commit
