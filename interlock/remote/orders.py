"""The shell text of each thing asked of a resident shell, and what its answers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from interlock.remote.bodies import Body, BodyState, BodyStatus
from interlock.remote.hosts import HostSpec
from interlock.remote.quoting import escaped, word, write_file
from interlock.remote.refusals import LinkLost

_SHEBANG = re.compile(r"#![ \t]*([^ \t\0]+)[ \t]*([^\0]*)")


@cache
def far(name: str) -> str:
    """A script of ours without its comments: they would only cost bytes on the way."""
    text = files("interlock.remote").joinpath("far", name).read_text()
    kept = [line for line in text.splitlines() if line.startswith("#!") or not line.lstrip().startswith("#")]
    return "\n".join(kept) + "\n"


@cache
def tools_digest() -> str:
    return sha256((far("runner.sh") + far("spawn.sh")).encode()).hexdigest()[:12]


def open_shell(spec: HostSpec, nonce: str, mark: str) -> str:
    words = [nonce, spec.state_dir, tools_digest(), mark, spec.shell]
    return far("resident.sh") + "il_open " + " ".join(map(word, words)) + "\n"


def leave_tools() -> str:
    runner, spawn = escaped(far("runner.sh").encode()), escaped(far("spawn.sh").encode())
    return f"il_tool runner-{tools_digest()} {runner}\nil_tool interlock-spawn {spawn}\nil_tooled\n"


def exports(env: Mapping[str, str]) -> str:
    return "".join(f"export {name}={word(value)}\n" for name, value in env.items())


def reader(body: Body) -> tuple[str, str]:
    """The words that read the script, as shell text, and the program that they need."""
    if body.interpreter != "sh":
        return body.interpreter, body.interpreter
    line = body.script.partition(b"\n")[0].decode(errors="surrogateescape").rstrip()
    found = _SHEBANG.fullmatch(line)
    if found is None or found.groups() in (("/bin/sh", ""), ("/usr/bin/env", "sh")):
        return "$sh", ""
    # As Linux has it: what comes behind the program is one argument, blanks included.
    program, argument = found.groups()
    by_name = program.endswith("/env") and not argument.startswith("-") and " " not in argument
    words = f"{word(program)} {word(argument)}" if argument else word(program)
    return words, argument if by_name else program


def go(body: Body) -> str:
    """Sourced by the runner's child just before it becomes the body; "$@" is then the command."""
    words, needed = reader(body)
    lines = [
        f'set -- $detach {words} "$d/script"\n',
        exports(body.env),
        'export PATH="${d%/bodies/*}/bin:$PATH"\n',
        f"export INTERLOCK_BODY={word(body.id)}\n",
    ]
    if needed:
        lack = word(f"interlock: the script asks for {needed}, which this host does not have")
        lines.append(f"command -v {word(needed)} >/dev/null || {{ printf '%s\\n' {lack}; exit 127; }}\n")
    if body.files:
        lines.append('export INTERLOCK_FILES="$d/files"\n')
    if body.cwd is not None:
        lines.append(f"cd -- {word(body.cwd)} || exit 126\n")
    return "".join(lines)


def launch(body: Body) -> str:
    writes = [write_file(body.script, '"$il_t/script"'), write_file(b"", '"$il_t/out"')]
    if body.files:
        writes.append('mkdir "$il_t/files"')
        writes += [write_file(data, f'"$il_t/files/"{word(name)}') for name, data in body.files.items()]
    lines = [f"il_new {word(body.id)}\n"]
    if body.fence:
        fence = body.fence
        lines.append(f"il_fence {word(fence.directory)} {fence.token} {fence.seq}\n")
        recorded = f"{fence.directory}\n{fence.token} {fence.seq}\n".encode(errors="surrogateescape")
        writes.append(write_file(recorded, '"$il_t/fence"'))
    writes.append(write_file(go(body).encode(errors="surrogateescape"), '"$il_t/go"'))
    placing = " &&\n".join(writes)
    lines.append(f"if il_room; then\n{placing} || il_spoiled\nfi\nil_go\n")
    return "".join(lines)


def ask(script: str, env: Mapping[str, str], mark: str) -> str:
    return f"il_ask {mark} {word(exports(env) + script)}\n"


def look(body_id: str) -> str:
    return f'il_new {word(body_id)}; il_size "$il_d"; il_state\n'


def seal(body_id: str) -> str:
    return f"il_seal {word(body_id)}\n"


def follow(body_id: str, offset: int, mark: str) -> str:
    return f"il_follow {word(body_id)} {offset:d} {mark}\n"


def stop(body_id: str, grace: float) -> str:
    return far("stop.sh") + f"il_stop {word(body_id)} {max(0, round(grace * 10)):d}\n"


def state(words: Sequence[str]) -> BodyState:
    """From the words "state <status> <exit code or -> <size of the log>"."""
    try:
        _, status, code, size = words
        return BodyState(BodyStatus(status), None if code == "-" else int(code), int(size))
    except ValueError as error:
        raise LinkLost("bad_reply", " ".join(words)) from error
