"""``command`` and ``script``: text of the template's author, run on a host or on the platform's side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from interlock.lifecycle.refused import invalid
from interlock.runs.kinds.base import Outcome, Work

TEXT_LIMIT = 256 * 1024  # bytes of a script; more belongs into a package
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def check_text(params: Mapping[str, Any], name: str) -> None:
    value = params.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid("param_missing", param=name)
    if "\0" in value:
        raise invalid("param_has_nul", param=name)
    if len(value.encode()) > TEXT_LIMIT:
        raise invalid("param_too_long", param=name, limit=TEXT_LIMIT)


def check_names(params: Mapping[str, Any], known: set[str]) -> None:
    """Refuse what nobody would read: a typo must not be silently without effect."""
    unknown = sorted(set(params) - known)
    if unknown:
        raise invalid("params_not_known", params=", ".join(unknown[:5]), known=", ".join(sorted(known)))


def check_env(params: Mapping[str, Any]) -> None:
    env = params.get("env", {})
    if not isinstance(env, Mapping):
        raise invalid("param_not_a_mapping", param="env")
    for name, value in env.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith("INTERLOCK_"):
            raise invalid("env_name_unfit", name=str(name)[:64])
        if not isinstance(value, str) or "\0" in value or len(value) > TEXT_LIMIT:
            raise invalid("env_value_unfit", name=name)


class Command:
    """One line or more for ``sh``; parameters arrive as environment variables."""

    name = "command"

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        check_names(params, {"command", "env"})
        check_text(params, "command")
        check_env(params)

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        return await work.run_body(params["command"].encode(), env=params.get("env"))


class Script:
    """A file for ``sh``, ``bash`` or ``python3``, with small files beside it."""

    name = "script"
    interpreters = ("sh", "bash", "python3")

    def check(self, params: Mapping[str, Any], *, on_hosts: bool) -> None:
        check_names(params, {"script", "interpreter", "env", "files"})
        check_text(params, "script")
        check_env(params)
        if params.get("interpreter", "sh") not in self.interpreters:
            raise invalid("interpreter_not_known", known=", ".join(self.interpreters))
        files = params.get("files", {})
        if not isinstance(files, Mapping):
            raise invalid("param_not_a_mapping", param="files")
        for name, text in files.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", str(name)):
                raise invalid("file_name_unfit", name=str(name)[:64])
            if not isinstance(text, str) or len(text.encode()) > TEXT_LIMIT:
                raise invalid("param_too_long", param=str(name), limit=TEXT_LIMIT)

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        interpreter = cast("Literal['sh', 'bash', 'python3']", params.get("interpreter", "sh"))
        files = {name: text.encode() for name, text in params.get("files", {}).items()}
        return await work.run_body(
            params["script"].encode(), interpreter=interpreter, env=params.get("env"), files=files
        )
