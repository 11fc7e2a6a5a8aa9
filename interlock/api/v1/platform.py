"""Whether the platform is there."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

import interlock
from interlock.api.schemas.problems import Health

router = Router(tags=["platform"])


@router.get("/health", auth=None, response=Health)
def health(request: HttpRequest) -> Health:
    """Answers as long as the process serves; it asks nobody else."""
    return Health(status="ok", version=interlock.__version__)
