"""A release is changed by some of its request's fields; none of them may get lost on the way in."""

from interlock.api.schemas.releases import ReleaseChange
from interlock.releases.request import CHANGEABLE


def test_every_field_that_may_change_is_taken() -> None:
    assert set(ReleaseChange.model_fields) == CHANGEABLE


def test_what_is_sent_is_what_arrives() -> None:
    sent = {"batches": ["2", "100%"], "hosts": {"names": ["a"]}, "approval": None}
    read = ReleaseChange.model_validate(sent)
    assert read.model_dump(mode="json", exclude_unset=True) == sent
