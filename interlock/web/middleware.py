"""What every page gets on its way out."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

# Nothing from elsewhere, no script or style within a page: what somebody typed can never become code.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
Next = Callable[[HttpRequest], HttpResponseBase]


def content_policy(get_response: Next) -> Next:
    def answered(request: HttpRequest) -> HttpResponseBase:
        answer = get_response(request)
        answer.headers.setdefault("Content-Security-Policy", POLICY)
        return answer

    return answered


class Compress(GZipMiddleware):
    """Pages, but never a stream: its events would wait until a block of them is full."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming:
            return response
        return super().process_response(request, response)


class Files(WhiteNoiseMiddleware):  # type: ignore[misc]
    """The files of browsers: packed ones where they were laid out (assets.prepare), else as they are."""

    def add_files_from_finders(self) -> None:
        super().add_files_from_finders()
        if self.static_root:
            self.add_files(self.static_root, prefix=self.static_prefix)
