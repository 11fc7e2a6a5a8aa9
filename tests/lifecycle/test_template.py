"""Templates read: everything that is wrong with one at once, each fault on its line."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from interlock.lifecycle.refused import Refused
from interlock.lifecycle.run.plan import HostPlan, check
from interlock.lifecycle.template import document
from interlock.lifecycle.template.parameters import Parameter, fit, secret_names, variables
from interlock.lifecycle.template.reading import Read, read
from interlock.lifecycle.template.template import RolloutPart, Template
from interlock.runs.kinds.bodies import Command, Script
from interlock.runs.kinds.http import Http
from interlock.runs.kinds.probe import Probe
from interlock.runs.kinds.waits import Approval, Wait
from interlock.words import SENTENCES

KINDS: dict[str, Any] = {kind.name: kind() for kind in (Approval, Command, Http, Probe, Script, Wait)}
WHOLE = """\
help: {en: Restarts the shop, zh: 重启商店}
parameters:
  - name: tag
    required: true
    pattern: v[0-9.]+
    help: What to restart to
  - {name: count, type: integer, default: 3}
  - {name: quick, type: boolean, default: false}
  - {name: zone, type: choice, choices: [a, b], default: a}
  - {name: token, type: secret}
stages:
  - name: Ask
    kind: approval
    quorum: 1
  - parallel:
      - {name: Wait a bit, kind: wait, seconds: 5}
      - {name: Look, kind: probe, tcp: {host: db.example.com, port: 5432}, on_failure: fail}
  - rollout:
      name: Restart
      batches: [1, 50%, 100%]
      threshold: 1
      bake: 10
      confirm: [1, 2]
      steps:
        - name: Stop
          kind: command
          command: |
            stop-it "$PARAM_TAG"
          timeout: 30
          retries: 2
          on_lost: retry
        - {name: Start, kind: script, script: start-it, interpreter: bash, env: {DEEP: "yes"}}
      gate:
        - {name: Alive, kind: probe, http: {url: "http://{host}/"}}
      put_back:
        - {name: Undo, kind: command, command: undo-it}
always:
  - {name: Tell, kind: command, command: echo done}
"""


def stage(text: str) -> str:
    return "stages:\n" + "".join(f"  {line}\n" for line in text.strip().splitlines())


def parameter(text: str) -> str:
    return f"parameters:\n  - {text}\nstages:\n  - {{name: a, kind: command, command: 'true'}}\n"


def whole(text: str = WHOLE) -> Template:
    found = read(text, KINDS)
    assert found.faults == () and found.template is not None
    return found.template


def told(found: Read) -> list[tuple[int, int, str]]:
    return [(fault.line, fault.column, fault.code) for fault in found.faults]


def test_a_template_becomes_what_it_says() -> None:
    template = whole()
    assert [one.name for one in template.parameters] == ["tag", "count", "quick", "zone", "token"]
    assert template.help == {"en": "Restarts the shop", "zh": "重启商店"}
    assert template.parameters[0].help["zh"] == "What to restart to"
    ask, together, (rollout,) = template.stages
    assert [part.name for part in (*ask, *together)] == ["Ask", "Wait a bit", "Look"]
    assert isinstance(rollout, RolloutPart) and rollout.batches == ("1", "50%", "100%")
    stop, start = rollout.steps
    assert (stop.params["command"], stop.timeout, stop.retries) == ('stop-it "$PARAM_TAG"\n', 30, 2)
    assert (stop.on_lost, start.params["interpreter"]) == ("retry", "bash")
    assert template.needs_hosts and template.runs_here
    assert not whole(stage("- rollout: {name: a, steps: [{name: b, kind: command, command: c}]}")).runs_here


def test_the_example_of_the_guide_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
    template = whole(page.split("```yaml\n")[1].split("```")[0])
    assert len(template.parameters) == 5 and len(template.stages) == 3 and template.always


def test_a_plan_is_made_for_hosts() -> None:
    template = whole()
    plan = template.plan([HostPlan(number, f"web-{number}") for number in range(1, 5)])
    check(plan)
    rollout: Any = plan.stages[2].branches[0]
    assert (rollout.batches, rollout.confirm) == ((1, 1, 2), (0, 1))
    assert plan.stages[3].always and not plan.stages[2].always
    few: Any = template.plan([HostPlan(1, "web-1")]).stages[2].branches[0]
    assert (few.batches, few.confirm) == ((1,), ())
    with pytest.raises(Refused) as refused:
        template.plan([])
    assert refused.value.code == "task_needs_hosts"
    kinds = [next(iter(branch)) for stage in template.outline() for branch in stage["branches"]]
    assert kinds == ["step", "step", "step", "rollout", "step"]


def test_all_faults_are_told_at_once() -> None:
    text = """\
parameters:
  - name: tag
    requierd: true
  - {name: tag, type: integer, default: many}
  - {name: tag}
  - {name: Tag, type: secret, choices: [a]}
  - {name: mode, type: choice}
stages:
  - name: Say
    kind: comand
  - name: Say
    kind: command
    comand: echo $PARAM_TAG
    timeout: 0
    timeout: 9
  - rollot: {}
  - name: 7
    kind: command
    command: echo "$PARAM_TGA $PARAM_OTHER_THING"
  - parallel:
      - rollout:
          name: Go
          batches: [10%, 5x]
          confirm: [9]
          steps:
            - {name: Ask, kind: approval}
            - {name: Look, kind: probe, tcp: {port: 0}, http: {url: "ftp://x"}}
always:
  - {name: Wait, kind: wait, seconds: 3}
  - {name: Fail, kind: command, command: "false", on_failure: fail}
"""
    assert told(read(text, KINDS)) == [
        (3, 5, "key_mistaken"), (4, 41, "value_not_integer"), (5, 12, "parameter_twice"),
        (6, 12, "parameter_name_unfit"), (6, 31, "not_of_this_type"), (7, 5, "param_missing"),
        (10, 11, "key_mistaken"), (11, 5, "param_missing"), (13, 5, "key_mistaken"),
        (14, 14, "param_not_whole"), (15, 5, "key_twice"), (16, 5, "key_mistaken"),
        (17, 11, "param_not_text"), (19, 14, "variable_mistaken"), (19, 14, "variable_not_declared"),
        (23, 20, "batches_unreadable"), (24, 21, "confirm_beyond_batches"), (26, 33, "kind_not_on_hosts"),
        (27, 53, "param_not_whole"), (27, 69, "url_unfit"), (29, 24, "finalizer_unfit"),
        (30, 51, "key_not_known"),
    ]  # fmt: skip


def test_names_in_braces_are_parameters() -> None:
    text = """\
parameters: [{name: tag}, {name: token, type: secret}]
stages:
  - {name: a, kind: http, url: "http://x/{tag}/{{other}}", headers: {T: "{token}"}}
  - {name: b, kind: http, url: "http://x/{tga}?{token}", json: [{a: "{host} {zone}"}], method: PUT}
  - rollout: {name: c, steps: [{name: d, kind: http, url: "http://{host}/"}]}
always:
  - {name: e, kind: http, url: "http://x/{tag}", retries: 3}
"""
    assert told(read(text, KINDS)) == [
        (4, 32, "filling_mistaken"), (4, 32, "filling_secret"), (4, 69, "filling_not_declared"),
        (4, 69, "filling_not_declared"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", (1, 1, "template_not_a_mapping")),
        ("- a", (1, 1, "template_not_a_mapping")),
        ("stages: []", (1, 9, "param_not_a_list")),
        ("help: 5\nstages: [{name: a, kind: command, command: b}]", (1, 7, "param_not_text")),
        ("help: {fr: a}\nstages: [{name: a, kind: command, command: b}]", (1, 8, "key_not_known")),
        ("---\n", (2, 1, "template_not_a_mapping")),
        ("a: [", (1, 5, "yaml_unreadable")),
        ("stages:\n\t- a", (2, 1, "yaml_tab")),
        ("a: 1\n---\nb: 2", (2, 1, "yaml_second_document")),
        ("a: !!python/name:os.system x", (1, 4, "yaml_tag")),
        ("a: 1\r\nb: \x07", (2, 4, "yaml_unprintable")),
        ("a: 1\u2028b: 2", (1, 5, "yaml_unprintable")),
        ("\ufeffstages: []", (1, 9, "param_not_a_list")),
        ("é: 'ü", (1, 6, "yaml_unreadable")),
        ("a: &x [*x]", (1, 8, "alias_not_known")),
        ("*x : 1", (1, 1, "key_not_a_word")),
        ("? [a]\n: 1", (1, 3, "key_not_a_word")),
        ("a: 9999999999999999999", (1, 4, "number_too_long")),
        ("[" * 17, (1, 17, "template_too_deep")),
        ("a\n" * 2001, (1, 1, "template_too_long")),
        ("a" * 131_073, (1, 1, "template_too_long")),
        (stage("- {name: a, kind: [b]}"), (2, 21, "kind_not_known")),
        (stage("- {name: a, kind: [b]}"), (2, 21, "kind_not_known")),
        (stage("- hello"), (2, 5, "stage_unfit")),
        (stage("- {name: a, kind: wait, seconds: 1, manual: true}"), (2, 5, "wait_for_one_thing")),
        (stage("- {name: a, kind: wait, seconds: 1, timeout: 5}"), (2, 39, "key_not_known")),
        (stage("- {name: a, kind: wait, until: 2026-11-21T02:00:00}"), (2, 34, "time_without_zone")),
        (stage("- {name: a, kind: approval, quorum: 1.5}"), (2, 39, "param_not_whole")),
        (stage("- {name: a, kind: approval, people: [x], quorum: 2}"), (2, 52, "quorum_out_of_reach")),
        (stage("- {name: a, kind: approval, not_requester: 1}"), (2, 46, "param_not_a_flag")),
        (stage("- {name: a, kind: command, command: b, env: {PARAM_A: c}}"), (2, 48, "env_name_unfit")),
        (stage("- {name: a, kind: script, script: b, files: {../x: c}}"), (2, 48, "file_name_unfit")),
        (stage("- {name: a, kind: script, script: b, interpreter: perl}"), (2, 53, "param_not_a_choice")),
        (stage("- {name: a, kind: command, command: ' '}"), (2, 39, "param_missing")),
        (stage("- {name: a, kind: command, command: 5, retries: -1}"), (2, 39, "param_missing")),
        (stage("- {parallel: [], name: a}"), (2, 16, "param_not_a_list")),
        (stage("- {rollout: {name: a, steps: []}}"), (2, 32, "param_not_a_list")),
        (parameter("{name: a, required: true, default: b}"), (2, 31, "required_has_default")),
        (parameter("{name: a, pattern: '(b'}"), (2, 24, "pattern_unreadable")),
        (parameter("{name: a, pattern: '((x{99}){99}){99}'}"), (2, 24, "pattern_unreadable")),
        (parameter("{name: a, pattern: b, default: c}"), (2, 36, "value_not_matching")),
        (parameter("{name: a, type: choice, choices: [1]}"), (2, 39, "param_not_text")),
        (parameter("{name: a, type: text, default: no}"), None),
        (parameter("{name: a, type: text, default: 12:30}"), None),
        (parameter("{name: a, type: integer, default: 010}"), None),
    ],
)
def test_a_fault_is_where_it_is(text: str, fault: tuple[int, int, str] | None) -> None:
    found = told(read(text, KINDS))
    assert found[0] == fault if fault else found == []


def test_an_alias_is_told_of_where_it_is_used() -> None:
    step = "&s {name: a, kind: command, command: b, env: {C: d}}"
    assert len(whole(f"stages:\n  - {step}\n  - *s\n").stages) == 2
    found = read(f"stages: [{step}]\nalways:\n  - name: x\n  - *s\n".replace("C: d", "C: 5"), KINDS)
    assert [(fault.line, fault.path[0]) for fault in found.faults][-1] == (4, "always")


def test_what_is_meant_to_choke_us_does_not() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    nonsense = (laughs, "- " * 60_000, "{" + "a," * 60_000, "a: " + "[" * 100_000,
                "".join(f"key{n}: 1\n" for n in range(1999)),
                "parameters:\n" + "".join(f"  - {{nam{n}: 1, tipe: 2}}\n" for n in range(1990)))  # fmt: skip
    began = time.process_time()
    assert all(read(text, KINDS).faults for text in nonsense)
    assert time.process_time() - began < 3


PIECES = st.sampled_from(
    ["stages", "parameters", "always", "name", "kind", "command", "rollout", "parallel", "steps", ":", ": ",
     "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ",", "&a ", "*a", "!x ", "|", ">", "'", '"', "#", "\t",
     "5", "1.5", "true", "null", "~", "é", "中", "\x85", "\u2028", "\ufeff", "\r", "%", "---", "...", "?"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join))
KEYS = st.sampled_from([*KINDS["probe"].fields, "name", "kind", "steps", "batches", "env", "default", "type"])
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99) | st.sampled_from(["a", "command", "wait", "choice", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


def assert_places(text: str, found: Read) -> None:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for fault in found.faults:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
        assert set(re.findall(r"%\((\w+)\)", str(SENTENCES[fault.code]))) <= set(fault.facts)
    assert (found.template is None) == bool(found.faults)


@given(TEXTS)
def test_any_text_is_read_or_has_faults(text: str) -> None:
    assert_places(text, read(text, KINDS))


@given(st.lists(ODD, max_size=3), st.lists(ODD, max_size=3), st.lists(ODD, max_size=2))
def test_any_values_are_read_or_have_faults(stages: Any, parameters: Any, always: Any) -> None:
    text = yaml.safe_dump(
        {"stages": stages, "parameters": parameters, "always": always}, allow_unicode=True, sort_keys=False
    )
    assert_places(text, read(text, KINDS))


@pytest.mark.parametrize("loader", [yaml.SafeLoader, document._LOADER])
def test_either_parser_says_the_same(loader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_LOADER", loader)
    composed = document.compose(WHOLE)
    assert composed.readable and composed.value == yaml.safe_load(WHOLE)
    assert composed.places[("stages", 2, "rollout", "steps", 0, "timeout")] == document.Place(29, 20)


DECLARED = (
    Parameter("tag", required=True, pattern="v[0-9]+"),
    Parameter("count", "integer", default=3),
    Parameter("quick", "boolean"),
    Parameter("zone", "choice", choices=("a", "b")),
    Parameter("token", "secret"),
    Parameter("note"),
)


def test_values_are_fitted_to_what_is_declared() -> None:
    fitted = fit(DECLARED, {"tag": "v1", "count": "12", "quick": "TRUE", "token": "DEPLOY", "note": ""})
    assert fitted.faults == ()
    assert fitted.values == {"tag": "v1", "count": 12, "quick": True, "token": "DEPLOY", "note": ""}
    assert variables(DECLARED, fitted.values) == {
        "PARAM_TAG": "v1", "PARAM_COUNT": "12", "PARAM_QUICK": "true", "PARAM_ZONE": "", "PARAM_NOTE": "",
    }  # fmt: skip
    assert secret_names(DECLARED, fitted.values) == {"PARAM_TOKEN": "DEPLOY"}
    assert variables(DECLARED, {})["PARAM_TOKEN"] == ""


def test_values_that_do_not_fit_are_told_all_at_once() -> None:
    given = {"tga": 1, "stranger": 1, "count": 2.5, "quick": "maybe", "zone": "c", "note": "\0", "token": 5}
    fitted = fit(DECLARED, given)
    assert {fault.path[0]: fault.code for fault in fitted.faults} == {
        "tga": "key_mistaken", "stranger": "value_not_known", "tag": "value_missing",
        "count": "value_not_integer", "quick": "value_not_boolean", "zone": "value_not_a_choice",
        "token": "value_not_text", "note": "value_not_text",
    }  # fmt: skip
    assert fit(DECLARED, {}, partly=True).faults == ()
    assert [fault.code for fault in fit(DECLARED, {"tag": "v1\n"}).faults] == ["value_not_matching"]
    assert [fault.code for fault in fit(DECLARED, {"tag": ""}).faults] == ["value_missing"]
    assert [fault.code for fault in fit(DECLARED, {"tag": "v" * 4001}).faults] == ["value_too_long"]
    assert [fault.code for fault in fit(DECLARED, {"tag": "v1", "count": True}).faults] == [
        "value_not_integer"
    ]


def test_a_bad_pattern_takes_no_time() -> None:
    slow = (Parameter("text", pattern="(a+)+(a|aa)*b"),)
    assert fit(slow, {"text": "a" * 4000}).faults[0].code == "value_not_matching"
