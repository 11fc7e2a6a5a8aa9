from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "interlock.catalog"

    def ready(self) -> None:
        from interlock.catalog import doctor
        from interlock.runs.doctor import register_check

        register_check("catalog", doctor.look)
