"""The overview: what runs where, what is half done, what is wrong, and what to do first."""

from __future__ import annotations

import re

import pytest

from interlock.catalog.models import Service
from interlock.catalog.services import InstanceMove, move_instances, update_instance
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.instance import InstanceStatus
from tests.cast import make_cast
from tests.web.conftest import Shop, Visit, main_of, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def words(html: str) -> str:
    """The text of a page as it is read."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def line_of(html: str, service_id: int) -> str:
    return html.split(f'id="line-{service_id}"')[1].split("</tr>")[0]


def cells_of(html: str, service_id: int) -> list[str]:
    return [words(part) for part in line_of(html, service_id).split("<td>")[1:]]


def test_a_newcomer_is_told_what_to_do_first() -> None:
    told = main_of(signed_in(make_cast(), "dee").get("/"))
    assert "Four steps to your first release" in told
    assert 'href="/hosts"' in told
    assert 'href="/services/new"' in told
    assert "/services/new" not in main_of(signed_in(make_cast("other"), "ann").get("/_matrix"))


def test_each_environment_shows_its_version(shop: Shop, visit: Visit) -> None:
    told = main_of(visit("ann").get("/"))
    assert "Four steps" not in told
    qa, live = cells_of(told, shop.service_id)
    assert re.match(r" v1 2 Behind the newest version, v2", qa)
    assert re.match(r" v1 1 Behind the newest version, v2", live)
    assert "vault" not in told  # not granted: not even its name


def test_a_rollout_half_way_splits_its_cell(shop: Shop, visit: Visit) -> None:
    one = shop.instance("qa-1")
    run = shop.ask(hosts=[shop.hosts["qa-1"], shop.hosts["qa-2"]]).run
    assert run is not None
    move = InstanceMove(
        one.id, InstanceStatus.RUNNING, InstanceStatus.UPGRADING, next_version_id=shop.versions["v2"]
    )
    move_instances([move], SYSTEM)
    assert "v2" in cells_of(main_of(visit("ann").get("/")), shop.service_id)[0]
    done = InstanceMove(
        one.id, InstanceStatus.UPGRADING, InstanceStatus.RUNNING, version_id=shop.versions["v2"]
    )
    move_instances([done], SYSTEM)
    qa, live = cells_of(main_of(visit("ann").get("/")), shop.service_id)
    assert "1 of 2 on the newer version v2 1/2 v1 1/2" in qa
    assert "locked by ann: upgrade checkout v2" in qa
    assert "locked" not in live


def test_failures_and_maintenance_are_marked_and_found(shop: Shop, visit: Visit) -> None:
    ann = visit("ann")
    assert "No service fits" in main_of(ann.get("/?troubled=yes"))
    shop.add_host("qa-4")
    shop.install("v1", "qa-4", status=InstanceStatus.UPGRADE_FAILED)
    update_instance(by=shop.cast.ann, instance_id=shop.instance("live-1").id, changes={"maintenance": True})
    qa, live = cells_of(main_of(ann.get("/?troubled=yes")), shop.service_id)
    assert "1 failed instances" in qa
    assert "1 in maintenance" in live


def test_columns_may_be_groups(shop: Shop, visit: Visit) -> None:
    told = main_of(visit("ann").get("/?across=group"))
    assert "in no group" in told
    assert " v1 3" in cells_of(told, shop.service_id)[0]


def test_search_and_strangers_narrow_the_lines(shop: Shop, visit: Visit) -> None:
    assert f"line-{shop.service_id}" in main_of(visit("ann").get("/?search=check"))
    assert "No service fits" in main_of(visit("ann").get("/?search=nothing"))
    assert "checkout" not in main_of(signed_in(make_cast("other"), "ann").get("/"))


def test_fifty_services_are_served_and_more_on_reaching_the_end(shop: Shop, visit: Visit) -> None:
    shape = {"project_id": shop.cast.project_id, "language": "go", "build_source": "upload"}
    Service.objects.bulk_create(Service(name=f"many-{number:03}", **shape) for number in range(60))
    told = main_of(visit("ann").get("/?search=many"))
    assert told.count('id="line-') == 50
    assert 'hx-get="/?search=many&amp;shown=100"' in told
    told = main_of(visit("ann").get("/?search=many&shown=100"))
    assert told.count('id="line-') == 60
    assert "More services" not in told


def test_the_drawer_of_a_cell_leads_to_a_release_and_back(shop: Shop, visit: Visit) -> None:
    shop.install_over("v2", "qa-1")
    address = f"/_cell/{shop.service_id}?environment={shop.environments['qa']}"
    told = visit("ann").get(address).content.decode()
    hosts = sorted((shop.instance("qa-1").host_id, shop.instance("qa-2").host_id))
    assert all(str(host) in told for host in hosts)
    assert f"action=revert&amp;version_id={shop.versions['v1']}&amp;hosts={shop.hosts['qa-1']}" in told
    grey = visit("cy").get(address).content.decode()
    assert "disabled" in grey
    assert "role operator" in grey
    assert (
        visit("ann").get(f"/_cell/{shop.service_id}?environment={shop.environments['vault']}").status_code
        == 404
    )


def test_what_is_under_way_and_what_waits_is_on_top(shop: Shop, visit: Visit) -> None:
    release = shop.ask(approval={"quorum": 1})
    told = main_of(visit("bob").get("/"))
    assert f'href="/releases/{release.id}"' in told
    assert "Waits for a decision" in told
    assert f'href="/runs/{release.run_id}"' in visit("ann").get("/_strip").content.decode()
    assert "Waits for a decision" not in main_of(visit("ann").get("/"))
    by_hand = shop.ask(start="manual", hosts=[shop.hosts["qa-1"]])
    told = words(visit("ann").get("/_strip").content.decode())
    assert "waits for a person to let it go on" in told.split("Under way")[0]
    assert f"strip-held-{by_hand.run_id}" not in visit("cy").get("/_strip").content.decode()
