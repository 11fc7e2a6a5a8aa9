"""Messages by mail, as text and as HTML."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from django.utils.html import escape, format_html, format_html_join

from interlock.notify.addresses import Reach
from interlock.notify.parcel import Parcel, Unsent

SECONDS = 8.0  # for one answer of the mail server
COLOURS = {"success": "#1a7f37", "failure": "#cf222e", "warning": "#9a6700", "info": "#57606a"}


def send(reach: Reach, parcel: Parcel) -> str:
    """TLS from the start (smtps), or as soon as the server offers it; a password goes over TLS only."""
    parts = urlsplit(reach.address)
    host, tls = parts.hostname or "", ssl.create_default_context()
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=tls)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=SECONDS)
    except (OSError, smtplib.SMTPException) as error:
        raise Unsent("channel_unreachable", f"{type(error).__name__} {error}") from None
    try:
        with server:
            _sign_in(server, unquote(parts.username or ""), unquote(parts.password or ""), tls)
            refused = server.send_message(letter(reach, parcel))
    except smtplib.SMTPServerDisconnected as error:
        raise Unsent("channel_silent", str(error)) from None
    except smtplib.SMTPException as error:
        raise Unsent("channel_refused", f"{type(error).__name__} {error}") from None
    return " ".join(f"{who}: {code}" for who, (code, _text) in refused.items())


def _sign_in(server: smtplib.SMTP, user: str, password: str, tls: ssl.SSLContext) -> None:
    server.ehlo_or_helo_if_needed()
    safe = isinstance(server, smtplib.SMTP_SSL)
    if not safe and server.has_extn("starttls"):
        server.starttls(context=tls)
        server.ehlo()
        safe = True
    if user and not safe:
        raise Unsent("mail_without_tls")
    if user:
        server.login(user, password)


def letter(reach: Reach, parcel: Parcel) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = parcel.subject
    message["From"] = reach.sender
    message["To"] = ", ".join(reach.recipients)
    message["Date"] = formatdate(usegmt=True)
    # The same in every try: mail servers and readers take the second one for what it is.
    message["Message-ID"] = f"<{parcel.uid}@{reach.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(part for part in (parcel.text, parcel.link) if part) + "\n")
    message.add_alternative(_html(parcel), subtype="html")
    return message


def _html(parcel: Parcel) -> str:
    lines = format_html_join("", "<p style='margin:0 0 8px'>{}</p>", ((x,) for x in parcel.text.splitlines()))
    link = format_html("<p><a href='{0}'>{0}</a></p>", parcel.link) if parcel.link else ""
    return format_html(
        "<html lang='{}'><body style='font-family:sans-serif'>"
        "<h2 style='font-size:16px;color:{}'>{}</h2>{}{}</body></html>",
        parcel.language,
        COLOURS.get(parcel.level, COLOURS["info"]),
        escape(parcel.title),
        lines,
        link,
    )
