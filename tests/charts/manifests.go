package main

import (
	"fmt"
	"regexp"
	"strings"
)

// plain are the manifests of deploy/: a file, what it is for, and its values.
var plain = []struct{ name, about, values string }{
	{"opt-in", "Pods are judged where a namespace asks for it with a label.", ``},
	{"cluster", "Pods are judged everywhere but in kube-system, kube-node-lease and plimsoll.", `scope: cluster`},
	{"dry-run", "Pods are judged everywhere, and nothing is denied.", `{scope: cluster, dryRun: true}`},
	{"no-permissions", "Pods are judged where a namespace asks for it with a label. Plimsoll has no right and no token;\n" +
		"# cert-manager gives it certificates.", `{apiAccess: false, certificates: {mode: certManager}}`},
}

const namespaceManifest = `apiVersion: v1
kind: Namespace
metadata:
  name: plimsoll
  labels:
    app.kubernetes.io/name: plimsoll
`

// What only Helm has a use for.
var helmOnly = regexp.MustCompile(`(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n`)

// manifests renders deploy/.
func manifests(chart renderer) (map[string]string, error) {
	files := map[string]string{}
	for _, p := range plain {
		release, err := render(chart, "plimsoll", "plimsoll", p.values)
		if err != nil {
			return nil, fmt.Errorf("deploy/%s.yaml: %w", p.name, err)
		}
		var out strings.Builder
		fmt.Fprintf(&out, "# %s\n# Written by `go -C tests/charts run .` from charts/plimsoll.\n%s", p.about, namespaceManifest)
		for _, d := range release.Documents {
			out.WriteString("---\n" + helmOnly.ReplaceAllString(d.Text, ""))
		}
		files["deploy/"+p.name+".yaml"] = out.String()
	}
	return files, nil
}
