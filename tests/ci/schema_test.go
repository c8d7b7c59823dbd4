package ci

import (
	"path/filepath"
	"strings"
	"testing"
)

var schemas = map[string][]string{
	"action":      {"check-jsonschema", "--builtin-schema", "vendor.github-actions"},
	"workflow":    {"check-jsonschema", "--builtin-schema", "vendor.github-workflows"},
	"gitlab":      {"check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"},
	"hooks":       {"pre-commit", "validate-manifest"},
	"hook config": {"pre-commit", "validate-config"},
}

func judge(t *testing.T, schema, file string) ran {
	t.Helper()
	words := append(append([]string{}, schemas[schema]...), file)
	return command(t, t.TempDir(), nil, words[0], words[1:]...)
}

func TestFilesHoldToTheirSchemas(t *testing.T) {
	for file, row := range map[string]struct{ schema, good, bad string }{
		"action.yml":             {"action", "using: composite", "using: composition"},
		"scripts/ci/gitlab.yml":  {"gitlab", "when: always", "when: ever"},
		".pre-commit-hooks.yaml": {"hooks", "language: system", "language: c++"},
	} {
		t.Run(file, func(t *testing.T) {
			// The schema does not look at hidden jobs.
			text := strings.Replace(read(t, filepath.Join(root, file)), "\n.plimsoll:", "\nplimsoll:", 1)
			path := filepath.Join(t.TempDir(), filepath.Base(file))
			write(t, path, text)
			expectStatus(t, judge(t, row.schema, path), 0)

			// It sees what is wrong.
			broken := strings.ReplaceAll(text, row.good, row.bad)
			if broken == text {
				t.Fatalf("%s has no %q", file, row.good)
			}
			write(t, path, broken)
			if judge(t, row.schema, path).status == 0 {
				t.Errorf("%q passes", row.bad)
			}
		})
	}
}
