"""The REST API, version 1, and its pages of documentation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from interlock.api import problems
from interlock.api.auth import AUTH
from interlock.api.openapi import Api
from interlock.api.reading import StrictParser
from interlock.api.v1 import ROUTERS

# Its script and styles come from the framework's own package; nothing is asked of anybody else.
# Swagger UI sets styles on elements and draws icons from data addresses.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Docs(Swagger):
    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        page = super().render_page(request, api, **kwargs)
        page["Content-Security-Policy"] = DOCS_POLICY
        return page


def make_api() -> Api:
    api = Api(
        title="Interlock",
        version="1",
        description="Services, versions, hosts, instances, and releases over plain SSH.",
        auth=AUTH,
        docs=Docs({"validatorUrl": None, "persistAuthorization": False, "docExpansion": "none"}),
        docs_url="/docs",
        parser=StrictParser(),
        urls_namespace="api-v1",
    )
    problems.register(api)
    for router in ROUTERS:
        api.add_router("", router)
    return api


api = make_api()
