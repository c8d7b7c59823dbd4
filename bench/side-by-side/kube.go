package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// fakeKube is as much of a Kubernetes API as the upstream webhook calls: namespaces to list, watch and get, and
// pods, of which there are none. It serves plain HTTP on the loopback interface.
type fakeKube struct {
	level      string
	namespaces []object
	address    string
	server     http.Server
	closing    chan struct{}
}

type object = map[string]any

const resourceVersion = "1"

// startFakeKube serves namespaces that enforce the level. Audit and warn stay unset: upstream then judges at the level
// once, since warn follows enforce and reuses its result.
func startFakeKube(names []string, level string) (*fakeKube, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	kube := &fakeKube{level: level, address: listener.Addr().String(), closing: make(chan struct{})}
	for _, name := range names {
		kube.namespaces = append(kube.namespaces, object{
			"apiVersion": "v1",
			"kind":       "Namespace",
			"metadata": object{
				"name":            name,
				"resourceVersion": resourceVersion,
				"labels":          object{"pod-security.kubernetes.io/enforce": level},
			},
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces", kube.list)
	mux.HandleFunc("GET /api/v1/namespaces/{name}", kube.get)
	mux.HandleFunc("GET /api/v1/namespaces/{name}/pods", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, list("PodList", []object{}))
	})
	kube.server = http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go kube.server.Serve(listener)
	return kube, nil
}

func (k *fakeKube) close() {
	close(k.closing)
	k.server.Close()
}

// kubeconfig is the file that leads a client here.
func (k *fakeKube) kubeconfig() string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: fake, cluster: {server: "http://%s"}}]
contexts: [{name: fake, context: {cluster: fake, user: none}}]
users: [{name: none, user: {}}]
current-context: fake
`, k.address)
}

func (k *fakeKube) list(w http.ResponseWriter, r *http.Request) {
	switch strings.ToLower(r.URL.Query().Get("watch")) {
	case "1", "true":
		k.watch(w, r)
	default:
		write(w, http.StatusOK, list("NamespaceList", k.namespaces))
	}
}

// watch sends the namespaces first if asked to, then nothing: they never change.
func (k *fakeKube) watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	events := json.NewEncoder(w)
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for _, namespace := range k.namespaces {
			events.Encode(object{"type": "ADDED", "object": namespace})
		}
		events.Encode(object{"type": "BOOKMARK", "object": object{
			"apiVersion": "v1",
			"kind":       "Namespace",
			"metadata": object{
				"resourceVersion": resourceVersion,
				"annotations":     object{"k8s.io/initial-events-end": "true"},
			},
		}})
	}
	http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
	case <-k.closing:
	}
}

func (k *fakeKube) get(w http.ResponseWriter, r *http.Request) {
	for _, namespace := range k.namespaces {
		if namespace["metadata"].(object)["name"] == r.PathValue("name") {
			write(w, http.StatusOK, namespace)
			return
		}
	}
	write(w, http.StatusNotFound, object{
		"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound,
	})
}

func list(kind string, items []object) object {
	return object{"apiVersion": "v1", "kind": kind, "metadata": object{"resourceVersion": resourceVersion}, "items": items}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
