"""Signing in, looking, logs and completion, against a server that listens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.lifecycle.version import VersionStatus
from interlock_cli.command import Desk
from interlock_cli.commands.session import _token_for, _withdraw
from interlock_cli.servers import Server
from tests.api.conftest import Shop
from tests.cast import PASSWORD
from tests.cli.conftest import Terminal, rows

pytestmark = [pytest.mark.slow, pytest.mark.django_db(databases="__all__", transaction=True)]


# Signing in


def test_a_token_from_standard_input(shop: Shop, ann: Terminal, tmp_path: Path) -> None:
    ann.token = ""
    assert ann.refused("whoami", expect=4)["code"] == "not_signed_in"
    told = ann.run("login", ann.address, "--token-stdin", "--name", "qa", input=f"{shop.ann.token}\n")
    assert shop.ann.token not in told.stdout + told.stderr
    kept = tmp_path / "interlock" / "servers.json"
    assert shop.ann.token in kept.read_text()
    assert ann.json("whoami")["username"] == "ann"
    assert ann.json("servers")["items"] == [
        {"name": "qa", "url": ann.address, "person": "ann", "current": True}
    ]
    ann.run("login", ann.address, "--token-stdin", "--name", "bobs", input=f"{shop.bob.token}\n")
    assert ann.json("whoami")["username"] == "bob"
    assert ann.json("whoami", "--server", "qa")["username"] == "ann"
    ann.run("servers", "use", "qa")
    assert ann.json("whoami")["username"] == "ann"
    ann.run("logout")
    # A token that was brought along is forgotten, not withdrawn.
    assert shop.ann.token not in kept.read_text()
    assert shop.ann.get("/me")["username"] == "ann"


def test_a_wrong_token_is_not_kept(ann: Terminal, tmp_path: Path) -> None:
    ann.token = ""
    ann.run("login", ann.address, "--token-stdin", input="ilk_wrong\n", expect=4)
    ann.run("login", ann.address, "--token-stdin", input="\n", expect=2)
    assert not (tmp_path / "interlock").exists()


def test_nobody_is_asked_where_nobody_is(ann: Terminal) -> None:
    ann.token = ""
    assert "--token-stdin" in ann.run("login", ann.address, expect=2).stderr


def test_who_one_is(ann: Terminal) -> None:
    told = ann.run("whoami").stdout
    assert "ann" in told
    assert "operator in shop" in told


# Looking


def test_services_versions_instances_hosts(shop: Shop, installed: Terminal) -> None:
    assert rows(installed.run("services", "list"))[0][:2] == ["checkout", "v2"]
    assert "v1 on 3" in installed.run("services", "show", "checkout").stdout
    assert [row[0] for row in rows(installed.run("versions", "list", "checkout"))] == ["v2", "v1"]
    shop.version("broken", VersionStatus.FAILED)
    failed = rows(installed.run("versions", "list", "checkout", "--status", "failed"))[0][0]
    assert f"#{shop.versions['broken']}" == failed
    assert installed.json("versions", "show", "checkout", failed)["status"] == "failed"
    assert installed.json("versions", "show", "checkout", "v1") == shop.ann.get(
        f"/versions/{shop.versions['v1']}"
    )
    choices = installed.run("versions", "list", "checkout", "--for", "upgrade").stdout
    assert "no: This is the version that is installed." in choices
    assert [row[1] for row in rows(installed.run("instances", "list", "checkout"))] == [
        "web-1",
        "web-2",
        "web-3",
    ]
    only = installed.json("instances", "list", "checkout", "--version", "v1", "--host", "web-2", "--unlocked")
    assert [row["host"] for row in only["items"]] == ["web-2"]
    assert installed.json("instances", "list", "--status", "upgrade_failed")["items"] == []
    assert [row[0] for row in rows(installed.run("hosts", "list", "--environment", "qa"))] == [
        "web-1",
        "web-2",
        "web-3",
    ]
    assert "checkout v1 running" in installed.run("hosts", "show", "web-1").stdout


def test_documents_are_those_of_the_api(shop: Shop, installed: Terminal) -> None:
    run = shop.waiting_run()["id"]
    assert installed.json("services", "show", "checkout") == shop.ann.get(f"/services/{shop.service}")
    assert installed.json("runs", "show", str(run)) == shop.ann.get(f"/runs/{run}")
    assert installed.json("hosts", "list", "--limit", "0") == shop.ann.get("/hosts")
    assert (
        installed.json("journal", "--run", str(run))["items"]
        == shop.ann.get("/journal", subject="run", subject_id=run)["items"]
    )
    first = installed.json("hosts", "list", "--limit", "2")
    assert len(first["items"]) == 2
    assert first["next"]
    assert "--limit 0 all" in installed.run("hosts", "list", "--limit", "2").stderr


def test_what_is_not_there(installed: Terminal) -> None:
    told = installed.run("services", "show", "chekout", expect=5).stderr
    assert "did you mean checkout?" in told
    assert "did you mean web-1" in installed.run("hosts", "show", "wb-1", expect=5).stderr
    assert installed.refused("runs", "show", "999", expect=5)["code"] == "run_not_known"
    assert installed.refused("versions", "list", "nothing", expect=5)["code"] == "not_found"


def test_the_server_speaks_the_language_of_the_shell(installed: Terminal) -> None:
    installed.language = "zh_CN.UTF-8"
    assert "没有" in installed.refused("runs", "show", "999", expect=5)["detail"]


def test_rights(shop: Shop, installed: Terminal) -> None:
    cy = installed.as_other(shop.cy.token)
    refused = cy.refused("upgrade", "checkout", "v2", "--all", "--yes", expect=4)
    assert refused["code"] == "not_allowed"
    assert installed.refused("hosts", "check", "web-1", expect=4)["code"] == "not_allowed"
    assert installed.as_other("ilk_wrong").refused("whoami", expect=4)["code"] == "not_signed_in"


def test_a_host_that_does_not_answer(shop: Shop, installed: Terminal) -> None:
    root = installed.as_other(shop.root.token)
    assert "✗ web-1" in root.run("hosts", "check", "web-1,web-2", expect=1).stdout
    assert len(root.json("hosts", "check", "--all", expect=1)["items"]) == 3
    root.run("hosts", "check", expect=2)


def test_a_server_that_is_not_there(ann: Terminal) -> None:
    ann.address = "http://127.0.0.1:1"
    assert ann.refused("whoami", expect=6)["code"] == "server_unreachable"


# Builds


def test_a_build(shop: Shop, ann: Terminal) -> None:
    build = ann.json("builds", "start", "checkout", "main", "--description", "nightly")
    assert ann.json("builds", "show", str(build["id"])) == shop.ann.get(f"/builds/{build['id']}")
    assert build["ref"] == "main"
    assert "Nothing was said yet." in ann.run("builds", "logs", str(build["id"])).stderr


def test_an_uploaded_package(shop: Shop, ann: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "p.zip"
    file.write_bytes(b"this is no zip")
    assert ann.run("versions", "upload", "checkout", str(file), expect=3).stderr


# Completion


def complete(terminal: Terminal, words: str) -> list[str]:
    line = words.split(" ")
    terminal.more = {
        "_INTERLOCK_COMPLETE": "bash_complete", "COMP_WORDS": f"interlock {words}",
        "COMP_CWORD": str(len(line)),
    }  # fmt: skip
    lines = terminal.run().stdout.splitlines()
    return [found.partition(",")[2] for found in lines if found]


def test_names_are_completed(installed: Terminal) -> None:
    assert complete(installed, "services show che") == ["checkout"]
    assert complete(installed, "upgrade checkout v") == ["v2"]
    assert complete(installed, "versions show checkout v") == ["v2", "v1"]
    assert complete(installed, "upgrade checkout v2 --hosts web-1,we") == ["web-1,web-2", "web-1,web-3"]
    assert complete(installed, "hosts list --environment q") == ["qa"]
    assert "upgrade" in complete(installed, "up")


def test_a_completion_never_breaks_the_shell(installed: Terminal) -> None:
    installed.address = "http://127.0.0.1:1"
    assert complete(installed, "services show che") == []
    folder = installed.folder / "interlock"
    folder.mkdir()
    (folder / "servers.json").write_text("{")
    installed.token = ""
    assert complete(installed, "services show che") == []
    assert complete(installed, "whoami --server x") == []


def test_errors_of_fields_are_named(ann: Terminal) -> None:
    told = ann.run("versions", "list", "checkout", "--search", "x" * 200, expect=3)
    assert "search:" in told.stderr
    document = json.loads(
        ann.run("versions", "list", "checkout", "--search", "x" * 200, "--json", expect=3).stderr
    )
    assert document["code"] == "request_invalid"


def test_a_password_makes_a_token_that_logout_withdraws(shop: Shop, ann: Terminal) -> None:
    server = Server("qa", ann.address)
    token, token_id = _token_for(server, "ann", PASSWORD)
    known = {row["id"]: row for row in shop.ann.get("/tokens")["items"]}
    assert known[token_id]["name"].startswith("cli ")
    assert _withdraw(Desk(), Server("qa", ann.address, token, token_id))
    known = {row["id"]: row for row in shop.ann.get("/tokens")["items"]}
    assert known[token_id]["revoked_at"]
