"""The engine's own cost: runs of steps that do nothing, against a raw Celery hand-off chain.

  ./dev bench engine [--runs 200] [--steps 50] [--rounds 2]

Everything an engine is for is in our figures: claim, lease, fence, journal, durable commit. The raw chain
has none of it. Rounds alternate, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from typing import Any

from bench import places
from demo.servers import Server, Valkey

WORKERS = 2


class RawWorker(Server):
    """Celery as it is shipped: one prefork child a core."""

    name = "raw"

    def __init__(self, broker: str) -> None:
        super().__init__()
        self.broker = broker

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(places.ROOT), "INTERLOCK_BROKER_URL": self.broker}

    def command(self) -> list[str]:
        words = ["worker", "--pool", "prefork", "--concurrency", str(WORKERS), "--loglevel", "INFO"]
        return [sys.executable, "-m", "celery", "-A", "bench.raw_celery", *words, "--without-gossip"]

    def ready(self) -> bool:
        return b" ready." in self.log.read_bytes()


def raw(runs: int, steps: int) -> float:
    with contextlib.ExitStack() as servers:
        broker = Valkey()
        servers.callback(broker.remove)
        broker.start()
        worker = RawWorker(broker.url)
        servers.callback(worker.remove)
        worker.start()
        words = [sys.executable, "-m", "bench.raw_celery", str(runs), str(steps)]
        done = subprocess.run(words, env=worker.environment(), capture_output=True, text=True, check=True)
        return runs * steps / float(done.stdout)


def ours(place: places.Place, runs: int, steps: int) -> dict[str, Any]:
    place.drive("flood", 2, 10)
    flood = place.drive("flood", runs, steps)
    place.drive("settle")
    alone = place.drive("alone", 10, steps)
    if flood["odd"] or alone["odd"]:
        raise SystemExit(f"steps completed other than once: {flood['odd'] + alone['odd']}")
    return {"rate": flood["steps"] / flood["seconds"], "cpu": flood["cpu"], "pauses": alone["pauses"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    print(f"{asked.runs} runs x {asked.steps} steps, {places.machine()}", flush=True)
    rates: dict[str, list[float]] = {"raw": [], "embedded": [], "cluster": []}
    pauses: dict[str, list[float]] = {"embedded": [], "cluster": []}
    for number in range(asked.rounds):
        rates["raw"].append(raw(asked.runs, asked.steps))
        for mode in ("embedded", "cluster"):
            with places.embedded() if mode == "embedded" else places.cluster(WORKERS) as place:
                result = ours(place, asked.runs, asked.steps)
            rates[mode].append(result["rate"])
            pauses[mode] += result["pauses"]
        shown = ", ".join(f"{mode} {values[-1]:.0f}" for mode, values in rates.items())
        print(f"round {number + 1}: {shown} steps/s", flush=True)
    report(rates, pauses)


def report(rates: dict[str, list[float]], pauses: dict[str, list[float]]) -> None:
    floor = statistics.median(rates["raw"])
    targets = {"embedded": 3.0, "cluster": 1.0}
    print(f"raw Celery hand-off over Valkey   {floor:6.0f} steps/s   1.00 x")
    for mode, target in targets.items():
        rate = statistics.median(rates[mode])
        print(f"{mode:33} {rate:6.0f} steps/s   {rate / floor:.2f} x   (target {target:.1f})")
    for mode, values in pauses.items():
        cuts = statistics.quantiles(values, n=100)
        print(f"{mode:33} step to step, idle: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms   (target 5 / 20)")


if __name__ == "__main__":
    main()
