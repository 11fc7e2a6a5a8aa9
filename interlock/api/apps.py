from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "interlock.api"

    def ready(self) -> None:
        from interlock.notify.rendering import say_with
        from interlock.words import sentence

        say_with(sentence)
