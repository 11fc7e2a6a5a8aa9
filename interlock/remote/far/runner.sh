# The nursery of a resident shell: for each line "<body id> <spare directory>" it forks a runner.
# Runners are in its session, not in the link's; it leaves when the resident shell has closed the pipe.
# Arguments: state directory, nonce, umask, words that detach, words that name sh.
sd=$1 n=$2 um=$3 detach=$4 sh=$5
say() { printf '@%s %s\n' "$n" "$*" >&2; }

boot=-
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null

# pid, since: of process $1. A name may hold blanks and brackets; cut from the left, for the other way is slow.
started() {
  pid= since=
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
  pid=${line%% *}
  while case $line in *') '*) ;; *) false ;; esac; do line=${line#*') '}; done
  set -- $line
  since=${20}
}

# One write into a fresh file: there whole, or an empty line that nobody believes. A disk that the body
# has filled has no room for it: then over those of "body", which are there since the start.
finish() {
  printf '%s\n' "$1" >"$d/status" && exit
  until printf '%s\n' "$1" 1<>"$d/body"; do
    [ -d "$d" ] || exit # somebody has cleared the host: there is nobody left to tell
    sleep 1
  done
  exec ln -f "$d/body" "$d/status"
}

taken() {
  if [ -e "$d/claim" ]; then say taken; else say failed claim_failed; fi
  exec rm -rf "$@"
}

# One rename places the body and claims it. Who comes second lands inside the first's, or not at all.
place() {
  exec 9<>"$1/end"
  printf '%s\n' "$mine" >"$1/claim" || { say failed state_dir_unwritable; exec rm -rf "$1"; }
  mv "$1" "$d" 2>/dev/null
  claim=
  { IFS= read -r claim <"$d/claim"; } 2>/dev/null
  [ "$claim" = "$mine" ] || taken "$1" "$d/${1##*/}"
}

# Placed by somebody who died, or who is about to do the same.
claim() {
  [ -f "$d/go" ] || { say taken; exit 0; }
  exec 9<>"$d/end"
  set -- "$d/claim.$pid.$since"
  printf '%s\n' "$mine" >"$1" || { say failed state_dir_unwritable; exit 1; }
  ln "$1" "$d/claim" 2>/dev/null || taken "$1"
}

# It claims the body $1 or leaves; who has claimed always writes the status.
run() {
  # Handlers, not ignored: an ignored signal would be handed down to the body. PIPE: the launcher may be gone.
  trap : HUP INT TERM PIPE QUIT
  started self
  d=$sd/bodies/$1 mine="$pid $since $boot"
  if [ "$2" = - ]; then claim; else place "$sd/spare/$2"; fi

  printf '\n%64s\n' '' >"$d/body"
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
  printf '%s %s\n' "$b" "$since" 1<>"$d/body"
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
}

while read -r id spare; do
  run "$id" "$spare" </dev/null >/dev/null &
  # Takes note of runners that have ended, or they would be zombies for as long as the link.
  jobs >/dev/null
done
