#!/bin/sh
# interlock-spawn [--log FILE] PIDFILE COMMAND [ARGUMENT...]   starts a service that outlives the step
# interlock-spawn --stop PIDFILE [GRACE]                       ends its process group, reads back that it is gone
# interlock-spawn --status PIDFILE                             0: alive, the same process; 1: not
# The pidfile holds "pid starttime bootid", so that a recycled pid is never taken for the service.

boot=-
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null

say() { printf 'interlock-spawn: %s\n' "$*" >&2; }

# since, state, group of process $1
process() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${line##*) }
  state=$1 group=$3 since=${20}
}

known() {
  pid= start= epoch=
  { read -r pid start epoch <"$1"; } 2>/dev/null
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  [ "$epoch" = "$boot" ]
}

alive() {
  known "$1" && process "$pid" && [ "$since" = "$start" ] && [ "$state" != Z ]
}

# Members of the service's group. With the leader gone, only those that carry its mark.
members() {
  found=
  leader=no
  process "$pid" && [ "$since" = "$start" ] && leader=yes
  for q in /proc/[0-9]*; do
    process "${q#/proc/}" || continue
    [ "$group" = "$pid" ] && [ "$state" != Z ] || continue
    [ "$leader" = yes ] || grep -qzxF -e "INTERLOCK_SPAWN=$pid.$start" "$q/environ" 2>/dev/null || continue
    found="$found ${q#/proc/}"
  done
  [ -n "$found" ]
}

gone_after() {
  left=$1
  while members; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
}

stop() {
  if known "$1" && members; then
    kill -TERM $found 2>/dev/null
    kill -CONT $found 2>/dev/null
    if ! gone_after "$((${2:-10} * 10))"; then
      kill -KILL $found 2>/dev/null
      gone_after 1 || { kill -KILL $found 2>/dev/null; gone_after 30; } || {
        say "still alive:$found"
        exit 1
      }
    fi
  fi
  rm -f "$1"
}

log=/dev/null
case $1 in
--stop) stop "$2" "$3"; exit 0 ;;
--status) alive "$2"; exit ;;
--log)
  log=$2
  shift 2
  ;;
esac
[ "$#" -ge 2 ] || { say 'usage: interlock-spawn [--log FILE] PIDFILE COMMAND [ARGUMENT...]'; exit 2; }
if alive "$1"; then say "already running: $pid"; exit 3; fi
command -v "$2" >/dev/null || { say "not found: $2"; exit 127; }
printf '' >>"$log" || exit 1

unset INTERLOCK_BODY INTERLOCK_FILES
# The inner sh becomes the command: its pid and start time stay. Until the pidfile is there it holds our pipe open.
detach=setsid
command -v setsid >/dev/null || detach='busybox setsid'
placed=$(
  $detach sh -c '
    log=$1 file=$2
    read -r boot </proc/sys/kernel/random/boot_id
    read -r line </proc/$$/stat
    shift 2
    since() { shift 19; printf %s "$1"; }
    start=$(since ${line##*) })
    export INTERLOCK_SPAWN="$$.$start"
    printf "%s %s %s\n" "$$" "$start" "$boot" >"$file.$$" && mv -f "$file.$$" "$file" || exit 1
    echo yes
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- >>"$log" 2>&1
    exec "$@"
  ' sh "$log" "$@" </dev/null &
)
[ "$placed" = yes ] || { say "cannot write $1"; exit 1; }
