"""The API against its own description, with whatever Schemathesis thinks of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from interlock.api.app import api
from tests.api.conftest import Shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__")]
# For each of some seventy operations; the long form is for a person who waits.
EXAMPLES = int(os.environ.get("INTERLOCK_SCHEMA_EXAMPLES", "4"))
SIGNALS = (request_started, request_finished)
METHODS = ("get", "post", "put", "patch", "delete")
STREAMS = "/events"  # never end; they have tests of their own


def operations() -> list[tuple[str, str]]:
    paths = api.get_openapi_schema()["paths"]
    return [
        (method.upper(), path)
        for path, item in paths.items()
        for method in METHODS
        if method in item and not path.endswith(STREAMS)
    ]


@cache
def described() -> Any:
    handler = WSGIHandler()

    def application(environ: Any, start_response: Any) -> Any:
        # Around a request Django closes connections; the test's transaction is on one of them.
        for signal in SIGNALS:
            signal.disconnect(close_old_connections)
        return handler(environ, start_response)

    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture(autouse=True)
def connection_closing() -> Iterator[None]:
    yield
    for signal in SIGNALS:
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_answer_is_as_described(shop: Shop, method: str, path: str) -> None:
    shop.command_run()
    shop.waiting_run()
    shop.install("v1")
    shop.release()
    shop.channel()
    shop.schedule()

    @seed(20)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described()[path][method].as_strategy())
    def ask(case: Any) -> None:
        # A request can fit the description and be against the rules: of 422 and 409 there is no more to say.
        headers = {"Authorization": f"Bearer {shop.root.token}", "Accept-Encoding": "identity"}
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    ask()
