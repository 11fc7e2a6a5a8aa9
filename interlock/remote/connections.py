"""Opening SSH connections: keys checked against those pinned, nothing taken from files of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import asyncssh

from interlock.remote.hosts import HostSpec, PasswordAuth, PrivateKeyAuth
from interlock.remote.refusals import Unreachable

# curve25519 first: a post-quantum exchange costs a multiple of CPU per connection; it is there for
# servers that insist. Short lists keep the handshake small.
KEY_EXCHANGES = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "mlkem768x25519-sha256",
    "ecdh-sha2-nistp256",
)
CIPHERS = ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256")
HOST_KEY_ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
KEEPALIVE_SECONDS = 15
KEEPALIVE_MISSES = 3


class _Client(asyncssh.SSHClient):
    """Asked only when the offered key is not among the pinned ones: it remembers which, and refuses."""

    def __init__(self) -> None:
        self.offered = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = key.export_public_key("openssh").decode().strip()
        return False


@lru_cache(maxsize=4096)
def _public_key(line: str) -> asyncssh.SSHKey:
    return asyncssh.import_public_key(line)


# A passphrase costs a deliberate tenth of a second: once per key, not once per connection.
@lru_cache(maxsize=256)
def _private_key(auth: PrivateKeyAuth) -> asyncssh.SSHKey:
    return asyncssh.import_private_key(auth.pem, auth.passphrase)


def _credentials(spec: HostSpec) -> dict[str, Any]:
    match spec.auth:
        case PrivateKeyAuth():
            try:
                key = _private_key(spec.auth)
            except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
                raise Unreachable("auth_failed", f"private key unusable: {error}") from error
            return {"client_keys": [key], "preferred_auth": "publickey"}
        case PasswordAuth():
            return {
                "client_keys": None,
                "password": spec.auth.password,
                "preferred_auth": "password,keyboard-interactive",
            }
        case _:
            raise Unreachable("auth_failed", "no credential")


def _host_key_algorithms(pinned: Sequence[asyncssh.SSHKey]) -> list[str]:
    """Those of the pinned keys first, so that a host with several keys offers the one we know."""
    known = [algorithm.decode() for key in pinned for algorithm in key.sig_algorithms]
    # ssh-rsa signatures are SHA-1: an RSA key is asked to sign with something better.
    known = [algorithm for algorithm in known if algorithm != "ssh-rsa"]
    return list(dict.fromkeys([*known, *HOST_KEY_ALGORITHMS]))


def _options(spec: HostSpec) -> dict[str, Any]:
    try:
        pinned = [_public_key(line) for line in spec.host_keys]
    except asyncssh.KeyImportError as error:
        raise Unreachable("host_key_unknown", f"pinned key unreadable: {error}") from error
    return {
        "username": spec.user,
        "known_hosts": (pinned, [], []),
        "server_host_key_algs": _host_key_algorithms(pinned),
        "connect_timeout": spec.connect_timeout,
        "login_timeout": spec.connect_timeout,
        "keepalive_interval": KEEPALIVE_SECONDS,
        "keepalive_count_max": KEEPALIVE_MISSES,
        **_plain_options(),
        **_credentials(spec),
    }


def _plain_options() -> dict[str, Any]:
    return {
        "config": None,
        "agent_path": None,
        "x509_trusted_certs": None,
        "gss_host": None,
        "kex_algs": KEY_EXCHANGES,
        "encryption_algs": CIPHERS,
        "mac_algs": MACS,
        "compression_algs": ("none",),
    }


async def connect(
    spec: HostSpec, tunnel: asyncssh.SSHClientConnection | None = None
) -> asyncssh.SSHClientConnection:
    options = _options(spec)
    client = _Client()
    try:
        async with asyncio.timeout(spec.connect_timeout + 1):
            connection, _ = await asyncssh.create_connection(
                lambda: client, spec.address, spec.port, tunnel=tunnel or (), **options
            )
    except asyncssh.HostKeyNotVerifiable as error:
        code = "host_key_changed" if spec.host_keys else "host_key_unknown"
        raise Unreachable(code, client.offered or str(error), offered=client.offered) from error
    except asyncssh.PermissionDenied as error:
        raise Unreachable("auth_failed", error.reason) from error
    except TimeoutError as error:
        raise Unreachable("connect_timeout", f"no answer within {spec.connect_timeout:g} s") from error
    except (asyncssh.Error, OSError) as error:
        raise Unreachable("connect_failed", str(error)) from error
    return connection


async def _scan_one(address: str, port: int, algorithm: str) -> str | None:
    """The host's key for one algorithm; None when it has none."""
    try:
        key = await asyncssh.get_server_host_key(
            address, port, server_host_key_algs=[algorithm], kex_algs=KEY_EXCHANGES, config=None
        )
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
        # OpenSSH hangs up on who asks for a kind of key that it does not have.
        return None
    return key.export_public_key("openssh").decode().strip() if key else None


async def scan_host_keys(address: str, port: int, *, timeout: float = 10.0) -> tuple[str, ...]:
    """The keys a host offers, best first, without logging in: to be shown to a person, not to be trusted."""
    try:
        async with asyncio.timeout(timeout):
            found = [
                await _scan_one(address, port, algorithm)
                for algorithm in ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
            ]
    except TimeoutError as error:
        raise Unreachable("connect_timeout", f"no answer within {timeout:g} s") from error
    except (asyncssh.Error, OSError) as error:
        raise Unreachable("connect_failed", str(error)) from error
    keys = tuple(" ".join(line.split()[:2]) for line in found if line)
    if not keys:
        raise Unreachable("connect_failed", "no host key that we know")
    return keys
