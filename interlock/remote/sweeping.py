"""Old bodies are removed from a host; a launcher never sees half of one."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from interlock.remote.bodies import Answer
from interlock.remote.refusals import HostFailed

SWEEP_TIMEOUT = 600.0
MINUTES_A_DAY = 24 * 60
AT_ONCE = 2000  # a host that nobody has swept for years takes several rounds

# A body that ended within the hour may still be asked for: its directory is what keeps it from running
# twice. Away by rename first: one that had lost its claim, but not yet its script, could start again.
_SWEEP = r"""
cd -- "$SWEEP_STATE/bodies" || exit 1
trash=$SWEEP_STATE/trash.$SWEEP_NAME
mkdir "$trash" || exit 1
young=$(find . -mindepth 1 -maxdepth 1 -mmin -61 | wc -l)
[ "$SWEEP_KEEP" -gt "$young" ] || SWEEP_KEEP=$((young))
{
  find . -mindepth 1 -maxdepth 1 -mmin "+$SWEEP_MINUTES"
  ls -t | tail -n "+$((SWEEP_KEEP + 1))"
} | head -n "$SWEEP_MOST" | {
  gone=0
  while IFS= read -r id; do
    id=${id#./} claim=
    { read -r claim rest <"$id/claim"; } 2>/dev/null
    [ -f "$id/status" ] || [ "$claim" = sealed ] || continue
    mv -- "$id" "$trash/" && gone=$((gone + 1))
  done
  echo "$gone"
}
rm -rf "$trash"
find "$SWEEP_STATE" -mindepth 1 -maxdepth 1 -name 'trash.*' -mmin +60 -exec rm -rf {} +
find "$SWEEP_STATE/spare" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
"""


async def sweep(
    ask: Callable[..., Awaitable[Answer]], state_dir: str, older_than_days: float, keep: int
) -> int:
    env = {
        "SWEEP_STATE": state_dir,
        "SWEEP_MINUTES": str(max(60, round(older_than_days * MINUTES_A_DAY))),
        "SWEEP_KEEP": str(max(0, keep)),
        "SWEEP_MOST": str(AT_ONCE),
        "SWEEP_NAME": secrets.token_hex(6),
    }
    answer = await ask(_SWEEP, env, timeout=SWEEP_TIMEOUT)
    try:
        return int(answer.out)
    except ValueError:
        raise HostFailed("sweep_failed", answer.err.decode(errors="replace").strip()) from None
