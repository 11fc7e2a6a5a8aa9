"""People, projects and oneself: made, changed, refused; passwords and tokens are shown once or never."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.hashers import check_password

from interlock.accounts.models import Membership, Person, Project, Token
from interlock.accounts.services import authenticate_token
from interlock.vault.models import Secret
from interlock.vault.services import put, reveal
from tests.cast import PASSWORD, Cast, make_cast
from tests.web.visits import Visitor, text

pytestmark = pytest.mark.django_db(databases="__all__")
EVIL = "<script>alert(1)</script>"
NEW = "another-long-enough-pass"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def shown_once(page: str) -> str:
    found = re.search(r'id="shown-once">([^<]+)<', page)
    assert found is not None
    return found[1]


def test_a_person_is_added_with_a_password_that_is_made_and_shown_once(cast: Cast) -> None:
    visitor = Visitor(cast.root)
    answer = visitor.post("/people/new", username="eve", name=EVIL, email="eve@example.org")
    made, person = shown_once(text(answer)), Person.objects.get(username="eve")
    assert check_password(made, person.password)
    assert EVIL not in text(answer)
    assert made not in text(visitor.get(f"/people/{person.id}"))
    for fields, field in (
        ({"username": "eve"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "fay", "password": "xyzzy"}, "password"),
        ({"username": "fay", "email": "nowhere"}, "email"),
    ):
        wrong = visitor.post("/people/new", **{"name": "Fay", **fields})
        assert wrong.status_code == 422
        assert list(wrong.context["form"].errors) == [field]  # type: ignore[attr-defined]
        assert 'value="Fay"' in text(wrong) and "xyzzy" not in text(wrong)


def test_roles_are_a_table_and_what_is_ticked_is_what_holds(cast: Cast) -> None:
    visitor, ann = Visitor(cast.root), cast.ann.person_id or 0
    path = f"/people/{ann}/roles/{cast.project_id}"
    assert visitor.post(path, role=["viewer", "approver", "emperor"]).status_code == 303
    held = Membership.objects.filter(person_id=ann).values_list("role", flat=True)
    assert sorted(held) == ["approver", "viewer"]
    other = Project.objects.create(name="tools")
    visitor.post(f"/people/{ann}/roles", project=other.id, role=["operator"])
    away = visitor.post(f"/people/projects/{other.id}/roles", person=cast.cy.person_id, role=["admin"])
    assert away["Location"] == f"/people/projects/{other.id}"
    page = text(visitor.get(f"/people/projects/{other.id}"))
    assert "ann: operator" in page and "cy: administrator" in page


def test_who_is_deactivated_is_out_at_once_and_the_last_administrator_stays(cast: Cast) -> None:
    ann, visitor = Visitor(cast.ann), Visitor(cast.root)
    assert ann.get("/me").status_code == 200
    visitor.post(f"/people/{cast.ann.person_id}/activate", active="0")
    assert ann.get("/me").status_code == 302
    visitor.post(f"/people/{cast.ann.person_id}/activate", active="1")
    assert ann.get("/me").status_code == 200
    last = visitor.post(f"/people/{cast.root.person_id}/activate", active="0")
    assert last.status_code == 409 and "last administrator" in text(last)
    kept = visitor.post(f"/people/{cast.root.person_id}", name="Root the First")
    assert kept.status_code == 422
    assert list(kept.context["form"].errors) == ["is_admin"]  # type: ignore[attr-defined]
    assert 'value="Root the First"' in text(kept)
    assert Person.objects.get(id=cast.root.person_id).is_admin


def test_a_password_is_set_by_an_administrator_and_ends_the_sessions(cast: Cast) -> None:
    ann, visitor = Visitor(cast.ann), Visitor(cast.root)
    path = f"/people/{cast.ann.person_id}/password"
    weak = visitor.post(path, password="short")
    assert weak.status_code == 422 and ann.get("/me").status_code == 200
    made = shown_once(text(visitor.post(path)))
    assert ann.get("/me").status_code == 302
    assert check_password(made, Person.objects.get(username="ann").password)
    assert NEW not in text(visitor.post(path, password=NEW))


def test_ones_own_password_needs_the_old_one_and_leaves_only_this_session(cast: Cast) -> None:
    here, elsewhere = Visitor(cast.ann), Visitor(cast.ann)
    for fields, field in (
        ({"old": "wrong", "new": NEW, "again": NEW}, "old"),
        ({"old": PASSWORD, "new": NEW, "again": NEW + "x"}, "again"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "new"),
    ):
        wrong = here.post("/me/password", **fields)
        assert wrong.status_code == 422
        assert list(wrong.context["password_form"].errors) == [field]  # type: ignore[attr-defined]
        assert NEW not in text(wrong) and PASSWORD not in text(wrong)
    assert here.post("/me/password", old=PASSWORD, new=NEW, again=NEW).status_code == 303
    assert here.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 302


def test_a_password_is_not_guessed_from_an_open_session(cast: Cast) -> None:
    visitor = Visitor(cast.ann)
    for _ in range(5):
        visitor.post("/me/password", old="wrong", new=NEW, again=NEW)
    late = visitor.post("/me/password", old=PASSWORD, new=NEW, again=NEW)
    assert late.status_code == 422 and "Too many" in text(late)


def test_a_token_is_shown_once_and_may_what_was_chosen(cast: Cast) -> None:
    visitor = Visitor(cast.ann)
    fields = {"name": f"ci {EVIL}", "days": "30", "scopes": ["view"], "once": "k1"}
    answer = visitor.post("/me/tokens", **fields)
    assert visitor.post("/me/tokens", **fields)["Location"] == "/me", "a reload makes no second one"
    made = shown_once(text(answer))
    caller = authenticate_token(made)
    assert caller is not None and caller.scopes == {"view"}
    assert answer["Cache-Control"] == "no-store" and EVIL not in text(answer)
    page = text(visitor.get("/me"))
    assert page.count("<fieldset") == page.count("</fieldset>") and page.count("<div") == page.count("</div>")
    assert made not in page and made[:10] in page and EVIL not in page
    assert visitor.post("/me/tokens", name="", days="30").status_code == 422
    assert visitor.post("/me/tokens", name="x", scopes=["people"]).status_code == 422
    token = Token.objects.get()
    assert Visitor(cast.bob).post(f"/me/tokens/{token.id}/revoke").status_code == 404
    assert visitor.post(f"/me/tokens/{token.id}/revoke").status_code == 303
    assert authenticate_token(made) is None


def test_projects_are_made_and_described_by_administrators(cast: Cast) -> None:
    visitor = Visitor(cast.root)
    made = visitor.post("/people/projects", name="tools", description=EVIL)
    project = Project.objects.get(name="tools")
    assert made["Location"] == f"/people/projects/{project.id}"
    assert visitor.post("/people/projects", name="tools").status_code == 422
    visitor.post(f"/people/projects/{project.id}", description="for tools")
    assert Project.objects.get(id=project.id).description == "for tools"
    ann = Visitor(cast.ann)
    page = text(ann.get("/people/projects"))
    assert ">shop</a>" in page and "tools" not in page and "Add a project" not in page
    assert ann.get(f"/people/projects/{project.id}").status_code == 404
    assert ann.post("/people/projects", name="mine").status_code == 403


def test_who_does_not_keep_people_sees_projects_and_roles_only(cast: Cast) -> None:
    ann = cast.ann.person_id
    for who in (cast.ann, cast.bob, cast.cy, cast.dee):
        visitor = Visitor(who)
        assert visitor.get("/people")["Location"] == "/people/projects"
        assert visitor.get("/people/roles").status_code == 200
        page = text(visitor.get(f"/people/projects/{cast.project_id}"))
        assert "Roles are given by an administrator" in page
        assert "<form method" not in page.split("<main")[1].split("</main")[0]
        assert visitor.get(f"/people/{cast.root.person_id}").status_code == 403
        assert visitor.get("/people/new").status_code == 403
        for path in (f"/people/{ann}/password", f"/people/{ann}/activate",
                     f"/people/{ann}/roles/{cast.project_id}", f"/people/{ann}"):  # fmt: skip
            assert visitor.post(path, password=NEW, role="admin").status_code == 403, path


def test_a_secret_goes_in_and_does_not_come_back(cast: Cast) -> None:
    visitor = Visitor(cast.dee)
    fields = {"project": cast.project_id, "name": "DATABASE_URL", "value": "correct horse\r\nbattery"}
    assert visitor.post("/secrets", **fields).status_code == 303
    row = Secret.objects.get()
    assert reveal(row.id) == "correct horse\nbattery"
    again = visitor.post("/secrets", **fields)
    assert again.status_code == 422
    assert list(again.context["form"].errors) == ["name"]  # type: ignore[attr-defined]
    visitor.post(f"/secrets/{row.id}", value="staple")
    assert reveal(row.id) == "staple"
    for path in ("/secrets", f"/secrets/{row.id}"):
        page = text(visitor.get(path))
        assert "DATABASE_URL" in page
        assert "correct horse" not in page and "staple" not in page
    assert visitor.post("/secrets", **fields | {"name": "a b"}).status_code == 422


def test_secrets_are_for_who_configures_the_project(cast: Cast) -> None:
    row = put(by=cast.root, name="DATABASE_URL", value="correct horse", project_id=cast.project_id)
    platform = put(by=cast.root, name="own", value="correct horse")
    for who in (cast.ann, cast.bob, cast.cy):
        visitor = Visitor(who)
        page = text(visitor.get("/secrets"))
        assert "DATABASE_URL" not in page and 'href="/secrets"' not in page
        assert visitor.get(f"/secrets/{row.id}").status_code == 404
        assert visitor.post(f"/secrets/{row.id}", value="x").status_code == 404
        fields = {"project": cast.project_id, "name": "MINE", "value": "x"}
        assert visitor.post("/secrets", **fields).status_code == 422
    assert Visitor(cast.dee).get(f"/secrets/{platform.id}").status_code == 404
    assert "the platform's own" in text(Visitor(cast.root).get("/secrets"))
    assert Secret.objects.count() == 2
