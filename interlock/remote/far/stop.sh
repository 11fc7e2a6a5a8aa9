# Ends a body and reads back that nothing of it lives. Sourced text for the resident shell.

# il_v: pids that belong to the body $1 whose directory is $2, the runner not among them.
# By the environment mark, the body's session or group, its output as stdout or stderr, or its parent.
il_victims() {
  il_marked=" $(grep -lzxF -e "INTERLOCK_BODY=$1" /proc/[0-9]*/environ 2>/dev/null | tr '\n' ' ')"
  il_v=" " il_rest=
  for il_q in /proc/[0-9]*; do
    il_pid=${il_q#/proc/}
    [ "$il_pid" != "$$" ] && [ "$il_pid" != "$il_runner" ] || continue
    { read -r il_l <"$il_q/stat"; } 2>/dev/null || continue
    set -- "$1" "$2" ${il_l##*) }
    case $3 in Z | X) continue ;; esac
    case $il_marked in *" $il_q/environ "*) il_v="$il_v$il_pid "; continue ;; esac
    if [ "$4" = "$il_runner" ] || [ "$5" = "$il_group" ] || [ "$6" = "$il_group" ] ||
      [ "$il_q/fd/1" -ef "$2/out" ] || [ "$il_q/fd/2" -ef "$2/out" ]; then
      il_v="$il_v$il_pid "
    else
      il_rest="$il_rest $il_pid:$4"
    fi
  done
  il_more=1
  while [ "$il_more" = 1 ]; do
    il_more=0
    for il_q in $il_rest; do
      case $il_v in
      *" ${il_q%%:*} "*) ;;
      *" ${il_q##*:} "*) il_v="$il_v${il_q%%:*} " il_more=1 ;;
      esac
    done
  done
  [ "$il_v" != " " ]
}

# The body's group, unless its number has gone to somebody else
il_find_group() {
  il_group=none
  [ "$il_b" = "$il_boot" ] || return 0
  { read -r il_g il_gs <"$1/body"; } 2>/dev/null || return 0
  case $il_g in '' | *[!0-9]*) return 0 ;; esac
  { read -r il_l <"/proc/$il_g/stat"; } 2>/dev/null || { il_group=$il_g; return 0; }
  set -- ${il_l##*) }
  if [ "${20}" = "$il_gs" ] && [ "$3" = "$il_g" ]; then il_group=$il_g; fi
}

il_signal() {
  [ "$il_group" = none ] || kill "-$1" -- "-$il_group" 2>/dev/null
  for il_q in $il_v; do kill "-$1" "$il_q" 2>/dev/null; done
}

# Done when nothing of the body lives and its runner cannot start anything any more
il_still() {
  il_find_group "$2"
  il_victims "$1" "$2" && return 1
  il_look "$2"
  [ "$il_w" != running ]
}

# id, grace in tenths of a second
il_stop() {
  il_new "$1"
  case $il_w in
  absent | placed) il_seal "$1" ; [ -z "$il_e" ] || return 0 ;;
  esac
  il_runner=none il_b=
  { read -r il_p il_s il_b <"$il_d/claim"; } 2>/dev/null
  il_alive "$il_p" "$il_s" "$il_b" && il_runner=$il_p
  il_left=$2 il_kills=50
  if ! il_still "$1" "$il_d"; then
    il_signal TERM
    il_signal CONT
    until il_still "$1" "$il_d"; do
      if [ "$il_left" -gt 0 ]; then
        il_left=$((il_left - 1))
      elif [ "$il_kills" -gt 0 ]; then
        il_kills=$((il_kills - 1))
        il_signal KILL
      else
        break
      fi
      sleep 0.1 2>/dev/null || sleep 1
    done
  fi
  for il_q in $il_v; do
    il_l=?
    { read -r il_l <"/proc/$il_q/comm"; } 2>/dev/null
    il_say survivor "$il_q" "$il_l"
  done
  il_look "$il_d"
  il_size "$il_d"
  if [ "$il_v" = " " ] && [ "$il_w" != running ]; then il_x=yes; else il_x=no; fi
  il_say stopped "$il_x" "$il_w" "$il_c" "$il_z"
}
