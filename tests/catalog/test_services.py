"""Declaring a service: what is refused, what is kept."""

from collections.abc import Callable
from typing import Any

import pytest

from interlock.catalog import queries
from interlock.catalog.services import create_service, take_locks, update_service
from interlock.catalog.settings import ServiceSettings, read_settings
from interlock.journal.actor import SYSTEM
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused
from tests.catalog.conftest import Shop

GOOD: dict[str, Any] = {"name": "cart", "language": "go", "build_source": "upload"}
GIT = {"build_source": "git"}
BAD = [
    ({"name": ""}, "service_name_unfit"),
    ({"name": "Cart"}, "service_name_unfit"),
    ({"name": "-cart"}, "service_name_unfit"),
    ({"name": "../cart"}, "service_name_unfit"),
    ({"name": "cart\n"}, "service_name_unfit"),
    ({"name": "a" * 64}, "service_name_unfit"),
    ({"name": "购物车"}, "service_name_unfit"),
    ({"name": "checkout"}, "service_name_taken"),
    ({"language": "cobol"}, "choice_not_known"),
    ({"language": ""}, "choice_not_known"),
    ({"build_source": "svn"}, "choice_not_known"),
    ({"lock_scope": "none"}, "choice_not_known"),
    ({"description": "x" * 257}, "text_unfit"),
    ({"description": "a\0b"}, "text_unfit"),
    ({"settings": {"prot": 80}}, "setting_not_known"),
    ({"settings": {"port": 0}}, "setting_unfit"),
    ({"settings": {"port": 65536}}, "setting_unfit"),
    ({"settings": {"keep_versions": 0}}, "setting_unfit"),
    ({"settings": {"health_timeout": "soon"}}, "setting_unfit"),
    ({"settings": {"unit": "-H evil"}}, "setting_unfit"),
    ({"settings": {"unit": "a b"}}, "setting_unfit"),
    ({"settings": {"start": "a\0b"}}, "setting_unfit"),
    ({"settings": {"package_path": "/etc"}}, "setting_unfit"),
    ({"settings": {"package_path": "dist\n../.."}}, "setting_unfit"),
    ({"settings": {"version_rule": "random"}}, "setting_unfit"),
    ({"build_url": "javascript:alert(1)"}, "build_url_unfit"),
    ({"build_url": "https://me:pw@ci.example.com/job/x"}, "build_url_has_secret"),
    ({**GIT, "build_url": ""}, "build_url_unfit"),
    ({**GIT, "build_url": "--upload-pack=touch x"}, "build_url_unfit"),
    ({**GIT, "build_url": "-oProxyCommand=x"}, "build_url_unfit"),
    ({**GIT, "build_url": "ssh://-oProxyCommand=touch/x"}, "build_url_unfit"),
    ({**GIT, "build_url": "ssh://-x@host/y"}, "build_url_unfit"),
    ({**GIT, "build_url": "-x@host:y"}, "build_url_unfit"),
    ({**GIT, "build_url": "ext::sh -c touch% x"}, "build_url_unfit"),
    ({**GIT, "build_url": "ext::sh"}, "build_url_unfit"),
    ({**GIT, "build_url": "host:-x"}, "build_url_unfit"),
    ({**GIT, "build_url": "/srv/git/x.git"}, "build_url_unfit"),
    ({**GIT, "build_url": "../x.git"}, "build_url_unfit"),
    ({**GIT, "build_url": "file:///srv/git/x.git"}, "build_url_scheme"),
    ({**GIT, "build_url": "http://git.example.com/x.git"}, "build_url_scheme"),
    ({**GIT, "build_url": "https://git.example.com:port/x.git"}, "build_url_unfit"),
    ({**GIT, "build_url": "https:///x.git"}, "build_url_unfit"),
    ({**GIT, "build_url": "https://git.example.com/x y.git"}, "build_url_unfit"),
    ({**GIT, "build_url": "https://git.example.com/x\n.git"}, "build_url_unfit"),
    ({**GIT, "build_url": "https://token@git.example.com/x.git"}, "build_url_has_secret"),
    ({**GIT, "build_url": "https://me:secret@git.example.com/x.git"}, "build_url_has_secret"),
]
GOOD_URLS = [
    "https://git.example.com/group/sub/x.git",
    "https://git.example.com:8443/x",
    "ssh://git@git.example.com:2222/x.git",
    "git://git.example.com/x.git",
    "git@git.example.com:group/x.git",
    "git.example.com:~me/x.git",
]


@pytest.mark.parametrize(("change", "code"), BAD, ids=[f"{code}-{n}" for n, (_, code) in enumerate(BAD)])
def test_what_does_not_fit_is_refused_and_nothing_is_made(
    shop: Shop, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        create_service(by=shop.admin, project_id=shop.project.pk, **{**GOOD, **change})
    assert refused.value.code == code
    assert [row.name for row in queries.services(by=shop.admin)] == ["checkout"]
    assert "secret" not in repr(refused.value.facts) or code != "build_url_has_secret"


@pytest.mark.parametrize("url", GOOD_URLS)
def test_addresses_that_git_reaches_over_the_net_are_taken(shop: Shop, url: str) -> None:
    row = create_service(by=shop.admin, project_id=shop.project.pk, **{**GOOD, **GIT, "build_url": url})
    assert queries.service(by=shop.viewer, service_id=row.pk).build_url == url


def test_folders_are_taken_only_where_the_platform_allows_them(shop: Shop, settings: Any) -> None:
    settings.ALLOW_FILE_GIT = True
    values = {**GOOD, **GIT}
    row = create_service(
        by=shop.admin, project_id=shop.project.pk, **{**values, "build_url": "file:///srv/x"}
    )
    assert row.build_url == "file:///srv/x"
    with pytest.raises(Refused):
        create_service(
            by=shop.admin, project_id=shop.project.pk, **{**values, "build_url": "file://host/srv/x"}
        )


def test_a_new_service_has_every_setting_with_its_default(shop: Shop) -> None:
    row = queries.service(by=shop.viewer, service_id=shop.service.pk)
    assert row.settings == ServiceSettings(port=8000)
    assert (row.instance_count, row.newest, row.locked, row.lock_holder) == (0, "", 0, "")
    assert queries.service_named(by=shop.viewer, name="checkout") == row


def test_scripts_sent_by_a_browser_lose_their_carriage_returns() -> None:
    assert read_settings({"start": "a\r\nb\r\n"}).start == "a\nb\n"


def test_a_change_of_one_setting_keeps_the_others(shop: Shop) -> None:
    update_service(
        by=shop.admin,
        service_id=shop.service.pk,
        changes={"settings": {"keep_versions": 9}, "description": "Takes the money"},
    )
    row = queries.service(by=shop.viewer, service_id=shop.service.pk)
    assert (row.settings.port, row.settings.keep_versions, row.description) == (8000, 9, "Takes the money")
    entry = Entry.objects.get(act="service.changed")
    assert (entry.subject_id, entry.facts["changed"]) == (shop.service.pk, ["description", "settings"])


def test_a_change_of_nothing_is_not_recorded(shop: Shop) -> None:
    update_service(by=shop.admin, service_id=shop.service.pk, changes={"language": "python"})
    assert not Entry.objects.filter(act="service.changed").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "till"}, "service_field_fixed"),
        ({"project_id": 2}, "field_not_known"),
        ({"last_lock_token": 0}, "field_not_known"),
        ({"settings": {"port": -1}}, "setting_unfit"),
        ({"settings": "none"}, "setting_unfit"),
        ({"build_url": "-x"}, "build_url_unfit"),
        ({"build_url": None}, "text_unfit"),
        ({"build_source": "gitlab", "build_url": "git@host:x"}, "build_url_unfit"),
    ],
)
def test_changes_that_do_not_fit_change_nothing(shop: Shop, changes: dict[str, Any], code: str) -> None:
    before = queries.service(by=shop.admin, service_id=shop.service.pk)
    with pytest.raises(Refused) as refused:
        update_service(by=shop.admin, service_id=shop.service.pk, changes={"description": "new", **changes})
    assert refused.value.code == code
    assert queries.service(by=shop.admin, service_id=shop.service.pk) == before


def test_the_lock_scope_stays_while_a_release_is_at_work(shop: Shop) -> None:
    ids = [row.pk for row in shop.instances()]
    take_locks(
        service_id=shop.service.pk, run_id=shop.run().pk, instance_ids=ids, holder="o", reason="r", by=SYSTEM
    )
    with pytest.raises(Refused) as refused:
        update_service(by=shop.admin, service_id=shop.service.pk, changes={"lock_scope": "instances"})
    assert refused.value.code == "service_at_work"


def test_who_may_not_see_the_project_sees_no_service(shop: Shop) -> None:
    assert queries.services(by=shop.stranger) == []
    reads: list[Callable[[], object]] = [
        lambda: queries.service(by=shop.stranger, service_id=shop.service.pk),
        lambda: queries.service_named(by=shop.stranger, name="checkout"),
        lambda: queries.versions(by=shop.stranger, service_id=shop.service.pk),
        lambda: update_service(by=shop.stranger, service_id=shop.service.pk, changes={"description": "x"}),
    ]
    for read in reads:
        with pytest.raises(Refused) as refused:
            read()
        assert (refused.value.code, refused.value.kind) == ("service_not_known", "missing")


def test_who_may_only_operate_cannot_configure(shop: Shop) -> None:
    writes: list[Callable[[], object]] = [
        lambda: update_service(by=shop.operator, service_id=shop.service.pk, changes={"description": "x"}),
        lambda: create_service(by=shop.operator, project_id=shop.project.pk, **GOOD),
    ]
    for write in writes:
        with pytest.raises(Refused) as refused:
            write()
        assert (refused.value.code, refused.value.kind) == ("not_allowed", "forbidden")


def test_the_list_says_what_runs_where_in_a_bounded_number_of_queries(
    shop: Shop, django_assert_num_queries: Any
) -> None:
    shop.installed(shop.version("1.0"))
    shop.version("1.1")
    for number in range(20):
        other = shop.another_service(f"svc-{number:02}")
        shop.installed(shop.version("1.0", other), other, shop.hosts[:2])
    with django_assert_num_queries(4):
        rows = queries.services(by=shop.viewer)
    assert [row.name for row in rows][:2] == ["checkout", "svc-00"]
    assert (rows[0].newest, rows[0].instance_count, rows[0].instances) == ("1.1", 3, {"running": 3})
    assert rows[1].instance_count == 2


def test_the_list_is_paged_searched_and_filtered(shop: Shop) -> None:
    for name in ("alpha", "beta", "cart"):
        shop.another_service(name)

    def names(**given: Any) -> list[str]:
        return [row.name for row in queries.services(by=shop.viewer, **given)]

    assert names(limit=2) == ["alpha", "beta"]
    assert names(limit=2, after="beta") == ["cart", "checkout"]
    assert names(search="A") == ["alpha", "beta", "cart"]
    assert names(language="python") == ["checkout"]
    assert names(project_id=shop.other_project.pk) == []
