"""Everything that touches a host: SSH, the shell that stays there, and the wrapper around every body."""

from interlock.remote.bodies import Answer, Body, BodyState, BodyStatus, Fence, Stopped
from interlock.remote.connections import scan_host_keys
from interlock.remote.hosts import HostFacts, HostSpec, PasswordAuth, PrivateKeyAuth
from interlock.remote.link import Link
from interlock.remote.links import Links
from interlock.remote.refusals import FenceRefused, HostFailed, LinkLost, RemoteError, Unreachable

__all__ = [
    "Answer",
    "Body",
    "BodyState",
    "BodyStatus",
    "Fence",
    "FenceRefused",
    "HostFacts",
    "HostFailed",
    "HostSpec",
    "Link",
    "LinkLost",
    "Links",
    "PasswordAuth",
    "PrivateKeyAuth",
    "RemoteError",
    "Stopped",
    "Unreachable",
    "scan_host_keys",
]
