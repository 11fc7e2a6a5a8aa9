set -eu
cd "$INTERLOCK_ROOT"
in_use=$(readlink current 2>/dev/null) || in_use=
in_use=${in_use#versions/}
kept=0
ls -1t versions | while IFS= read -r name; do
  kept=$((kept + 1))
  if [ "$kept" -le "$KEEP" ] || [ "$name" = "$in_use" ] || [ "$name" = "$INTERLOCK_PREVIOUS" ]; then
    continue
  fi
  rm -rf "versions/$name"
  echo "pruned $name"
done
rm -rf versions/.*.draft
