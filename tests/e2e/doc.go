// Package e2e runs Plimsoll as people do: installed by helm beside a real etcd and kube-apiserver,
// with the real binary behind the registration. README.md says what is shown and how to run it.
package e2e
