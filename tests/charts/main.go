// Command charts writes what is generated from charts/plimsoll: its README.md and the manifests of deploy/, and before them what
// the chart holds of the templates, which the binary writes: that of PLIMSOLL_BIN, or else build/release/plimsoll. The tests beside
// it hold all of them to what it would write, and the chart to what it promises.
//
//	go -C tests/charts run .
package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// root is the repository, seen from the folder that both `go test` and `go -C tests/charts run .` work in.
var root = filepath.Join("..", "..")

// prefiltered are the templates that the chart holds match conditions of.
var prefiltered = []string{"baseline", "restricted", "least-privilege"}

const scanRulesFile = "charts/plimsoll/files/scan-rules.yaml"

// prefilters returns the match conditions of the templates by their path in the repository, as the binary writes them.
func prefilters(binary string) (map[string]string, error) {
	files := map[string]string{}
	for _, name := range prefiltered {
		command := exec.Command(binary, "templates", "export", name, "--as", "match-conditions")
		command.Stderr = os.Stderr
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		files["charts/plimsoll/files/prefilter/"+name+".yaml"] = string(out)
	}
	return files, nil
}

// scanRules returns the rules of a role by which the known custom kinds can be listed, of the list that the binary is built with.
func scanRules() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "src", "codec", "pod_templates.yaml"))
	if err != nil {
		return "", err
	}
	var kinds map[string]any
	if err := yaml.Unmarshal(text, &kinds); err != nil {
		return "", err
	}
	groups := map[string][]string{}
	for name := range kinds {
		group, kind, _ := strings.Cut(name, "/")
		groups[group] = append(groups[group], plural(kind))
	}
	var out strings.Builder
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		slices.Sort(groups[group])
		fmt.Fprintf(&out, "- apiGroups: [%s]\n  resources: [%s]\n  verbs: [list]\n", group, strings.Join(groups[group], ", "))
	}
	return out.String(), nil
}

// plural is how custom resource definitions name the resource of a kind.
func plural(kind string) string {
	kind = strings.ToLower(kind)
	for _, ending := range []string{"s", "sh", "ch", "x", "z"} {
		if strings.HasSuffix(kind, ending) {
			return kind + "es"
		}
	}
	if stem, is := strings.CutSuffix(kind, "y"); is {
		return stem + "ies"
	}
	return kind + "s"
}

// generated returns the text of every file that the chart makes by its path in the repository.
func generated() (map[string]string, error) {
	chart, err := load3(filepath.Join(root, "charts", "plimsoll"))
	if err != nil {
		return nil, err
	}
	files, err := manifests(chart)
	if err != nil {
		return nil, err
	}
	readme, err := readme(filepath.Join(root, "charts", "plimsoll"), chart.Version())
	if err != nil {
		return nil, err
	}
	files["charts/plimsoll/README.md"] = readme
	return files, nil
}

func write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func run() error {
	binary := os.Getenv("PLIMSOLL_BIN")
	if binary == "" {
		binary = filepath.Join(root, "build", "release", "plimsoll")
	}
	files, err := prefilters(binary)
	if err == nil {
		files[scanRulesFile], err = scanRules()
	}
	if err == nil {
		err = write(files) // the chart is rendered with them
	}
	if err != nil {
		return err
	}
	if files, err = generated(); err != nil {
		return err
	}
	return write(files)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(2)
	}
}
