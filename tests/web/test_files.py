"""The files that browsers fetch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.templatetags.static import static
from django.test import Client

ASK = """
import sys, django
django.setup()
from django.templatetags.static import static
from django.test import Client
answer = Client().get(static("web/parts.css"), headers={"Accept-Encoding": "br"}, secure=True)
print(answer.headers.get("Content-Encoding"), answer.headers["Cache-Control"])
"""


@pytest.mark.django_db  # the end of a request looks at the connection
def test_a_file_may_be_kept_for_ever_for_its_address_holds_its_build(client: Client) -> None:
    answer = client.get(static("web/app.js"))
    assert answer.status_code == 200
    assert "immutable" in answer["Cache-Control"]
    answer.close()
    assert client.get("/static/0123456789/web/app.js").status_code == 404


@pytest.mark.slow
def test_files_that_were_laid_out_are_sent_packed(tmp_path: Path) -> None:
    environment = {"INTERLOCK_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "interlock.settings"}

    def run(*words: str) -> str:
        return subprocess.run(
            [sys.executable, *words], env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert run("-c", ASK).startswith("None ")
    run("-m", "interlock.web.assets")
    assert run("-c", ASK).startswith("br ")
