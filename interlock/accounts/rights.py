"""Who may do what: one table, asked by every service and by every door that greys out a button."""

from interlock.accounts.caller import Caller
from interlock.lifecycle.refused import forbidden, missing

# Of a project.
PROJECT_RIGHTS = frozenset({"view", "build", "release", "operate", "approve", "configure"})
# Of the platform: hosts and environments, people and tokens, everything else.
PLATFORM_RIGHTS = frozenset({"fleet", "people", "platform"})
RIGHTS = PROJECT_RIGHTS | PLATFORM_RIGHTS

ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset({"view"}),
    "operator": frozenset({"view", "build", "release", "operate"}),
    # Not an operator: who approves need not be able to start.
    "approver": frozenset({"view", "approve"}),
    "admin": PROJECT_RIGHTS,
}


def may(caller: Caller, right: str, project_id: int | None = None) -> bool:
    """Whether the caller has the right, in the project where it is one of a project."""
    if right not in RIGHTS:
        raise ValueError(f"no right is called {right}")
    if caller.scopes is not None and right not in caller.scopes:
        return False
    if caller.is_admin:
        return True
    if right in PLATFORM_RIGHTS or project_id is None:
        return False
    return any(right in ROLES[role] for role in caller.roles.get(project_id, ()))


def require(caller: Caller, right: str, project_id: int | None = None) -> None:
    """Refuse who lacks the right; who may not even see the project hears that it is not there."""
    if may(caller, right, project_id):
        return
    if right in PROJECT_RIGHTS and project_id is not None and not may(caller, "view", project_id):
        raise missing("not_found")
    raise forbidden("not_allowed", right=right)


def visible_projects(caller: Caller) -> set[int] | None:
    """The projects the caller may view; None = all."""
    if caller.scopes is not None and "view" not in caller.scopes:
        return set()
    if caller.is_admin:
        return None
    return {project_id for project_id in caller.roles if may(caller, "view", project_id)}
