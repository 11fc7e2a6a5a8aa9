"""Whole runs, carried out by a real worker on real hosts over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from demo.hosts import DemoHosts
from interlock.lifecycle.run.plan import StepPlan
from interlock.remote import Body, HostSpec, Links, PrivateKeyAuth
from interlock.runs import approvals, services, wake
from interlock.runs.adhoc import start_adhoc
from interlock.runs.models import Approval, LogHead, Run, Target
from interlock.runs.worker import work
from interlock.runs.worker.process import Worker
from interlock.vault.services import put
from tests.runs.over_ssh.field import Field, ended, until, working

pytestmark = [pytest.mark.ssh, pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))]
SECRET = "a-secret-of-some-length"


class Site(http.server.BaseHTTPRequestHandler):
    """Ill for the first two questions, then well."""

    asked = 0

    def do_GET(self) -> None:
        Site.asked += 1
        self.send_response(200 if Site.asked > 2 else 503)
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def site(machines: DemoHosts) -> Iterator[int]:
    Site.asked = 0
    server = http.server.ThreadingHTTPServer((machines.hosts[0].address, 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_run_of_every_kind_with_an_approval_in_its_middle(field: Field, site: int) -> None:
    steps = (
        StepPlan("command", "command", {"command": 'echo "$WHO on $INTERLOCK_HOST" | tee "$PLACE/command"',
                                        "env": {"WHO": "it's me"}}),
        StepPlan("script", "script", {"script": "#!/usr/bin/env python3\nimport os\n"
                 "open(os.environ['PLACE'] + '/script', 'a').write('py')\nprint('from python')"}),
        StepPlan("probe", "probe", {"command": '[ -e "$PLACE/script" ]', "attempts": 3, "interval": 0.1}),
        StepPlan("site", "probe", {"http": {"url": f"http://{{host}}:{site}/", "contains": "well"},
                                   "attempts": 5, "interval": 0.1}),
    )  # fmt: skip
    after = StepPlan("after", "command", {"command": 'echo after >"$PLACE/after"'})
    with working():
        run = field.start(
            field.rollout(*steps),
            StepPlan("may it go on", "approval", {"quorum": 1}),
            StepPlan("a moment", "wait", {"seconds": 0.2}),
            field.rollout(after, hosts=3),
        )
        approval = until(lambda: Approval.objects.filter(run=run, status="open").first())
        assert field.left("script") == "py" and not (field.folder / "after").exists()
        approvals.approve(run_id=run.id, key="1.0", by=field.cast.bob, plan_hash=approval.plan_hash)
        assert ended(run) == "succeeded"
    assert field.log(field.target(run, "command")) == f"it's me on {field.machines.hosts[0].name}\n"
    assert field.log(field.target(run, "script")) == "from python\n"
    assert "attempt 2 of 5: status 503, not 200" in field.log(field.target(run, "site"))
    assert Target.objects.filter(step__run=run, step__name="after", status="succeeded").count() == 3
    assert field.left("after") == "after\n"


def test_tries_exit_codes_and_time_limits(field: Field) -> None:
    third = 'echo x >>"$PLACE/tries"; [ "$(wc -l <"$PLACE/tries")" -ge 3 ] || exit "$INTERLOCK_TRY"4'
    slow = "trap '' TERM; echo begun; sleep 60"
    with working(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "STOP_GRACE", 0.5)
        run = field.start(
            field.rollout(StepPlan("third time", "command", {"command": third}, retries=2)),
            field.rollout(StepPlan("slow", "command", {"command": slow}, timeout=1)),
        )
        assert ended(run, "waiting") == "waiting"
    target = field.target(run, "third time")
    assert (target.status, target.exit_code) == ("succeeded", 0)
    assert [(was["try"], was["exit_code"], was["error"]) for was in target.history] == [
        (1, 14, "exit_code"),
        (2, 24, "exit_code"),
    ]
    assert field.left("tries") == "x\n" * 3
    slow_one = field.target(run, "slow")
    assert (slow_one.status, slow_one.error) == ("timed_out", "timed_out")
    assert field.log(slow_one) == "begun\n"
    assert field.alive() == []


def test_a_stop_in_mid_run_leaves_nothing_on_any_host(field: Field) -> None:
    script = """
    trap '' TERM
    setsid sh -c 'trap "" TERM; echo $$ >>"$PLACE/away"; sleep 60' &
    echo $$ >>"$PLACE/here"; wait; sleep 60"""
    with working(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "STOP_GRACE", 0.5)
        never = StepPlan("never", "command", {"command": 'touch "$PLACE/never"'})
        run = field.start(field.rollout(StepPlan("stubborn", "script", {"script": script}), never, hosts=3))

        def all_up() -> bool:
            with contextlib.suppress(OSError):
                return len((field.left("here") + field.left("away")).split()) == 6
            return False

        until(all_up)
        assert len(field.alive()) >= 6
        services.stop(run_id=run.id, by=field.cast.ann, reason="enough")
        assert ended(run) == "canceled"
        assert field.alive() == []
    assert not (field.folder / "never").exists()
    assert set(Target.objects.filter(step__run=run).values_list("status", flat=True)) == {"canceled"}
    for pid in (field.left("here") + field.left("away")).split():
        # One that nobody has reaped is dead all the same.
        with contextlib.suppress(OSError):
            assert Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"


def test_secrets_are_masked_across_the_borders_of_chunks(field: Field) -> None:
    put(by=field.cast.dee, name="PASSWORD", value=SECRET, project_id=field.cast.project_id)
    # In two pieces with a pause longer than a flush; at a border of 64 KB; whole; and nearly.
    script = """
    half=${PASSWORD%some-length}
    printf %s "$half"; sleep 0.4; printf '%s\\n' "${PASSWORD#"$half"}"
    head -c 65500 /dev/zero | tr '\\0' x; printf '%s\\n' "$PASSWORD"
    printf '%s' "$half"; sleep 0.4; printf 'other\\n'
    printf %s "$PASSWORD" | base64
    """
    with working():
        run = field.start(
            field.rollout(StepPlan("talk", "script", {"script": script})), secrets=("PASSWORD",)
        )
        assert ended(run) == "succeeded"
    log = field.log(field.target(run, "talk"))
    stars = "*" * len(SECRET)
    lines = log.split("\n")
    assert lines[0] == stars and lines[1] == "x" * 65500 + stars
    assert lines[2] == SECRET.removesuffix("some-length") + "other"
    assert set(lines[3]) == {"*"}
    head = LogHead.objects.get(run_id=run.id)
    assert head.end == len(log)


def test_hosts_that_cannot_be_reached_say_why(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    from interlock.fleet.services import accept_key, remove_key, update_host

    first, second = field.ids[:2]
    update_host(by=field.cast.root, host_id=first, changes={"port": 1})
    known, other = field.machines.hosts[1].host_key, field.machines.hosts[2].host_key
    accepted = accept_key(by=field.cast.root, host_id=second, line=other)
    assert accepted.line != known
    from interlock.fleet.services import read_key

    remove_key(by=field.cast.root, host_id=second, fingerprint=read_key(known)[1])
    monkeypatch.setattr(work, "REACH_SECONDS", 0.5)
    with working():
        run = field.start(field.rollout(StepPlan("try", "command", {"command": "true"}), hosts=3))
        assert ended(run, "waiting") == "waiting"
    rows = Target.objects.filter(step__run=run).order_by("lane__host_id")
    assert [(row.status, row.error) for row in rows] == [
        ("failed", "connect_failed"),
        ("failed", "host_key_changed"),
        ("succeeded", ""),
    ]
    assert "connect_failed: " in field.log(rows.select_related("step")[0])


def test_a_body_outlives_cuts_and_its_worker(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link is cut twice, further apart than a host may be away; then another worker takes over."""
    monkeypatch.setattr(work, "AWAY_SECONDS", 1.0)
    script = """echo ran >>"$PLACE/ran"
    n=0; until [ -e "$PLACE/gate" ]; do
      n=$((n + 1)); echo "line $n"; echo "$n" >"$PLACE/n"; sleep 0.02
    done"""

    def said(run: Run, more: int) -> None:
        def end() -> int:
            return sum(LogHead.objects.filter(run_id=run.id).values_list("end", flat=True))

        wanted = end() + more
        until(lambda: end() > wanted)

    def cut(worker: Worker) -> None:
        async def server() -> int:
            link = await worker.link_to(field.ids[0])
            return int((await link.ask("echo $PPID")).out)

        os.kill(asyncio.run_coroutine_threadsafe(server(), worker._loop).result(10), 9)

    with working() as worker:
        run = field.start(field.rollout(StepPlan("long", "script", {"script": script})))
        said(run, 50)
        cut(worker)
        said(run, 200)
        time.sleep(1.0)
        cut(worker)
        said(run, 200)
    assert field.alive(), "the body goes on without a worker"
    with working():
        said(run, 200)
        (field.folder / "gate").touch()
        assert ended(run) == "succeeded"
    lines = int(field.left("n"))
    assert field.log(field.target(run, "long")) == "".join(f"line {n}\n" for n in range(1, lines + 1))
    assert field.left("ran") == "ran\n"


def test_what_another_platform_ran_is_not_taken_for_ours(field: Field) -> None:
    """Its numbers are like ours: so are those of a database that was restored."""
    spec = HostSpec(
        id=1,
        name="there",
        address=field.machines.hosts[0].address,
        port=field.machines.hosts[0].port,
        user=field.machines.hosts[0].user,
        auth=PrivateKeyAuth(field.machines.client_key.read_text()),
        host_keys=(field.machines.hosts[0].host_key,),
        state_dir=str(field.folder / f"state-{field.machines.hosts[0].name}"),
    )

    async def run_theirs(numbers: range) -> None:
        links = Links()
        link = await links.get(spec)
        for number in numbers:
            await link.launch(Body(f"t{number}-1", b"true"))
        await links.close()

    step = StepPlan("mine", "command", {"command": 'echo mine >>"$PLACE/mine"'})
    with working():
        first = field.start(field.rollout(step))
        assert ended(first) == "succeeded"
        number = field.target(first, "mine").id
        asyncio.run(run_theirs(range(number + 1, number + 4)))
        assert ended(field.start(field.rollout(step))) == "succeeded"
    assert field.left("mine") == "mine\n" * 2


def test_a_worker_leaves_nothing_behind(field: Field) -> None:
    step = StepPlan("here and there", "command", {"command": "echo said; sleep 30"})
    local = StepPlan("local", "command", {"command": "echo local; sleep 30"})
    before = set(threading.enumerate())
    with working() as worker:
        run = field.start(field.rollout(step, hosts=3))
        platform = start_adhoc(
            by=field.cast.root, project_id=field.cast.project_id, title="here", stages=[[local]]
        )
        until(lambda: LogHead.objects.filter(run_id__in=(run.id, platform.id), end__gt=0).count() == 4)
    assert worker._loop.is_closed()
    # Threads of the HTTP client's or of the tests' own servers are none of the worker's.
    assert {thread.name for thread in threading.enumerate()} <= {thread.name for thread in before}
    worker.offer_quietly(wake.Ref("step", 1))
    gc.collect()
    with working():
        services.stop(run_id=run.id, by=field.cast.ann, reason="end")
        services.stop(run_id=platform.id, by=field.cast.root, reason="end")
        assert (ended(run), ended(platform)) == ("canceled", "canceled")
    assert field.alive() == []
