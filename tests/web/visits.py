"""Somebody at the pages, signed in without a password: what it costs to check one is not the matter here."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client

from interlock.accounts.caller import Caller
from interlock.accounts.sessions import begin_session
from interlock.fleet.services import create_environment, create_host, set_grants
from tests.cast import Cast

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK+bRwCpLkn2uvJBNDSO84+lTp4cl1QXfzvmmNASjUBn"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL3wNYaKSJRBLmCTJB4oxtOrj6I4b9s0/4RVQI3pUJka"


class Visitor:
    def __init__(self, caller: Caller) -> None:
        self.client = Client()
        session = self.client.session
        begin_session(session, caller)
        session.save()
        self.client.cookies["sessionid"] = session.session_key or ""

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(path, query or None)  # type: ignore[return-value]

    def text(self, path: str) -> str:
        return text(self.get(path))

    def post(self, path: str, **fields: Any) -> HttpResponse:
        return self.client.post(path, fields)  # type: ignore[return-value]


def text(answer: HttpResponse) -> str:
    return answer.content.decode()


def make_place(cast: Cast, *names: str) -> tuple[int, list[int]]:
    """An environment that the project may use, and hosts in it with a trusted key."""
    place = create_environment(by=cast.root, name="staging").id
    set_grants(by=cast.root, environment_id=place, project_ids=[cast.project_id])
    hosts = [
        create_host(by=cast.root, name=name, address="192.0.2.1", environment_id=place, host_keys=[KEY]).id
        for name in names
    ]
    return place, hosts
