# Asked before a transfer: is the version on this host already, verified?
mkdir -p "$INTERLOCK_ROOT/incoming" "$INTERLOCK_ROOT/versions" "$INTERLOCK_ROOT/shared" || exit 1
if [ "$(cat "$INTERLOCK_ROOT/versions/$INTERLOCK_VERSION/.interlock-digest" 2>/dev/null)" = "$DIGEST" ]; then
  echo there
else
  echo absent
fi
