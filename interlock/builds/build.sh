# Makes one version: fetch, check out, run the service's script, pack. All values come as BUILD_* variables.
# $work/stage says how far it came; the platform reads it, and commit and name, afterwards.
set -euf
umask 022
work=$BUILD_WORK cache=$BUILD_CACHE tree=$BUILD_WORK/tree

stage() {
  printf '%s\n' "$1" >"$work/stage"
  printf '== %s\n' "$2"
}

# Nobody is there to answer a question, and a repository's submodules get no other protocols than it has.
export GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=true GIT_ALLOW_PROTOCOL="$BUILD_PROTOCOLS"
export GIT_SSH_COMMAND="ssh -oBatchMode=yes -oConnectTimeout=20"
cached() { git --git-dir="$cache" -c gc.auto=0 -c maintenance.auto=false "$@"; }

listed() {
  while read -r id name; do
    [ "$name" != "$1" ] || return 0
  done <"$work/refs"
  return 1
}

fetch_named() {
  for name in "$@"; do
    if listed "$name"; then
      # A ref of its own for each build: builds of one service fetch at once without meeting.
      cached fetch -q --no-tags "$BUILD_URL" "+$name:refs/builds/$BUILD_ID" || exit 1
      return 0
    fi
  done
  return 1
}

# A commit is looked for in all there is: few servers give one by its id alone.
fetch_commit() {
  case $BUILD_REF in *[!0-9a-f]* | ?????? | ????? | ???? | ??? | ?? | ?) return 1 ;; esac
  cached fetch -q --no-tags "$BUILD_URL" '+refs/heads/*:refs/all/heads/*' '+refs/tags/*:refs/all/tags/*' || exit 1
  id=$(cached rev-parse -q --verify "$BUILD_REF^{commit}") || return 1
  cached update-ref "refs/builds/$BUILD_ID" "$id" || exit 1
}

fetch() {
  stage fetch "Fetching $BUILD_REF from $BUILD_URL"
  case $BUILD_RULE:$BUILD_REF in
  *:refs/*) set -- "$BUILD_REF" ;;
  tag:*) set -- "refs/tags/$BUILD_REF" ;;
  *) set -- "refs/heads/$BUILD_REF" "refs/tags/$BUILD_REF" ;;
  esac
  # Two first builds of a service may come at once: whose cache gets its name first, wins.
  if [ ! -d "$cache" ]; then
    git init -q --bare --template= "$work/cache"
    "$BUILD_PYTHON" -I -c 'import os, sys; os.rename(*sys.argv[1:])' "$work/cache" "$cache" 2>/dev/null || [ -d "$cache" ]
  fi
  git ls-remote -- "$BUILD_URL" "$@" >"$work/refs"
  fetch_named "$@" || { [ "$BUILD_RULE" != tag ] && fetch_commit; } || {
    stage ref "There is no such branch, tag or commit: $BUILD_REF"
    exit 1
  }
}

# A second try builds what the first one built, wherever the branch has gone meanwhile.
pinned() { cached rev-parse -q --verify "refs/builds/$BUILD_ID^{commit}" 2>/dev/null; }
commit=$(pinned) || {
  fetch
  commit=$(pinned)
}

stage checkout "Checking out $commit"
name=$BUILD_NAME
[ "$BUILD_RULE" = tag ] || name=$name$(printf %.8s "$commit")
printf '%s\n' "$commit" >"$work/commit"
printf '%s\n' "$name" >"$work/name"
if grep -qxF -e "$commit" "$work/known"; then
  stage duplicate "This commit has been built before."
  exit 0
fi
git init -q --template= "$tree"
mkdir -p "$tree/.git/objects/info"
printf '%s\n' "$cache/objects" >"$tree/.git/objects/info/alternates"
git -C "$tree" remote add origin "$BUILD_URL"
git -C "$tree" -c advice.detachedHead=false checkout -q --detach "$commit"
[ ! -f "$tree/.gitmodules" ] || git -C "$tree" submodule -q update --init --recursive
SOURCE_DATE_EPOCH=$(git -C "$tree" log -1 --format=%ct)
export SOURCE_DATE_EPOCH

stage script "Building $name"
cd "$tree"
export INTERLOCK_SERVICE="$BUILD_SERVICE" INTERLOCK_VERSION="$name" INTERLOCK_COMMIT="$commit"
export INTERLOCK_REF="$BUILD_REF" INTERLOCK_BUILD="$BUILD_ID"
if [ -s "$work/build" ]; then
  "$work/build" || exit
elif [ -f interlock/build ]; then
  sh -e interlock/build || exit
else
  echo "No build script: the tree is packed as it is."
fi

stage pack "Packing"
cd "$work"
"$BUILD_PYTHON" -I "$BUILD_PACKER" "$tree" "$work/package" || exit
stage packed "Done"
