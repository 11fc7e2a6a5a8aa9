"""What is read of the database for a page does not grow with what is in it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from interlock.api.app import api
from interlock.runs.models import Run, Step
from tests.api.conftest import Json, Shop
from tests.crowd import Crowd

pytestmark = pytest.mark.django_db(databases="__all__")
# Fill in what an address has in braces; the list gives the first id of a noun.
LISTS = {
    "/people",
    "/projects",
    "/tokens",
    "/secrets",
    "/environments",
    "/groups",
    "/credentials",
    "/hosts",
    "/services",
    "/services/{service_id}/versions",
    "/services/{service_id}/versions-for",
    "/instances",
    "/locks",
    "/releases",
    "/runs",
    "/runs/{run_id}/lanes",
    "/approvals",
    "/journal",
    "/templates",
    "/templates/{template_id}/versions",
    "/tasks",
    "/channels",
    "/subscriptions",
    "/messages",
    "/tasks/{task_id}/schedules",
    "/schedules",
    "/schedules/{schedule_id}/ticks",
}
SINGLE = {
    "/hosts/{host_id}",
    "/services/{service_id}",
    "/versions/{version_id}",
    "/instances/{instance_id}",
    "/releases/{release_id}",
    "/runs/{run_id}",
    "/templates/{template_id}",
    "/templates/{template_id}/versions/{number}",
    "/templates/{template_id}/compare",
    "/tasks/{task_id}",
    "/channels/{channel_id}",
    "/messages/{message_id}",
    "/schedules/{schedule_id}",
    "/me",
}
MORE = {
    "/services/{service_id}/versions-for": {"action": "upgrade"},
    "/templates/{template_id}/compare": {"old": 1, "new": 1},
}
# Elsewhere: the stream and the log (their own tests), and builds, which are read one by one.
ELSEWHERE = {"/runs/{run_id}/events", "/runs/{run_id}/logs/{body}", "/builds/{build_id}", "/health"}
MOST = 16  # for any page: who asks, what may they see, the page, and what hangs on its rows


def test_every_address_is_in_one_of_the_tables() -> None:
    paths = api.get_openapi_schema()["paths"]
    reads = {path.removeprefix("/api/v1") for path, item in paths.items() if "get" in item}
    assert reads == LISTS | SINGLE | ELSEWHERE


@pytest.mark.slow
def test_a_page_costs_the_same_with_ten_rows_and_with_a_thousand(shop: Shop) -> None:
    crowd = Crowd(shop.project, shop.service, shop.environment, int(shop.cast.root.id))
    shop.install("v1")
    release = shop.release()
    run = Run.objects.get(id=shop.command_run()["id"])
    rollout, inner = Step.objects.filter(run=run).order_by("id")[:2]
    counts: list[dict[str, int]] = []
    for more in (10, 990):
        crowd.add(more)
        crowd.add_lanes(run.id, rollout.id, inner.id)
        ids = {**_ids(shop, run.id), "release_id": release["id"]}
        counts.append({path: _queries(shop, path, ids) for path in sorted(LISTS | SINGLE)})
    few, many = counts
    grown = {path: (few[path], many[path]) for path in few if many[path] > few[path]}
    assert grown == {}
    assert {path: count for path, count in many.items() if count > MOST} == {}


def _ids(shop: Shop, run_id: int) -> Json:
    host, instance = (shop.root.get(f"/{noun}", limit=1)["items"][0]["id"] for noun in ("hosts", "instances"))
    return {
        "service_id": shop.service,
        "run_id": run_id,
        "version_id": shop.versions["v1"],
        "host_id": host,
        "instance_id": instance,
        "schedule_id": shop.root.get("/schedules", limit=1)["items"][0]["id"],
        "task_id": shop.root.get("/schedules", limit=1)["items"][0]["task_id"],
        "template_id": shop.root.get("/templates", limit=1)["items"][0]["id"],
        "channel_id": shop.root.get("/channels", limit=1)["items"][0]["id"],
        "message_id": shop.root.get("/messages", limit=1)["items"][0]["id"],
        "number": 1,
    }


def _queries(shop: Shop, path: str, ids: Json) -> int:
    query = dict(MORE.get(path, {}))
    if path in LISTS:
        query["limit"] = 200
    with CaptureQueriesContext(connection) as seen:
        answer = shop.root.get(path.format(**ids), **query)
    assert path not in LISTS or answer["items"], path
    return len(seen)
