"""A template's text into a template, or into everything that is wrong with it, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from interlock.lifecycle.fields import (
    Choice,
    Fault,
    Field,
    List,
    Number,
    Path,
    Record,
    Text,
    Use,
    closest,
    fault,
    unknown,
)
from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import StepPlan, split_batches
from interlock.lifecycle.template import parameters as declared
from interlock.lifecycle.template.document import Document, Place, compose
from interlock.lifecycle.template.parameters import Parameter
from interlock.lifecycle.template.template import Part, RolloutPart, Template

FAULTS_TOLD = 100
FAULTS_FOUND = 1000  # a text of nothing but faults is not looked at to its end
WEEK = 7 * 24 * 3600  # seconds
NAMES = {"name": Text(100, required=True), "kind": Field(required=True)}
# What the engine itself does (asking, waiting) has none of these.
TRIES = {"timeout": Number(1, WEEK), "retries": Number(0, 20), "on_lost": Choice("hold", "retry")}
ALONE = {"on_failure": Choice("hold", "fail")}
TEMPLATE = Record(
    {
        "help": declared.Help(),
        "parameters": List(declared.SHAPE, most=50),
        "stages": List(least=1, most=50, required=True),
        "always": List(most=20),
    }
)
ROLLOUT = Record(
    {
        "name": Text(100, required=True),
        "steps": List(least=1, required=True),
        "gate": List(),
        "put_back": List(),
        "batches": List(most=100),
        "threshold": Number(0, 10_000),
        "bake": Number(0, WEEK),
        "confirm": List(Number(1, 100), most=100),
    }
)


class KindShape(Protocol):
    """What a step kind says of its parameters."""

    @property
    def fields(self) -> Mapping[str, Field]: ...

    @property
    def on_hosts(self) -> bool: ...

    @property
    def by_worker(self) -> bool: ...

    def faults(self, params: Mapping[str, Any], *, on_hosts: bool) -> list[Fault]: ...


@dataclass(frozen=True)
class Found:
    """A fault with its place in the text."""

    line: int
    column: int
    path: Path
    code: str
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Read:
    """``template`` is there when there are no faults."""

    template: Template | None
    faults: tuple[Found, ...]


def read(text: str, kinds: Mapping[str, KindShape]) -> Read:
    """Never raises: whatever the text is, it can be read or has faults."""
    document = compose(text)
    faults = list(document.faults)
    if document.readable:
        found = islice(_Reader(kinds, document.value).faults(), FAULTS_FOUND)
        faults += [(document.place_of(one), one) for one in found]
    if faults:
        return Read(None, _told([(document.inside(place), one) for place, one in faults]))
    return Read(_template(document, kinds), ())


def _told(faults: Sequence[tuple[Place, Fault]]) -> tuple[Found, ...]:
    told = [Found(place.line, place.column, one.path, one.code, one.facts) for place, one in faults]
    return tuple(sorted(told, key=lambda one: (one.line, one.column)))[:FAULTS_TOLD]


class _Reader:
    def __init__(self, kinds: Mapping[str, KindShape], value: Any) -> None:
        self._kinds = kinds
        self._value = value
        self._parameters: tuple[Parameter, ...] = ()

    def faults(self) -> Iterator[Fault]:
        value = self._value
        if not isinstance(value, Mapping):
            yield Fault((), "template_not_a_mapping")
            return
        yield from TEMPLATE.faults(value, ())
        written = _list(value, "parameters")
        yield from declared.declaration_faults(written, ("parameters",))
        self._parameters = tuple(declared.parameter_of(one) for one in written if declared.is_sound(one))
        for number, stage in enumerate(_list(value, "stages")):
            yield from self._stage(stage, ("stages", number))
        for number, step in enumerate(_list(value, "always")):
            path: Path = ("always", number)
            yield from self._step(step, path, on_hosts=False, more={})
            kind = self._kind_of(step)
            if kind is not None and not kind.by_worker:
                # Of a run whose end is decided nobody can be asked anything.
                yield Fault((*path, "kind"), "finalizer_unfit", {"step": str(step.get("name", ""))[:100]})

    def _stage(self, stage: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(stage, Mapping) or "parallel" not in stage:
            yield from self._part(stage, path)
            return
        shape = Record({"parallel": List(least=1, most=20, required=True)})
        yield from shape.faults(stage, path)
        for number, part in enumerate(_list(stage, "parallel")):
            yield from self._part(part, (*path, "parallel", number))

    def _part(self, part: Any, path: Path) -> Iterator[Fault]:
        if not isinstance(part, Mapping) or not part:
            yield Fault(path, "stage_unfit")
        elif "rollout" in part:
            yield from Record({"rollout": ROLLOUT}).faults(part, path)
            if isinstance(part["rollout"], Mapping):
                yield from self._rollout(part["rollout"], (*path, "rollout"))
        elif len(part) == 1 and (meant := closest(str(next(iter(part))), ("rollout", "parallel"))):
            key = str(next(iter(part)))
            yield Fault((*path, key), "key_mistaken", {"key": key[:64], "meant": meant}, on_key=True)
        else:
            yield from self._step(part, path, on_hosts=False, more=ALONE)

    def _rollout(self, rollout: Mapping[str, Any], path: Path) -> Iterator[Fault]:
        for name in ("steps", "gate", "put_back"):
            for number, step in enumerate(_list(rollout, name)):
                yield from self._step(step, (*path, name, number), on_hosts=True, more={})
        batches = _list(rollout, "batches")
        try:
            split_batches(1, batches)
        except Refused as refused:
            facts = {name: str(value)[:64] for name, value in refused.facts.items()}
            yield Fault((*path, "batches"), refused.code, facts)
        for number, batch in enumerate(_list(rollout, "confirm")):
            if isinstance(batch, int) and batch >= max(len(batches), 1):
                beyond = {"batch": batch, "batches": max(len(batches), 1)}
                yield Fault((*path, "confirm", number), "confirm_beyond_batches", beyond)

    def _kind_of(self, step: Any) -> KindShape | None:
        kind = step.get("kind") if isinstance(step, Mapping) else None
        return self._kinds.get(kind) if isinstance(kind, str) else None

    def _step(self, step: Any, path: Path, *, on_hosts: bool, more: Mapping[str, Field]) -> Iterator[Fault]:
        if not isinstance(step, Mapping):
            yield fault(path, "param_not_a_mapping")
            return
        kind = self._kind_of(step)
        if kind is None:
            yield from self._kindless(step, path)
            return
        own = {**NAMES, **(TRIES | dict(more) if kind.by_worker else {})}
        for name in step:
            if name not in own and name not in kind.fields:
                yield unknown((*path, name), [*own, *kind.fields])
        yield from Record(own).faults({name: step[name] for name in step if name in own}, path)
        if on_hosts and not kind.on_hosts:
            facts = {"step": str(step.get("name", ""))[:100], "step_kind": str(step["kind"])}
            yield Fault((*path, "kind"), "kind_not_on_hosts", facts)
            return
        params = {name: value for name, value in step.items() if name in kind.fields}
        found = kind.faults(params, on_hosts=on_hosts)
        for one in found:
            yield Fault((*path, *one.path), one.code, one.facts, one.on_key)
        if not found:
            yield from self._unfillable(Record(kind.fields).uses(params, path), on_hosts)
        yield from self._undeclared(params, path)

    def _kindless(self, step: Mapping[str, Any], path: Path) -> Iterator[Fault]:
        """Without its kind nobody knows what else belongs into it."""
        known = {**NAMES, **TRIES, **ALONE}
        yield from Record(NAMES).faults({name: step[name] for name in step if name in NAMES}, path)
        if "kind" in step:
            kind = str(step["kind"])[:64]
            facts = {"step": str(step.get("name", ""))[:100], "step_kind": kind}
            if meant := closest(kind, self._kinds):
                yield Fault((*path, "kind"), "key_mistaken", {"key": kind, "meant": meant})
            else:
                yield Fault((*path, "kind"), "kind_not_known", {**facts, "known": ", ".join(self._kinds)})
        fields = {name for kind in self._kinds.values() for name in kind.fields}
        for name in step:
            if name not in known and name not in fields:
                yield unknown((*path, name), sorted(known))

    def _unfillable(self, uses: Iterator[Use], on_hosts: bool) -> Iterator[Fault]:
        """Names in braces that no parameter has, or a secret's where everybody would read it."""
        known = {parameter.name: parameter for parameter in self._parameters}
        for use in uses:
            parameter = known.get(use.name)
            if parameter is None and not (use.name == "host" and on_hosts):
                meant = closest(use.name, known)
                code = "filling_mistaken" if meant else "filling_not_declared"
                yield Fault(use.path, code, {"name": use.name} | ({"meant": meant} if meant else {}))
            elif parameter is not None and parameter.type == "secret" and not use.secrets:
                yield Fault(use.path, "filling_secret", {"name": use.name})

    def _undeclared(self, value: Any, path: Path) -> Iterator[Fault]:
        """Words that look like a parameter of ours and are none: the body would find them empty."""
        if isinstance(value, str):
            for variable, meant in declared.undeclared(value, self._parameters):
                code = "variable_mistaken" if meant else "variable_not_declared"
                yield Fault(path, code, {"variable": variable[:64]} | ({"meant": meant} if meant else {}))
        elif isinstance(value, Mapping):
            for name, one in value.items():
                yield from self._undeclared(one, (*path, name))


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _template(document: Document, kinds: Mapping[str, KindShape]) -> Template:
    value = document.value
    told = value.get("help", {})
    return Template(
        parameters=tuple(declared.parameter_of(one) for one in value.get("parameters", ())),
        stages=tuple(_parts(stage, kinds) for stage in value["stages"]),
        always=tuple(_step(step, kinds) for step in value.get("always", ())),
        help=dict(told) if isinstance(told, Mapping) else dict.fromkeys(declared.LANGUAGES, told),
    )


def _parts(stage: Mapping[str, Any], kinds: Mapping[str, KindShape]) -> tuple[Part, ...]:
    return tuple(_part(part, kinds) for part in stage.get("parallel", [stage]))


def _part(part: Mapping[str, Any], kinds: Mapping[str, KindShape]) -> Part:
    if "rollout" not in part:
        return _step(part, kinds)
    values = dict(part["rollout"])
    for name in ("steps", "gate", "put_back"):
        values[name] = tuple(_step(step, kinds) for step in values.get(name, ()))
    values["batches"] = tuple(str(batch) for batch in values.get("batches", ()))
    values["confirm"] = tuple(values.get("confirm", ()))
    return RolloutPart(**values)


def _step(step: Mapping[str, Any], kinds: Mapping[str, KindShape]) -> StepPlan:
    fields = kinds[step["kind"]].fields
    engine = {name: step[name] for name in (*NAMES, *TRIES, *ALONE) if name in step}
    return StepPlan(**engine, params={name: step[name] for name in step if name in fields})
