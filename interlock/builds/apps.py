from django.apps import AppConfig


class BuildsConfig(AppConfig):
    name = "interlock.builds"

    def ready(self) -> None:
        from interlock.builds.kind import BuildStep
        from interlock.builds.participant import BuildParticipant
        from interlock.runs import participants
        from interlock.runs.kinds import base

        base.register(BuildStep())
        participants.register("build", BuildParticipant())
