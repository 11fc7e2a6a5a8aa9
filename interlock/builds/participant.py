"""How a version follows the run that builds it."""

from typing import Any

from interlock.builds.models import Build
from interlock.catalog.services import version_news
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.run.states import RunStatus, StepStatus
from interlock.lifecycle.version import VersionStatus
from interlock.runs.participants import Participant


class BuildParticipant(Participant):
    def started(self, run: Any) -> None:
        self._tell(run, VersionStatus.BUILDING)

    def ended(self, run: Any, status: RunStatus) -> None:
        """News of a success came from the step itself; after that, this changes nothing."""
        if status in (RunStatus.CANCELED, RunStatus.REJECTED):
            self._tell(run, VersionStatus.CANCELED)
            return
        step = run.steps.order_by("stage").values("status", "error").first() or {}
        if step.get("status") == StepStatus.TIMED_OUT:
            self._tell(run, VersionStatus.TIMEOUT, "timed_out")
        else:
            self._tell(run, VersionStatus.FAILED, step.get("error") or "build_without_result")

    def _tell(self, run: Any, status: VersionStatus, reason: str = "") -> None:
        build = Build.objects.filter(pk=run.origin_id).first()
        if build is not None:
            version_news(version_id=build.version_id, status=status, by=SYSTEM, reason=reason)
