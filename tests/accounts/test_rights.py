"""The whole table, and who stands where in it."""

from __future__ import annotations

import itertools

import pytest

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.rights import PLATFORM_RIGHTS, PROJECT_RIGHTS, RIGHTS, may, require, visible_projects
from interlock.lifecycle.refused import Refused

TABLE = {
    "viewer": {"view"},
    "operator": {"view", "build", "release", "operate"},
    "approver": {"view", "approve"},
    "admin": {"view", "build", "release", "operate", "approve", "configure"},
}


def caller(*roles: str, scopes: frozenset[str] | None = None, is_admin: bool = False) -> Caller:
    return Caller("person", "1", "x", 1, is_admin, {7: frozenset(roles)}, scopes)


@pytest.mark.parametrize(("role", "right"), list(itertools.product(TABLE, sorted(RIGHTS))))
def test_each_right_of_each_role(role: str, right: str) -> None:
    assert may(caller(role), right, 7) is (right in TABLE[role])
    assert not may(caller(role), right, 8)
    assert not may(caller(role, scopes=frozenset()), right, 7)
    assert may(caller(role, scopes=frozenset({right})), right, 7) is (right in TABLE[role])


def test_an_administrator_of_the_platform_may_everything_that_the_token_may() -> None:
    assert all(may(caller(is_admin=True), right, 7) for right in RIGHTS)
    narrow = caller(is_admin=True, scopes=frozenset({"view"}))
    assert [right for right in sorted(RIGHTS) if may(narrow, right, 7)] == ["view"]


def test_project_roles_give_nothing_of_the_platform() -> None:
    assert not any(may(caller(*TABLE), right) for right in PLATFORM_RIGHTS | PROJECT_RIGHTS)


def test_who_may_not_see_a_project_is_told_that_it_is_not_there() -> None:
    with pytest.raises(Refused) as unseen:
        require(caller("viewer"), "operate", 8)
    assert unseen.value.kind == "missing"
    with pytest.raises(Refused) as seen:
        require(caller("viewer"), "operate", 7)
    assert seen.value.kind == "forbidden"


def test_visible_projects() -> None:
    assert visible_projects(caller("viewer")) == {7}
    assert visible_projects(caller("viewer", scopes=frozenset({"approve"}))) == set()
    assert visible_projects(SYSTEM_CALLER) is None


def test_a_right_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError):
        may(caller("admin"), "fly", 7)
