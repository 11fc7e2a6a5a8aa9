"""Build the versions, and put the first one on every host."""

from __future__ import annotations

from demo.api import expect, same
from demo.story.asking import finish, release, verify, verify_once, verify_unlocked
from demo.truth import done
from demo.world import World, all_tags, build


def build_all(world: World) -> str:
    build(world, all_tags())
    found = {row["name"]: row for row in world.ann.items(f"/services/{world.service}/versions")}
    same(set(found), set(all_tags()), "the versions")
    digests = {row["digest"] for row in found.values()}
    expect(len(digests) == len(found) and all(len(digest) == 64 for digest in digests), "digests differ")
    return f"{len(found)} versions from git tags, each with its commit and SHA-256"


def deploy_first(world: World) -> str:
    made = release(world, "deploy", "v1.0", world.names, batches=["100%"])
    finish(world, made)
    said = verify(world, dict.fromkeys(world.names, "v1.0"))
    same({answer.release for answer in said.values()}, {str(made["id"])}, "the release that the hosts name")
    same({name: answer.host for name, answer in said.items()}, {n: n for n in world.names}, "the hosts")
    verify_once(world, made, {("start", "v1.0"): 1, ("started", "v1.0"): 1}, world.names)
    verify_unlocked(world)
    started = sum(done(world.acts_log(name), str(made["id"]))["started", "v1.0"] for name in world.names)
    return f"v1.0 answers on all {started} hosts, started once on each, no lock left"
