"""Packages: reproducible, and what belongs in them."""

import io
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from interlock.builds import packing
from interlock.builds.packing import Unfit, pack


def tree_at(folder: Path) -> Path:
    files = {
        "app.py": "app",
        "dist/a.txt": "a",
        "dist/sub/b.txt": "b",
        "interlock/start": "start",
        ".git/config": "secret",
        "lib/.git": "gitdir: elsewhere",
        "lib/x.so": "x",
        ".env.example": "dot",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "interlock" / "start").chmod(0o700)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("dist/a.txt")
    (folder / "python").symlink_to("/usr/bin/python3")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tree_at(tmp_path / "tree")


def packed(tree: Path, patterns: str = "", limit: int = 1 << 20) -> bytes:
    target = io.BytesIO()
    pack(tree, target, patterns=patterns, limit=limit, time=1_700_000_000)
    return target.getvalue()


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()


def test_the_same_content_gives_the_same_bytes_whoever_wrote_it_when(tmp_path: Path, tree: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    # Written in another order, with another mask, at another time, by another user.
    for path in sorted(tree.rglob("*"), reverse=True):
        target = other / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(os.readlink(path))
        elif path.is_dir():
            target.mkdir(exist_ok=True, mode=0o700)
        else:
            target.write_bytes(path.read_bytes())
            target.chmod(0o711 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(target, (1, time.time() - 1000))
    assert packed(tree) == packed(other)


def test_members_tell_nothing_of_the_builder(tree: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(tree))) as archive:
        members = {member.name: member for member in archive}
    assert list(members) == sorted(members)
    assert not any(".git" in name.split("/") for name in members)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {
        (0, 0, "", "", 1_700_000_000)
    }
    assert (members["interlock/start"].mode, members["app.py"].mode) == (0o755, 0o644)
    assert members["empty"].isdir()
    assert members["link"].linkname == "dist/a.txt"
    assert members["python"].linkname == "/usr/bin/python3"
    assert ".env.example" in members


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("dist", ["a.txt", "sub", "sub/b.txt"]),
        ("dist/", ["a.txt", "sub", "sub/b.txt"]),
        ("dist/*.txt", ["dist", "dist/a.txt"]),
        ("dist/**/*.txt", ["dist", "dist/a.txt", "dist/sub", "dist/sub/b.txt"]),
        ("app.py", ["app.py"]),
        (
            "dist\ninterlock",
            ["dist", "dist/a.txt", "dist/sub", "dist/sub/b.txt", "interlock", "interlock/start"],
        ),
        ("\n app.py \n\nlib/*.so\n", ["app.py", "lib", "lib/x.so"]),
        ("link", ["link"]),
        (".env*", [".env.example"]),
    ],
)
def test_patterns_choose(tree: Path, patterns: str, expected: list[str]) -> None:
    assert names(packed(tree, patterns)) == expected


@pytest.mark.parametrize(
    ("patterns", "code"),
    [
        ("nothing", "package_path_missing"),
        ("app.py\n*.jar", "package_path_missing"),
        ("/etc/passwd", "package_path_missing"),
        ("../other", "package_path_missing"),
        ("dist/../../x", "package_path_missing"),
        (".git", "package_path_missing"),
        (".git/*", "package_path_missing"),
        ("empty", "package_empty"),
    ],
)
def test_patterns_that_choose_nothing_are_named(tree: Path, patterns: str, code: str) -> None:
    with pytest.raises(Unfit) as unfit:
        packed(tree, patterns)
    assert unfit.value.code == code


def test_links_are_no_way_out_of_the_tree(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (tree / "way").symlink_to(outside)
    for patterns in ("way/*", "way/secret.txt", "way/**/*"):
        with pytest.raises(Unfit):
            packed(tree, patterns)
    assert "way/secret.txt" not in names(packed(tree, "**/*"))
    with pytest.raises(Unfit):
        packed(tree, "way")
    (tree / "climb").symlink_to("dist/../../outside")
    with pytest.raises(Unfit) as unfit:
        packed(tree)
    assert (unfit.value.code, unfit.value.detail) == ("package_member_unfit", "climb")


def test_special_files_are_refused(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(Unfit) as unfit:
        packed(tree)
    assert unfit.value.code == "package_member_unfit"


def test_long_and_foreign_names_survive_gnu_and_busybox_tar(tree: Path, tmp_path: Path) -> None:
    long = "d" * 90 + "/" + "f" * 120
    for name in (long, "发布/说明.txt", "with space 'quote'"):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    package = tmp_path / "package.tar.gz"
    package.write_bytes(packed(tree))
    for number, command in enumerate((["tar"], ["busybox", "tar"])):
        target = tmp_path / f"out-{number}"
        target.mkdir()
        subprocess.run([*command, "-xzf", str(package), "-C", str(target)], check=True)
        assert (target / long).read_text() == long
        assert (target / "发布/说明.txt").read_text() == "发布/说明.txt"
        assert (target / "with space 'quote'").exists()


def test_too_large_a_package_is_refused(tree: Path) -> None:
    (tree / "noise").write_bytes(os.urandom(50_000))
    with pytest.raises(Unfit) as unfit:
        packed(tree, limit=20_000)
    assert unfit.value.code == "package_too_large"


def test_as_a_program_it_needs_nothing_but_the_standard_library(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "package"
    command = [sys.executable, "-I", "-S", packing.__file__, str(tree), str(target)]
    environment = {"BUILD_LIMIT": str(1 << 20), "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert target.read_bytes() == packed(tree)
    failing = subprocess.run(
        command, env={**environment, "BUILD_PACKAGE_PATH": "*.jar"}, capture_output=True, text=True
    )
    assert failing.returncode == packing.EXIT_CODES["package_path_missing"]
    assert failing.stderr.split() == ["package_path_missing", "*.jar"]
