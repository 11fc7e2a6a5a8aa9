from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "interlock.runs"

    def ready(self) -> None:
        from interlock.journal.services import register_consumer
        from interlock.lifecycle.run.states import RUN_ENDED
        from interlock.runs import participants, reconciler
        from interlock.runs.kinds import base
        from interlock.runs.kinds.bodies import Command, Script
        from interlock.runs.kinds.http import Http
        from interlock.runs.kinds.probe import Probe
        from interlock.runs.kinds.waits import Approval, Wait
        from interlock.runs.logs import seal_logs_of
        from interlock.runs.schedule_ticks import TaskParticipant, follow_clock

        for kind in (Command(), Script(), Approval(), Wait(), Probe(), Http()):
            base.register(kind)
        register_consumer(
            "runs.seal_logs",
            {f"run.{status}" for status in RUN_ENDED},
            seal_logs_of,
        )
        participants.register("task", TaskParticipant())
        reconciler.register_chore("runs.clock", 30.0, follow_clock)
