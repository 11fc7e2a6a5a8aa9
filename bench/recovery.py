"""Recovery after kill -9, with the settings as shipped: when does the work go on, and was any done twice?

  ./dev bench recovery [--runs 200] [--steps 50]

Embedded: the one process is killed in the middle and started again; counted from its start. Cluster: all
workers are killed at once and started again; counted from the kill, so that the lease of the dead is in it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Callable

from bench import places
from bench.places import Place

SOME = 1000  # steps that have succeeded when the kill comes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50)
    asked = parser.parse_args()
    print(f"{asked.runs} runs x {asked.steps} steps, {places.machine()}", flush=True)
    with places.embedded() as place:
        measure("embedded, from its start", 2, place, asked.runs, asked.steps, embedded_death)
    with places.cluster(2) as place:
        measure("cluster, from the kill", 20, place, asked.runs, asked.steps, cluster_death)


def measure(
    title: str, target: int, place: Place, runs: int, steps: int, death: Callable[[Place], None]
) -> None:
    beginner = subprocess.Popen(place.words("begin", runs, steps), env=place.environment)
    while place.drive("succeeded") < SOME:
        time.sleep(0.1)
    beginner.kill()
    beginner.wait()
    killed = time.time()
    death(place)
    held = place.drive("held")
    told = place.drive("carry_on", steps)
    since = told["began"] if not place.workers else killed
    pauses = [at - since for at in place.drive("ended", *held)]
    if len(pauses) != len(held) or not held:
        raise SystemExit(f"{len(held)} steps were held, {len(pauses)} of them ended")
    print(
        f"{title:26} {len(held)} steps were held: went on after {statistics.median(pauses):.1f} s, "
        f"the last after {max(pauses):.1f} s (target {target}); completed other than once: {told['odd']}",
        flush=True,
    )


def embedded_death(place: Place) -> None:
    """Its process is the one that began the runs: it is gone."""


def cluster_death(place: Place) -> None:
    for worker in place.workers:
        worker.crash()
    for worker in place.workers:
        worker.start()


if __name__ == "__main__":
    main()
