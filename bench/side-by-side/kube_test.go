package main

import (
	"encoding/json"
	"net/http"
	"testing"
)

func TestFakeKube(t *testing.T) {
	kube, err := startFakeKube([]string{"default", "shop"}, measuredLevel)
	if err != nil {
		t.Fatal(err)
	}
	defer kube.close()
	get := func(path string) (*http.Response, *json.Decoder) {
		t.Helper()
		response, err := http.Get("http://" + kube.address + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response, json.NewDecoder(response.Body)
	}
	type namespace struct {
		Kind     string
		Metadata struct {
			Name                string
			Labels, Annotations map[string]string
		}
	}

	var list struct {
		Kind  string
		Items []namespace
	}
	_, body := get("/api/v1/namespaces?limit=500")
	if err := body.Decode(&list); err != nil || list.Kind != "NamespaceList" || len(list.Items) != 2 {
		t.Errorf("list = %+v, %v", list, err)
	}
	for _, item := range list.Items {
		if labels := item.Metadata.Labels; len(labels) != 1 || labels["pod-security.kubernetes.io/enforce"] != "restricted" {
			t.Errorf("labels of %s = %v", item.Metadata.Name, labels)
		}
	}

	_, body = get("/api/v1/namespaces?watch=true&sendInitialEvents=true")
	for _, want := range []string{"ADDED default", "ADDED shop", "BOOKMARK "} {
		var event struct {
			Type   string
			Object namespace
		}
		if err := body.Decode(&event); err != nil || event.Type+" "+event.Object.Metadata.Name != want {
			t.Errorf("event %+v, %v, want %s", event, err, want)
		}
		if end := event.Object.Metadata.Annotations["k8s.io/initial-events-end"]; (end == "true") != (event.Type == "BOOKMARK") {
			t.Errorf("end of initial events is %q at %s", end, event.Type)
		}
	}

	if response, _ := get("/api/v1/namespaces/shop"); response.StatusCode != http.StatusOK {
		t.Errorf("get: %s", response.Status)
	}
	if response, _ := get("/api/v1/namespaces/none"); response.StatusCode != http.StatusNotFound {
		t.Errorf("get of what is not there: %s", response.Status)
	}
}
