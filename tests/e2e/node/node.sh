# shellcheck shell=bash
# tests/e2e/node/node.sh: a Kubernetes of one node in the sandbox: control plane, containerd, kubelet, kube-proxy.
# Sourced inside the sandbox by tests/e2e/node/run, which sets:
#
#   assets   the folder of the programs      dir   where data goes      log   where logs go
#
# What runs ends with the sandbox. There is no DNS, and nothing leads out of it: images are imported from files.

readonly node_ip=172.30.0.2 api=https://127.0.0.1:6443 pods=10.244.0.0/16 services=10.96.0.0/16 api_service=10.96.0.1
readonly pause=plimsoll.test/pause:1 containerd=/run/containerd/containerd.sock
export KUBECONFIG=$dir/admin.kubeconfig CONTAINERD_ADDRESS=$containerd CONTAINERD_NAMESPACE=k8s.io
export PATH=$assets:/usr/sbin:/usr/bin:/sbin:/bin:$PATH

declare -A started=()
# Pods may be privileged as far as the API server is concerned: it is Plimsoll that must deny them.
start() { # start PROGRAM ARGUMENT...
  "$@" >"$log/$1.log" 2>&1 </dev/null &
  started[$1]=$!
}

# ready PROGRAM SECONDS COMMAND...: waits until the command succeeds; the program's last words when it does not.
ready() {
  local program=$1 end=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= end)) || ! kill -0 "${started[$program]}" 2>/dev/null; then
      tail -n 10 "$log/$program.log" >&2
      echo "node: $program is not ready; its log is $log/$program.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

node_network() {
  ip link add node0 type bridge
  ip addr add $node_ip/24 dev node0
  ip link set node0 up
  # Addresses of services are nobody's: packets for them must have a way to go before kube-proxy's rules can turn them.
  ip route add default via 172.30.0.1
  echo 1 >/proc/sys/net/ipv4/ip_forward
}

# Who may speak to the API server: a token and a kubeconfig each.
user() { # user NAME USER GROUPS
  local token
  token=$(</proc/sys/kernel/random/uuid)
  printf '%s,%s,%s,"%s"\n' "$token" "$2" "$1" "$3" >>"$dir/tokens.csv"
  cat >"$dir/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: node
clusters: [{name: node, cluster: {server: "$api", certificate-authority: ca.crt}}]
users: [{name: $1, user: {token: $token}}]
contexts: [{name: node, context: {cluster: node, user: $1}}]
YAML
}

node_keys() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=node-ca \
    -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=kube-apiserver -keyout "$dir/api.key" 2>/dev/null |
    openssl x509 -req -days 2 -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -out "$dir/api.crt" -extfile <(
      echo "subjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$node_ip,IP:$api_service"
    ) 2>/dev/null
  openssl genrsa -out "$dir/accounts.key" 2048 2>/dev/null
  : >"$dir/tokens.csv"
  chmod 600 "$dir/tokens.csv"
  user admin admin system:masters
  user controllers system:kube-controller-manager ''
  user scheduler system:kube-scheduler ''
  user proxy system:kube-proxy ''
  user kubelet system:node:node1 system:nodes
}

control_plane_up() {
  start etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn
  start kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$node_ip --service-cluster-ip-range=$services \
    --cert-dir=/run/kube-apiserver --tls-cert-file="$dir/api.crt" --tls-private-key-file="$dir/api.key" \
    --token-auth-file="$dir/tokens.csv" --authorization-mode=Node,RBAC --allow-privileged --enable-admission-plugins=NodeRestriction \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$dir/accounts.key" \
    --service-account-signing-key-file="$dir/accounts.key"
  ready kube-apiserver 60 kubectl get --raw /readyz
  start kube-controller-manager --kubeconfig="$dir/controllers.kubeconfig" --secure-port=0 --leader-elect=false \
    --root-ca-file="$dir/ca.crt" --service-account-private-key-file="$dir/accounts.key" --use-service-account-credentials \
    --allocate-node-cidrs --cluster-cidr=$pods --service-cluster-ip-range=$services
  start kube-scheduler --kubeconfig="$dir/scheduler.kubeconfig" --secure-port=0 --leader-elect=false
}

containerd_up() {
  mkdir -p "$dir/cni"
  cat >"$dir/cni/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
  # Nothing here may be privileged beyond what a container's root lacks on a small machine: see tests/sandbox/runc.
  cat >"$dir/containerd.toml" <<TOML
version = 3
root = "$dir/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "$containerd"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$pause"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$dir/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "$sandbox/runc"
TOML
  start containerd -c "$dir/containerd.toml"
  ready containerd 30 ctr version
}

kubelet_up() { # kubelet_up CGROUP
  cgroups "$1" | xargs mkdir -p
  echo 'nameserver 127.0.0.1' >"$dir/resolv.conf"
  cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$containerd
cgroupDriver: cgroupfs
cgroupRoot: /$1
failCgroupV1: false        # version 1 is all that some machines have
failSwapOn: false
oomScoreAdj: 0             # a lower one needs CAP_SYS_RESOURCE
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
address: $node_ip
healthzBindAddress: 127.0.0.1
resolvConf: $dir/resolv.conf
clusterDNS: [127.0.0.1]
clusterDomain: cluster.local
podLogsDir: $log/pods
volumePluginDir: $dir/volume-plugins
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
YAML
  start kubelet --config="$dir/kubelet.yaml" --kubeconfig="$dir/kubelet.kubeconfig" --hostname-override=node1 --node-ip=$node_ip \
    --root-dir="$dir/kubelet" --cert-dir=/run/kubelet
}

proxy_up() {
  kubectl create clusterrolebinding node-proxier --clusterrole=system:node-proxier --user=system:kube-proxy >/dev/null
  cat >"$dir/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $dir/proxy.kubeconfig}
clusterCIDR: $pods
hostnameOverride: node1
conntrack: {maxPerCore: 0} # a limit of the whole machine
YAML
  start kube-proxy --config="$dir/proxy.yaml"
}

import() { # import FILE...
  local file said
  for file in "$@"; do said=$(ctr images import "$file" 2>&1) || { echo "$file: $said"; return 1; }; done
}

node_is_ready() { [[ $(kubectl get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]]; }
# What the controllers make late, and what pods cannot be created without.
account_is_there() { kubectl get -n "$1" serviceaccount/default configmap/kube-root-ca.crt; }

node_up() { # node_up CGROUP
  node_network
  node_keys
  containerd_up
  mkdir -p "$dir/pause"
  cp "$assets/pause" "$dir/pause/pause"
  "$sandbox/image" "$dir/pause.tar" $pause "$dir/pause" '{"Entrypoint": ["/pause"], "User": "65532:65532"}'
  import "$dir/pause.tar"
  control_plane_up
  kubelet_up "$1"
  proxy_up
  ready kubelet 90 node_is_ready
  ready kube-controller-manager 30 account_is_there default
}
