"""Packages from strangers: looked through before anything is kept."""

import gzip
import hashlib
import io
import resource
import stat
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from interlock.accounts.caller import Caller
from interlock.builds import archives
from interlock.builds.models import Build
from interlock.builds.services import receive_upload
from interlock.catalog import queries
from interlock.catalog.models import Version
from interlock.lifecycle.refused import Refused
from tests.builds.conftest import Yard

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def member(name: str, data: bytes = b"x", **values: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in values.items():
        setattr(info, field, value)
    return info, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=target)


def tar(
    *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz", format: int = tarfile.GNU_FORMAT
) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=format) as archive:  # type: ignore[call-overload]
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


GOOD = tar(member("app.py", b"app"), member("interlock/start", b"start", mode=0o755), link("now", "app.py"))


def send(yard: Yard, data: bytes | BinaryIO, **given: Any) -> queries.VersionRow:
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    return receive_upload(**{"by": yard.by, "service_id": yard.service.pk, "stream": stream, **given})


def nothing_was_kept(yard: Yard) -> bool:
    uploads = yard.data / "uploads"
    left = list(uploads.iterdir()) if uploads.exists() else []
    return not left and not list(yard.store.names()) and not Version.objects.exists()


def test_a_tar_gz_is_kept_as_it_is(yard: Yard) -> None:
    digest = hashlib.sha256(GOOD).hexdigest()
    version = send(yard, GOOD, name="1.4.2", ref="v1.4.2", commit=COMMIT, digest=digest.upper())
    assert (version.status, version.name, version.ref, version.commit) == (
        "success",
        "1.4.2",
        "v1.4.2",
        COMMIT,
    )
    assert (version.digest, version.size) == (digest, len(GOOD))
    build = Build.objects.get()
    assert (build.source, build.run_id) == ("upload", None)
    assert version.package == f"checkout/{build.pk}/checkout-1.4.2.tar.gz"
    assert yard.store.read(version.package) == GOOD
    assert not list((yard.data / "uploads").iterdir())


def test_without_a_name_the_rule_of_the_service_gives_one(yard: Yard) -> None:
    version = send(yard, GOOD, ref="feature/x", commit=COMMIT)
    assert version.name[14:] == "-feature-x-01234567"
    datetime.strptime(version.name[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    other = tar(member("other"))
    version = send(yard, other)
    assert version.name[14:] == f"-upload-{hashlib.sha256(other).hexdigest()[:8]}"
    yard.configure(version_rule="tag")
    assert send(yard, tar(member("third")), ref="refs/tags/v9").name == "v9"


def test_a_tar_or_zip_is_packed_anew(yard: Yard, tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("app.py", "app")
        script = zipfile.ZipInfo("interlock/start")
        script.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(script, "start")
        shortcut = zipfile.ZipInfo("now")
        shortcut.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(shortcut, "app.py")
        archive.writestr("empty/", "")
    plain = tar(
        member("./app.py", b"app"),
        member("interlock/start", b"start", mode=0o755),
        link("now", "app.py"),
        member("empty", b"", type=tarfile.DIRTYPE),
        mode="w",
    )
    first, second = send(yard, target.getvalue(), name="1"), send(yard, plain, name="2")
    assert first.digest == second.digest
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xzf", str(yard.store.path(first.package)), "-C", str(out)], check=True)
    assert (out / "interlock" / "start").stat().st_mode & 0o777 == 0o755
    assert (out / "now").read_text() == "app"
    assert (out / "empty").is_dir()


BAD_ARCHIVES: dict[str, tuple[bytes, str]] = {
    "nothing at all": (b"", "package_unreadable"),
    "a page": (b"<!doctype html>" * 100, "package_unreadable"),
    "half a tar.gz": (GOOD[: len(GOOD) // 2], "package_unreadable"),
    "gzip of no tar": (gzip.compress(b"hello" * 1000), "package_unreadable"),
    "half a zip": (zipped(a=b"x" * 1000)[:60], "package_unreadable"),
    "empty tar": (tar(), "package_empty"),
    "only folders": (tar(member("a", b"", type=tarfile.DIRTYPE)), "package_empty"),
    "empty zip": (zipped(), "package_unreadable"),
    "climbing": (tar(member("../x")), "package_member_unfit"),
    "climbing later": (tar(member("a/../../x")), "package_member_unfit"),
    "absolute": (tar(member("/etc/cron.d/x")), "package_member_unfit"),
    "newline": (tar(member("a\nb")), "package_member_unfit"),
    "backslash": (tar(member("..\\x")), "package_member_unfit"),
    "device": (tar(member("a"), member("null", b"", type=tarfile.CHRTYPE)), "package_member_unfit"),
    "disk": (tar(member("sda", b"", type=tarfile.BLKTYPE)), "package_member_unfit"),
    "fifo": (tar(member("pipe", b"", type=tarfile.FIFOTYPE)), "package_member_unfit"),
    "link that climbs": (tar(link("a/b", "../../x")), "package_member_unfit"),
    "member through a link": (tar(link("a", "/etc"), member("a/passwd")), "package_member_unfit"),
    "member through a file": (tar(member("a"), member("a/b")), "package_member_unfit"),
    "link over a folder": (tar(member("a/b"), link("a", "/etc")), "package_member_twice"),
    "file over a link": (tar(link("a", "/etc/passwd"), member("a")), "package_member_twice"),
    "same file twice": (tar(member("a"), member("./a")), "package_member_twice"),
    "hard link outside": (tar(link("a", "/etc/passwd", tarfile.LNKTYPE)), "package_member_unfit"),
    "hard link to a link": (
        tar(link("a", "/etc/passwd"), link("b", "a", tarfile.LNKTYPE)),
        "package_member_unfit",
    ),
    "zip that climbs": (zipped(**{"../x": b"x"}), "package_member_unfit"),
    "zip absolute": (zipped(**{"/x": b"x"}), "package_member_unfit"),
}


@pytest.mark.parametrize("what", BAD_ARCHIVES)
def test_what_is_no_package_is_refused_and_nothing_kept(yard: Yard, what: str) -> None:
    data, code = BAD_ARCHIVES[what]
    with pytest.raises(Refused) as refused:
        send(yard, data, name="1.0", filename="x.tar.gz")
    assert refused.value.code == code
    assert nothing_was_kept(yard)


def test_links_that_stay_inside_and_to_the_hosts_own_files_are_taken(yard: Yard) -> None:
    data = tar(
        member("bin/app"),
        link("bin/app2", "bin/app", tarfile.LNKTYPE),
        link("bin/python", "/usr/bin/python3"),
        link("a/b", "../bin/app"),
    )
    assert send(yard, data, name="1.0").status == "success"


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A bomb that goes off ends the test with MemoryError, not the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def gzipped_zeros(size: int, head: bytes = b"") -> bytes:
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb") as packed:
        packed.write(head)
        block = b"\0" * (1 << 20)
        for _ in range(size >> 20):
            packed.write(block)
    return target.getvalue()


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse(size: int) -> bytes:
    """A file of the old GNU sparse kind: no data, any size."""
    block = bytearray(header("s", 0, tarfile.GNUTYPE_SPARSE))
    block[483:495] = f"{size:011o} ".encode()
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + b"\0" * 1024


def zip_bomb(size: int) -> bytes:
    target = io.BytesIO()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w", force_zip64=True) as entry,
    ):
        for _ in range(size >> 20):
            entry.write(b"\0" * (1 << 20))
    return target.getvalue()


def liar(size: int) -> bytes:
    """A zip whose member says it is small."""
    data = bytearray(zip_bomb(size))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


LIMIT = 4 << 20
BOMBS: dict[str, bytes] = {
    "a file of zeros": gzipped_zeros(200 << 20, header("zeros", 200 << 20)),
    "zeros behind the end": gzipped_zeros(400 << 20),
    "a header that says a name of two gigabytes": gzipped_zeros(
        64 << 20, header("x", 2 << 30, tarfile.GNUTYPE_LONGNAME)
    ),
    "a PAX header of sixty megabytes": gzipped_zeros(64 << 20, header("x", 60 << 20, tarfile.XHDTYPE)),
    "a plain tar that says it is large": header("x", 1 << 40) + b"\0" * 10240,
    "zeros in a zip": zip_bomb(200 << 20),
}


@pytest.mark.parametrize("what", BOMBS)
def test_bombs_do_not_go_off(yard: Yard, settings: Any, little_memory: None, what: str) -> None:
    settings.PACKAGE_LIMIT = LIMIT
    with pytest.raises(Refused) as refused:
        send(yard, BOMBS[what], name="1.0")
    assert refused.value.code == "package_bomb"
    assert nothing_was_kept(yard)


@pytest.mark.parametrize("data", [liar(20 << 20), gzip.compress(sparse(1 << 32))], ids=["zip", "sparse"])
def test_sizes_that_lie_are_refused(yard: Yard, settings: Any, data: bytes) -> None:
    settings.PACKAGE_LIMIT = LIMIT
    with pytest.raises(Refused) as refused:
        send(yard, data, name="1.0")
    assert refused.value.code in ("package_unreadable", "package_member_unfit")
    assert nothing_was_kept(yard)


def test_too_many_members_are_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 50)
    with pytest.raises(Refused) as refused:
        send(yard, tar(*(member(f"f{number}") for number in range(51))), name="1.0")
    assert refused.value.code == "package_bomb"
    assert send(yard, tar(*(member(f"f{number}") for number in range(50))), name="1.0").status == "success"


def test_a_stream_longer_than_the_limit_is_cut_off(yard: Yard, settings: Any) -> None:
    settings.PACKAGE_LIMIT = 1 << 20

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"x" * size

    endless = Endless()
    with pytest.raises(Refused) as refused:
        send(yard, endless, name="1.0")  # type: ignore[arg-type]
    assert refused.value.code == "package_too_large"
    assert endless.given <= 4 << 20
    assert nothing_was_kept(yard)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "../1"}, "version_name_unfit"),
        ({"name": "1/2"}, "version_name_unfit"),
        ({"name": "-1"}, "version_name_unfit"),
        ({"name": "1-"}, "version_name_unfit"),
        ({"name": "1.0\n"}, "version_name_unfit"),
        ({"name": "x" * 120}, "version_name_unfit"),
        ({"ref": "--x"}, "ref_unfit"),
        ({"commit": "main"}, "commit_unfit"),
        ({"commit": COMMIT.upper()}, "commit_unfit"),
        ({"digest": "abc"}, "digest_unfit"),
        ({"digest": ""}, "digest_unfit"),
        ({"digest": "0" * 64}, "digest_differs"),
        ({"description": "x" * 257}, "text_unfit"),
    ],
)
def test_claims_that_do_not_fit_are_refused(yard: Yard, given: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        send(yard, GOOD, **{"name": "1.0", **given})
    assert refused.value.code == code
    assert nothing_was_kept(yard)


def test_who_may_only_look_cannot_upload(yard: Yard) -> None:
    with pytest.raises(Refused) as refused:
        send(yard, GOOD, by=Caller("person", "2", "vera", roles={yard.project.pk: frozenset({"viewer"})}))
    assert refused.value.code == "not_allowed"
    with pytest.raises(Refused) as refused:
        send(yard, GOOD, by=Caller("person", "3", "sam"))
    assert refused.value.code == "service_not_known"
    assert nothing_was_kept(yard)


def test_a_name_is_given_once(yard: Yard) -> None:
    first = send(yard, GOOD, name="1.0")
    with pytest.raises(Refused) as refused:
        send(yard, tar(member("other")), name="1.0")
    assert refused.value.code == "upload_name_taken"
    assert [row.id for row in queries.versions(by=yard.by, service_id=yard.service.pk)] == [first.id]


def test_a_commit_that_has_a_version_is_a_duplicate(yard: Yard) -> None:
    first = send(yard, GOOD, name="1.0", commit=COMMIT)
    second = send(yard, GOOD, name="1.1", commit=COMMIT)
    assert (second.status, second.reason, second.reason_facts) == (
        "duplicate",
        "same_commit_as",
        {"detail": "1.0"},
    )
    assert list(yard.store.names()) == [first.package]


def test_an_upload_whose_process_died_is_closed_by_the_next(yard: Yard) -> None:
    send(yard, GOOD, name="1.0")
    Version.objects.update(status="building", name="", package="", digest="")
    send(yard, tar(member("young")), name="1.1")
    assert Version.objects.filter(status="building").count() == 1
    Build.objects.update(created_at=datetime.now(UTC) - timedelta(hours=2))
    send(yard, tar(member("other")), name="1.2")
    closed = Version.objects.order_by("pk")[0]
    assert (closed.status, closed.reason) == ("failed", "upload_abandoned")


def test_a_full_disk_is_said_and_leaves_no_version_behind(yard: Yard, tmp_path: Path) -> None:
    """A small disk under the store: room for the upload itself, none for the package."""
    (yard.data / "store").mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(yard.data / "store")]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    noise = hashlib.shake_256(b"noise").digest(300_000)
    try:
        with pytest.raises(Refused) as refused:
            send(yard, tar(member("noise", noise)), name="1.0")
        assert refused.value.code == "store_full"
        [version] = queries.versions(by=yard.by, service_id=yard.service.pk)
        assert (version.status, version.reason, version.name) == ("failed", "store_full", "")
        assert list(yard.store.names()) == []
        assert send(yard, GOOD, name="1.0").status == "success"
    finally:
        subprocess.run(["umount", str(yard.data / "store")], check=True)
