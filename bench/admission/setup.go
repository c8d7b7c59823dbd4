package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"plimsoll.dev/plimsoll/bench/lab"
	"plimsoll.dev/plimsoll/tests/e2e/controlplane"
)

// configuration is one kind of admission. It has a namespace of its own, so that one API server has all of them at
// once: what the selectors of the others cost a pod, they cost every pod.
type configuration struct {
	name      string
	namespace string
	labels    object
	denial    string // of its own making, and of no other's
	hook      string // the server behind it; none: the API server decides alone
}

const (
	noPolicy         = "no policy"
	inTree           = "in-tree PodSecurity"
	celPolicy        = "ValidatingAdmissionPolicy"
	celPolicyAgain   = "the same policy again"
	withPrefilter    = "Plimsoll, prefilter"
	withoutPrefilter = "Plimsoll, no prefilter"
	upstreamHook     = "upstream webhook"
)

const plimsollServer, upstreamServer = "Plimsoll", "upstream"

// Plimsoll's two registrations differ in nothing but the prefilter; one server is behind both.
var configurations = []configuration{
	{name: noPolicy, namespace: "none"},
	{name: inTree, namespace: "in-tree", labels: object{"pod-security.kubernetes.io/enforce": "restricted"}, denial: `violates PodSecurity \"restricted`},
	{name: celPolicy, namespace: "policy", denial: "ValidatingAdmissionPolicy"},
	{name: celPolicyAgain, namespace: "policy-again", denial: "ValidatingAdmissionPolicy"},
	{name: withPrefilter, namespace: "prefilter", labels: object{"plimsoll.dev/enforce": "restricted"}, denial: "pods.plimsoll.dev", hook: plimsollServer},
	{name: withoutPrefilter, namespace: "no-prefilter", labels: object{"plimsoll.dev/enforce": "restricted"}, denial: "pods.plimsoll.dev", hook: plimsollServer},
	{name: upstreamHook, namespace: "upstream", denial: upstreamWebhookName, hook: upstreamServer},
}

const upstreamWebhookName = "pod-security-webhook.kubernetes.io"

type object = map[string]any

// bench is the API server with everything registered, and the servers behind it.
type bench struct {
	plane     *controlplane.ControlPlane
	client    *http.Client
	apiServer int // its process
	servers   map[string]*lab.Process
	stage     lab.Stage
	options   options
	pods      pods
	versions  []string
	sent      map[string]int // requests so far, by configuration and kind of pods
}

func newBench(ctx context.Context, o options, plane *controlplane.ControlPlane, folder string, pods pods) (*bench, error) {
	b := &bench{plane: plane, options: o, pods: pods, servers: map[string]*lab.Process{}, sent: map[string]int{}}
	var err error
	if b.client, err = rest.HTTPClientFor(plane.Config); err != nil {
		return nil, err
	}
	if b.apiServer, err = plane.PID(); err != nil {
		return nil, err
	}
	if b.stage, err = lab.SetStage(ctx, folder, o.Plimsoll); err != nil {
		return nil, err
	}
	configuration := b.stage.File("plimsoll.yaml")
	rendered, err := b.chart(ctx, "configmap.yaml", "https://localhost", false)
	if err != nil {
		return nil, err
	}
	var settings object
	if err := yaml.Unmarshal([]byte(rendered["data"].(object)["config.yaml"].(string)), &settings); err != nil {
		return nil, err
	}
	delete(settings, "server") // files of a pod
	settings["kubeconfig"] = plane.Kubeconfig
	text, err := yaml.Marshal(settings)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(configuration, text, 0o600); err != nil {
		return nil, err
	}
	ours, err := lab.Plimsoll(ctx, o.Plimsoll, b.stage, "", "--config", configuration)
	if err != nil {
		return nil, err
	}
	// Its namespace has no label, which the in-tree admission would see as well: restricted is its default.
	theirs, err := lab.Upstream(o.Upstream, b.stage, plane.Kubeconfig, "restricted")
	if err != nil {
		return nil, err
	}
	for name, hook := range map[string]lab.Webhook{plimsollServer: ours, upstreamServer: theirs} {
		if b.servers[name], err = hook.Start(ctx); err != nil {
			b.stop()
			return nil, err
		}
	}
	var version struct{ GitVersion string }
	if err := b.call(ctx, http.MethodGet, "/version", nil, &version); err != nil {
		b.stop()
		return nil, err
	}
	b.versions = []string{"kube-apiserver " + version.GitVersion, "Plimsoll: " + ours.Version, "upstream: " + theirs.Version}
	return b, nil
}

func (b *bench) stop() {
	for _, server := range b.servers {
		server.Stop()
	}
}

// wrap adds what the servers said last.
func (b *bench) wrap(err error) error {
	for _, name := range []string{plimsollServer, upstreamServer} {
		err = b.servers[name].Wrap(err)
	}
	return err
}

// call sends an object to the API server.
func (b *bench) call(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+b.plane.Address+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := b.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.600s", method, path, response.Status, &got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got.Bytes(), answer)
}

// prepare makes the namespaces, registers everything, and waits until each configuration decides as it must.
func (b *bench) prepare(ctx context.Context) error {
	for _, one := range configurations {
		namespace := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": one.namespace, "labels": one.labels}}
		if err := b.call(ctx, http.MethodPost, "/api/v1/namespaces", namespace, nil); err != nil {
			return err
		}
	}
	if err := b.registerPolicy(ctx); err != nil {
		return err
	}
	for name, prefilter := range map[string]bool{withPrefilter: true, withoutPrefilter: false} {
		if err := b.registerPlimsoll(ctx, find(name).namespace, prefilter); err != nil {
			return err
		}
	}
	if err := b.registerUpstream(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, one := range configurations {
		for _, violating := range []bool{true, false} {
			for index, body := range b.pods.of(violating) {
				if err := b.eventually(ctx, one, violating, body); err != nil {
					return fmt.Errorf("%s, pod %d: %w", one.name, index+1, err)
				}
			}
		}
	}
	return nil
}

func find(name string) configuration {
	return configurations[slices.IndexFunc(configurations, func(one configuration) bool { return one.name == name })]
}

func (b *bench) target(one configuration, violating bool) target {
	made := target{client: b.client, url: "https://" + b.plane.Address + "/api/v1/namespaces/" + one.namespace + "/pods"}
	if violating {
		made.denial = one.denial
	}
	return made
}

// eventually creates a pod until what must come of it does: the API server takes a moment to know what is registered.
func (b *bench) eventually(ctx context.Context, one configuration, violating bool, body []byte) error {
	var answer bytes.Buffer
	for {
		err := b.target(one, violating).create(ctx, body, &answer)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// documents decodes a stream of YAML documents.
func documents(text []byte) ([]object, error) {
	var all []object
	for _, document := range strings.Split("\n"+string(text), "\n---") {
		var one object
		if err := yaml.Unmarshal([]byte(document), &one); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, document)
		}
		if len(one) > 0 {
			all = append(all, one)
		}
	}
	return all, nil
}

func output(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	text, err := exec.CommandContext(ctx, program, arguments...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(arguments, " "), err, exit.Stderr)
	}
	return text, err
}

const registrations = "/apis/admissionregistration.k8s.io/v1/"

func named(namespaces ...string) object {
	return object{"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}
}

// registerPolicy applies what Plimsoll exports, bound to the namespaces of the bench.
func (b *bench) registerPolicy(ctx context.Context) error {
	text, err := output(ctx, b.options.Plimsoll, "templates", "export", "restricted", "--as", "validating-admission-policy")
	if err != nil {
		return err
	}
	exported, err := documents(text)
	if err != nil {
		return err
	}
	for _, one := range exported {
		resource := "validatingadmissionpolicies"
		if one["kind"] == "ValidatingAdmissionPolicyBinding" {
			resource = "validatingadmissionpolicybindings"
			one["spec"].(object)["matchResources"] = object{"namespaceSelector": object{
				"matchExpressions": []object{named(find(celPolicy).namespace, find(celPolicyAgain).namespace)}}}
		}
		if err := b.call(ctx, http.MethodPost, registrations+resource, one, nil); err != nil {
			return err
		}
	}
	return nil
}

// chart is what one of its files renders, with a server that runs elsewhere.
func (b *bench) chart(ctx context.Context, file, url string, prefilter bool) (object, error) {
	helm, err := controlplane.Asset("helm")
	if err != nil {
		return nil, err
	}
	text, err := output(ctx, helm, "template", fmt.Sprintf("prefilter-%t", prefilter), filepath.Join(b.options.Root, "charts/plimsoll"),
		"--show-only", "templates/"+file, "--set", fmt.Sprintf("webhook.url=%s,certificates.mode=provided,server.enabled=false,prefilter=%t", url, prefilter),
		"--set-file", "certificates.provided.caBundle="+b.stage.File("ca.crt"))
	if err != nil {
		return nil, err
	}
	rendered, err := documents(text)
	if err != nil {
		return nil, err
	}
	if len(rendered) != 1 {
		return nil, fmt.Errorf("the chart's %s renders %d objects", file, len(rendered))
	}
	return rendered[0], nil
}

// registerPlimsoll applies the registration that the chart renders, kept to one namespace.
func (b *bench) registerPlimsoll(ctx context.Context, namespace string, prefilter bool) error {
	registration, err := b.chart(ctx, "webhook.yaml", b.servers[plimsollServer].Reviews, prefilter)
	if err != nil {
		return err
	}
	var own []any
	for _, entry := range registration["webhooks"].([]any) {
		webhook := entry.(object)
		if webhook["name"] == "namespaces.plimsoll.dev" {
			continue
		}
		selector := webhook["namespaceSelector"].(object)
		expressions, _ := selector["matchExpressions"].([]any)
		selector["matchExpressions"] = append(expressions, named(namespace))
		own = append(own, webhook)
	}
	registration["webhooks"] = own
	return b.call(ctx, http.MethodPost, registrations+"validatingwebhookconfigurations", registration, nil)
}

// registerUpstream writes what upstream's own manifests register, kept to one namespace.
func (b *bench) registerUpstream(ctx context.Context) error {
	authority, err := os.ReadFile(b.stage.File("ca.crt"))
	if err != nil {
		return err
	}
	entry := func(name, policy string, rules ...object) object {
		return object{"name": name, "admissionReviewVersions": []string{"v1"}, "sideEffects": "None", "timeoutSeconds": 5,
			"failurePolicy": policy, "rules": rules, "namespaceSelector": object{"matchExpressions": []object{named(find(upstreamHook).namespace)}},
			"clientConfig": object{"url": b.servers[upstreamServer].Reviews, "caBundle": authority}}
	}
	rule := func(group string, resources ...string) object {
		return object{"apiGroups": []string{group}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE", "UPDATE"}, "resources": resources}
	}
	return b.call(ctx, http.MethodPost, registrations+"validatingwebhookconfigurations", object{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
		"metadata": object{"name": upstreamWebhookName},
		"webhooks": []object{
			entry(upstreamWebhookName, "Fail", rule("", "namespaces", "pods", "pods/ephemeralcontainers")),
			entry("advisory."+upstreamWebhookName, "Ignore", rule("", "podtemplates", "replicationcontrollers"),
				rule("apps", "daemonsets", "deployments", "replicasets", "statefulsets"), rule("batch", "cronjobs", "jobs")),
		},
	}, nil)
}
