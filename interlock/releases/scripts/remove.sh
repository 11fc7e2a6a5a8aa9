set -eu
cd "$INTERLOCK_ROOT" 2>/dev/null || { echo "nothing is here"; exit 0; }
if [ "$ONLY" = all ]; then
  rm -f current
  rm -rf versions incoming
  echo "all versions removed; shared/ is left"
else
  if [ "$(readlink current 2>/dev/null)" = "versions/$INTERLOCK_VERSION" ]; then
    rm -f current
  fi
  rm -rf "versions/$INTERLOCK_VERSION" "versions/.$INTERLOCK_VERSION.draft"
  echo "$INTERLOCK_VERSION removed"
fi
