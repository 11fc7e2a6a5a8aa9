"""Which machine this is: platform-side bodies can only be adopted where they run."""

import socket
from pathlib import Path


def identity() -> str:
    """The systemd machine id and boot, else the host name; at most 64 characters."""
    parts = []
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        try:
            parts.append(Path(path).read_text().strip().replace("-", "")[:31])
        except OSError:
            continue
    return "-".join(part for part in parts if part) or socket.gethostname()[:64]
