from django.apps import AppConfig

REPROBE_SECONDS = 30.0


class ReleasesConfig(AppConfig):
    name = "interlock.releases"

    def ready(self) -> None:
        from interlock.releases.kinds import KINDS
        from interlock.releases.participation import ReleaseParticipant
        from interlock.releases.services import reprobe_unproven
        from interlock.runs import participants, reconciler
        from interlock.runs.kinds import base

        for kind in KINDS:
            base.register(kind)
        participants.register("release", ReleaseParticipant())
        reconciler.register_chore("releases.reprobe", REPROBE_SECONDS, reprobe_unproven)
