"""The Celery application: the way to the broker, for whoever sends a wake-up and whoever hears one."""

from typing import Any

from celery import Celery
from django.conf import settings

_SETTINGS: dict[str, Any] = {
    "broker_url": settings.BROKER_URL or "memory://",
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_acks_late": False,
    "worker_prefetch_multiplier": 1,
    "worker_pool": "threads",
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"socket_timeout": 5, "socket_connect_timeout": 2},
    "task_publish_retry": False,
}

app = Celery("interlock")
app.conf.update(_SETTINGS)
# Celery closes the database connection around every task unless this is in the settings literally.
app.conf["CELERY_DB_REUSE_MAX"] = 10_000
