"""Cron expressions in Chinese, and that none of them breaks it."""

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from interlock.cron_text import in_words
from interlock.lifecycle.schedule import plain_cron, wrong_field

PART = st.sampled_from(
    ["*", "*/5", "1", "01", "1-5", "1,3", "2-4/2", "3/2", "L", "LW", "MON", "MAR", "5L", "1#2", "*,1"]
)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 9 * * 1-5", "周一至周五 09:00"),
        ("*/15 * * * *", "每 15 分钟"),
        ("* * * * *", "每分钟"),
        ("30 * * * *", "每小时第 30 分"),
        ("0 0 L * *", "每月最后一天 00:00"),
        ("0 9,18 1,15 * *", "每月 1、15 日 09:00、18:00"),
        ("0 9 1 * MON", "每月 1 日或周一 09:00"),
        ("0 9 */2 * MON", "每 2 天且为周一 09:00"),
        ("5 8-18 * JAN,JUN MON#1", "1、6 月的当月第 1 个周一 8 至 18 时第 5 分"),
    ],
)
def test_chinese(cron: str, words: str) -> None:
    with override("zh-hans"):
        assert in_words(cron) == words


@given(st.tuples(PART, PART, PART, PART, PART).map(" ".join))
def test_whatever_is_kept_can_be_said(cron: str) -> None:
    if wrong_field(plain_cron(cron)):
        return
    for language in ("zh-hans", "en"):
        with override(language):
            assert in_words(plain_cron(cron))
