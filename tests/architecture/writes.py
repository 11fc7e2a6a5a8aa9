"""Who may write what: statuses have one writer, rows change only through services."""

import ast
import re
from pathlib import Path

from tests.architecture.source import Module, called_name, called_name_of, calls, modules, strings

WRITES = {"create", "update", "get_or_create", "update_or_create", "bulk_create", "bulk_update"}
STATUS_IN_SQL = re.compile(r"\bset\b[^;]*?\bstatus\s*=", re.IGNORECASE | re.DOTALL)
# context -> how the names of the modules begin that write its statuses. The statuses of an approval and of a
# schedule are their own.
WRITERS: dict[str, tuple[str, ...]] = {"runs": ("engine", "approvals", "schedule")}
ANY_OTHER = ("services",)
# Plain rules and plain protocols: no rows there.
ROWLESS = {"lifecycle", "remote", "forge", "store"}
DATABASE_ERRORS = {
    "Error",
    "DatabaseError",
    "IntegrityError",
    "OperationalError",
    "DataError",
    "InternalError",
    "ProgrammingError",
    "NotSupportedError",
}
TRANSACTIONS = {"atomic", "writing"}


def second_writers_of_status(root: Path) -> list[str]:
    faults = []
    for module in modules(root, "interlock"):
        context, *below = module.parts[1:]
        if context in ROWLESS or (below and below[0].startswith(WRITERS.get(context, ANY_OTHER))):
            continue
        for node in ast.walk(module.tree):
            if writes_status(node):
                faults.append(module.fault(node, "writes a status"))
    return faults


def writes_status(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        has_value = getattr(node, "value", None) is not None
        return has_value and any(isinstance(t, ast.Attribute) and t.attr == "status" for t in targets)
    if isinstance(node, ast.Call) and called_name(node).removeprefix("a") in WRITES:
        named = any(keyword.arg == "status" for keyword in node.keywords)
        defaults = any(
            keyword.arg == "defaults" and "status" in strings(keyword) for keyword in node.keywords
        )
        return named or defaults or (called_name(node) == "bulk_update" and "status" in strings(node))
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and STATUS_IN_SQL.search(node.value) is not None
    )


def hidden_writes(root: Path) -> list[str]:
    """Overridden ``save``, and signals: a write that happens without being written down."""
    faults = []
    for module in modules(root, "interlock"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and module.path.stem == "models":
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and item.name in {"save", "delete"}:
                        faults.append(module.fault(item, f"overrides {item.name}"))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                ("django.db.models.signals", "django.dispatch", "django.db.backends.signals")
            ):
                faults.append(module.fault(node, "uses signals"))
    return faults


def rows_saved_in_doors(root: Path) -> list[str]:
    faults = []
    for module in modules(root, "interlock/api", "interlock/web", "interlock/hooks"):
        for call in calls(module.tree, "save", "asave", "bulk_create", "bulk_update"):
            faults.append(module.fault(call, "a door writes a row: that is a service's work"))
    return faults


def errors_caught_in_transactions(root: Path) -> list[str]:
    """After a database error PostgreSQL refuses the rest of the transaction: catch it outside."""
    faults = []
    for module in modules(root, "interlock", "demo"):
        for block in ast.walk(module.tree):
            if opens_transaction(block):
                faults += caught_inside(module, block)
    return sorted(set(faults))


def opens_transaction(node: ast.AST) -> bool:
    if isinstance(node, ast.With):
        return any(called_name(item.context_expr) in TRANSACTIONS for item in node.items)
    if isinstance(node, ast.FunctionDef):
        names = [called_name(item) or called_name_of(item) for item in node.decorator_list]
        return not TRANSACTIONS.isdisjoint(names)
    return False


def caught_inside(module: Module, block: ast.AST) -> list[str]:
    faults = []
    for node in ast.walk(block):
        if not isinstance(node, ast.Try) or all(opens_transaction(step) for step in node.body):
            continue  # a savepoint of its own may fail alone
        for handler in node.handlers:
            caught = {part for item in ast.walk(handler.type or handler) for part in named(item)}
            if not DATABASE_ERRORS.isdisjoint(caught):
                faults.append(module.fault(handler, "catches a database error inside its transaction"))
    return faults


def named(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id}
    return {node.attr} if isinstance(node, ast.Attribute) else set()
