"""The pages of runs: what they tell, whom they let do what, and what they say to who comes too late."""

from __future__ import annotations

import pytest

from interlock.lifecycle.run.states import LaneStatus
from interlock.runs import logs
from interlock.runs.grid import STATES, in_state, state_of
from interlock.runs.models import Lane, Run, Step, Target
from interlock.runs.waiting import waiting_for
from tests.api.conftest import Shop, make_shop
from tests.web.visits import Visitor

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def test_a_run_is_told_with_its_hosts_and_what_can_be_done(shop: Shop) -> None:
    run = shop.command_run(title="Say <b>hello</b>")
    page = Visitor(shop.cast.ann).text(f"/runs/{run['id']}")
    assert "Say &lt;b&gt;hello&lt;/b&gt;" in page
    assert page.count('data-state="pending"') == 3
    assert "is ready and waits for a worker" in page
    assert "is ready and waits for a worker" in Visitor(shop.cast.ann).text("/runs")
    assert "Nothing is undone" in page  # what a stop means
    assert Visitor(shop.cast.cy).text(f"/runs/{run['id']}").count("You lack the right") >= 1
    assert Visitor(shop.cast.cy).client.get("/runs/999999").status_code == 404


def test_a_stop_is_heard_once_and_the_second_reads_why(shop: Shop) -> None:
    run = shop.command_run()["id"]
    ann = Visitor(shop.cast.ann)
    done = ann.client.post(f"/runs/{run}/stop", {"reason": "wrong one", "next": f"/runs/{run}?view=table"})
    assert (done.status_code, done["Location"]) == (303, f"/runs/{run}?view=table")
    assert Run.objects.get(id=run).status == "canceled"
    page = ann.text(f"/runs/{run}")
    assert "wrong one" in page and "3 are untouched" in page
    late = ann.client.post(f"/runs/{run}/stop", {"reason": "again"})
    assert late.status_code == 409
    assert 'role="alert"' in late.content.decode()


def test_a_run_is_paused_and_goes_on(shop: Shop) -> None:
    run = shop.waiting_run()["id"]
    ann = Visitor(shop.cast.ann)
    assert f"/runs/{run}/resume" not in ann.text(f"/runs/{run}")
    for verb, other in (("pause", "resume"), ("resume", "pause")):
        assert ann.client.post(f"/runs/{run}/{verb}", {"reason": "lunch"}).status_code == 303
        page = ann.text(f"/runs/{run}")
        assert f"/runs/{run}/{other}" in page and f"/runs/{run}/{verb}" not in page


def test_what_a_form_sends_twice_is_done_once(shop: Shop) -> None:
    run = shop.command_run()["id"]
    ann = Visitor(shop.cast.ann)
    answers = [ann.client.post(f"/runs/{run}/stop", {"once": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]


@pytest.mark.parametrize(
    ("verb", "fields", "status"),
    [
        ("exclude", {"key": "0.0"}, 422),
        ("exclude", {"key": "0.0", "host": "1; drop"}, 422),
        ("resolve", {"key": "0.0", "answer": "maybe"}, 422),
        ("retry", {"key": "0.0"}, 409),
        ("skip", {"key": "7.7"}, 404),
        ("go-on", {"key": "0.0"}, 409),
        ("give-up", {}, 409),
        ("start", {}, 409),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    shop: Shop, verb: str, fields: dict[str, str], status: int
) -> None:
    run = shop.command_run()["id"]
    answer = Visitor(shop.cast.ann).client.post(f"/runs/{run}/{verb}", fields)
    assert answer.status_code == status
    assert Run.objects.get(id=run).status == "running"


def test_hosts_are_excluded_in_bulk(shop: Shop) -> None:
    run = shop.command_run()["id"]
    ann = Visitor(shop.cast.ann)
    chosen = {"key": "0.0", "host": [str(host) for host in shop.hosts[:2]], "reason": "being repaired"}
    assert ann.client.post(f"/runs/{run}/exclude", chosen).status_code == 303
    page = ann.text(f"/runs/{run}?status=excluded")
    assert page.count('data-state="excluded"') == 2
    assert "being repaired" in page
    assert ann.text(f"/runs/{run}?view=table&status=excluded").count('name="host" value=') == 2


def test_the_inbox_holds_what_waits_for_whom(shop: Shop) -> None:
    run = shop.waiting_run()
    key = {"key": "0.0", "plan_hash": run["plan_hash"], "next": "/approvals"}
    bob, ann = Visitor(shop.cast.bob), Visitor(shop.cast.ann)
    assert 'id="asked"' in bob.text("/approvals")
    own = ann.text("/approvals")
    assert 'id="others"' in own and "You lack the right" in own
    assert [waiting_for(by=by) for by in (shop.cast.bob, shop.cast.ann, shop.cast.cy)] == [1, 0, 0]
    assert ">1<" in bob.text("/approvals/_count")
    stale = bob.client.post(f"/runs/{run['id']}/approve", key | {"plan_hash": "0" * 64})
    assert stale.status_code == 409 and "The plan is another one by now" in stale.content.decode()
    voted = bob.client.post(f"/runs/{run['id']}/approve", key | {"note": "fine"})
    assert (voted.status_code, voted["Location"]) == (303, "/approvals")
    after = bob.text("/approvals")
    assert 'id="asked"' not in after and "fine" in after
    late = bob.client.post(f"/runs/{run['id']}/reject", key)
    assert late.status_code == 409 and "bob" in late.content.decode()


def test_who_is_not_among_the_people_reads_so(shop: Shop) -> None:
    step = {"name": "ask", "kind": "approval", "params": {"people": ["dee"]}}
    shop.ann.post("/runs", {"project_id": shop.project, "title": "Dee only", "stages": [[{"step": step}]]})
    page = Visitor(shop.cast.bob).text("/approvals")
    assert "This approval asks others: dee." in page
    assert waiting_for(by=shop.cast.bob) == 0 and waiting_for(by=shop.cast.dee) == 1


def broken(shop: Shop) -> Run:
    """A run of which the first host broke, and which waits for a decision."""
    run = Run.objects.get(id=shop.command_run()["id"])
    rollout, inner = Step.objects.filter(run=run).order_by("id")
    lane = Lane.objects.filter(run=run).order_by("id")[0]
    Lane.objects.filter(id=lane.id).update(
        status="failed", failed_at=0, seq=1, touched=True, error="exit_code"
    )
    target = Target.objects.create(
        lane=lane, step=inner, status="failed", try_number=1, exit_code=3, error="exit_code",
        started_at=run.created_at,
    )  # fmt: skip
    Step.objects.filter(id=rollout.id).update(status="waiting", phase="held", batch=0)
    Run.objects.filter(id=run.id).update(status="waiting")
    head = logs.open_log(run.id, f"t{target.id}-1")
    logs.store_chunk(head.id, 0, b"begun\n\x1b[31mno <space> left\x1b[0m\n", limit=1000)
    return run


def test_a_failure_is_told_with_its_last_lines_and_the_ways_on(shop: Shop) -> None:
    run = broken(shop)
    ann = Visitor(shop.cast.ann)
    page = ann.text(f"/runs/{run.id}")
    card = page.split('class="card ask-card bad"')[1].split("</section>")[0]
    assert "web-1" in card and "exit code 3" in card
    assert "begun\nno &lt;space&gt; left" in card
    for word in ("Retry", "Exclude", "Give up"):
        assert word in card
    # Its log is the one that is open, and there without script.
    body = Target.objects.get(lane__run=run).id
    assert f'body="t{body}-1"' in page and '<pre class="log-plain"' in page
    file = ann.client.get(f"/runs/{run.id}/logs/t{body}-1")
    assert file.content == b"begun\n\x1b[31mno <space> left\x1b[0m\n"
    assert f'filename="run-{run.id}-web-1-say.log"' in file["Content-Disposition"]
    held = Visitor(shop.cast.ann).text("/approvals")
    assert 'id="held"' in held and "waits for a decision" in held
    assert waiting_for(by=shop.cast.ann) == 1 and waiting_for(by=shop.cast.bob) == 0


def test_a_log_of_another_run_is_not_shown(shop: Shop) -> None:
    run, other = broken(shop), shop.command_run()["id"]
    body = f"t{Target.objects.get(lane__run=run).id}-1"
    page = Visitor(shop.cast.ann)
    assert f'body="{body}"' not in page.text(f"/runs/{other}?log={body}")
    assert page.client.get(f"/runs/{other}/logs/{body}").status_code == 404


def test_the_history_is_filtered_and_paged(shop: Shop) -> None:
    made = [shop.command_run(title=f"Turn {n}")["id"] for n in range(3)]
    shop.ann.post(f"/runs/{made[0]}/stop", expect=200)
    ann = Visitor(shop.cast.ann)
    assert ann.text("/runs").count('<tr id="r') == 3
    assert ann.text("/runs?status=canceled").count('<tr id="r') == 1
    assert ann.text("/runs?status=open").count('<tr id="r') == 2
    assert f'id="r{made[1]}"' in ann.text("/runs?q=turn+1+ANN")
    assert ann.text(f"/runs?q=%23{made[2]}").count('<tr id="r') == 1
    assert ann.text(f"/runs/_rows?after={made[1]}").count('<tr id="r') == 1
    assert "No run is like that" in ann.text("/runs?q=nothing")
    assert ann.text("/runs?q=%25").count('<tr id="r') == 0


def test_what_a_host_is_called_is_what_the_filter_finds(shop: Shop) -> None:
    """state_of and in_state say the same of every lane there can be."""
    run = Run.objects.get(id=shop.command_run()["id"])
    lane = Lane.objects.filter(run=run).order_by("id")[0]
    length = 3
    for status in LaneStatus:
        for position, failed_at, touched in ((0, -1, False), (1, 1, True), (3, 1, True), (2, -1, True)):
            rows = Lane.objects.filter(id=lane.id)
            rows.update(status=status, position=position, failed_at=failed_at, touched=touched)
            told = state_of(status, position, failed_at, touched, length)
            assert [name for name in STATES if in_state(rows, name, length).exists()] == [told]
