"""Codes and events: every refusal has its sentence, every event its case."""

import ast
import re
from pathlib import Path

from tests.architecture.source import Module, called_name, calls, modules, strings

REFUSALS = ("Refused", "invalid", "missing", "forbidden")
# Faults are told by the dozen, each with its place in front of its code.
FAULTS = {"Unfit": 0, "unfit": 0, "Fault": 1, "fault": 1, "_Unreadable": 1}
PLACEHOLDER = re.compile(r"%\((\w+)\)")
NOT_FACTS = {"kind"}
TABLES = "*words.py"


def sentences(root: Path) -> dict[str, str]:
    """The table of ``interlock/words.py`` and its parts, read from their source: code -> English sentence."""
    table: dict[str, str] = {}
    for path in sorted((root / "interlock").glob(TABLES)):
        for node in ast.walk(Module(root, path).tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        table[key.value] = "".join(sorted(strings(value)))
    return table


def refusals_without_sentence(root: Path) -> list[str]:
    table = sentences(root)
    faults = []
    for module in modules(root, "interlock"):
        for call in refusals(module):
            codes = possible_codes(call)
            faults += [module.fault(call, f"no sentence for {code!r}") for code in codes - table.keys()]
            if has_only_named_facts(call) and called_name(call) in REFUSALS:
                given = {keyword.arg or "" for keyword in call.keywords} - NOT_FACTS
                wanted = {fact for code in codes for fact in PLACEHOLDER.findall(table.get(code, ""))}
                faults += [
                    module.fault(call, f"the sentence wants the fact {fact!r}")
                    for fact in sorted(wanted - given)
                ]
    return faults


def refusals(module: Module) -> list[ast.Call]:
    return list(calls(module.tree, *REFUSALS, *FAULTS))


def possible_codes(call: ast.Call) -> set[str]:
    place = FAULTS.get(called_name(call), 0)
    return constants(call.args[place]) if len(call.args) > place else set()


def constants(argument: ast.expr) -> set[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return {argument.value}
    if isinstance(argument, ast.IfExp):
        return constants(argument.body) | constants(argument.orelse)
    return set()


def has_only_named_facts(call: ast.Call) -> bool:
    return all(keyword.arg is not None for keyword in call.keywords)


def sentences_that_break(root: Path) -> list[str]:
    """Facts are put in by ``%``: a lone per cent sign would garble the sentence, or raise."""
    return [
        f"interlock/words.py: {code!r} has a % that is neither %% nor %(fact)s"
        for code, text in sentences(root).items()
        if re.search(r"%(?!\(\w+\)s)", text.replace("%%", ""))
    ]


def sentences_nobody_says(root: Path) -> list[str]:
    said: set[str] = set()
    beginnings: set[str] = set()
    for module in modules(root, "interlock"):
        if not module.path.match(f"interlock/{TABLES}"):
            said |= {text.split(":")[0] for text in strings(module.tree)}  # "code:detail"
            beginnings |= made_up(module.tree)
    unsaid = sorted(sentences(root).keys() - said)
    return [
        f"interlock/words.py: nobody says {code!r}"
        for code in unsaid
        if not any(code.startswith(beginning) for beginning in beginnings)
    ]


def made_up(tree: ast.AST) -> set[str]:
    """How codes begin that are put together: ``f"why_{status}"``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            beginning = str(node.values[0].value)
            if re.fullmatch(r"[a-z_]+_", beginning):
                found.add(beginning)
    return found


def unhandled_events(root: Path) -> list[str]:
    """Each event of the lifecycle has a case where it is decided, each effect one where it is carried out."""
    lifecycle, engine = (list(modules(root, f"interlock/{room}")) for room in ("lifecycle", "runs"))
    faults = [fault for module in [*lifecycle, *engine] for fault in open_ended_matches(module)]
    for module in lifecycle:
        for union, members in unions(module.tree).items():
            if union.endswith(("Event", "Effect")):
                readers = lifecycle if union.endswith("Event") else engine
                cases = {name for reader in readers for name in class_cases(reader.tree)}
                faults += [
                    f"{module.name}: no case for {name} of {union}" for name in sorted(members - cases)
                ]
    return faults


def open_ended_matches(module: Module) -> list[str]:
    """Functions that tell classes apart by ``match`` without telling the type checker that it is all."""
    faults = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            matches = [part for part in ast.walk(node) if isinstance(part, ast.Match) and class_cases(part)]
            if matches and not list(calls(node, "assert_never")) and not ends_in_raise(matches[0]):
                faults.append(module.fault(matches[0], "a match on classes without assert_never"))
    return faults


def ends_in_raise(match: ast.Match) -> bool:
    return isinstance(match.cases[-1].body[-1], ast.Raise)


def class_cases(tree: ast.AST) -> set[str]:
    cases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            cases.add(node.cls.attr if isinstance(node.cls, ast.Attribute) else ast.unparse(node.cls))
        elif isinstance(node, ast.Call) and called_name(node) == "isinstance" and len(node.args) == 2:
            cases |= {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
    return cases


def unions(tree: ast.Module) -> dict[str, set[str]]:
    """``Event = A | B`` at the top of a module, with or without an annotation."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and isinstance(value, ast.BinOp):
            found[target.id] = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    return found
