"""Whatever else apprise reaches, by its kind of address."""

from __future__ import annotations

import logging
import threading

from interlock.notify.addresses import Reach
from interlock.notify.parcel import Parcel, Unsent

SECONDS = 4.0  # to connect, and for one answer


class _Heard(logging.Handler):
    """What apprise says of one sending: it answers yes or no, and logs why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.last = record.getMessage()


def send(reach: Reach, parcel: Parcel) -> str:
    # Half a second and megabytes, for those who use it.
    import apprise

    heard, log = _Heard(), logging.getLogger("apprise")
    log.addHandler(heard)
    try:
        asset = apprise.AppriseAsset(app_id="Interlock", app_desc="Interlock", http_redirects=False)
        service = apprise.Apprise.instantiate(reach.address, asset=asset)
        if service is None:
            raise Unsent("channel_address_unread", heard.last)
        service.socket_connect_timeout = service.socket_read_timeout = SECONDS
        kind = apprise.NotifyType(parcel.level)
        body = "\n".join(part for part in (parcel.text, parcel.link) if part) or parcel.subject
        if not service.notify(title=parcel.subject, body=body, notify_type=kind):
            raise Unsent("channel_refused", heard.last)
        return ""
    finally:
        log.removeHandler(heard)
