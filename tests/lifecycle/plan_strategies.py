"""Plans of any shape."""

from __future__ import annotations

from hypothesis import strategies as st

from interlock.lifecycle.run.plan import Branch, HostPlan, Plan, Rollout, Stage, StepPlan

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PARAMS = st.dictionaries(st.text(max_size=6), JSON, max_size=3)
WORK = st.builds(
    StepPlan,
    name=NAMES,
    kind=st.sampled_from(["command", "script", "noop"]),
    params=PARAMS,
    timeout=st.integers(1, 86_400),
    retries=st.integers(0, 2),
    on_lost=st.sampled_from(["hold", "retry"]),
    on_failure=st.sampled_from(["hold", "fail"]),
    mutates=st.booleans(),
)
SOLO = st.one_of(
    WORK,
    st.builds(StepPlan, name=NAMES, kind=st.just("approval")),
    st.builds(StepPlan, name=NAMES, kind=st.just("wait")),
)


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    batches = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    hosts = tuple(HostPlan(n + 1, f"host-{n}", draw(PARAMS)) for n in range(sum(batches)))
    return Rollout(
        name=draw(NAMES),
        steps=tuple(draw(st.lists(WORK, min_size=1, max_size=3))),
        hosts=hosts,
        batches=batches,
        gate=tuple(draw(st.lists(WORK, max_size=2))),
        put_back=tuple(draw(st.lists(WORK, max_size=2))),
        threshold=draw(st.integers(0, 3)),
        bake=draw(st.sampled_from([0, 0, 60])),
        confirm=tuple(draw(st.sets(st.integers(0, len(batches) - 1), max_size=2))),
    )


BRANCHES: st.SearchStrategy[Branch] = st.one_of(SOLO, rollouts())
STAGES = st.one_of(
    st.builds(Stage, branches=st.lists(BRANCHES, min_size=1, max_size=3).map(tuple)),
    st.builds(Stage, branches=st.lists(WORK, min_size=1, max_size=2).map(tuple), always=st.just(True)),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    stages = tuple(draw(st.lists(STAGES, min_size=1, max_size=5)))
    return Plan(stages, locks_at=draw(st.integers(-1, len(stages) - 1)))
