"""From `git clone` to the end of `./dev demo --check`, as somebody would who has never seen the project.

  ./dev bench from_clone [--cold]

Cold: with empty caches of pip and uv, so that every package is fetched. Warm: as the caches are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench import places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cold", action="store_true")
    asked = parser.parse_args()
    print(f"{'cold' if asked.cold else 'warm'}, {places.machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        if asked.cold:
            caches = Path(folder) / "caches"
            environment |= {"PIP_CACHE_DIR": str(caches / "pip"), "UV_CACHE_DIR": str(caches / "uv")}
        clone = Path(folder) / "interlock"
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", str(places.ROOT), str(clone)], check=True)
        told = subprocess.run(
            ["./dev", "demo", "--check"],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
    if told.returncode:
        raise SystemExit(told.stdout[-3000:] + told.stderr[-2000:])
    print(f"from clone to held: {seconds:.0f} s, of which the story: {told.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
