"""The product's settings, and the step kind that the benches count with."""

from interlock.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "bench"]  # noqa: F405
