set -eu
run_script() {
  if [ -n "$UNIT" ]; then
    case $WHAT in
      health) systemctl is-active --quiet "$UNIT" ;;
      *) systemctl "$WHAT" "$UNIT" ;;
    esac
  elif [ -f "${INTERLOCK_FILES:-}/script" ]; then
    sh "$INTERLOCK_FILES/script"
  elif [ -x "interlock/$WHAT" ]; then
    "./interlock/$WHAT"
  elif [ -f "interlock/$WHAT" ]; then
    sh "interlock/$WHAT"
  else
    echo "the service has no $WHAT script"
  fi
}

case $WHAT in
  before_switch)
    cd "$INTERLOCK_ROOT/versions/$INTERLOCK_VERSION" ;;
  *)
    if [ ! -d "$INTERLOCK_ROOT/current/" ]; then
      [ "$WHAT" = stop ] || { echo "no version is in use here"; exit 1; }
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

if [ "$WHAT" != health ]; then
  run_script
  exit
fi
end=$(($(date +%s) + SECONDS_ALLOWED))
number=1
while :; do
  code=0
  (run_script) || code=$?
  [ "$code" -eq 0 ] && { echo "healthy at check $number"; exit 0; }
  echo "check $number: exit code $code"
  [ "$(date +%s)" -lt "$end" ] || { echo "not healthy within $SECONDS_ALLOWED s"; exit 1; }
  number=$((number + 1))
  sleep "$INTERVAL"
done
