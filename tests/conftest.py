"""What every test may use, and which tests this machine can run."""

import os
import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests import servers

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-tests",
        action="store_true",
        help="only the tests that use the database: the rest does not change with it",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark, reason in _lacking().items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))
    if config.getoption("--database-tests"):
        left_out = [item for item in items if not _uses_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _uses_database(item)]


def _lacking() -> dict[str, str]:
    on_postgres = str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")
    lacking = {}
    if not on_postgres:
        lacking["postgres"] = "tests of PostgreSQL itself: ./dev test --postgres"
        lacking["cluster"] = "tests of a cluster: ./dev test --all"
    if not shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"):
        lacking["ssh"] = "tests over SSH: no sshd here (apt-get install openssh-server)"
    if not (os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")):
        lacking["browser"] = "tests in a browser: no Chromium here (apt-get install chromium)"
    return lacking


def _uses_database(item: pytest.Item) -> bool:
    if item.path.parent.name == "cli":  # HTTP away from it: another database would show nothing more
        return False
    marked = item.get_closest_marker("django_db") or item.get_closest_marker("postgres")
    return bool(marked) or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with servers.postgres_url() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with servers.valkey_url() as url:
        yield url
