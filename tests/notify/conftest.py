"""Channels of a project, and the far sides that they lead to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interlock.notify.models import Channel
from interlock.notify.services import create_channel
from tests.cast import Cast, make_cast
from tests.farside import FarSide, far_side

KEY = "a-key-to-sign-with"
PATH = "/hook/t0ken-in-the-path?key=t0ken-in-the-query"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def side() -> Iterator[FarSide]:
    with far_side() as side:
        yield side


def webhook(cast: Cast, side: FarSide, name: str = "ops", language: str = "en") -> Channel:
    return create_channel(
        by=cast.dee, project_id=cast.project_id, name=name, kind="webhook", address=side.url + PATH,
        signing_key=KEY, language=language,
    )  # fmt: skip
