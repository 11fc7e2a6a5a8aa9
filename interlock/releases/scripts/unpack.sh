set -eu
cd "$INTERLOCK_ROOT"
version=versions/$INTERLOCK_VERSION
if [ "$(cat "$version/.interlock-digest" 2>/dev/null)" = "$DIGEST" ]; then
  rm -f "incoming/$DIGEST"
  echo "$INTERLOCK_VERSION is on this host already, verified"
  exit 0
fi
# Half a version from an earlier try is worth nothing; it was never in use, for it has no digest.
draft=versions/.$INTERLOCK_VERSION.draft
rm -rf "$draft"
mkdir "$draft"
# Whatever was handed in, what is kept is a tar.gz that was looked through. Still: files belong to who unpacks
# them (root would take over the numbers of another machine's people), and none runs as somebody else.
tar -xzof "incoming/$DIGEST" -C "$draft"
odd=$(find "$draft" ! -type f ! -type d ! -type l | head -n 1)
[ -z "$odd" ] || { echo "${odd#"$draft/"} is no file, folder or link"; rm -rf "$draft"; exit 1; }
find "$draft" -type f '(' -perm -4000 -o -perm -2000 ')' -exec chmod a-s {} +
# A package could bring a link of this name, and have us write where it leads.
rm -rf "$draft/.interlock-digest"
printf '%s' "$DIGEST" >"$draft/.interlock-digest"
if [ -e "$version" ]; then
  rm -rf "$version"
fi
mv "$draft" "$version"
rm -f "incoming/$DIGEST"
echo "unpacked $FILE, sha256 $DIGEST"
