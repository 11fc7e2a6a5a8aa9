"""One host looked at, stage by stage, as somebody would who asks why it does not work."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict, dataclass

from interlock.remote import HostFacts, HostFailed, HostSpec, Link, Links, RemoteError, Unreachable

STAGES = ("resolve", "connect", "host_key", "sign_in", "shell", "root", "disk", "clock")
# Which stage a code of interlock.remote is about; anything else is the shell's.
STAGE_OF = {
    "connect_failed": "connect",
    "connect_timeout": "connect",
    "bastion_failed": "connect",
    "host_key_unknown": "host_key",
    "host_key_changed": "host_key",
    "auth_failed": "sign_in",
}
GOOD, FAILED, WARNED, SKIPPED = "succeeded", "failed", "waiting", "skipped"
SPARE_MB = 1024  # below it a release of ordinary packages soon finds the disk full
SKEW_MOST = 30.0  # seconds; more, and times in logs of hosts and platform no longer fit together
# What is asked in one go. The root may not be there yet: whoever can write the nearest folder can make it.
LOOK = """
d=$ROOT
while [ ! -d "$d" ]; do d=${d%/*}; [ -n "$d" ] || d=/; done
[ -w "$d" ] && echo "write yes" || echo "write no"
echo "near $d"
echo "spare $(df -Pk "$d" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
echo "kernel $(uname -sr)"
echo "arch $(uname -m)"
echo "os $(. /etc/os-release 2>/dev/null && printf %s "$PRETTY_NAME")"
echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null)"
"""


@dataclass(frozen=True)
class Seen(HostFacts):
    """What the check learns beyond what every link does."""

    os: str = ""
    kernel: str = ""
    arch: str = ""
    cpus: str = ""
    spare_mb: int | None = None


@dataclass(frozen=True)
class Stage:
    """``found`` is what the host said, in its own words; ``code`` says what is wrong with it."""

    name: str
    status: str
    found: str = ""
    code: str = ""
    seen: Seen | None = None


async def probe(spec: HostSpec, root: str) -> AsyncGenerator[Stage, None]:
    """Each stage as it is known; what comes after a failed one is not tried."""
    async for stage in _knock(spec):
        yield stage
        if stage.status == FAILED:
            return
    links = Links()
    try:
        link = await links.get(spec)
        yield Stage("host_key", GOOD, _kind_of_key(link))
        yield Stage("sign_in", GOOD, link.facts.user)
        yield Stage("shell", GOOD, link.facts.shell)
        answers = await _look(link, root)
        for stage in _judge(link.facts, answers):
            yield stage
    except Unreachable as error:
        for stage in _up_to(error):
            yield stage
    except (RemoteError, HostFailed) as error:
        yield Stage("shell", FAILED, error.detail, error.code)
    finally:
        await links.close()


async def _knock(spec: HostSpec) -> AsyncIterator[Stage]:
    """Is there an address, does anything listen there? Behind a bastion only the bastion can say."""
    if spec.bastion is not None:
        yield Stage("resolve", SKIPPED, spec.bastion.name, "behind_bastion")
        return
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(spec.connect_timeout):
            found = await loop.getaddrinfo(spec.address, spec.port, type=1)
    except (OSError, TimeoutError, UnicodeError) as error:
        yield Stage("resolve", FAILED, str(error), "name_not_found")
        return
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    yield Stage("resolve", GOOD, ", ".join(addresses[:4]) if not _is_ip(spec.address) else spec.address)
    begun = time.monotonic()
    try:
        async with asyncio.timeout(spec.connect_timeout):
            reader, writer = await asyncio.open_connection(addresses[0], spec.port)
            banner = await reader.read(255)
            writer.close()
    except TimeoutError:
        yield Stage("connect", FAILED, f"{addresses[0]}:{spec.port}", "connect_timeout")
    except OSError as error:
        yield Stage("connect", FAILED, error.strerror or str(error), "connect_failed")
    else:
        said = banner.split(b"\n")[0].decode(errors="replace").strip()[:80]
        if said.startswith("SSH-"):
            yield Stage("connect", GOOD, f"{said}, {(time.monotonic() - begun) * 1000:.0f} ms")
        else:
            yield Stage("connect", FAILED, said, "not_ssh")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _kind_of_key(link: Link) -> str:
    key = link.connection.get_server_host_key() if link.connection else None
    return f"{key.get_algorithm()} {key.get_fingerprint()}" if key else ""


def _up_to(error: Unreachable) -> list[Stage]:
    """The stages before the one that the refusal is about were passed."""
    name = STAGE_OF.get(error.code, "shell")
    passed = [stage for stage in ("host_key", "sign_in") if STAGES.index(stage) < STAGES.index(name)]
    return [*(Stage(stage, GOOD) for stage in passed), Stage(name, FAILED, error.detail, error.code)]


async def _look(link: Link, root: str) -> dict[str, str]:
    answer = await link.ask(LOOK, {"ROOT": root})
    lines = answer.out.decode(errors="replace").splitlines()
    return {line.partition(" ")[0]: line.partition(" ")[2].strip()[:120] for line in lines}


def _judge(facts: HostFacts, said: dict[str, str]) -> list[Stage]:
    near = said.get("near", "")
    spare = int(said["spare"]) // 1024 if said.get("spare", "").isdecimal() else None
    seen = Seen(
        **asdict(facts),
        os=said.get("os", "") or said.get("kernel", ""),
        kernel=said.get("kernel", ""),
        arch=said.get("arch", ""),
        cpus=said.get("cpus", ""),
        spare_mb=spare,
    )
    write = said.get("write") == "yes"
    root = Stage("root", GOOD if write else FAILED, near, "" if write else "root_not_writable")
    if spare is None:
        disk = Stage("disk", WARNED, "", "disk_unknown")
    else:
        low = spare < SPARE_MB
        disk = Stage("disk", WARNED if low else GOOD, f"{spare / 1024:.1f} GB", "disk_short" if low else "")
    off = abs(facts.clock_skew) > SKEW_MOST
    clock = Stage(
        "clock", WARNED if off else GOOD, f"{facts.clock_skew:+.0f} s", "clock_off" if off else "", seen
    )
    return [root, disk, clock]
