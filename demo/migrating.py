"""Bring the databases and the browsers' files up to date, and make the first administrator.

In one process: starting Python anew for each would take the demo seconds.
"""

import sys

import django
from django.conf import settings
from django.core.management import call_command

from interlock.web.assets import prepare


def main(username: str) -> None:
    django.setup()
    for database in settings.DATABASES:
        call_command("migrate", verbosity=0, database=database)
    prepare()
    if username:
        call_command("create_admin", username=username)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
