"""Whose answer a reply is: the far side may say of a follow late, and twice, how it ended."""

from __future__ import annotations

import pytest

from interlock.remote.shells import Shell


class Nowhere:
    """A line that takes everything; the tests speak for the far side."""

    is_gone = False

    def write(self, data: bytes) -> None:
        pass

    pause = resume = close = lambda self: None

    async def gone(self) -> None:
        pass


@pytest.fixture
def shell() -> Shell:
    shell = Shell()
    shell.attached(Nowhere())
    return shell


def says(shell: Shell, *replies: str) -> None:
    shell.feed_err("".join(f"@{shell.nonce} {reply}\n" for reply in replies).encode())


def test_the_second_word_of_an_end_is_no_answer_to_the_next_command(shell: Shell) -> None:
    shell.begin("follow", "a mark", follows=True)
    says(shell, "state running - 0", "state ended 0 4")
    assert [shell.reply_now(), shell.reply_now()] == [
        ["state", "running", "-", "0"],
        ["state", "ended", "0", "4"],
    ]
    shell.begin("ask", "another mark")
    says(shell, "state ended 0 4", "over", "asked 0")
    assert [shell.reply_now(), shell.reply_now()] == [["asked", "0"], None]


def test_of_two_follows_in_a_row_each_has_its_own_replies(shell: Shell) -> None:
    for _ in range(2):
        shell.begin("follow", "a mark", follows=True)
    says(shell, "state ended 0 4", "over", "state running - 0", "over")
    assert [shell.reply_now(), shell.reply_now()] == [["state", "running", "-", "0"], None]
    shell.begin("look")
    says(shell, "state running - 0")
    assert shell.reply_now() == ["state", "running", "-", "0"]
