"""What ``celery -A interlock worker`` starts: processes, queues and quick wake-ups, no more."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "interlock.settings")

from celery import bootsteps

from interlock.runs.broker import app

app.autodiscover_tasks(["interlock.runs"])


class Carrying(bootsteps.StartStopStep):
    """The process's own worker lives exactly as long as Celery consumes messages."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        from interlock.runs.worker import cluster

        cluster.begin()

    def stop(self, parent: Any) -> None:
        from interlock.runs.worker import cluster

        cluster.end()

    terminate = stop


app.steps["worker"].add(Carrying)
