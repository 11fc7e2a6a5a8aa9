"""The shape of a service's settings, with their defaults."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from interlock.lifecycle.refused import invalid

SCRIPT_LIMIT = 64 * 1024  # characters; longer work belongs into the repository


class ServiceSettings(BaseModel):
    """How a service is built, started and kept. Scripts are POSIX sh; "" means: the package's own.

    ``package_path`` says what of the built tree is packed: "" the whole tree; the name of a folder, whose
    content becomes the package; or file patterns, one a line, which keep their paths.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int | None = Field(default=None, ge=1, le=65535)
    keep_versions: int = Field(default=5, ge=1, le=100)
    start: str = Field(default="", max_length=SCRIPT_LIMIT)
    stop: str = Field(default="", max_length=SCRIPT_LIMIT)
    health: str = Field(default="", max_length=SCRIPT_LIMIT)
    before_switch: str = Field(default="", max_length=SCRIPT_LIMIT)
    after_switch: str = Field(default="", max_length=SCRIPT_LIMIT)
    unit: str = Field(default="", max_length=128, pattern=r"^([A-Za-z0-9][A-Za-z0-9:_.@-]*)?$")
    health_timeout: int = Field(default=60, ge=1, le=3600)
    health_interval: int = Field(default=1, ge=1, le=600)
    stop_timeout: int = Field(default=30, ge=1, le=3600)
    build_script: str = Field(default="", max_length=SCRIPT_LIMIT)
    build_timeout: int = Field(default=3600, ge=1, le=24 * 3600)
    package_path: str = Field(default="", max_length=4096)
    version_rule: Literal["default", "tag"] = "default"

    @field_validator(
        "start", "stop", "health", "before_switch", "after_switch", "build_script", "package_path"
    )
    @classmethod
    def no_nul(cls, text: str) -> str:
        # A NUL ends an argument in C and is refused by PostgreSQL; browsers send CR LF.
        if "\0" in text:
            raise ValueError("nul")
        return text.replace("\r\n", "\n")

    @field_validator("package_path")
    @classmethod
    def stays_inside(cls, text: str) -> str:
        for line in text.splitlines():
            if line.startswith("/") or ".." in line.split("/"):
                raise ValueError("outside")
        return text


def read_settings(values: Mapping[str, Any]) -> ServiceSettings:
    """The settings, or ``Refused`` naming the first field that does not fit."""
    try:
        return ServiceSettings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "settings"
        code = "setting_not_known" if first["type"] == "extra_forbidden" else "setting_unfit"
        raise invalid(code, setting=field, problem=first["type"]) from None
