# The runner of one body: directory, nonce, umask, words that detach, words that name sh.
# It claims the body or leaves; who has claimed always writes the status.
d=$1 n=$2 um=$3 detach=$4 sh=$5
say() { printf '@%s %s\n' "$n" "$*" >&2; }

# Handlers, not ignored: an ignored signal would be handed down to the body. PIPE: the launcher may be gone.
trap : HUP INT TERM PIPE QUIT

boot=-
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
started() {
  since=
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -- ${line##*) }
  since=${20}
}
started $$

# Written over bytes that are there since the start: a disk that the body has filled has no room for more.
finish() {
  until printf '%s\n' "$1" 1<>"$d/status.new"; do sleep 1; done 2>/dev/null
  exec ln "$d/status.new" "$d/status"
}

[ -f "$d/go" ] || { say taken; exit 0; }
mine=$d/claim.$$.$since
exec 9<>"$d/end"
printf '%s %s %s\n' "$$" "$since" "$boot" >"$mine" || { say failed state_dir_unwritable; exit 1; }
if ! ln "$mine" "$d/claim" 2>/dev/null; then
  if [ -e "$d/claim" ]; then say taken; else say failed claim_failed; fi
  exec rm -f "$mine"
fi
printf '%64s\n' '' >"$d/status.new"

# The fence may have risen since the launcher looked.
if [ -f "$d/fence" ]; then
  { IFS= read -r fdir; read -r ft fs; } <"$d/fence"
  rt=0 rs=0
  { read -r rt rs <"$fdir/fence"; } 2>/dev/null
  if [ "$ft" -lt "$rt" ] || { [ "$ft" -eq "$rt" ] && [ "$fs" -lt "$rs" ]; }; then
    say refused "$rt" "$rs"
    exec 2>/dev/null
    finish "fenced - 0"
  fi
fi

(
  umask "$um"
  . "$d/go"
  exec "$@"
) </dev/null >>"$d/out" 2>&1 9>&- &
b=$!
started "$b"
printf '%s %s\n' "$b" "$since" >"$d/body"
say state running - 0
exec 2>/dev/null

wait "$b"
c=$?
# A signal to us ends the wait early.
while kill -0 "$b"; do
  wait "$b"
  c=$?
done

# What was secret does not stay on the disk; emptied, not removed: a builtin can do that.
printf '' >"$d/go"
for f in "$d"/files/*; do
  [ ! -f "$f" ] || printf '' >"$f"
done
z=0
[ ! -s "$d/out" ] || z=$(($(wc -c <"$d/out")))
finish "exit $c $z"
