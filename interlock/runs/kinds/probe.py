"""``probe``: ask until the answer is right, several times in a row, within a number of attempts.

HTTP and TCP are asked from the platform's side; ``{host}`` in a URL or address stands for the name of
the address of the host at hand. A command is run on the host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from interlock.fleet.queries import host_spec
from interlock.lifecycle.fields import BodyText, Fault, Field, Number, Path, Record, Text
from interlock.lifecycle.run.states import StepStatus
from interlock.runs.kinds.base import SUCCEEDED, Declared, Outcome, Work
from interlock.runs.kinds.http import tls

TRY_SECONDS = 5.0
BODY_LIMIT = 256 * 1024

# Each attempt in one body: no connection and no fork of ours per attempt.
_LOOP = b"""
good=0 n=0
while [ "$n" -lt "$PROBE_ATTEMPTS" ]; do
  n=$((n + 1))
  if sh "$INTERLOCK_FILES/probe"; then
    good=$((good + 1))
    [ "$good" -ge "$PROBE_SUCCESSES" ] && exit 0
  else
    echo "attempt $n of $PROBE_ATTEMPTS: exit code $?"
    good=0
  fi
  [ "$n" -lt "$PROBE_ATTEMPTS" ] && sleep "$PROBE_INTERVAL"
done
exit 1
"""


class Url(Field):
    def faults(self, value: Any, path: Path) -> Iterator[Fault]:
        if (
            not isinstance(value, str)
            or not value.startswith(("http://", "https://"))
            or "\0" in value
            or len(value) > 2000
        ):
            yield Fault(path, "url_unfit", {"url": str(value)[:100]})


class Probe(Declared):
    name = "probe"
    fields = {
        "http": Record({"url": Url(required=True), "status": Number(100, 599), "contains": Text(4000)}),
        "tcp": Record({"host": Text(255), "port": Number(1, 65535, required=True)}),
        "command": BodyText(),
        "attempts": Number(1, 10_000),
        "interval": Number(0.1, 3600, whole=False),
        "successes": Number(1, 100),
    }

    def rules(self, params: Mapping[str, Any]) -> Iterator[Fault]:
        if sum(name in params for name in ("http", "tcp", "command")) != 1:
            yield Fault((), "probe_asks_one_thing")

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        attempts, interval = int(params.get("attempts", 30)), float(params.get("interval", 1))
        wanted = int(params.get("successes", 1))
        if "command" in params:
            return await work.run_body(
                _LOOP,
                files={"probe": params["command"].encode()},
                env={
                    "PROBE_ATTEMPTS": str(attempts),
                    "PROBE_SUCCESSES": str(wanted),
                    "PROBE_INTERVAL": str(interval),
                },
            )
        address = await self._address(work)
        good = 0
        for attempt in range(1, attempts + 1):
            problem = await self._ask(params, address)
            good = 0 if problem else good + 1
            if good >= wanted:
                return SUCCEEDED
            if problem:
                await work.say(f"attempt {attempt} of {attempts}: {problem}")
            if attempt < attempts:
                await asyncio.sleep(interval)
        return Outcome(StepStatus.FAILED, error="probe_failed")

    async def _address(self, work: Work) -> str:
        if work.host is None:
            return "127.0.0.1"
        host_id = work.host.id
        return (await work.in_database(lambda: host_spec(host_id))).address

    async def _ask(self, params: Mapping[str, Any], address: str) -> str:
        """What is wrong with the answer; empty when nothing is."""
        try:
            if "tcp" in params:
                host = str(params["tcp"].get("host", address)).replace("{host}", address)
                async with asyncio.timeout(TRY_SECONDS):
                    _, writer = await asyncio.open_connection(host, int(params["tcp"]["port"]))
                writer.close()
                return ""
            return await self._ask_http(params["http"], address)
        except (OSError, TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__} {error}".strip()

    async def _ask_http(self, http: Mapping[str, Any], address: str) -> str:
        url = http["url"].replace("{host}", f"[{address}]" if ":" in address else address)
        async with (
            httpx.AsyncClient(timeout=TRY_SECONDS, verify=tls(), trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            wanted = http.get("status", 200)
            if answer.status_code != wanted:
                return f"status {answer.status_code}, not {wanted}"
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > BODY_LIMIT:
                    break
        contains = http.get("contains", "")
        return "" if contains.encode() in body else "the text looked for is not in the answer"
