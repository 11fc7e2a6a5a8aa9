from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "interlock.web"
