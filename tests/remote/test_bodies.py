"""A body runs at most once, is followed from any byte, and its end is always known or honestly lost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from interlock.remote import Body, BodyStatus, Fence, FenceRefused, HostSpec, Link, Links
from tests.remote.conftest import Log, name, with_link


async def run(link: Link, body: Body, log: Log | None = None) -> tuple[int | None, bytes]:
    log = log or Log()
    await link.launch(body)
    state = await link.follow(body.id, log.start, log.take)
    assert state.status is BodyStatus.ended
    assert state.log_size == log.start + len(log.data)
    return state.exit_code, bytes(log.data)


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_codes_and_output(spec: HostSpec, code: int) -> None:
    body = Body(name(), f"echo out; echo err >&2; exit {code}".encode())
    assert with_link(spec, lambda link: run(link, body)) == (code, b"out\nerr\n")


def test_a_body_killed_by_a_signal_has_its_code(spec: HostSpec) -> None:
    body = Body(name(), b"kill -9 $$")
    assert with_link(spec, lambda link: run(link, body))[0] == 128 + 9


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "two words",
        'it\'s "quoted"',
        "$(touch /tmp/never) `id` $HOME",
        "a\nb\n",
        "-n",
        "--",
        "\\0101",
        "*",
        "汉字",
        "%s%n",
    ],
)
def test_values_arrive_as_they_are(spec: HostSpec, value: str) -> None:
    body = Body(
        name(),
        b'printf "%s." "$VALUE"; cat "$INTERLOCK_FILES/f"',
        env={"VALUE": value},
        files={"f": value.encode()},
    )
    assert with_link(spec, lambda link: run(link, body))[1] == f"{value}.{value}".encode()


def test_any_bytes_come_out_as_they_went_in(spec: HostSpec) -> None:
    everything = bytes(range(256)) * 40 + b"\xff\xfe" + b"x" * 300_000
    body = Body(name(), b'cat "$INTERLOCK_FILES/f"', files={"f": everything})
    assert with_link(spec, lambda link: run(link, body)) == (0, everything)


@pytest.mark.parametrize("bad", ["../x", "a/b", "", "a b", "x" * 101, ".."])
def test_names_that_could_lead_elsewhere_are_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        Body(bad, b"")


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError):
        Body("b", b"", env={"A": "x\0y"})


def test_who_launches_how_often_it_runs_once(spec: HostSpec, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    body = Body(name(), b'echo ran >>"$MARKS"; sleep 0.3', env={"MARKS": str(marks)})

    async def twins(link: Link) -> None:
        other = Links()
        second = await other.get(spec)
        await asyncio.gather(*(one.launch(body) for one in (link, second) * 5))
        await run(link, body)
        await second.launch(body)
        await other.close()

    with_link(spec, twins)
    assert marks.read_text() == "ran\n"


def test_what_a_dead_launcher_left_half_done_is_taken_up(spec: HostSpec, tmp_path: Path) -> None:
    """Placed, and never claimed: the launcher died in between."""
    body = Body(name(), b'echo ran >>"$MARKS"', env={"MARKS": str(tmp_path / "marks")})

    async def half(link: Link) -> None:
        await run(link, body)
        folder = Path(link.facts.state_dir) / "bodies" / body.id
        for file in [*folder.glob("claim*"), *folder.glob("status*"), folder / "body"]:
            file.unlink(missing_ok=True)
        (folder / "out").write_bytes(b"")
        (folder / "go").write_text(f'set -- sh "$d/script"\nexport MARKS={tmp_path}/marks\n')
        assert (await link.look(body.id)).status is BodyStatus.placed
        await run(link, body)

    with_link(spec, half)
    assert (tmp_path / "marks").read_text() == "ran\nran\n"


def test_following_goes_on_behind_what_was_stored(spec: HostSpec) -> None:
    line = b"i=$((i+1)); echo line $i of the log; [ $((i % 40)) != 0 ] || sleep 0.05"
    script = b"i=0; while [ $i -lt 400 ]; do " + line + b"; done"
    body = Body(name(), script)
    wanted = b"".join(b"line %d of the log\n" % i for i in range(1, 401))
    got = bytearray()

    async def a_while(link: Link) -> None:
        await link.launch(body)
        log = Log(len(got))
        follower = asyncio.create_task(link.follow(body.id, len(got), log.take))
        await asyncio.wait({follower}, timeout=0.08)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        got.extend(log.data)

    for _ in range(4):
        with_link(spec, a_while)
    rest = Log(len(got))
    code, _ = with_link(spec, lambda link: run(link, body, rest))
    assert (code, bytes(got + rest.data)) == (0, wanted)


def test_a_body_outlives_its_launcher(spec: HostSpec) -> None:
    body = Body(name(), b"sleep 0.4; echo still here")
    assert with_link(spec, lambda link: link.launch(body)).status is BodyStatus.running
    assert with_link(spec, lambda link: run(link, body)) == (0, b"still here\n")


def test_a_sealed_body_never_runs(spec: HostSpec, tmp_path: Path) -> None:
    body = Body(name(), b'touch "$MARK"', env={"MARK": str(tmp_path / "mark")})

    async def seal(link: Link) -> None:
        assert (await link.seal(body.id)).status is BodyStatus.sealed
        assert (await link.launch(body)).status is BodyStatus.sealed

    with_link(spec, seal)
    assert not (tmp_path / "mark").exists()


def test_sealing_what_runs_only_says_so(spec: HostSpec) -> None:
    body = Body(name(), b"sleep 0.3")

    async def seal(link: Link) -> None:
        await link.launch(body)
        assert (await link.seal(body.id)).status is BodyStatus.running
        assert (await run(link, body))[0] == 0
        assert (await link.seal(body.id)).status is BodyStatus.ended

    with_link(spec, seal)


def test_a_runner_that_died_is_lost_not_guessed(spec: HostSpec) -> None:
    body = Body(name(), b"sleep 20")

    async def kill(link: Link) -> None:
        await link.launch(body)
        claim = Path(link.facts.state_dir) / "bodies" / body.id / "claim"
        os.kill(int(claim.read_text().split()[0]), signal.SIGKILL)
        for _ in range(100):
            if (await link.look(body.id)).status is BodyStatus.lost:
                break
            await asyncio.sleep(0.02)
        assert (await link.launch(body)).status is BodyStatus.lost
        assert (await link.stop(body.id, grace=0.5)).proven

    with_link(spec, kill)


STUBBORN = {
    "ignores TERM": b"trap '' TERM; echo up; while :; do sleep 0.2; done",
    "double fork": b"(sleep 60 & ) ; (setsid sleep 60 &) ; echo up; sleep 60",
    "a session of its own": b"setsid sh -c 'trap \"\" TERM; sleep 60' & echo up; wait",
}


@pytest.mark.parametrize("how", STUBBORN)
def test_a_stop_is_proven_whatever_the_body_does(spec: HostSpec, how: str) -> None:
    body = Body(name(), STUBBORN[how])

    async def stop(link: Link) -> None:
        await link.launch(body)
        log = Log()
        follower = asyncio.create_task(link.follow(body.id, 0, log.take))
        while b"up" not in log.data:
            await asyncio.sleep(0.01)
        stopped = await link.stop(body.id, grace=0.3)
        assert stopped.proven and not stopped.survivors
        await follower

    with_link(spec, stop)
    mark = f"INTERLOCK_BODY={body.id}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            assert mark not in environ.read_bytes().split(b"\0")
        except OSError:
            continue


def test_stopping_what_never_began_seals_it(spec: HostSpec) -> None:
    body = Body(name(), b"echo no")

    async def stop(link: Link) -> None:
        assert (await link.stop(body.id)).proven
        assert (await link.launch(body)).status is BodyStatus.sealed

    with_link(spec, stop)


def test_the_fence_lets_nothing_older_through(spec: HostSpec, tmp_path: Path) -> None:
    fence = str(tmp_path / "fenced place")

    def body(token: int, seq: int) -> Body:
        return Body(name(), b"true", fence=Fence(fence, token, seq))

    async def try_all(link: Link) -> None:
        await run(link, body(5, 2))
        await run(link, body(5, 2))
        for token, seq in ((5, 1), (4, 9)):
            with pytest.raises(FenceRefused) as refused:
                await link.launch(body(token, seq))
            assert refused.value.recorded == (5, 2)
        await run(link, body(6, 1))
        with pytest.raises(FenceRefused):
            await link.launch(body(5, 3))

    with_link(spec, try_all)


def test_a_spawned_service_is_not_the_step(spec: HostSpec, tmp_path: Path) -> None:
    env = {"PID": str(tmp_path / "service.pid"), "LOG": str(tmp_path / "service.log")}
    start = Body(name(), b'interlock-spawn --log "$LOG" "$PID" sleep 60', env=env)
    status = b'interlock-spawn --status "$PID"'

    async def life(link: Link) -> None:
        assert (await run(link, start))[0] == 0
        assert (await link.stop(start.id)).proven
        assert (await run(link, Body(name(), status, env=env)))[0] == 0
        assert (await run(link, Body(name(), b'interlock-spawn --stop "$PID" 2', env=env)))[0] == 0
        assert (await run(link, Body(name(), status, env=env)))[0] == 1

    with_link(spec, life)


def test_old_bodies_are_swept_and_running_ones_are_not(spec: HostSpec) -> None:
    done, busy = Body(name(), b"true"), Body(name(), b"sleep 5")

    async def sweep(link: Link) -> None:
        await run(link, done)
        await link.launch(busy)
        folder = Path(link.facts.state_dir) / "bodies"
        for body in (done, busy):
            os.utime(folder / body.id, (0, 0))
        assert await link.sweep(older_than_days=7, keep=0) >= 1
        assert (await link.look(done.id)).status is BodyStatus.absent
        assert (await link.look(busy.id)).status is BodyStatus.running
        await link.stop(busy.id, grace=0.2)

    with_link(spec, sweep)
