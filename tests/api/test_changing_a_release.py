"""A release is changed by some of its request's fields; none of them may get lost on the way in."""

from ninja.schema import DjangoGetter

from interlock.api.v1.releases import Changes
from interlock.releases.request import CHANGEABLE


def test_every_field_that_may_change_is_taken() -> None:
    assert set(Changes.model_fields) == CHANGEABLE


def test_what_is_sent_is_what_arrives() -> None:
    sent = {"batches": ["2", "100%"], "hosts": {"names": ["a"]}, "approval": None}
    # As the framework does it: a body is read through its getter, which shows only declared fields.
    read = Changes.model_validate(DjangoGetter(sent, Changes))
    assert read.model_dump(mode="json", exclude_unset=True) == sent
