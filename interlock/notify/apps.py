from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "interlock.notify"

    def ready(self) -> None:
        from interlock.journal.services import register_consumer
        from interlock.notify.delivery import begin_due
        from interlock.notify.events import FOLLOWS
        from interlock.notify.kind import Notify
        from interlock.notify.services import forget_old
        from interlock.notify.telling import tell, tell_deadlines
        from interlock.runs.kinds import base
        from interlock.runs.reconciler import register_chore

        base.register(Notify())
        register_consumer("notify.tell", FOLLOWS, tell)
        register_chore("notify.send", 1, begin_due)
        register_chore("notify.deadlines", 15, tell_deadlines)
        register_chore("notify.forget", 3600, forget_old)
