"""What may go wrong between us and a host: `code` is for the layers above, `detail` what the host said."""


class RemoteError(Exception):
    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Unreachable(RemoteError):
    """No usable connection: nothing was asked of the host."""

    def __init__(self, code: str, detail: str = "", *, offered: str = "") -> None:
        super().__init__(code, detail)
        self.offered = offered


class LinkLost(RemoteError):
    """The connection (or its shell) died. Whatever was launched goes on."""


class FenceRefused(RemoteError):
    """The host has recorded a higher (token, seq) than the one that came with the body."""

    def __init__(self, recorded: tuple[int, int]) -> None:
        super().__init__("fence_refused", f"recorded {recorded[0]}.{recorded[1]}")
        self.recorded = recorded


class HostFailed(RemoteError):
    """The host answered, but could not do it: disk full, a directory not writable, a tool missing."""
