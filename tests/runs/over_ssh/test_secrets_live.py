"""A secret in two halves: in no row, no sealed log, no live stream, whoever leaves between the halves."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from interlock.accounts.services import create_token
from interlock.lifecycle.run.plan import StepPlan
from interlock.runs import logs
from interlock.runs.models import LogChunk, LogHead, Run, Target
from interlock.runs.queries import body_of
from interlock.vault.services import put
from tests.api.streams import Stream, close_connections_of_the_threads, play
from tests.runs.over_ssh.field import Field, until, working

pytestmark = [pytest.mark.ssh, pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))]
SECRET = "s3cret-first-half:and-the-second"
HALF = SECRET.partition(":")[0]
T = TypeVar("T")

# It waits between the halves, and puts the third one across the border of the first two chunks.
SCRIPT = """
gate() { until [ -e "$PLACE/$1" ]; do sleep 0.02; done; }
half=${PASSWORD%%:*} rest=${PASSWORD#*:}
printf 'begin\\n%s:' "$half"
gate second
printf '%s\\nmiddle\\n%s:' "$rest" "$half"
gate taken-over
printf '%s\\n' "$rest"
n=$(wc -c <"${0%/*}/out")
head -c $((65536 - n - 10)) /dev/zero | tr '\\0' x
printf '%s\\n%s' "$PASSWORD" "$half"
"""


@pytest.fixture(autouse=True, scope="module")
def connections_of_the_threads() -> Iterator[None]:
    yield
    close_connections_of_the_threads()


async def there(look: Callable[[], T]) -> T:
    """Off the loop, which serves the stream."""
    return await sync_to_async(look, thread_sensitive=True)()


def begun(run: Run) -> str:
    """The name of the body, once something of it is stored."""
    until(lambda: LogHead.objects.filter(run_id=run.id, end__gt=0).exists())
    return body_of(Target.objects.get(step__run=run, step__name="talk"))


def stored(run: Run) -> bytes:
    chunks = LogChunk.objects.filter(head__run_id=run.id).order_by("start")
    return b"".join(bytes(data) for data in chunks.values_list("data", flat=True))


def stored_up_to(run: Run, word: bytes) -> bytes:
    return until(lambda: found if word in (found := stored(run)) else b"")


def sealed(run: Run) -> LogHead:
    """The reconciler has it done once the run has ended."""
    return until(lambda: LogHead.objects.filter(run_id=run.id).exclude(sealed="").first())


def test_a_secret_in_halves_is_never_seen_live_nor_later(field: Field) -> None:
    put(by=field.cast.dee, name="PASSWORD", value=SECRET, project_id=field.cast.project_id)
    token = create_token(by=field.cast.ann, name="test")[1]
    stars = b"*" * len(SECRET)
    x = 65536 - len(b"begin\n\nmiddle\n\n") - 2 * len(SECRET) - 10
    whole = b"begin\n%b\nmiddle\n%b\n%b%b\n%b" % (stars, stars, b"x" * x, stars, HALF.encode())

    async def story() -> None:
        def start() -> Run:
            return field.start(
                field.rollout(StepPlan("talk", "script", {"script": SCRIPT})), secrets=("PASSWORD",)
            )

        first = working()
        await there(first.__enter__)
        run = await there(start)
        body = await there(lambda: begun(run))
        async with Stream(token, f"/runs/{run.id}/events?log={body}") as stream:
            await stream.until(lambda: stream.bytes == b"begin\n")
            assert await there(lambda: stored(run)) == b"begin\n"
            (field.folder / "second").touch()
            until_now = b"begin\n%b\nmiddle\n" % stars
            assert await there(lambda: stored_up_to(run, b"middle\n")) == until_now
            await stream.until(lambda: len(stream.bytes) >= len(until_now))
            # The worker leaves while it holds the first half back; another one takes over.
            await there(lambda: first.__exit__(None, None, None))
            assert await there(lambda: stored(run)) == until_now == stream.bytes
            second = working()
            await there(second.__enter__)
            (field.folder / "taken-over").touch()
            await stream.until(lambda: stream.has("end"))
            assert stream.bytes == whole
        head = await there(lambda: sealed(run))
        await there(lambda: second.__exit__(None, None, None))
        assert head.end == len(whole)
        assert gzip.decompress(logs.log_store().read(head.sealed)) == whole
        assert not await there(lambda: stored(run))

    play(story)
