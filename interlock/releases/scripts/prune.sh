set -u
# The release has succeeded when this runs: what cannot be removed is told, and is no failure.
cd "$INTERLOCK_ROOT" || exit 0
in_use=$(readlink current 2>/dev/null) || in_use=
in_use=${in_use#versions/}
kept=0
ls -1t versions | while IFS= read -r name; do
  # Only what we unpacked is ours to remove.
  [ -f "versions/$name/.interlock-digest" ] || continue
  kept=$((kept + 1))
  if [ "$kept" -le "$KEEP" ] || [ "$name" = "$in_use" ] || [ "$name" = "$INTERLOCK_PREVIOUS" ]; then
    continue
  fi
  rm -rf "versions/$name" && echo "pruned $name"
done
rm -rf versions/.*.draft
exit 0
