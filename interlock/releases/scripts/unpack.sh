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
case $FILE in
  *.tar.gz | *.tgz) tar -xzf "incoming/$DIGEST" -C "$draft" ;;
  *.tar) tar -xf "incoming/$DIGEST" -C "$draft" ;;
  *.zip) unzip -q "incoming/$DIGEST" -d "$draft" ;;
  *) cp "incoming/$DIGEST" "$draft/$FILE" ;;
esac
# A package could bring a link of this name, and have us write where it leads.
rm -rf "$draft/.interlock-digest"
printf '%s' "$DIGEST" >"$draft/.interlock-digest"
if [ -e "$version" ]; then
  rm -rf "$version"
fi
mv "$draft" "$version"
rm -f "incoming/$DIGEST"
echo "unpacked $FILE, sha256 $DIGEST"
