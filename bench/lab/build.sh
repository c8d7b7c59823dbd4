# shellcheck shell=bash
# For the scripts that run a benchmark: builds it and the upstream webhook. They set `root`.
# shellcheck disable=SC2154

lab_cache=${PLIMSOLL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll}/bench
lab_go=$("$root/scripts/setup" --which-go) || {
  echo "run: Go 1.26 or newer is needed to build the bench and the upstream webhook; this fetches it: scripts/setup --with-go" >&2
  exit 2
}
mkdir -p "$lab_cache"
lab_cache=$(cd "$lab_cache" && pwd) # go build runs in another folder

# built NAME: the benchmark of that folder. Prints the program's path.
built() {
  "$lab_go" build -C "$root/bench" -buildvcs=false -trimpath -o "$lab_cache/$1" "./$1" && echo "$lab_cache/$1"
}

# The webhook of the version in bench/go.mod. Prints the program's path.
upstream_webhook() {
  local package=k8s.io/pod-security-admission/cmd/webhook
  echo "building $package (the first time takes minutes)" >&2
  CGO_ENABLED=0 "$lab_go" build -C "$root/bench" -buildvcs=false -trimpath -ldflags='-s -w' -o "$lab_cache/upstream-webhook" "$package" &&
    echo "$lab_cache/upstream-webhook"
}
