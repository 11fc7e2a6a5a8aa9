"""A fixed cast: Ann operates, Bob approves, Cy looks on, Dee administers the project, Root the platform."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.accounts.caller import SYSTEM_CALLER, Caller
from interlock.accounts.services import caller_by_id, create_person, create_project, set_roles

ROLES = {"ann": ["operator"], "bob": ["approver"], "cy": ["viewer"], "dee": ["admin"]}
PASSWORD = "a-long-enough-pass"


@dataclass(frozen=True)
class Cast:
    project_id: int
    ann: Caller
    bob: Caller
    cy: Caller
    dee: Caller
    root: Caller


def make_cast(project: str = "shop") -> Cast:
    project_id = create_project(by=SYSTEM_CALLER, name=project).id
    callers = {}
    for name, roles in ROLES.items():
        callers[name] = person(f"{name}-{project}" if project != "shop" else name, project_id, roles)
    root = create_person(by=SYSTEM_CALLER, username=f"root-{project}", password=PASSWORD, is_admin=True)
    return Cast(project_id, **callers, root=_caller(root.id))


def person(username: str, project_id: int, roles: list[str]) -> Caller:
    made = create_person(by=SYSTEM_CALLER, username=username, password=PASSWORD)
    set_roles(by=SYSTEM_CALLER, person_id=made.id, project_id=project_id, roles=roles)
    return _caller(made.id)


def _caller(person_id: int) -> Caller:
    found = caller_by_id(person_id)
    assert found is not None
    return found
