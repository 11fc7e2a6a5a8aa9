from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "interlock.fleet"
