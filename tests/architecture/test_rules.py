"""The rules of the house, kept by the repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import codes, messages, papers, size, writes
from tests.architecture.source import REPOSITORY

RULES: list[Callable[[Path], list[str]]] = [
    size.long_files,
    size.long_functions,
    size.vague_names,
    writes.second_writers_of_status,
    writes.hidden_writes,
    writes.rows_saved_in_doors,
    writes.errors_caught_in_transactions,
    codes.refusals_without_sentence,
    codes.sentences_nobody_says,
    codes.sentences_that_break,
    codes.unhandled_events,
    papers.settings_undocumented,
    papers.traces_of_one_machine,
    messages.untranslated,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    assert rule(REPOSITORY) == []


def test_listed_exceptions_are_still_needed() -> None:
    names = {name.split(":")[0] for name in size.LISTED}
    assert [name for name in names if not (REPOSITORY / name).exists()] == []
