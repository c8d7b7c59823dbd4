package main

import (
	"fmt"
	"sort"
	"strings"

	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	engine3 "helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	engine4 "helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// renderer is a chart in the hands of one Helm.
type renderer interface {
	// Version is the chart's.
	Version() string
	// Files renders the release with the values, a YAML text: templates by their path.
	Files(release, namespace, values string) (map[string]string, error)
}

type helm3 struct{ path string }

type helm4 struct{ path string }

func load3(path string) (renderer, error) {
	_, err := loader3.Load(path)
	return helm3{path}, err
}

func load4(path string) (renderer, error) {
	_, err := loader4.Load(path)
	return helm4{path}, err
}

// A chart is loaded each time: rendering changes the default values in it.
func (h helm3) Files(release, namespace, values string) (map[string]string, error) {
	chart, err := loader3.Load(h.path)
	if err != nil {
		return nil, err
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, options, nil)
	if err != nil {
		return nil, err
	}
	return engine3.Render(chart, all)
}

func (h helm3) Version() string {
	chart, err := loader3.Load(h.path)
	if err != nil {
		return ""
	}
	return chart.Metadata.Version
}

func (h helm4) Files(release, namespace, values string) (map[string]string, error) {
	chart, err := loader4.Load(h.path)
	if err != nil {
		return nil, err
	}
	given, err := common.ReadValues([]byte(values))
	if err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(chart, given, options, nil)
	if err != nil {
		return nil, err
	}
	return engine4.Render(chart, all)
}

func (h helm4) Version() string {
	chart, err := loader4.Load(h.path)
	if err != nil {
		return ""
	}
	return chart.Metadata.Version
}

// document is one rendered object.
type document struct {
	Text   string
	Object map[string]any
}

func (d document) kind() string { return text(d.Object, "kind") }
func (d document) name() string { return text(d.Object, "metadata", "name") }

// text is the string at the path, or empty.
func text(object map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		object, _ = object[key].(map[string]any)
	}
	value, _ := object[path[len(path)-1]].(string)
	return value
}

// rendered is a release: what is installed in Helm's order, what its hooks make, and what it tells.
type rendered struct {
	Documents, Hooks []document
	Notes            string
}

func render(chart renderer, release, namespace, values string) (*rendered, error) {
	files, err := chart.Files(release, namespace, values)
	if err != nil {
		return nil, err
	}
	out := &rendered{}
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			out.Notes = text
			delete(files, name)
		}
	}
	hooks, sorted, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	for _, manifest := range sorted {
		parsed, err := parse(manifest.Content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", manifest.Name, err)
		}
		out.Documents = append(out.Documents, parsed)
	}
	for _, hook := range hooks {
		parsed, err := parse(hook.Manifest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", hook.Path, err)
		}
		out.Hooks = append(out.Hooks, parsed)
	}
	return out, nil
}

func parse(text string) (document, error) {
	text = strings.TrimSpace(text) + "\n"
	object := map[string]any{}
	err := yaml.UnmarshalStrict([]byte(text), &object)
	return document{Text: text, Object: object}, err
}

// all is everything as one text, for a program to read.
func (r *rendered) all() string {
	var out strings.Builder
	for _, d := range append(append([]document{}, r.Documents...), r.Hooks...) {
		out.WriteString("---\n" + d.Text)
	}
	return out.String()
}

// find returns the objects of the kind.
func (r *rendered) find(kind string) []document {
	var out []document
	for _, d := range r.Documents {
		if d.kind() == kind {
			out = append(out, d)
		}
	}
	return out
}

// kinds lists what is rendered, sorted, each as often as it is there.
func (r *rendered) kinds() string {
	var out []string
	for _, d := range r.Documents {
		out = append(out, d.kind())
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}
