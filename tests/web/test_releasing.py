"""The form of a release, and the page of its plan: what is shown is what is sent, and what is approved."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from interlock.releases.models import Release
from tests.cast import make_cast
from tests.web.conftest import Shop, Visit, main_of, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
LIVE = {"HX-Request": "true"}


def fields(html: str) -> dict[str, Any]:
    """What a browser would send of the form, as it was drawn."""
    found: dict[str, Any] = {}
    form = html.split("release-columns", 1)[1].split("</form>")[0]
    for tag in re.findall(r"<input[^>]*>", form):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        kind, name = given.get("type", "text"), given.get("name", "")
        if not name or (kind in ("radio", "checkbox") and not re.search(r"\schecked", tag)):
            continue
        value = given.get("value", "on" if kind == "checkbox" else "")
        found[name] = [*found.get(name, ()), value] if name in ("host", "people") else value
    for name, options in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


class Form:
    """The form in Ann's browser."""

    def __init__(self, client: Client, address: str, query: str = "") -> None:
        self.client, self.address = client, address
        self.take(client.get(address + query))

    def take(self, answer: HttpResponse) -> HttpResponse:
        self.status, self.html = answer.status_code, answer.content.decode()
        if "release-columns" in self.html:
            self.given = fields(self.html)
        return answer

    def look(self, **changes: Any) -> str:
        self.take(self.client.post(self.address, self.given | changes, headers=LIVE))
        assert self.status == 200
        return self.html

    def send(self, **changes: Any) -> HttpResponse:
        return self.take(self.client.post(self.address, self.given | changes | {"send": "1"}))


@pytest.fixture
def form(shop: Shop, visit: Visit) -> Form:
    return Form(visit("ann"), f"/services/{shop.service_id}/release")


def test_what_was_looked_at_is_what_is_asked_for(shop: Shop, form: Form) -> None:
    assert "v1" in form.html
    html = form.look(batches="canary", confirm="first", ask="on", note="Say hello")
    assert "Batch 2" in html
    html = form.look(quorum="2", deadline="3", on_deadline="reject")
    assert "2 people, not who asks, rejected if undecided after 3 h 00 m" in html
    answer = form.send()
    release = Release.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/releases/{release.id}")
    assert release.plan_hash == form.given["plan_hash"]
    assert release.request["note"] == "Say hello"
    assert release.intent["batches"] == [1, 2]
    assert release.intent["confirm"] == [0]
    assert release.intent["approval"]["quorum"] == 2


def test_a_double_click_is_one_release(form: Form) -> None:
    assert form.send()["Location"] == form.send()["Location"]
    assert Release.objects.count() == 1


def test_an_address_fills_the_form_in(shop: Shop, visit: Visit) -> None:
    hosts = f"{shop.hosts['qa-1']},{shop.hosts['live-1']}"
    query = f"?action=revert&version_id={shop.versions['v0']}&hosts={hosts}"
    form = Form(visit("ann"), f"/services/{shop.service_id}/release", query)
    assert form.given["action"] == "revert"
    assert form.given["version_id"] == str(shop.versions["v0"])
    assert form.given["hosts_by"] == "chosen"
    assert {int(id) for id in form.given["host"]} == {shop.hosts["qa-1"], shop.hosts["live-1"]}
    assert "2 hosts" in form.html


def test_every_version_is_there_with_why_it_cannot_be_chosen(form: Form) -> None:
    version = form.html.split('id="version"')[1].split("</select>")[0]
    assert re.search(r'disabled data-note="An upgrade goes to a newer version only."[^>]*>v0<', version)
    assert re.search(r"selected>v2<", version)
    deploy = form.look(action="deploy")
    assert "data-note" not in deploy.split('id="version"')[1].split("</select>")[0]
    assert "1 host of the project does not have it yet." in deploy


@pytest.mark.parametrize(
    ("changes", "told", "where"),
    [
        ({"batches": "own", "batches_own": "1, x"}, "“x” is not a batch", "batches_own"),
        ({"hosts_by": "where", "label": "zone"}, "“zone” is not a label", "label"),
        ({"hosts_by": "chosen"}, "Name at least one host", "hosts_by"),
        ({"start": "at", "start_at": "soon"}, "start_at", "start_at"),
        ({"confirm": "own", "confirm_own": "7"}, "nothing to confirm after batch 7", "confirm_own"),
        ({"threshold": "many"}, "Enter a whole number", "threshold"),
    ],
)
def test_a_refusal_stands_at_its_field_and_keeps_what_was_typed(
    form: Form, changes: dict[str, str], told: str, where: str
) -> None:
    answer = form.send(note="for <later>", **changes)
    assert answer.status_code == 422
    assert told in form.html
    assert form.given["note"] == "for &lt;later&gt;"
    assert {name: form.given.get(name) for name in changes} == changes
    assert "plan_hash" not in form.given
    assert not Release.objects.exists(), where


def test_one_by_one_is_a_batch_a_host(form: Form) -> None:
    html = form.look(batches="one", confirm="every")
    assert html.count('class="plan-batch"') == 3
    assert html.count("then asks a person") == 2


def test_a_local_time_is_kept_as_the_moment_it_is(form: Form) -> None:
    form.send(start="at", start_at="2031-05-01T09:30", zone="Asia/Shanghai")
    form.send()
    assert Release.objects.get().intent["start"] == "2031-05-01T01:30:00+00:00"


def test_a_plan_that_changed_meanwhile_is_shown_with_what_differs(shop: Shop, form: Form) -> None:
    form.look(note="still here")
    shop.add_host("qa-9")
    shop.install("v1", "qa-9")
    assert form.send().status_code == 422
    assert "The plan is another one now. Nothing was sent" in form.html
    assert re.search(r"<b>qa-9</b> <del>not there</del>", form.html)
    assert form.given["note"] == "still here"
    assert not Release.objects.exists()
    assert form.send().status_code == 303
    assert len(Release.objects.get().intent["hosts"]) == 4


def test_who_holds_what_is_said_and_may_be_left_out(shop: Shop, visit: Visit) -> None:
    first = shop.ask(hosts=[shop.hosts["qa-1"]])
    form = Form(visit("ann"), f"/services/{shop.service_id}/release")
    assert re.search(r"Locked by ann since \d{4}-\d\d-\d\d \d\d:\d\d UTC", form.html)
    assert f'href="/runs/{first.run_id}"' in form.html
    assert "It can be sent once there is a plan." in form.html


def test_who_may_not_release_sees_the_plan_and_a_grey_button(shop: Shop, visit: Visit) -> None:
    form = Form(visit("cy"), f"/services/{shop.service_id}/release")
    assert form.status == 200
    assert re.search(r'name="send"[^>]*disabled aria-describedby="send-why"', form.html)
    assert form.send().status_code == 403
    assert not Release.objects.exists()


def test_bob_approves_the_plan_that_he_sees(shop: Shop, visit: Visit) -> None:
    release = shop.ask(approval={"quorum": 1}, batches=["1", "100%"])
    address, bob = f"/releases/{release.id}", visit("bob")
    told = main_of(bob.get(address))
    assert told.count('class="plan-batch"') == 2
    assert release.plan_hash[:16] in told
    vote = {"key": "0.0", "plan_hash": release.plan_hash, "decision": "approve", "note": "go"}
    stale = bob.post(f"{address}/vote", vote | {"plan_hash": "0" * 64})
    assert stale.status_code == 409
    assert "The plan is another one by now" in stale.content.decode()
    assert bob.post(f"{address}/vote", vote).status_code == 303
    told = main_of(bob.get(address))
    assert "“go”" in told
    assert "To the run" in told
    late = bob.post(f"{address}/vote", vote)
    assert late.status_code == 409
    assert "already, by bob" in late.content.decode()


def test_a_grey_button_of_an_approval_says_why(shop: Shop, visit: Visit) -> None:
    release = shop.ask(approval={"quorum": 1})
    address = f"/releases/{release.id}"
    assert "lack the right “approve”" in main_of(visit("ann").get(address))
    vote = {"key": "0.0", "plan_hash": release.plan_hash, "decision": "reject", "note": "not today"}
    refused = visit("ann").post(f"{address}/vote", vote)
    assert refused.status_code == 403
    assert visit("bob").post(f"{address}/vote", vote).status_code == 303
    assert "not today" in main_of(visit("cy").get(address))
    assert "Rejected." in main_of(visit("cy").get(address))


def test_a_change_asks_again_and_says_what_is_different(shop: Shop, visit: Visit) -> None:
    release = shop.ask(approval={"quorum": 1}, batches=["100%"], note="first")
    form = Form(visit("ann"), f"/releases/{release.id}/change")
    assert form.given["note"] == "first"
    assert form.given["batches"] == "all"
    form.look(batches="canary", note="second")
    assert form.send().status_code == 303
    release.refresh_from_db()
    assert (release.round, release.note, release.intent["batches"]) == (2, "second", [1, 2])
    told = main_of(visit("bob").get(f"/releases/{release.id}"))
    assert re.search(r"<b>batches</b> <del>3</del>.*<ins>1 \+ 2</ins>", told, re.S)


def test_the_plan_page_says_what_has_changed_since(shop: Shop, visit: Visit) -> None:
    release = shop.ask(approval={"quorum": 1}, hosts=[shop.hosts["qa-1"], shop.hosts["qa-2"]])
    assert "Things have changed" not in main_of(visit("bob").get(f"/releases/{release.id}"))
    shop.install_over("v2", "qa-1")
    told = main_of(visit("bob").get(f"/releases/{release.id}"))
    assert "As things are now it could not start" in told


def test_a_release_that_waits_for_a_hand_is_started_or_withdrawn_here(shop: Shop, visit: Visit) -> None:
    ann = visit("ann")
    release = shop.ask(start="manual", hosts=[shop.hosts["qa-1"]])
    assert 'value="go-on"' in main_of(ann.get(f"/releases/{release.id}"))
    assert 'value="go-on"' not in main_of(visit("cy").get(f"/releases/{release.id}"))
    assert ann.post(f"/releases/{release.id}/act", {"act": "withdraw"}).status_code == 303
    assert "Stopped." in main_of(ann.get(f"/releases/{release.id}"))
    other = shop.ask(start="manual", hosts=[shop.hosts["qa-2"]])
    ann.post(f"/releases/{other.id}/act", {"act": "go-on", "key": "0.0"})
    assert "To the run" in main_of(ann.get(f"/releases/{other.id}"))


def test_a_stranger_finds_nothing(shop: Shop, visit: Visit) -> None:
    release = shop.ask(approval={"quorum": 1})
    stranger = signed_in(make_cast("other"), "dee")
    addresses = [
        f"/services/{shop.service_id}/release",
        f"/releases/{release.id}",
        f"/releases/{release.id}/change",
    ]
    assert [stranger.get(address).status_code for address in addresses] == [404, 404, 404]
