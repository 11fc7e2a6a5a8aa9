"""``command`` and ``script``: text of the template's author, run on a host or on the platform's side."""

from __future__ import annotations

import re
from typing import Literal, cast

from interlock.lifecycle.fields import BodyText, Choice, Env, Names
from interlock.runs.kinds.base import Declared, Outcome, Work

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Command(Declared):
    """One line or more for ``sh``; parameters arrive as environment variables."""

    name = "command"
    fields = {"command": BodyText(required=True), "env": Env()}

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        return await work.run_body(params["command"].encode(), env=params.get("env"))


class Script(Declared):
    """A file for ``sh``, ``bash`` or ``python3``, with small files beside it."""

    name = "script"
    fields = {
        "script": BodyText(required=True),
        "interpreter": Choice("sh", "bash", "python3"),
        "env": Env(),
        "files": Names(lambda name: _FILE_NAME.fullmatch(name) is not None, "file_name_unfit", BodyText()),
    }

    async def carry_out(self, work: Work) -> Outcome:
        params = work.step.params
        interpreter = cast("Literal['sh', 'bash', 'python3']", params.get("interpreter", "sh"))
        files = {name: text.encode() for name, text in params.get("files", {}).items()}
        return await work.run_body(
            params["script"].encode(), interpreter=interpreter, env=params.get("env"), files=files
        )
