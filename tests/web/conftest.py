"""The shop of the releases, seen through pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.cast import Cast
from tests.releases.conftest import Shop, shop
from tests.web.visits import Visitor

__all__ = ["Shop", "Visit", "shop"]
Visit = Callable[[str], Client]


@pytest.fixture
def visit(shop: Shop) -> Visit:
    """``visit("ann")``: her browser. Past the password, which is slow to check on purpose."""
    return lambda name: signed_in(shop.cast, name)


def signed_in(cast: Cast, name: str) -> Client:
    return Visitor(getattr(cast, name)).client


def main_of(answer: object) -> str:
    """What the page itself says, without the frame around it."""
    text: str = answer.content.decode()  # type: ignore[attr-defined]
    return text.split("<main", 1)[-1].split("</main>")[0]
