"""Services: added, described, built, and what people do to their instances."""

from __future__ import annotations

import io
import re
import tarfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from interlock.catalog.models import Instance, Lock, Service, Version
from interlock.catalog.services import release_locks, update_service
from interlock.journal.actor import SYSTEM
from interlock.lifecycle.version import VersionStatus
from tests.cast import make_cast
from tests.web.conftest import Shop, Visit, main_of, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
NEW = {
    "name": "cart", "language": "go", "build_source": "upload", "lock_scope": "service", "keep_versions": 5,
    "health_timeout": 60, "health_interval": 1, "stop_timeout": 30, "build_timeout": 60,
    "version_rule": "default",
}  # fmt: skip


def package() -> SimpleUploadedFile:
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w:gz") as archive:
        member = tarfile.TarInfo("start")
        member.size = 2
        archive.addfile(member, io.BytesIO(b":\n"))
    return SimpleUploadedFile("cart.tar.gz", text.getvalue())


def settings_of(html: str) -> dict[str, Any]:
    found = {}
    for tag in re.findall(r"<input[^>]*>", html):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if "name" in given:
            found[given["name"]] = given.get("value", "")
    areas = re.findall(r'<textarea name="(\w+)"[^>]*>(.*?)</textarea>', html, re.S)
    found |= {name: text.strip() for name, text in areas}
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', html, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def test_the_list_says_what_is_there(shop: Shop, visit: Visit) -> None:
    shop.ask(hosts=[shop.hosts["qa-1"]])
    told = main_of(visit("ann").get("/services"))
    assert "v2" in told
    assert "upgrade v2" in told
    assert 'title="3 running"' in told
    assert "No service fits" in main_of(visit("ann").get("/services?language=go"))
    assert "/services/new" not in told
    assert "/services/new" in main_of(visit("dee").get("/services"))


def test_a_service_is_added_once(shop: Shop, visit: Visit) -> None:
    dee, given = visit("dee"), {**NEW, "project_id": shop.cast.project_id, "once": "k" * 32}
    answers = [dee.post("/services/new", given) for _ in range(2)]
    row = Service.objects.get(name="cart")
    assert [(a.status_code, a["Location"]) for a in answers] == [(303, f"/services/{row.pk}")] * 2
    assert visit("ann").get("/services/new").status_code == 403
    assert "No version yet" in main_of(dee.get(f"/services/{row.pk}"))


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"name": "checkout"}, "name", "is taken"),
        ({"name": "No Name"}, "name", "cannot be a name|cannot name"),
        ({"build_source": "git", "build_url": "http://u:p@x/y"}, "build_url", "http"),
        ({"port": "70000"}, "port", "65535"),
        ({"unit": "-x"}, "unit", "unit"),
    ],
)
def test_a_refusal_stands_at_its_field(
    shop: Shop, visit: Visit, changes: dict[str, str], field: str, told: str
) -> None:
    given = {**NEW, "project_id": shop.cast.project_id, "description": "kept", **changes}
    answer = visit("dee").post("/services/new", given)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert 'value="kept"' in main_of(answer)
    assert Service.objects.count() == 1


def test_settings_are_saved_and_a_save_over_anothers_is_refused(shop: Shop, visit: Visit) -> None:
    address, dee = f"/services/{shop.service_id}/settings", visit("dee")
    given = settings_of(main_of(dee.get(address)))
    assert (given["start"], given["port"]) == ("echo start", "8000")
    assert dee.post(address, given | {"port": "8001"}).status_code == 303
    late = dee.post(address, given | {"port": "8002"})
    assert late.status_code == 422
    assert "dee has changed these settings since you opened them" in main_of(late)
    assert 'value="8002"' in main_of(late)
    # Who has seen it may save after all.
    assert dee.post(address, settings_of(main_of(late))).status_code == 303
    assert Service.objects.get().settings["port"] == 8002
    assert Service.objects.get().settings["start"] == "echo start"


def test_who_may_not_configure_sees_the_settings_only(shop: Shop, visit: Visit) -> None:
    address, ann = f"/services/{shop.service_id}/settings", visit("ann")
    told = main_of(ann.get(address))
    assert "Only administrators of the project" in told
    assert re.search(r"<textarea[^>]*disabled", told)
    assert ann.post(address, NEW).status_code == 403


def test_a_build_is_asked_for_or_refused_where_it_was_typed(shop: Shop, visit: Visit) -> None:
    address, ann = f"/services/{shop.service_id}/build", visit("ann")
    assert "its source is not git" in main_of(ann.get(f"/services/{shop.service_id}"))
    url = {"build_source": "git", "build_url": "https://git.example.com/shop.git"}
    update_service(by=shop.cast.dee, service_id=shop.service_id, changes=url)
    wrong = ann.post(address, {"build-ref": "a..b", "build-description": "kept"})
    assert wrong.status_code == 422
    assert 'value="kept"' in main_of(wrong)
    assert visit("cy").post(address, {"build-ref": "main"}).status_code == 403
    done = [ann.post(address, {"build-ref": "main", "once": "o" * 32}) for _ in range(2)]
    row = Version.objects.latest("pk")
    assert [answer["Location"] for answer in done] == [f"/versions/{row.pk}"] * 2
    assert Version.objects.count() == len(shop.versions) + 1
    told = main_of(ann.get(f"/versions/{row.pk}"))
    assert 'data-status="building"' in told
    assert 'every="1"' in told
    assert "/runs/" in told
    assert ann.get(f"/versions/{row.pk}/_live").status_code == 200


def test_a_package_is_uploaded(shop: Shop, visit: Visit, settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR, settings.STORE_URL = tmp_path, f"file://{tmp_path}/store"
    address, ann = f"/services/{shop.service_id}/upload", visit("ann")
    done = ann.post(address, {"upload-file": package(), "upload-name": "v3"})
    row = Version.objects.get(name="v3")
    assert (done.status_code, done["Location"], row.status) == (303, f"/versions/{row.pk}", "success")
    taken = ann.post(address, {"upload-file": package(), "upload-name": "v3"})
    assert taken.status_code == 422
    assert "already has a version v3" in main_of(taken)


def test_versions_say_where_they_run_and_why_they_failed(shop: Shop, visit: Visit) -> None:
    failed = shop.add_version("never-ready", VersionStatus.FAILED)
    Version.objects.filter(pk=failed).update(reason="version_name_taken:v1")
    told = main_of(visit("ann").get(f"/services/{shop.service_id}"))
    assert "Another version of this service is already called v1." in told
    assert "3 hosts" in told
    assert "never-ready" not in main_of(visit("ann").get(f"/services/{shop.service_id}?status=success"))
    where = main_of(visit("ann").get(f"/versions/{shop.versions['v1']}"))
    assert "live-1" in where


def test_instances_are_changed_in_bulk_and_those_that_refuse_are_named(shop: Shop, visit: Visit) -> None:
    address, ann = f"/services/{shop.service_id}/instances", visit("ann")
    ids = [shop.instance(name).id for name in ("qa-1", "qa-2")]
    done = ann.post(f"{address}/change", {"instance": ids, "field": "maintenance_on"})
    assert done["Location"] == f"{address}?told=changed&number=2"
    assert Instance.objects.filter(maintenance=True).count() == 2
    assert ann.post(f"{address}/change", {"instance": ids, "field": "maintenance_off"}).status_code == 303
    shop.ask(hosts=[shop.hosts["qa-1"]])
    half = ann.post(f"{address}/change", {"instance": ids, "field": "weight", "weight_value": "7"})
    assert half.status_code == 422
    assert "1 instance is changed." in main_of(half)
    assert "qa-1" in main_of(half)
    assert shop.instance("qa-2").weight == 7
    for text in ("heavy", "70000"):
        wrong = ann.post(f"{address}/change", {"instance": ids[1:], "field": "weight", "weight_value": text})
        assert (wrong.status_code, shop.instance("qa-2").weight) == (422, 7)
    assert visit("cy").post(f"{address}/change", {"instance": ids, "field": "tag"}).status_code == 403
    assert "Choose at least one" in main_of(ann.post(f"{address}/change", {"field": "tag"}))


def test_instances_are_filtered(shop: Shop, visit: Visit) -> None:
    address, ann = f"/services/{shop.service_id}/instances", visit("ann")
    assert "live-1" not in main_of(ann.get(f"{address}?environment={shop.environments['qa']}"))
    assert "qa-1" not in main_of(ann.get(f"{address}?search=live"))
    assert "No instance fits" in main_of(ann.get(f"{address}?locked=yes"))
    shop.ask(hosts=[shop.hosts["qa-1"]])
    assert "ann" in main_of(ann.get(f"{address}?locked=yes"))


def test_an_unproven_lock_is_freed_with_a_note(shop: Shop, visit: Visit) -> None:
    run = shop.ask(hosts=[shop.hosts["qa-1"]]).run
    assert run is not None
    release_locks(run_id=run.pk, still_instance_ids=set(), by=SYSTEM)
    lock = Lock.objects.get(instance__isnull=False)
    address = f"/services/{shop.service_id}/instances"
    assert "Free the lock" in main_of(visit("ann").get(address))
    assert "Free the lock" not in main_of(visit("cy").get(address))
    free = f"/services/{shop.service_id}/locks/{lock.pk}/free"
    assert visit("ann").post(free, {"note": " "}).status_code == 422
    assert visit("ann").post(free, {"note": "I switched it off"})["Location"] == f"{address}?told=freed"
    assert not Lock.objects.exists()


def test_the_timeline_has_releases_and_builds(shop: Shop, visit: Visit) -> None:
    url = {"build_source": "git", "build_url": "https://git.example.com/shop.git"}
    update_service(by=shop.cast.dee, service_id=shop.service_id, changes=url)
    ann = visit("ann")
    ann.post(f"/services/{shop.service_id}/build", {"build-ref": "main"})
    release = shop.ask(approval={"quorum": 1}, note="the reason")
    told = main_of(ann.get(f"/services/{shop.service_id}/timeline"))
    assert told.index(f"/releases/{release.id}") < told.index("Build main")
    assert "“the reason”" in told
    before = f"?before={release.created_at.isoformat().replace('+', '%2B')}"
    assert "the reason" not in main_of(ann.get(f"/services/{shop.service_id}/timeline{before}"))
    assert ann.get(f"/services/{shop.service_id}/timeline?before=2026-99-99T00:00").status_code == 200


def test_strangers_find_no_page_of_it(shop: Shop) -> None:
    stranger = signed_in(make_cast("other"), "dee")
    parts = ("", "/_versions", "/instances", "/_instances", "/timeline", "/settings")
    answers = [stranger.get(f"/services/{shop.service_id}{part}").status_code for part in parts]
    assert answers == [404] * len(parts)
    assert stranger.get(f"/versions/{shop.versions['v1']}").status_code == 404
