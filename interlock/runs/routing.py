"""On SQLite, log rows live in a second file; elsewhere everything is one database."""

from typing import Any

from django.db import connections

LOG_MODELS = frozenset({"loghead", "logchunk"})


def log_database() -> str:
    return "logs" if "logs" in connections.settings else "default"


class LogRouter:
    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self._where(model)

    db_for_write = db_for_read

    def _where(self, model: Any) -> str | None:
        if model._meta.app_label == "runs" and model._meta.model_name in LOG_MODELS:
            return log_database()
        return None

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        if app_label == "runs" and model_name in LOG_MODELS:
            return db == log_database()
        return db == "default"
