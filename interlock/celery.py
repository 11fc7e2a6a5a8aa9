"""Celery: processes, queues and quick wake-ups, and nothing that must not be forgotten."""

import os
from typing import Any

from celery import Celery, bootsteps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "interlock.settings")

app = Celery("interlock")


def _configure() -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.BROKER_URL or "memory://",
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_pool="threads",
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2},
        # A publisher that waits for a dead broker would hold up the click behind it.
        task_publish_retry=False,
    )
    # Celery closes the database connection around every task unless this is in the settings literally.
    app.conf["CELERY_DB_REUSE_MAX"] = 10_000


_configure()
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
