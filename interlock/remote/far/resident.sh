# The resident shell of a link. It reads commands from its stdin, one at a time.
# stderr carries the replies: lines "@<nonce> word ..."; any other line there is noise.
# stdout carries raw bytes (logs, answers), each command's followed by its mark.
# Few forks: on a busy host a fork and exec costs a millisecond, a builtin nothing.

il_say() { printf '@%s %s\n' "$il_n" "$*" >&2; }

il_fail() {
  il_e=$1
  set -- $(df -Pk "$il_sd" 2>/dev/null | tail -n 1)
  [ "${4:-1}" -gt 0 ] 2>/dev/null || il_e=disk_full
  il_say failed "$il_e"
}

# Is the process with pid $1, start time $2 and boot id $3 alive? A zombie is not.
il_alive() {
  [ "$3" = "$il_boot" ] || return 1
  { read -r il_l <"/proc/$1/stat"; } 2>/dev/null || return 1
  # A name may hold blanks and brackets; cut from the left, for the other way is slow.
  while case $il_l in *') '*) ;; *) false ;; esac; do il_l=${il_l#*') '}; done
  il_l2=$2
  set -- $il_l
  [ "$1" != Z ] && [ "${20}" = "$il_l2" ]
}

il_ended() {
  { read -r il_x il_y il_y2 <"$1/status"; } 2>/dev/null || return 1
  case $il_x in
  exit) il_w=ended il_c=$il_y il_z=$il_y2 ;;
  *) il_w=sealed ;;
  esac
}

# State of the body directory $1: il_w word, il_c exit code, il_z size of the log
il_look() {
  il_w=absent il_c=- il_z=0
  [ -d "$1" ] || return 0
  il_w=placed
  il_ended "$1" && return 0
  { read -r il_p il_s il_b <"$1/claim"; } 2>/dev/null || return 0
  if [ "$il_p" = sealed ]; then il_w=sealed; return 0; fi
  il_w=running
  il_alive "$il_p" "$il_s" "$il_b" && return 0
  # It may have written its status and gone between the two looks.
  il_ended "$1" || il_w=lost
}

il_size() {
  case $il_w in
  running | lost) [ -s "$1/out" ] && il_z=$(($(wc -c <"$1/out"))) ;;
  esac
}

il_state() { il_say state "$il_w" "$il_c" "$il_z"; }

# A fresh directory il_t, made in batches: two execs for eight bodies
il_spare() {
  if [ "$il_k" -ge "$il_km" ]; then
    set --
    il_j=0
    while [ "$il_j" -lt "$il_batch" ]; do
      set -- "$@" "$il_sd/spare/$il_n.$((il_km + il_j))"
      il_j=$((il_j + 1))
    done
    mkdir "$@" || return 1
    il_j=$#
    while [ "$il_j" -gt 0 ]; do
      set -- "$@" "$1/end"
      shift
      il_j=$((il_j - 1))
    done
    mkfifo "$@" || return 1
    il_km=$((il_km + il_batch))
    [ "$il_batch" = 1 ] && il_batch=3 || il_batch=8
  fi
  il_t=$il_sd/spare/$il_n.$il_k
  il_k=$((il_k + 1))
}

il_new() {
  il_e=
  il_d=$il_sd/bodies/$1
  il_look "$il_d"
}

il_startable() {
  [ -z "$il_e" ] || return 1
  case $il_w in absent | placed) return 0 ;; esac
  return 1
}

il_read_fence() {
  il_ft=0 il_fs=0
  [ -e "$1/fence" ] || return 0
  { read -r il_ft il_fs <"$1/fence"; } 2>/dev/null
  [ "$il_ft" -ge 0 ] 2>/dev/null && [ "$il_fs" -ge 0 ] 2>/dev/null
}

# Is ($1, $2) lower than the recorded one? equal -> 1, higher -> 2
il_lower() {
  [ "$1" -lt "$il_ft" ] && return 0
  [ "$1" -gt "$il_ft" ] && return 2
  [ "$2" -lt "$il_fs" ] && return 0
  [ "$2" -gt "$il_fs" ] && return 2
  return 1
}

# Checks and records the fence: directory token seq. Only a rise needs the lock.
il_fence() {
  il_startable || return 0
  [ -d "$1" ] || mkdir -p "$1" || { il_fail fence_failed; return 0; }
  il_read_fence "$1" || { il_e=fence_unreadable; il_say failed fence_unreadable; return 0; }
  il_lower "$2" "$3"
  case $? in
  1) return 0 ;;
  2)
    (
      exec 8>>"$1/fence.lock" || exit 9
      $il_flock 8 || exit 9
      il_read_fence "$1" || exit 9
      il_lower "$2" "$3"
      case $? in 0) exit 3 ;; 1) exit 0 ;; esac
      printf '%s %s\n' "$2" "$3" >"$1/fence.new" && mv -f "$1/fence.new" "$1/fence" || exit 9
    )
    case $? in
    0) return 0 ;;
    3) il_read_fence "$1" ;;
    *) il_fail fence_failed; return 0 ;;
    esac
    ;;
  esac
  il_e=refused
  il_say refused "$il_ft" "$il_fs"
}

# Must the caller write the body's files (into il_t)?
il_room() {
  [ -z "$il_e" ] && [ "$il_w" = absent ] && il_nurse || return 1
  il_spare && return 0
  il_fail state_dir_unwritable
  return 1
}

il_spoiled() {
  il_fail state_dir_unwritable
  rm -rf "$il_t"
}

# Forks are cheap, and a fresh sh in a session of its own is not: one of those forks all our runners.
# Its end of the pipe is opened while we hold both, or opening would block; it must not hold ours.
il_nurse() {
  [ -z "$il_nursed" ] || return 0
  il_spare || { il_fail state_dir_unwritable; return 1; }
  exec 8<>"$il_t/end" 7<"$il_t/end" 5>"$il_t/end" 8>&-
  $il_detach $il_sh "$il_bin/runner-$il_dg" "$il_sd" "$il_n" "$il_um" "$il_detach" "$il_sh" <&7 >/dev/null 5>&- 7<&- &
  exec 7<&-
  il_nursed=$il_t
}

# The reply comes from the runner itself, once it has claimed. A nursery that is dead takes us along (PIPE).
il_go() {
  [ -z "$il_e" ] || return 0
  case $il_w in
  absent) printf '%s\n' "${il_d##*/} ${il_t##*/}" >&5; return ;;
  placed) if [ -f "$il_d/go" ]; then
    ! il_nurse || printf '%s\n' "${il_d##*/} -" >&5
    return
  fi ;;
  esac
  il_look "$il_d"
  il_state
}

il_seal() {
  il_new "$1"
  il_x=
  case $il_w in
  absent)
    il_spare && printf 'sealed\n' >"$il_t/claim" && mv "$il_t" "$il_d" || { il_fail state_dir_unwritable; return 0; }
    il_x=$il_d/${il_t##*/}
    if [ -d "$il_x" ]; then
      ln "$il_x/claim" "$il_d/claim" 2>/dev/null
      rm -rf "$il_x"
    fi
    ;;
  placed)
    il_x=$il_d/seal.$il_n
    printf 'sealed\n' >"$il_x" || { il_fail state_dir_unwritable; return 0; }
    ln "$il_x" "$il_d/claim" 2>/dev/null
    ;;
  esac
  il_look "$il_d"
  il_size "$il_d"
  il_state
}

# Blocks until the runner of $1 is gone: it holds the fifo open for as long as it lives.
il_until_gone() {
  if [ -p "$1/end" ]; then
    exec 8<>"$1/end" 7<"$1/end" 8>&-
    read -r il_x <&7
  fi
  il_look "$1"
  il_j=0
  while [ "$il_w" = running ]; do
    # About to be gone, as a rule; without a fifo that tells, only seconds do no harm.
    il_j=$((il_j + 1))
    [ "$il_j" -le 10 ] && sleep 0.05 2>/dev/null || sleep 1
    il_look "$1"
  done
}

# For a tail that would poll: directory, offset. What is new once a second, and at TERM what is left.
il_pump() {
  il_over= il_seen=$1/seen.$il_n
  trap il_over=1 TERM
  exec 6<"$1/out"
  [ "$2" = 0 ] || dd bs=1 "skip=$2" count=0 <&6 2>/dev/null
  while :; do
    il_x=$il_over
    # Marked before the look: what is written from then on makes the log as new as the mark, at least.
    if [ -n "$il_x" ] || [ ! "$il_seen" -nt "$1/out" ]; then
      { printf x >"$il_seen"; } 2>/dev/null
      cat <&6
    fi
    [ -z "$il_x" ] || break
    [ -z "$il_over" ] || continue
    sleep 1 >/dev/null 2>&1 &
    wait $!
    kill $! 2>/dev/null
  done
}

il_tail() {
  [ "$il_z" -le "$2" ] || tail -c "+$(($2 + 1))" "$1/out"
}

# id, offset, mark. While it runs the client ends it with a line; end of file means the client is gone.
il_follow() {
  il_new "$1"
  il_from=$2
  if [ "$2" -gt 0 ] && [ -f "$il_d/out" ]; then
    il_size "$il_d"
    if [ "$il_z" -lt "$2" ]; then
      il_say shrank
      il_from=0
    fi
  fi
  [ "$il_w" = running ] || il_size "$il_d"
  il_state
  if [ "$il_w" != running ]; then
    il_tail "$il_d" "$il_from"
  elif il_await; then
    # It has ended so soon that nobody had to watch its log.
    il_new "$1"
    il_size "$il_d"
    il_tail "$il_d" "$il_from"
  else
    il_watch_log "$il_from"
  fi
  printf %s "$3"
  # Whoever reported in the background has said all by now: what the next command is told is its own.
  il_say over
}

# The end of il_d, reported in the background
il_report() {
  il_until_gone "$il_d"
  il_size "$il_d"
  il_state
  [ -z "$1" ] || kill "$1"
}

il_client() {
  read -r il_x || il_x=gone
  kill "$@" 2>/dev/null
  wait "$@" 2>/dev/null
  [ "$il_x" != gone ] || exit 0
}

# Until the client says "rest", for the body has ended, or "watch", for it takes its time
il_await() {
  il_report '' &
  il_client $!
  [ "$il_x" = rest ]
}

il_watch_log() {
  il_tools
  if [ "$il_watch" = 1 ]; then
    tail -c "+$(($1 + 1))" -f "$il_d/out" 2>/dev/null &
    il_p1=$!
    il_report '' &
  else
    il_pump "$il_d" "$1" &
    il_p1=$!
    il_report $il_p1 &
  fi
  il_client $il_p1 $!
}

# Which tail is it? Those of coreutils wait for inotify, others poll.
il_tools() {
  [ -z "$il_watch" ] || return 0
  il_watch=0
  case $(tail --version 2>/dev/null) in *coreutils*) il_watch=1 ;; esac
}

# Ends what a hanging resident shell runs, and itself. Bodies and runners have sessions of their own.
il_put_down() {
  il_x=$1
  for il_q in /proc/[0-9]*; do
    { read -r il_l <"$il_q/stat"; } 2>/dev/null || continue
    set -- ${il_l##*) }
    [ "$2" != "$il_x" ] && [ "$4" != "$il_x" ] || kill -KILL "${il_q#/proc/}" 2>/dev/null
  done
  il_say down
}

# mark, script. Captured, so that what the script leaves behind cannot write between our bytes.
il_ask() {
  il_x=$(
    (
      umask "$il_um"
      eval "$2"
    ) </dev/null 5>&-
    printf '.%s' "$?"
  )
  il_say asked "${il_x##*.}"
  printf %s "${il_x%.*}$1"
}

il_pick() {
  for il_x in setsid 'busybox setsid'; do
    if command -v "${il_x%% *}" >/dev/null 2>&1; then il_detach=$il_x; break; fi
  done
  if [ -z "$il_detach" ] && command -v perl >/dev/null 2>&1; then
    printf '%s\n' 'use POSIX; POSIX::setsid(); exec @ARGV; exit 127;' >"$il_bin/setsid.pl"
    il_detach="perl $il_bin/setsid.pl"
  fi
  il_detach=${il_detach:-nohup}
  il_flock=flock
  command -v flock >/dev/null 2>&1 || il_flock='busybox flock'
}

# Spare directories that were never used; those handed to a runner are the runner's.
il_leave() {
  set --
  while [ "$il_k" -lt "$il_km" ]; do
    set -- "$@" "$il_sd/spare/$il_n.$il_k"
    il_k=$((il_k + 1))
  done
  set -- "$@" ${il_nursed:+"$il_nursed"}
  [ $# = 0 ] || rm -rf "$@"
}

# nonce, state directory or empty, digest of the tools, mark, words that name sh
il_open() {
  il_n=$1 il_sd=$2 il_dg=$3 il_sh=$5 il_e= il_k=0 il_km=0 il_batch=1 il_watch= il_detach= il_nursed=
  il_um=$(umask)
  umask 077
  il_boot=-
  { read -r il_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
  il_home=${HOME:-}
  if [ -z "$il_sd" ]; then
    il_sd=$il_home/.interlock
    if [ -z "$il_home" ] || ! { [ -d "$il_sd" ] || mkdir "$il_sd" 2>/dev/null; } || [ ! -w "$il_sd" ]; then
      il_sd=/var/tmp/interlock-$(id -u)
      [ -d "$il_sd" ] || mkdir "$il_sd"
      # Anybody may make a name in /var/tmp: only one of our own will do.
      if [ -L "$il_sd" ] || [ ! -O "$il_sd" ]; then il_say failed state_dir_not_ours; return 0; fi
    fi
  fi
  il_bin=$il_sd/bin
  if [ ! -d "$il_sd/spare" ] || [ ! -w "$il_sd/spare" ]; then
    mkdir -p "$il_sd" "$il_bin" "$il_sd/bodies" "$il_sd/spare" && [ -w "$il_sd/spare" ] || {
      il_fail state_dir_unwritable
      return 0
    }
  fi
  [ -r "/proc/$$/stat" ] || { il_say failed no_proc; return 0; }
  il_pick
  trap il_leave EXIT
  il_m=
  { read -r il_m </etc/machine-id; } 2>/dev/null
  il_say fact machine "$il_m"
  il_say fact boot "$il_boot"
  il_say fact user "${LOGNAME:-${USER:-$(id -un)}}"
  il_say fact home "$il_home"
  il_say fact shell "${SHELL:-}"
  il_say fact state_dir "$il_sd"
  il_say fact clock "$(date +%s)"
  il_say fact pid "$$"
  [ -f "$il_bin/have-$il_dg" ] && il_say ready || il_say bare
  printf %s "$4"
}

# Leaves one of our tools on the host: name, text. The name with the digest appears last.
il_tool() {
  printf %b "$2" >"$il_bin/new.$il_n" && chmod 700 "$il_bin/new.$il_n" && mv -f "$il_bin/new.$il_n" "$il_bin/$1" ||
    il_e=1
}

il_tooled() {
  [ -z "$il_e" ] && printf '' >"$il_bin/have-$il_dg" || { il_fail state_dir_unwritable; return 0; }
  il_say ready
}
