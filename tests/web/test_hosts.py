"""Hosts, and what belongs to them: found, registered, changed, refused, and told to who may know."""

from __future__ import annotations

from typing import Any

import asyncssh
import pytest

from interlock.catalog.models import Instance
from interlock.catalog.services import create_service
from interlock.fleet import queries
from interlock.fleet.models import Credential, Environment, Host, HostGroup
from interlock.fleet.services import create_credential, create_group, create_host, note_check, update_host
from tests.cast import Cast, make_cast
from tests.web.visits import KEY, OTHER, Visitor, make_place, text

pytestmark = pytest.mark.django_db(databases="__all__")
EVIL = "<script>alert(1)</script>"
PEM = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def typed(place: int, **more: Any) -> dict[str, Any]:
    plain = {"name": "web-9", "address": "192.0.2.9", "port": 2222, "user": "deploy", "environment": place,
             "root": "/srv/interlock", "labels": "rack=b2\nrole=web", "credential": ""}  # fmt: skip
    return plain | more


def test_the_list_is_narrowed_by_what_is_asked(cast: Cast) -> None:
    place, (one, two, three) = make_place(cast, "web-1", "web-2", "db-1")
    group = create_group(by=cast.root, name="eu")
    update_host(by=cast.root, host_id=one, changes={"labels": {"rack": "b2"}, "group_ids": [group.id]})
    update_host(by=cast.root, host_id=two, changes={"labels": {"rack": "b3"}})
    note_check(host_id=three, trouble="auth_failed", stages=[])
    visitor = Visitor(cast.root)

    def found(**query: Any) -> list[str]:
        page = text(visitor.get("/hosts", **query))
        return [name for name in ("web-1", "web-2", "db-1") if f">{name}</a>" in page]

    assert found() == ["web-1", "web-2", "db-1"]
    assert found(search="web") == ["web-1", "web-2"]
    assert found(label="rack") == ["web-1", "web-2"]
    assert found(label="rack=b2") == ["web-1"]
    assert found(group=group.id) == ["web-1"]
    assert found(environment=place) == ["web-1", "web-2", "db-1"]
    assert found(reach="trouble") == ["db-1"]
    assert found(reach="unchecked") == ["web-1", "web-2"]
    assert found(environment="9" * 30, label="=\0", after="web-1") == ["web-2"]


def test_a_host_is_registered_with_a_new_credential_in_the_same_form(cast: Cast) -> None:
    place, _ = make_place(cast)
    group = create_group(by=cast.root, name="eu")
    answer = Visitor(cast.root).post(
        "/hosts/new",
        **typed(place, groups=[group.id], credential="new", credential_name="deploy-key"),
        credential_kind="private_key",
        credential_value=PEM,
        host_keys=KEY,
    )
    host = Host.objects.get(name="web-9")
    assert (answer.status_code, answer["Location"]) == (303, f"/hosts/{host.id}")
    assert host.credential is not None and host.credential.name == "deploy-key"
    assert (host.port, host.user, host.labels) == (2222, "deploy", {"rack": "b2", "role": "web"})
    assert [row.name for row in host.groups.all()] == ["eu"]
    assert host.keys.get().accepted_by == cast.root.name


def test_a_refusal_lands_at_its_field_and_nothing_typed_is_lost(cast: Cast) -> None:
    place, _ = make_place(cast, "web-9")
    visitor = Visitor(cast.root)
    for fault, field in (
        ({"name": "web-9"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x", "address": "1.2.3"}, "address"),
        ({"name": "x", "root": "/"}, "root"),
        ({"name": "x", "labels": "no equals"}, "labels"),
        ({"name": "x", "labels": f"a={EVIL}"}, "labels"),
        ({"name": "x", "credential": "new", "credential_name": "k", "credential_value": "no key"},
         "credential_value"),
        ({"name": "x", "credential": "new", "credential_value": PEM}, "credential_name"),
        ({"name": "x", "host_keys": "ssh-ed25519 nonsense"}, "host_keys"),
    ):  # fmt: skip
        answer = visitor.post("/hosts/new", **typed(place, description=EVIL, **fault))
        assert answer.status_code == 422, fault
        assert list(answer.context["form"].errors) == [field], fault  # type: ignore[attr-defined]
        assert 'value="deploy"' in text(answer)
        assert EVIL not in text(answer)
        assert not Credential.objects.exists()
    assert Host.objects.count() == 1


def test_another_label_leaves_the_check_as_it_is_and_another_address_does_not(cast: Cast) -> None:
    place, (host,) = make_place(cast, "web-9")
    note_check(host_id=host, trouble="", stages=[])
    visitor = Visitor(cast.root)
    same = {"address": "192.0.2.1", "port": 22, "user": "root"}
    assert visitor.post(f"/hosts/{host}/edit", **typed(place, **same)).status_code == 303
    row = Host.objects.get()
    assert row.labels["rack"] == "b2" and row.tried_at is not None
    visitor.post(f"/hosts/{host}/edit", **typed(place))
    assert Host.objects.get().tried_at is None


def test_many_are_moved_at_once(cast: Cast) -> None:
    _, hosts = make_place(cast, "web-1", "web-2", "db-1")
    group, other = create_group(by=cast.root, name="eu"), Environment.objects.create(name="production")
    visitor = Visitor(cast.root)
    visitor.post("/hosts/bulk", act="group", host=hosts[:2], group=group.id)
    assert group.hosts.count() == 2
    visitor.post("/hosts/bulk", act="leave", host=hosts[:1], group=group.id)
    assert group.hosts.count() == 1
    away = visitor.post("/hosts/bulk", act="environment", host=hosts, environment=other.id, back="?search=w")
    assert away["Location"] == "/hosts?search=w"
    assert other.hosts.count() == 3
    assert visitor.post("/hosts/bulk", act="group", host=[99999], group=group.id).status_code == 404


def test_a_host_with_instances_stays_and_says_why(cast: Cast) -> None:
    _, (host,) = make_place(cast, "web-1")
    service = create_service(
        by=cast.root, project_id=cast.project_id, name="hello", language="go", build_source="upload"
    )
    Instance.objects.create(service_id=service.id, host_id=host, status="running")
    visitor = Visitor(cast.root)
    page = text(visitor.get(f"/hosts/{host}"))
    assert "It has instances; delete those first." in page
    answer = visitor.post(f"/hosts/{host}/delete")
    assert answer.status_code == 409
    assert "Delete its instances first" in text(answer)
    Instance.objects.all().delete()
    assert visitor.post(f"/hosts/{host}/delete")["Location"] == "/hosts"


def test_another_key_is_taken_only_by_who_types_the_name(cast: Cast) -> None:
    _, (host,) = make_place(cast, "web-1")
    visitor = Visitor(cast.root)
    path, former = f"/hosts/{host}/keys/accept", Host.objects.get().keys.get().fingerprint
    for confirm in ("", "web-2", "WEB-1"):
        answer = visitor.post(path, line=OTHER, confirm=confirm, typed="1")
        assert answer.status_code == 422
        assert "Type web-1" in text(answer) and OTHER in text(answer)
    fields = {"line": OTHER, "confirm": "web-1", "replace": "1", "instead_of": former}
    assert visitor.post(path, **fields).status_code == 303
    key = Host.objects.get().keys.get()
    assert (key.line, key.accepted_by) == (OTHER, cast.root.name)
    visitor.post(f"/hosts/{host}/keys/remove", fingerprint=key.fingerprint)
    assert not Host.objects.get().keys.exists()
    assert visitor.post(path, line=KEY, typed="1").status_code == 303, "a first key needs no name"


def test_what_the_host_says_is_text(cast: Cast) -> None:
    _, (host,) = make_place(cast, "web-1")
    stage = {"name": "connect", "status": "failed", "code": "not_ssh", "found": EVIL}
    note_check(host_id=host, trouble="not_ssh", stages=[stage])
    Host.objects.update(facts={"os": EVIL, "arch": EVIL}, description=EVIL)
    HostGroup.objects.create(name="g", description=EVIL)
    visitor = Visitor(cast.root)
    for path in ("/hosts", f"/hosts/{host}", f"/hosts/{host}/_state", f"/hosts/{host}/edit", "/hosts/groups"):
        page = text(visitor.get(path))
        assert EVIL not in page, path
    assert "Something else than SSH answers there." in text(visitor.get(f"/hosts/{host}"))


def test_lines_are_judged_one_by_one_before_anything_is_written(cast: Cast) -> None:
    place, _ = make_place(cast, "web-1")
    create_group(by=cast.root, name="eu")
    lines = [
        "name,address,port,user,groups,labels",
        "# the web tier",
        'web-2,192.0.2.2,2222,deploy,eu,"rack=b2 role=web"',
        "web-3",
        "web-1,192.0.2.4",
        "web-3,192.0.2.5",
        f"web-4,192.0.2.6,70000,ro ot,us,{EVIL}=x",
    ]
    visitor = Visitor(cast.root)
    form = {"environment": place, "user": "root", "root": "/srv/interlock", "act": "take"}
    answer = visitor.post("/hosts/import", text="\n".join(lines), **form)
    page = text(answer)
    assert answer.status_code == 422
    faults = {line["number"]: len(line["faults"]) for line in answer.context["lines"]}  # type: ignore[attr-defined]
    assert faults == {3: 0, 4: 0, 5: 1, 6: 1, 7: 4}
    assert "web-4,192.0.2.6,70000" in page and EVIL not in page
    assert Host.objects.count() == 1
    form["act"] = "look"
    looked = visitor.post("/hosts/import", text="\n".join(lines[:4]), **form)
    assert looked.status_code == 200 and Host.objects.count() == 1
    form["act"] = "take"
    assert visitor.post("/hosts/import", text="\n".join(lines[:4]), **form).status_code == 303
    two, three = Host.objects.get(name="web-2"), Host.objects.get(name="web-3")
    assert (two.port, two.user, two.labels) == (2222, "deploy", {"rack": "b2", "role": "web"})
    assert (three.address, three.user) == ("web-3", "root")


def test_environments_carry_rules_and_grants(cast: Cast) -> None:
    visitor = Visitor(cast.root)
    rules = {"position": 2, "approvals_required": 2, "default_batches": "1, 10%, 100%"}
    made = visitor.post("/hosts/environments/new", name="production", projects=[cast.project_id], **rules)
    row = Environment.objects.get()
    assert made.status_code == 303
    assert (row.approvals_required, row.default_batches) == (2, ["1", "10%", "100%"])
    assert row.grants.get().project_id == cast.project_id
    path = f"/hosts/environments/{row.id}"
    wrong = visitor.post(path, **rules | {"default_batches": "50%, 10%"})
    assert wrong.status_code == 422
    assert list(wrong.context["form"].errors) == ["default_batches"]  # type: ignore[attr-defined]
    assert 'value="50%, 10%"' in text(wrong)
    create_host(by=cast.root, name="web-1", address="192.0.2.1", environment_id=row.id)
    assert visitor.post(f"{path}/delete").status_code == 409
    Host.objects.all().delete()
    assert visitor.post(f"{path}/delete").status_code == 303


def test_a_value_of_a_credential_never_comes_back(cast: Cast) -> None:
    place, _ = make_place(cast)
    visitor = Visitor(cast.root)
    wrong = visitor.post("/hosts/credentials", name="a b", kind="password", value="correct horse")
    assert wrong.status_code == 422
    visitor.post("/hosts/credentials", name="pass", kind="password", value="correct horse")
    row = Credential.objects.get()
    visitor.post(f"/hosts/credentials/{row.id}", value="battery staple")
    for path in ("/hosts/credentials", f"/hosts/credentials/{row.id}"):
        page = text(visitor.get(path))
        assert "correct horse" not in page and "battery staple" not in page
    create_host(by=cast.root, name="web-1", address="192.0.2.1", environment_id=place, credential_id=row.id)
    assert visitor.post(f"/hosts/credentials/{row.id}/delete").status_code == 409
    Host.objects.all().delete()
    assert visitor.post(f"/hosts/credentials/{row.id}/delete").status_code == 303


def test_who_does_not_keep_the_fleet_looks_and_changes_nothing(cast: Cast) -> None:
    place, (host,) = make_place(cast, "web-1")
    hidden = Environment.objects.create(name="secret-place")
    other = create_host(by=cast.root, name="vault-1", address="192.0.2.7", environment_id=hidden.id).id
    credential = create_credential(by=cast.root, name="pass", kind="password", value="correct horse").id
    for who in (cast.ann, cast.bob, cast.cy, cast.dee):
        visitor = Visitor(who)
        page = text(visitor.get("/hosts"))
        assert ">web-1</a>" in page and "vault-1" not in page
        assert "Add a host" not in page and "data-bulk" not in page
        page = text(visitor.get(f"/hosts/{host}"))
        assert "Check the connection" not in page and "Delete" not in page
        assert visitor.get(f"/hosts/{other}").status_code == 404
        for path in ("/hosts/groups", "/hosts/environments", f"/hosts/{host}/keys"):
            assert visitor.get(path).status_code == 200
        for path in ("/hosts/new", f"/hosts/{host}/edit"):
            assert visitor.post(path, **typed(place)).status_code == 403, path
        for path in ("/hosts/import", "/hosts/credentials", f"/hosts/credentials/{credential}"):
            assert visitor.get(path).status_code == 403, path
        for path in (
            f"/hosts/{host}/check", f"/hosts/{host}/delete", f"/hosts/{host}/keys/scan",
            f"/hosts/{host}/keys/remove", f"/hosts/credentials/{credential}/delete",
            f"/hosts/environments/{place}/delete", f"/hosts/environments/{place}",
        ):  # fmt: skip
            assert visitor.post(path).status_code == 403, path
        assert visitor.post(f"/hosts/{host}/keys/accept", line=OTHER, confirm="web-1").status_code == 403
        assert visitor.post("/hosts/bulk", act="check", host=[host]).status_code == 403
    assert queries.host(by=cast.root, host_id=host).keys.count() == 1
