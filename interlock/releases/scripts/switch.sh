set -eu
cd "$INTERLOCK_ROOT"
version=versions/$VERSION
found=$(cat "$version/.interlock-digest" 2>/dev/null) || { echo "$VERSION is not whole on this host"; exit 1; }
if [ -n "$DIGEST" ] && [ "$found" != "$DIGEST" ]; then
  echo "$VERSION on this host is not the package of the plan"
  exit 1
fi
ln -s "$version" ".current.$$"
# -T: never into the folder that the old link points to. Where mv lacks it, the link is replaced in place.
if ! mv -T ".current.$$" current 2>/dev/null; then
  rm -f ".current.$$"
  ln -sfn "$version" current
fi
[ "$(readlink current)" = "$version" ]
echo "current is $VERSION"
