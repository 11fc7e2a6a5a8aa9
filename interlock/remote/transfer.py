"""Putting a file on a host: sent beside its place, verified there, then renamed into it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import asyncssh

from interlock.remote.bodies import Answer
from interlock.remote.refusals import HostFailed, LinkLost, RemoteError

# Deep pipelines of big blocks double the far side's cost and hold whole files in memory.
BLOCK_SIZE, REQUESTS = 32 * 1024, 32
DIGEST_TIMEOUT = 600.0  # a host may take its time to read back a package of some GB

Ask = Callable[..., Awaitable[Answer]]
Send = Callable[[Path, str], Awaitable[None]]

_DIGEST = r"""
same() {
  [ -f "$1" ] || return 1
  found=$(sha256sum <"$1" 2>/dev/null || busybox sha256sum <"$1" 2>/dev/null || openssl dgst -sha256 -r <"$1")
  found=${found%% *}
  [ "$found" = "$PUT_SHA" ]
}
# Are there $1 KB and a few more?
room() {
  needed=$1
  set -- $(df -Pk "$PUT_FOLDER/" 2>/dev/null | tail -n 1)
  [ "${4:-$((needed + 16))}" -ge "$((needed + 16))" ]
}
"""
_HAVE = (
    _DIGEST
    + r"""
if same "$PUT_FILE"; then echo same; exit; fi
mkdir -p "$PUT_FOLDER" || exit
if room "$PUT_KB"; then echo wanted; else echo full; fi
"""
)
_PLACE = (
    _DIGEST
    + r"""
if same "$PUT_PART"; then
  chmod 0644 "$PUT_PART" && mv -f "$PUT_PART" "$PUT_FILE" && echo placed
else
  rm -f "$PUT_PART"
  echo "wrong $found"
fi
"""
)
_AFTER_FAILURE = (
    _DIGEST
    + r"""
if room 48; then echo room; else echo full; fi
rm -f "$PUT_PART"
"""
)


async def put(source: Path, path: str, sha256: str, *, ask: Ask, send: Send) -> None:
    if not path.startswith("/") or "\0" in path or path.endswith("/"):
        raise ValueError("path must be an absolute file name")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("sha256 must be 64 hex digits")
    folder, _, name = path.rpartition("/")
    part = f"{folder or '/'}/.{name[:100]}.{secrets.token_hex(6)}"
    kilobytes = source.stat().st_size // 1024
    env = {
        "PUT_FILE": path,
        "PUT_FOLDER": folder or "/",
        "PUT_PART": part,
        "PUT_SHA": sha256,
        "PUT_KB": str(kilobytes),
    }
    have = await _asked(ask, _HAVE, env)
    if have == "same":
        return
    if have == "full":
        raise HostFailed("disk_full", f"{kilobytes} KB do not fit into {folder or '/'}")
    try:
        await send(source, part)
    except HostFailed as failed:
        if await _asked(ask, _AFTER_FAILURE, env) == "full":
            raise HostFailed("disk_full", failed.detail) from failed
        raise
    except BaseException:
        with suppress(RemoteError):
            await ask('rm -f "$PUT_PART"', env)
        raise
    placed = await _asked(ask, _PLACE, env)
    if placed != "placed":
        found = placed.removeprefix("wrong").strip()
        raise HostFailed("digest_wrong", found or "no digest tool on the host")


async def _asked(ask: Ask, script: str, env: dict[str, str]) -> str:
    answer = await ask(script, env, timeout=DIGEST_TIMEOUT)
    word = answer.out.decode(errors="replace").strip()
    if not word:
        raise HostFailed("put_failed", answer.err.decode(errors="replace").strip())
    return word


async def send_over_sftp(connection: asyncssh.SSHClientConnection, source: Path, path: str) -> None:
    try:
        async with connection.start_sftp_client() as sftp:
            await sftp.put(str(source), path, block_size=BLOCK_SIZE, max_requests=REQUESTS)
    except asyncssh.ChannelOpenError as error:
        raise HostFailed("no_session", error.reason) from error
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
        raise LinkLost("connection_lost", error.reason) from error
    except asyncssh.SFTPError as error:
        raise HostFailed("put_failed", error.reason) from error
    except (asyncssh.Error, OSError) as error:
        raise LinkLost("connection_lost", str(error)) from error


def copy_here(source: Path, path: str) -> None:
    try:
        shutil.copyfile(source, path)
    except OSError as error:
        raise HostFailed("put_failed", os.strerror(error.errno or 0)) from error
