"""Wake-ups on their way to the broker."""

from __future__ import annotations

import os
import subprocess
import sys

SENDS = """
import django
django.setup()
from interlock.runs.tasks import carry_out
print(carry_out.app.conf.broker_url)
"""


def test_a_process_that_only_serves_pages_knows_the_broker() -> None:
    """It never loads what Celery starts workers from; its wake-ups once went to Celery's default broker."""
    told = subprocess.run(
        [sys.executable, "-c", SENDS],
        env={**os.environ, "INTERLOCK_BROKER_URL": "redis://127.0.0.1:1/7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "redis://127.0.0.1:1/7"
