# shellcheck shell=bash
# tests/sandbox/lib.sh: what tests/image and tests/e2e/node share. Sourced, never run.

sandbox=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # of those who source this
root=$(cd "$sandbox/../.." && pwd)
cache=${PLIMSOLL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll}

# Why this machine cannot hold containers; says nothing and succeeds when it can.
sandbox_can() {
  ((EUID == 0)) || { echo 'needs root'; return 1; }
  unshare --mount --pid --net --fork --propagation private -- mount -t tmpfs none /mnt 2>/dev/null ||
    { echo 'needs namespaces and mounts of its own, which this machine does not give'; return 1; }
  [[ -w /sys/fs/cgroup ]] && cgroups plimsoll-try | xargs mkdir -p 2>/dev/null && cgroups_remove plimsoll-try ||
    { echo 'needs cgroups, which this machine does not let it make'; return 1; }
  grep -qw overlay /proc/filesystems || { echo 'needs overlayfs, which this kernel has not built in or loaded'; return 1; }
}

# What the image is made from, as one name: the files that .dockerignore lets through.
tree_id() {
  (cd "$root" && find CMakeLists.txt CMakePresets.json Dockerfile LICENSE cmake include scripts/rootfs scripts/setup src -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)
}

# The folders of a cgroup: one with version 2, one a controller with version 1.
cgroups() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo "/sys/fs/cgroup/$1"
  else
    printf '%s\n' /sys/fs/cgroup/*/ | sed "s|\$|$1|"
  fi
}

# The kernel needs a moment after the last process of a cgroup has ended.
cgroups_remove() {
  local folder tries
  for ((tries = 0; tries < 100; tries++)); do
    for folder in $(cgroups "$1"); do
      if [[ -d $folder ]]; then find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
    done
    for folder in $(cgroups "$1"); do
      if [[ -d $folder ]]; then sleep 0.1 && continue 2; fi
    done
    return 0
  done
  echo "sandbox: the cgroup $1 is still in use" >&2
  return 1
}

# sandbox_run ENTER-ARGUMENT...: in the background, so that a signal to this shell is not kept until the sandbox has ended.
sandbox_pid=
sandbox_run() {
  local status=0
  "$sandbox/enter" "$@" <&0 &
  sandbox_pid=$!
  wait $sandbox_pid || status=$?
  sandbox_pid=
  return $status
}
# unshare keeps gentler signals to itself; what it has started ends with it.
sandbox_end() { if [[ -n $sandbox_pid ]]; then kill -KILL "$sandbox_pid" 2>/dev/null || true; fi; }

# eventually SECONDS COMMAND...: again and again until it succeeds; says what the last try has said.
eventually() {
  local end=$((SECONDS + $1)) said status=0
  shift
  while ! said=$("$@" 2>&1); do
    if ((SECONDS >= end)); then status=1 && break; fi
    sleep 0.2
  done
  if [[ -n $said ]]; then printf '%s\n' "$said"; fi
  return $status
}

# check NAME COMMAND...: one test, one line; when it fails, what the command has said too. scripts/test counts the lines.
tests_failed=0
check() {
  local name=$1 said started=$SECONDS
  shift
  if said=$("$@" 2>&1); then
    printf 'ok      %s%s\n' "$name" "${said:+ ($said)}"
  else
    printf 'not ok  %s (after %s s)\n' "$name" $((SECONDS - started))
    printf '%s\n' "$said" | sed 's/^/  | /'
    tests_failed=$((tests_failed + 1))
  fi
}

# same WHAT WANTED GOT
same() {
  [[ $2 == "$3" ]] || { printf '%s: wanted %s, got %s\n' "$1" "$2" "$3"; return 1; }
}
