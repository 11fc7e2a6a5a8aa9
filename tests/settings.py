"""The product's settings, on data of the tests' own."""

import atexit
import os
import shutil
import tempfile

if "INTERLOCK_DATA" not in os.environ:
    # Set for the processes that tests start, too; the one that made it clears it away.
    os.environ["INTERLOCK_DATA"] = tempfile.mkdtemp(prefix="interlock-tests-")
    atexit.register(shutil.rmtree, os.environ["INTERLOCK_DATA"], ignore_errors=True)

from interlock.settings import *  # noqa: F403

# Argon2 is slow on purpose; the tests make many people.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
