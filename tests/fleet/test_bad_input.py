"""Whatever does not fit is refused by a code that has its sentence, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncssh
import pytest
from django.core import serializers

from interlock.fleet import services
from interlock.fleet.models import Credential, Environment, Grant, Host, HostGroup, HostKey
from interlock.journal.models import Entry
from interlock.lifecycle.refused import Refused
from interlock.vault.models import Secret
from interlock.words import SENTENCES
from tests.cast import Cast, make_cast, person

pytestmark = pytest.mark.django_db
KEY, OTHER_KEY = (
    " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])
    for _ in range(2)
)
PRIVATE = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
LOCKED = asyncssh.generate_private_key("ssh-ed25519").export_private_key("pkcs8-pem", "x" * 8).decode()
ALL = (Environment, Grant, HostGroup, Credential, Host, HostKey, Secret, Entry)

NAMES = [
    "",
    " ",
    "a b",
    "-a",
    ".a",
    "_a",
    "a/b",
    "a\\b",
    "a\nb",
    "a\n",
    "a\0b",
    "a\x7f",
    "a;reboot",
    "$(id)",
    "`id`",
    "a'b",
    "a" * 64,
    "ho\u0455t",
    "h\u00f6st",
    "\uff48ost",
    "a\u200bb",
    "a\u202eb",
    "a%00",
    "a|b",
]
ADDRESSES = [
    "",
    " ",
    "a b",
    "-oProxyCommand=id",
    "a..b",
    ".a",
    "a.-b",
    "a-.b",
    "a_b",
    "256.1.1.1",
    "1.2.3",
    "127.1",
    "1.2.3.4.5",
    "1.2.3.4/24",
    "1.2.3.4:22",
    "1.2.3.4%eth0",
    "[::1]",
    "::1]",
    "::g",
    ":::",
    "1::2::3",
    "fe80::1%",
    "fe80::1%$(id)",
    "fe80::1%" + "e" * 16,
    "a" * 64 + ".b",
    "a." * 127 + "bc",
    "h\u00f6st",
    "\uff11.2.3.4",
    "ho\u0455t.example",
    "a\nb",
    "a\0",
    "a;b",
    "$(id)",
    "user@host",
    "ssh://host",
]
GOOD_ADDRESSES = [
    "a",
    "a.b",
    "a-b.example.com.",
    "xn--hst-sna.example",
    "1.2.3.4",
    "::1",
    "2001:db8::1",
    "fe80::1%eth0",
    "::ffff:1.2.3.4",
    "a" * 63,
    "1a.2b",
]
PATHS = [
    "srv/x",
    "",
    "/",
    "/srv/../etc/x",
    "/srv/./x",
    "/srv//x",
    "//srv/x",
    "/srv/x/",
    "/srv/x y",
    "/srv/$HOME",
    "/srv/x;id",
    "/srv/\u00e4/x",
    "/srv/x\n",
    "/srv/\0x",
    "/srv/" + "x" * 200,
    "~/x",
    "/etc",
    "/usr",
]
USERS = ["", " ", "a b", "-l", "1a", "root;id", "$(id)", "a" * 33, "r\u043eot", "root\n", "a:b", "a@b", "\0"]
LABELS: list[dict[str, Any]] = [
    {"": "x"},
    {"a b": "x"},
    {"-a": "x"},
    {"a=b": "x"},
    {"a,b": "x"},
    {"r\u00f4le": "x"},
    {"a" * 64: "x"},
    {"a\n": "x"},
    {"a": "x y"},
    {"a": "x" * 64},
    {"a": "x\n"},
    {"a": 1},
    {"a": None},
    {"a": ["x"]},
    {"a": "$(id)"},
    {f"n{n}": "x" for n in range(65)},
]
KEYS = [
    "",
    "ssh-ed25519",
    "ssh-ed25519 AAAA",
    "ssh-ed25519 !!!",
    PRIVATE,
    f"{KEY}\n{OTHER_KEY}",
    f"ssh-rsa {KEY.split()[1]}",
    f'command="id" {KEY}',
    f"@cert-authority * {KEY}",
    "ssh-ed25519 " + "A" * 17_000,
]
DESCRIPTIONS = ["x" * 257, "a\0b"]


@dataclass
class Fleet:
    cast: Cast
    environment: int
    group: int
    host: int
    bastion: int

    def state(self) -> str:
        return "\n".join(
            serializers.serialize("json", model._default_manager.order_by("pk")) for model in ALL
        )


@pytest.fixture
def fleet() -> Fleet:
    cast = make_cast()
    root = cast.root
    environment = services.create_environment(by=root, name="staging").id
    services.set_grants(by=root, environment_id=environment, project_ids=[cast.project_id])
    group = services.create_group(by=root, name="web").id
    services.create_credential(by=root, name="key", kind="private_key", value=PRIVATE)
    host = services.create_host(
        by=root, name="web-1", address="10.0.0.1", environment_id=environment, host_keys=[KEY]
    )
    bastion = services.create_host(
        by=root, name="door", address="10.0.0.2", environment_id=environment, bastion_id=host.id
    )
    return Fleet(cast, environment, group, host.id, bastion.id)


Write = Callable[[Fleet], object]
CASES: dict[str, tuple[str, Write]] = {}


def case(title: str, code: str, write: Write) -> None:
    assert title not in CASES, title
    CASES[title] = (code, write)


def host_case(field: str, value: Any, code: str) -> None:
    """A host made so, and one changed to be so."""

    def make(fleet: Fleet) -> object:
        values = {"name": "new", "address": "10.0.0.9", "environment_id": fleet.environment, field: value}
        return services.create_host(by=fleet.cast.root, **values)

    def change(fleet: Fleet) -> object:
        return services.update_host(by=fleet.cast.root, host_id=fleet.host, changes={field: value})

    case(f"make a host: {field} {str(value)[:40]!r}", code, make)
    case(f"change a host: {field} {str(value)[:40]!r}", code, change)


for name in NAMES:
    host_case("name", name, "name_unfit")
    for what, made in (
        ("environment", lambda f, n: services.create_environment(by=f.cast.root, name=n)),
        ("group", lambda f, n: services.create_group(by=f.cast.root, name=n)),
        (
            "credential",
            lambda f, n: services.create_credential(by=f.cast.root, name=n, kind="password", value="x"),
        ),
    ):
        case(f"{what} {name!r}", "name_unfit", lambda f, n=name, m=made: m(f, n))  # type: ignore[misc]
for address in ADDRESSES:
    host_case("address", address, "address_unfit")
for port in (0, -1, 65_536, 10**12):
    host_case("port", port, "port_unfit")
for user in USERS:
    host_case("user", user, "user_unfit")
for path in PATHS:
    host_case("root", path, "root_too_high" if path in ("/etc", "/usr") else "path_unfit")
    if path and path not in ("/etc", "/usr"):
        host_case("state_dir", path, "path_unfit")
for labels in LABELS:
    host_case("labels", labels, "field_unfit" if len(labels) > 1 else "label_unfit")
for text in DESCRIPTIONS:
    host_case("description", text, "description_unfit")
    case(
        f"environment described {text[:3]!r}",
        "description_unfit",
        lambda f, t=text: services.create_environment(by=f.cast.root, name="x", description=t),  # type: ignore[misc]
    )
    case(
        f"group described {text[:3]!r}",
        "description_unfit",
        lambda f, t=text: services.create_group(by=f.cast.root, name="x", description=t),  # type: ignore[misc]
    )
for field, unknown, code in (
    ("environment_id", 10**6, "environment_not_known"), ("environment_id", None, "environment_not_known"),
    ("credential_id", 10**6, "credential_not_known"), ("bastion_id", 10**6, "bastion_not_known"),
    ("group_ids", [10**6], "group_not_known"),
):  # fmt: skip
    host_case(field, unknown, code)
for key in KEYS:
    case(
        f"accept {key[:30]!r} {len(key)}",
        "host_key_unreadable",
        lambda f, k=key: services.accept_key(by=f.cast.root, host_id=f.host, line=k),  # type: ignore[misc]
    )
for position in (-1, 10**10):
    for field in ("position", "approvals_required"):
        case(
            f"environment with {field} {position}",
            "field_unfit",
            lambda f, d={field: position}: services.create_environment(by=f.cast.root, name="x", **d),  # type: ignore[misc]
        )
        case(
            f"change to {field} {position}",
            "field_unfit",
            lambda f, d={field: position}: services.update_environment(  # type: ignore[misc]
                by=f.cast.root, environment_id=f.environment, changes=d
            ),
        )
OTHERS: list[tuple[str, str, Write]] = [
    ("a host of a name in capitals", "name_taken", lambda f: services.create_host(
        by=f.cast.root, name="WEB-1", address="a", environment_id=f.environment)),
    ("a host renamed to another's, in capitals", "name_taken", lambda f: services.update_host(
        by=f.cast.root, host_id=f.host, changes={"name": "DOOR"})),
    ("an environment in capitals", "name_taken", lambda f: services.create_environment(
        by=f.cast.root, name="Staging")),
    ("a group in capitals", "name_taken", lambda f: services.create_group(by=f.cast.root, name="WEB")),
    ("a credential in capitals", "name_taken", lambda f: services.create_credential(
        by=f.cast.root, name="KEY", kind="password", value="x")),
    ("a host that is its own bastion", "bastion_loop", lambda f: services.update_host(
        by=f.cast.root, host_id=f.host, changes={"bastion_id": f.host})),
    ("bastions in a circle", "bastion_loop", lambda f: services.update_host(
        by=f.cast.root, host_id=f.host, changes={"bastion_id": f.bastion})),
    ("a field that is not there", "fields_not_known", lambda f: services.update_host(
        by=f.cast.root, host_id=f.host, changes={"machine_id": "x"})),
    ("an environment's name", "fields_not_known", lambda f: services.update_environment(
        by=f.cast.root, environment_id=f.environment, changes={"name": "x"})),
    ("a host that is not there", "host_not_known_id", lambda f: services.update_host(
        by=f.cast.root, host_id=10**6, changes={"port": 23})),
    ("to delete one that is not there", "host_not_known_id", lambda f: services.delete_host(
        by=f.cast.root, host_id=10**6)),
    ("to delete a bastion in use", "host_in_use", lambda f: services.delete_host(
        by=f.cast.root, host_id=f.host)),
    ("a key for nobody", "host_not_known_id", lambda f: services.accept_key(
        by=f.cast.root, host_id=10**6, line=KEY)),
    ("to remove a key of another host", "host_key_not_known", lambda f: services.remove_key(
        by=f.cast.root, host_id=f.bastion, fingerprint=services.read_key(KEY)[1])),
    ("a host with a bad key", "host_key_unreadable", lambda f: services.create_host(
        by=f.cast.root, name="n", address="a", environment_id=f.environment, host_keys=[KEY, "x y"])),
    ("a grant to nobody", "project_not_known", lambda f: services.set_grants(
        by=f.cast.root, environment_id=f.environment, project_ids=[f.cast.project_id, 10**6])),
    ("a grant of nothing", "environment_not_known", lambda f: services.set_grants(
        by=f.cast.root, environment_id=10**6, project_ids=[])),
    ("a key with a passphrase", "private_key_unreadable", lambda f: services.create_credential(
        by=f.cast.root, name="n", kind="private_key", value=LOCKED)),
    ("a public key for a private one", "private_key_unreadable", lambda f: services.create_credential(
        by=f.cast.root, name="n", kind="private_key", value=KEY)),
    ("an empty password", "secret_value_unfit", lambda f: services.create_credential(
        by=f.cast.root, name="n", kind="password", value="")),
    ("another kind of credential", "credential_kind_not_known", lambda f: services.create_credential(
        by=f.cast.root, name="n", kind="agent", value="x")),
    ("batches of nothing", "batches_unreadable", lambda f: services.update_environment(
        by=f.cast.root, environment_id=f.environment, changes={"default_batches": ["0"]})),
]  # fmt: skip
for title, code, write in OTHERS:
    case(title, code, write)


def test_what_does_not_fit_is_refused_and_changes_nothing(fleet: Fleet) -> None:
    before, wrong = fleet.state(), []
    for title, (code, write) in CASES.items():
        try:
            write(fleet)
        except Refused as refused:
            found = refused.code
        else:
            found = "taken"
        if found != code or found not in SENTENCES:
            wrong.append(f"{title}: {found}, not {code}")
    assert not wrong, "\n".join(wrong)
    assert fleet.state() == before


WRITES: list[Write] = [
    lambda f: services.create_environment(by=f.cast.dee, name="x"),
    lambda f: services.update_environment(
        by=f.cast.dee, environment_id=f.environment, changes={"position": 2}
    ),
    lambda f: services.set_grants(by=f.cast.dee, environment_id=f.environment, project_ids=[]),
    lambda f: services.create_group(by=f.cast.dee, name="x"),
    lambda f: services.create_credential(by=f.cast.dee, name="x", kind="password", value="x"),
    lambda f: services.create_host(by=f.cast.dee, name="x", address="a", environment_id=f.environment),
    lambda f: services.update_host(by=f.cast.dee, host_id=f.host, changes={"port": 23}),
    lambda f: services.delete_host(by=f.cast.dee, host_id=f.bastion),
    lambda f: services.accept_key(by=f.cast.dee, host_id=f.host, line=OTHER_KEY),
    lambda f: services.remove_key(by=f.cast.dee, host_id=f.host, fingerprint=services.read_key(KEY)[1]),
]


def test_who_has_no_right_to_the_fleet_changes_nothing(fleet: Fleet) -> None:
    """Those of a project, whatever their role there; and a stranger."""
    stranger = person("sam", fleet.cast.project_id, [])
    before = fleet.state()
    for by in (fleet.cast.ann, fleet.cast.bob, fleet.cast.cy, fleet.cast.dee, stranger):
        as_they = Fleet(
            Cast(*(fleet.cast.project_id,), *(by,) * 5),
            fleet.environment,
            fleet.group,
            fleet.host,
            fleet.bastion,
        )
        for write in WRITES:
            with pytest.raises(Refused) as caught:
                write(as_they)
            assert caught.value.kind == "forbidden"
    assert fleet.state() == before


def test_odd_and_right(fleet: Fleet) -> None:
    root = fleet.cast.root
    for number, address in enumerate(GOOD_ADDRESSES):
        made = services.create_host(
            by=root, name=f"h{number}", address=address, environment_id=fleet.environment
        )
        assert Host.objects.get(id=made.id).address == address
    for labels in ({"a": ""}, {"team/role": "web_1.x-y"}, {f"n{n}": "x" for n in range(64)}):
        services.update_host(by=root, host_id=fleet.host, changes={"labels": labels})
    for change in ({"port": 1}, {"port": 65_535}, {"name": "Web-1"}, {"root": "/srv"}, {"user": "svc_a$"}):
        services.update_host(by=root, host_id=fleet.host, changes=change)
    services.accept_key(by=root, host_id=fleet.host, line=f"  {OTHER_KEY} a comment\n")
