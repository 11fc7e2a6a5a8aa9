"""Make the first administrator."""

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from interlock.accounts.services import bootstrap_admin
from interlock.lifecycle.refused import Refused


class Command(BaseCommand):
    help = (
        "Make the first administrator; the password comes from INTERLOCK_ADMIN_PASSWORD, stdin or a prompt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        # Never from the command line: there everybody on the machine can read it.
        password = os.environ.get("INTERLOCK_ADMIN_PASSWORD")
        if password is None:
            password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            bootstrap_admin(username=options["username"], password=password)
        except Refused as refused:
            # Sentences belong to the doors above; a code and its facts are plain enough for who installs.
            raise CommandError(f"{refused.code} {refused.facts or ''}".strip()) from None
        self.stdout.write(f"{options['username']} may sign in now")
