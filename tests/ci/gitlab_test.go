package ci

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

type gitlabJob struct {
	Extends   string
	Image     string
	Variables map[string]string
	Script    []string
	Artifacts struct {
		When    string
		Reports map[string]string
	}
}

func hiddenJob(t *testing.T) gitlabJob {
	t.Helper()
	return decode[map[string]gitlabJob](t, read(t, filepath.Join(root, "scripts/ci/gitlab.yml")))[".plimsoll"]
}

// runJob does as GitLab's runner: the script's lines are one script of sh, which ends at the first that fails.
func runJob(t *testing.T, folder string, variables map[string]string) ran {
	t.Helper()
	job := hiddenJob(t)
	all := maps.Clone(job.Variables)
	maps.Copy(all, variables)
	return command(t, folder, all, "sh", "-e", "-c", strings.Join(job.Script, "\n"))
}

func TestJobLeavesItsReports(t *testing.T) {
	folder := workspace(t)
	expectStatus(t, runJob(t, folder, map[string]string{"PLIMSOLL_PATHS": "examples"}), 1)
	job := hiddenJob(t)
	if job.Artifacts.When != "always" {
		t.Errorf("reports of a job that fails are lost: when: %s", job.Artifacts.When)
	}
	var issues []struct {
		Description, Fingerprint, Severity string
		CheckName                          string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(folder, job.Artifacts.Reports["codequality"]))), &issues); err != nil {
		t.Fatal(err)
	}
	if len(issues) < 6 {
		t.Errorf("only %d issues", len(issues))
	}
	for _, issue := range issues {
		if issue.Description == "" || issue.Fingerprint == "" || issue.CheckName == "" || issue.Location.Path == "" || issue.Location.Lines.Begin == 0 {
			t.Errorf("incomplete: %+v", issue)
		}
	}
	var suites struct{ XMLName xml.Name }
	if err := xml.Unmarshal([]byte(read(t, filepath.Join(folder, job.Artifacts.Reports["junit"]))), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.XMLName.Local != "testsuites" {
		t.Errorf("junit begins with %s", suites.XMLName.Local)
	}
}

func TestJobTakesItsVariables(t *testing.T) {
	folder := workspace(t)
	write(t, filepath.Join(folder, "odd.yaml"), read(t, filepath.Join(root, "examples/debug.yaml")))
	for _, row := range []struct {
		name      string
		variables map[string]string
		status    int
	}{
		{"several paths", map[string]string{"PLIMSOLL_PATHS": "examples overlay/agent.yaml"}, 1},
		{"template", map[string]string{"PLIMSOLL_PATHS": "examples/web.yaml", "PLIMSOLL_TEMPLATE": "baseline"}, 0},
		{"options", map[string]string{"PLIMSOLL_PATHS": "examples", "PLIMSOLL_TEMPLATE": "baseline", "PLIMSOLL_OPTIONS": "--exclude=debug.yaml --fail-on-skipped"}, 0},
		// The shell would make a path of a file that matches.
		{"a glob", map[string]string{"PLIMSOLL_PATHS": "odd.yaml", "PLIMSOLL_OPTIONS": "--exclude o*"}, 0},
		{"a wrong option", map[string]string{"PLIMSOLL_OPTIONS": "--nosuch"}, 2},
	} {
		t.Run(row.name, func(t *testing.T) { expectStatus(t, runJob(t, folder, row.variables), row.status) })
	}
}
