"""Each rule finds the fault that it is for, and leaves the decent neighbour alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import codes, messages, papers, size, writes

Rule = Callable[[Path], list[str]]
WORDS = {"interlock/words.py": 'SENTENCES = {"late": _("Too late: %(hour)s.")}\n'}
ASKING = 'def ask(): raise Refused("late", hour=3)\n'
EVENTS = "class Begun: ...\nclass Ended: ...\nRunEvent = Begun | Ended\n"
DECIDING = (
    "def decide(event):\n    match event:\n        case Begun(): return 1\n        case Ended(): return 2\n"
)

CASES: list[tuple[Rule, dict[str, str], dict[str, str]]] = [
    (
        size.long_files,
        {"interlock/runs/queries.py": "x = 1\n" * 401},
        {"interlock/runs/queries.py": "x = 1\n" * 400},
    ),
    (
        size.long_functions,
        {"cli/hosts.py": "def show():\n" + "    x = 1\n" * 40},
        {"cli/hosts.py": "def show():\n" + "    x = 1\n" * 39},
    ),
    (size.vague_names, {"interlock/runs/utils.py": ""}, {"interlock/runs/logs.py": ""}),
    (
        writes.second_writers_of_status,
        {"interlock/runs/services.py": 'def stop(run):\n    run.status = "canceled"\n'},
        {"interlock/runs/engine/flush.py": 'def stop(run):\n    run.status = "canceled"\n'},
    ),
    (
        writes.second_writers_of_status,
        {"interlock/catalog/queries.py": 'Instance.objects.filter(id=1).update(status="running")\n'},
        {"interlock/catalog/queries.py": 'Instance.objects.filter(status="running")\n'},
    ),
    (
        writes.second_writers_of_status,
        {"interlock/runs/reconciler.py": 'SQL = "UPDATE runs_step SET epoch = 1, status = %s"\n'},
        {"interlock/runs/reconciler.py": 'SQL = "UPDATE runs_step SET sent_at = %s"\n'},
    ),
    (
        writes.hidden_writes,
        {"interlock/fleet/models.py": "class Host(Model):\n    def save(self): ...\n"},
        {"interlock/fleet/models.py": "class Host(Model):\n    def __str__(self): ...\n"},
    ),
    (
        writes.hidden_writes,
        {"interlock/fleet/apps.py": "from django.db.models.signals import post_save\n"},
        {"interlock/fleet/apps.py": "from django.apps import AppConfig\n"},
    ),
    (
        writes.rows_saved_in_doors,
        {"interlock/api/hosts.py": "def rename(host):\n    host.save()\n"},
        {"interlock/fleet/services.py": "def rename(host):\n    host.save()\n"},
    ),
    (
        writes.errors_caught_in_transactions,
        {
            "interlock/fleet/services.py": "with writing():\n    try:\n        f()\n"
            "    except IntegrityError:\n        pass\n"
        },
        {
            "interlock/fleet/services.py": "try:\n    with writing():\n        f()\n"
            "except IntegrityError:\n    pass\n"
        },
    ),
    (
        codes.refusals_without_sentence,
        {**WORDS, "interlock/runs/a.py": 'raise invalid("early")\n'},
        {**WORDS, "interlock/runs/a.py": ASKING},
    ),
    (
        codes.refusals_without_sentence,
        {**WORDS, "interlock/runs/a.py": 'raise Refused("late", kind="missing")\n'},
        {**WORDS, "interlock/runs/a.py": 'raise Refused("late", **facts)\n'},
    ),
    (codes.sentences_nobody_says, WORDS, {**WORDS, "interlock/runs/a.py": ASKING}),
    (
        codes.sentences_nobody_says,
        {"interlock/task_words.py": WORDS["interlock/words.py"], "interlock/runs/a.py": "x = 1\n"},
        {"interlock/task_words.py": WORDS["interlock/words.py"], "interlock/runs/a.py": ASKING},
    ),
    (
        codes.sentences_nobody_says,
        {**WORDS, "interlock/runs/a.py": 'why = f"early_{status}"\n'},
        {**WORDS, "interlock/runs/a.py": 'why = f"la{status}"\nwhat = f"late:{hour}"\n'},
    ),
    (
        codes.sentences_that_break,
        {"interlock/words.py": 'SENTENCES = {"full": _("100% full")}\n'},
        {"interlock/words.py": 'SENTENCES = {"full": _("100%% full: %(disk)s")}\n'},
    ),
    (
        codes.unhandled_events,
        {"interlock/lifecycle/events.py": EVENTS + DECIDING},
        {"interlock/lifecycle/events.py": EVENTS + DECIDING + "    assert_never(event)\n"},
    ),
    (
        codes.unhandled_events,
        {"interlock/lifecycle/events.py": EVENTS},
        {"interlock/lifecycle/events.py": EVENTS + DECIDING + "    assert_never(event)\n"},
    ),
    (
        papers.settings_undocumented,
        {"interlock/settings.py": 'A = os.environ.get("INTERLOCK_A")\n'},
        {
            "interlock/settings.py": 'A = os.environ.get("INTERLOCK_A")\n',
            "docs/settings.md": "| `INTERLOCK_A` | a |\n",
        },
    ),
    (
        papers.settings_undocumented,
        {"docs/settings.md": "| `INTERLOCK_A` | a |\n"},
        {"docs/settings.md": "`INTERLOCK_A` is gone\n"},
    ),
    (
        papers.traces_of_one_machine,
        {"docs/try.md": "cd /ro" + "ot/checkout\n"},
        {"docs/try.md": "cd releases/wo" + "rk/checkout\n"},
    ),
]

PO = "locale/zh_Hans/LC_MESSAGES/django.po"
SAID = {"interlock/words.py": '_("Locked by %(who)s.")\n'}
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
LOCKED = 'msgid "Locked by %(who)s."\nmsgstr '
GOOD = {**SAID, PO: HEAD + LOCKED + '"已被 %(who)s 锁定。"\n'}
CASES += [
    (messages.untranslated, SAID, GOOD),
    (messages.untranslated, {**SAID, PO: HEAD + LOCKED + '""\n'}, GOOD),
    (messages.untranslated, {**SAID, PO: HEAD + LOCKED + '"已被锁定。"\n'}, GOOD),
    (messages.untranslated, {**SAID, PO: HEAD + "#, fuzzy\n" + LOCKED + '"已被 %(who)s 锁定。"\n'}, GOOD),
    (messages.untranslated, {**GOOD, "interlock/words.py": ""}, GOOD),
]


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(("rule", "bad", "good"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_rule_bites(rule: Rule, bad: dict[str, str], good: dict[str, str], tmp_path: Path) -> None:
    assert rule(plant(tmp_path / "bad", bad)), "the planted fault was not found"
    assert rule(plant(tmp_path / "good", good)) == []
