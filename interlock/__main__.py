"""``python -m interlock``, installed as ``interlock-admin``: what is done on the platform's own machine."""

from __future__ import annotations

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "interlock.settings")


def main() -> int:
    parser = argparse.ArgumentParser(prog="interlock-admin", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    asked = verbs.add_parser("doctor", help="look whether all that must be true of the database is")
    asked.add_argument("--repair", action="store_true", help="put right what can be; else only look")
    asked.add_argument("--json", action="store_true", help="a line of JSON for each finding")
    given = parser.parse_args()
    django.setup(set_prefix=False)
    return doctor(repair=given.repair, as_json=given.json)


def doctor(*, repair: bool, as_json: bool) -> int:
    """0: nothing was found, or all of it was put right."""
    from interlock.runs.doctor import look
    from interlock.words import sentence

    left = 0
    for finding in list(look()):
        mended = repair and finding.repair is not None
        if mended and finding.repair is not None:
            finding.repair()
        left += not mended
        said = sentence(finding.code, finding.facts)
        can = finding.repair is not None
        if as_json:
            facts = {"code": finding.code, "facts": finding.facts, "repairable": can, "repaired": mended}
            print(json.dumps(facts, ensure_ascii=False, default=str))
        else:
            print(f"{'repaired' if mended else 'can be repaired' if can else 'needs a person'}: {said}")
    if not as_json:
        print(f"{left} left" if left else "all is as it must be")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
