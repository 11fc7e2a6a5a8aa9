set -eu
# What is ours is no concern of the service's scripts, nor of what they start.
what=$WHAT unit=$UNIT allowed=$SECONDS_ALLOWED interval=$INTERVAL
unset WHAT UNIT SECONDS_ALLOWED INTERVAL

ask_systemd() {
  if [ "$what" = health ]; then
    systemctl is-active "$unit"
  else
    # systemd says of a failure only that there was one: the unit's last lines say which.
    systemctl --no-ask-password "$what" "$unit" || {
      code=$?
      systemctl --no-pager --lines=20 status "$unit" || :
      return "$code"
    }
  fi
}

run_script() {
  if [ -f "${INTERLOCK_FILES:-}/script" ]; then
    # Its first line may name what reads it.
    case $(head -c 2 "$INTERLOCK_FILES/script") in
      '#!') chmod u+x "$INTERLOCK_FILES/script" && "$INTERLOCK_FILES/script" ;;
      *) sh "$INTERLOCK_FILES/script" ;;
    esac
  elif [ -n "$unit" ]; then
    ask_systemd
  elif [ -x "interlock/$what" ]; then
    "./interlock/$what"
  elif [ -f "interlock/$what" ]; then
    sh "interlock/$what"
  else
    echo "the service has no $what script"
  fi
}

case $what in
  before_switch)
    cd "$INTERLOCK_ROOT/versions/$INTERLOCK_VERSION" ;;
  *)
    if [ ! -d "$INTERLOCK_ROOT/current/" ]; then
      [ "$what" = stop ] || { echo "no version is in use here"; exit 1; }
      echo "no version is in use here: nothing to stop"
      exit 0
    fi
    # The script belongs to the version in use, whichever that is by now.
    cd "$INTERLOCK_ROOT/current/"
    in_use=$(readlink "$INTERLOCK_ROOT/current")
    INTERLOCK_VERSION=${in_use#versions/}
    export INTERLOCK_VERSION
    ;;
esac

if [ "$what" != health ]; then
  run_script
  exit
fi
end=$(($(date +%s) + allowed))
number=1
while :; do
  code=0
  (run_script) || code=$?
  [ "$code" -eq 0 ] && { echo "healthy at check $number"; exit 0; }
  echo "check $number: exit code $code"
  [ "$(date +%s)" -lt "$end" ] || { echo "not healthy within $allowed s"; exit 1; }
  number=$((number + 1))
  sleep "$interval"
done
