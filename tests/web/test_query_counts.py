"""What is read of the database for a page does not grow with what is in it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from interlock.accounts.models import Token
from interlock.fleet.models import Host
from interlock.notify.models import Channel
from interlock.runs.models import Schedule, Step, Task
from interlock.vault.models import Secret
from tests.api.conftest import make_shop
from tests.crowd import Crowd
from tests.web.visits import Visitor

pytestmark = pytest.mark.django_db(databases="__all__")
PAGES = [
    "/",
    "/?across=group",
    "/?troubled=yes",
    "/_cell/{service}?environment={environment}",
    "/services",
    "/services/{service}",
    "/services/{service}/instances",
    "/services/{service}/timeline",
    "/services/{service}/settings",
    "/services/{service}/release",
    "/services/{service}/release?action=deploy",
    "/versions/{version}",
    "/releases/{release}",
    "/releases/{release}/change",
    "/hosts",
    "/hosts?search=crowd",
    "/hosts/new",
    "/hosts/import",
    "/hosts/{host}",
    "/hosts/{host}/_state",
    "/hosts/{host}/edit",
    "/hosts/{host}/keys",
    "/hosts/environments",
    "/hosts/environments/new",
    "/hosts/groups",
    "/hosts/credentials",
    "/people",
    "/people/{person}",
    "/people/projects",
    "/people/projects/{project}",
    "/me",
    "/secrets",
    "/secrets/{secret}",
    "/journal",
    "/runs",
    "/runs?q=crowd&status=open",
    "/runs/{run}",
    "/runs/{run}/_parts?view=table",
    "/approvals",
    "/approvals/_count",
    "/channels",
    "/channels/new",
    "/channels/{channel}",
    "/channels/{channel}/edit",
    "/schedules",
    "/schedules/{schedule}",
    "/schedules/{schedule}/edit",
    "/tasks/{task}",
]
MOST = 24  # for any page, with who asks and what stands around it
# A plan is worked out against everything that is there now.
MOST_WITH_A_PLAN = 36


@pytest.mark.slow
def test_a_page_costs_the_same_with_ten_rows_and_with_a_thousand() -> None:
    shop = make_shop()
    crowd = Crowd(shop.project, shop.service, shop.environment, int(shop.cast.root.id))
    visitor = Visitor(shop.cast.root)
    for name in ("v1", "v2"):
        shop.version(name)
    shop.install("v1")
    release = shop.release(approval={"quorum": 1})
    run = shop.command_run()["id"]
    rollout, inner = Step.objects.filter(run_id=run).order_by("id")
    counts: list[dict[str, int]] = []
    for more in (10, 990):
        crowd.add(more)
        crowd.add_lanes(run, rollout.id, inner.id)
        ids = {
            "run": run,
            "host": Host.objects.filter(name="crowd-0").get().id,
            "person": Token.objects.filter(name="crowd-0").get().person_id,
            "project": shop.project,
            "service": shop.service,
            "environment": shop.environment,
            "version": shop.versions["v1"],
            "release": release["id"],
            "channel": Channel.objects.filter(name="crowd-0").get().id,
            "schedule": Schedule.objects.filter(name="crowd-0").get().id,
            "task": Task.objects.filter(name="crowd-0").get().id,
            "secret": Secret.objects.filter(name="crowd-0").get().id,
        }
        counts.append({page: _queries(visitor, page.format(**ids)) for page in PAGES})
    few, many = counts
    assert {page: (few[page], many[page]) for page in few if many[page] > few[page]} == {}
    assert {page: count for page, count in many.items() if count > _most(page)} == {}


def _queries(visitor: Visitor, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        answer = visitor.client.get(path)
    assert answer.status_code == 200, path
    return len(seen)


def _most(page: str) -> int:
    return MOST_WITH_A_PLAN if "release" in page else MOST
