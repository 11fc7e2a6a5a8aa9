"""What is refused, and that nothing changes by it."""

from __future__ import annotations

from demo.api import Json, expect, same
from demo.story.asking import request, verify
from demo.world import World


def refuse_nonsense(world: World) -> str:
    before = list(world.ann.items("/releases", service_id=world.service))
    backwards = world.ann.refusal("/releases", request(world, "upgrade", "v1.0"))
    same(backwards["code"], "version_not_newer", f"the answer to an upgrade that is none ({backwards})")
    stranger = world.ann.refusal("/releases", request(world, "upgrade", "v1.2", ["nowhere"]))
    expect(stranger["status"] in (404, 422), f"an unknown host was answered with {stranger}")
    expect("nowhere" in str(stranger), f"the refusal does not name the unknown host: {stranger}")
    twice = world.ann.refusal("/releases", request(world, "deploy", "v1.2", world.names))
    same(twice["status"], 409, f"the answer to a second deploy ({twice})")
    watcher = world.cy.refusal("/releases", request(world, "upgrade", "v1.2"))
    same(watcher["status"], 403, f"the answer to one who may only look ({watcher})")
    explained(backwards, stranger, twice, watcher)
    after = list(world.ann.items("/releases", service_id=world.service))
    same(len(after), len(before), "the number of releases")
    verify(world, dict.fromkeys(world.names, "v1.1"))
    return "an older version, an unknown host, a second deploy, a viewer: each with a reason, nothing changed"


def explained(*problems: Json) -> None:
    for problem in problems:
        words = problem.get("detail") or ""
        expect(" " in words and words != problem["code"], f"a refusal without a sentence: {problem}")


def refuse_locked(world: World, holder_run: int) -> None:
    """While a release holds the hosts, another one is refused and told who holds them."""
    refused = world.ann.refusal("/releases", request(world, "upgrade", "v1.2"))
    same(refused["code"], "instance_held", f"the answer about locked hosts ({refused})")
    named = refused["facts"]["instances"]
    expect(named and all(row["run_id"] == holder_run for row in named), f"the holder is not named: {refused}")
    expect(all("ann" in row["holder"].lower() for row in named), f"the holder is not named: {refused}")
