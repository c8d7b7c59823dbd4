package ci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// action is what of action.yml is run.
type action struct {
	Inputs map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Shell, Run string
			Folder         string `yaml:"working-directory"`
			Env            map[string]string
		}
	}
}

func theAction(t *testing.T) action {
	t.Helper()
	return decode[action](t, read(t, filepath.Join(root, "action.yml")))
}

// job is what a run of the action has left.
type job struct {
	ran
	outputs map[string]string // of the action
	summary string
}

var expression = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)

// runAction does as GitHub's runner: it evaluates the inputs, runs the steps until one fails, and evaluates the outputs.
func runAction(t *testing.T, workspace string, with map[string]string) job {
	t.Helper()
	a := theAction(t)
	known := map[string]string{}
	for name, input := range a.Inputs {
		known["inputs."+name] = input.Default
	}
	for name, value := range with {
		if _, ok := a.Inputs[name]; !ok {
			t.Fatalf("the action has no input %q", name)
		}
		known["inputs."+name] = value
	}
	evaluate := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(match string) string {
			name := expression.FindStringSubmatch(match)[1]
			value, ok := known[name]
			if !ok && !strings.HasPrefix(name, "steps.") {
				t.Fatalf("nothing is called %s", name)
			}
			return value
		})
	}
	runner := t.TempDir()
	result := job{outputs: map[string]string{}}
	for _, step := range a.Runs.Steps {
		if step.Shell != "bash" {
			t.Fatalf("step %s: shell %q", step.ID, step.Shell)
		}
		variables := map[string]string{
			"GITHUB_ACTION_PATH":  root,
			"GITHUB_WORKSPACE":    workspace,
			"GITHUB_OUTPUT":       filepath.Join(runner, "output"),
			"GITHUB_STEP_SUMMARY": filepath.Join(runner, "summary"),
			"RUNNER_TEMP":         runner,
			"DOCKER_LOG":          filepath.Join(runner, "docker"),
		}
		write(t, variables["GITHUB_OUTPUT"], "")
		for name, value := range step.Env {
			variables[name] = evaluate(value)
		}
		script := filepath.Join(runner, "step.sh")
		write(t, script, evaluate(step.Run))
		folder := filepath.Join(workspace, evaluate(step.Folder))
		result.ran = command(t, folder, variables, "bash", "--noprofile", "--norc", "-eo", "pipefail", script)
		for _, line := range strings.Split(strings.TrimSpace(read(t, variables["GITHUB_OUTPUT"])), "\n") {
			if name, value, ok := strings.Cut(line, "="); ok {
				known["steps."+step.ID+".outputs."+name] = value
			}
		}
		if data, err := os.ReadFile(variables["GITHUB_STEP_SUMMARY"]); err == nil {
			result.summary += string(data)
		}
		if exists(variables["DOCKER_LOG"]) {
			result.stdout += read(t, variables["DOCKER_LOG"])
		}
		left, err := filepath.Glob(filepath.Join(runner, "plimsoll.*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		if result.status != 0 {
			break
		}
	}
	for name, output := range a.Outputs {
		result.outputs[name] = evaluate(output.Value)
	}
	return result
}

func (j job) expectOutputs(t *testing.T, status, sarif string) {
	t.Helper()
	if got := j.outputs["status"]; got != status {
		t.Errorf("output status is %q, want %q", got, status)
	}
	if got := j.outputs["sarif"]; got != sarif {
		t.Errorf("output sarif is %q, want %q", got, sarif)
	}
}

// sarifResults counts the results in a SARIF file.
func sarifResults(t *testing.T, path string) int {
	t.Helper()
	var log struct {
		Version string
		Runs    []struct{ Results []json.RawMessage }
	}
	if err := json.Unmarshal([]byte(read(t, path)), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("%s is no SARIF log of one run", path)
	}
	return len(log.Runs[0].Results)
}

func TestActionHandsEveryInputToTheScript(t *testing.T) {
	a := theAction(t)
	step := a.Runs.Steps[0]
	used := step.Folder
	for _, value := range step.Env {
		used += value
	}
	for name := range a.Inputs {
		expect(t, "the step", used, "${{ inputs."+name+" }}")
	}
	if expression.MatchString(step.Run) {
		t.Errorf("the script is put together from inputs: %s", step.Run)
	}
	script := read(t, filepath.Join(root, "scripts/ci/github"))
	for name := range step.Env {
		expect(t, "the script", script, "${"+name+":-")
	}
}

func TestActionTellsWhatItFinds(t *testing.T) {
	folder := workspace(t)
	got := runAction(t, folder, map[string]string{"paths": "examples"})
	expectStatus(t, got.ran, 1)
	expect(t, "the log", got.stdout, "::error ", "file=examples/debug.yaml,line=")
	expect(t, "the summary", got.summary, "privileged", "examples/debug.yaml")
	sarif := filepath.Join(folder, "plimsoll.sarif")
	got.expectOutputs(t, "1", sarif)
	if count := sarifResults(t, sarif); count < 6 {
		t.Errorf("only %d results", count)
	}
}

func TestActionPassesWhatIsGood(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "good.yaml"), passing)
	got := runAction(t, folder, nil)
	expectStatus(t, got.ran, 0)
	sarif := filepath.Join(folder, "plimsoll.sarif")
	got.expectOutputs(t, "0", sarif)
	if count := sarifResults(t, sarif); count != 0 {
		t.Errorf("%d results", count)
	}
	if strings.Contains(got.stdout, "::error") || got.summary == "" {
		t.Errorf("log %q, summary %q", got.stdout, got.summary)
	}
}

func TestActionFailsWhenItCannotBeDone(t *testing.T) {
	folder := t.TempDir()
	// Of an earlier run.
	write(t, filepath.Join(folder, "plimsoll.sarif"), "{}")
	got := runAction(t, folder, map[string]string{"paths": "missing.yaml"})
	expectStatus(t, got.ran, 2)
	expect(t, "stderr", got.stderr, "missing.yaml")
	if got.outputs["status"] != "2" {
		t.Errorf("output status is %q", got.outputs["status"])
	}
	if path := got.outputs["sarif"]; path != "" && sarifResults(t, path) != 0 {
		t.Error("results of nothing")
	}

	got = runAction(t, folder, map[string]string{"template": "nosuch"})
	expectStatus(t, got.ran, 2)
	expect(t, "stderr", got.stderr, "nosuch")
	got.expectOutputs(t, "2", "")

	got = runAction(t, folder, map[string]string{"binary": "./nosuch"})
	expectStatus(t, got.ran, 127)
	got.expectOutputs(t, "127", "")
}

// Annotations and code scanning know files by their paths in the repository, wherever the step works.
func TestActionNamesFilesAsTheRepositoryDoes(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "sub/debug.yaml"), read(t, filepath.Join(root, "examples/debug.yaml")))
	job := runAction(t, folder, map[string]string{"working-directory": "sub"})
	expectStatus(t, job.ran, 1)
	if !strings.Contains(job.stdout, "::error file=sub/debug.yaml,") {
		t.Errorf("no annotation of sub/debug.yaml:\n%s", job.stdout)
	}
	if !strings.Contains(read(t, job.outputs["sarif"]), `"uri":"sub/debug.yaml"`) {
		t.Error("code scanning would not find sub/debug.yaml")
	}
}

// The runner looks for its commands in the middle of lines as well.
func TestActionSaysNoCommandOfAFile(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "##[stop-commands]x.yaml"), "a: [\n")
	job := runAction(t, folder, nil)
	expectStatus(t, job.ran, 2)
	if strings.Contains(job.stderr, "##[") || !strings.Contains(job.stderr, "stop-commands") {
		t.Errorf("stderr: %s", job.stderr)
	}
}

func TestActionTakesEachInput(t *testing.T) {
	folder := workspace(t)
	write(t, filepath.Join(folder, "own.yaml"), `apiVersion: plimsoll.dev/v1alpha1
kind: SecurityTemplate
metadata: {name: own}
spec:
  rules:
  - check: privileged
`)
	write(t, filepath.Join(folder, "with space/good.yaml"), passing)
	write(t, filepath.Join(folder, "service.yaml"), "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n")
	write(t, filepath.Join(folder, "places.yaml"), "example.com/Widget: spec.template\n")
	write(t, filepath.Join(folder, "widget.yaml"), "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec:\n  template:\n    "+
		strings.ReplaceAll(passing[strings.Index(passing, "spec:"):], "\n", "\n    "))
	known := command(t, folder, nil, "plimsoll", "check", "examples", "--write-baseline", "known.json")
	expectStatus(t, known, 0)
	for _, row := range []struct {
		name   string
		with   map[string]string
		status int
	}{
		{"paths, a line each", map[string]string{"paths": "with space\n\n  examples/web.yaml  \n"}, 1},
		{"a path with a space", map[string]string{"paths": "with space"}, 0},
		{"template", map[string]string{"paths": "examples/web.yaml", "template": "baseline@v1.30"}, 0},
		{"templates", map[string]string{"paths": "examples/web.yaml", "templates": "own.yaml", "template": "own"}, 0},
		{"exclude, a line each", map[string]string{"paths": "examples\nwith space", "exclude": "debug.yaml\nweb.*", "template": "baseline"}, 2},
		{"exclude one", map[string]string{"paths": "examples\nwith space", "exclude": "debug.yaml", "template": "baseline"}, 0},
		{"baseline", map[string]string{"paths": "examples", "baseline": "known.json"}, 0},
		{"skipped", map[string]string{"paths": "service.yaml"}, 0},
		{"fail-on-skipped", map[string]string{"paths": "service.yaml", "fail-on-skipped": "true"}, 1},
		{"a kind that is not known", map[string]string{"paths": "widget.yaml", "fail-on-skipped": "true"}, 1},
		{"pod-templates", map[string]string{"paths": "widget.yaml", "fail-on-skipped": "true", "pod-templates": "places.yaml"}, 0},
		{"working-directory", map[string]string{"working-directory": "with space"}, 0},
		{"binary", map[string]string{"paths": "with space", "binary": filepath.Join(bin, "plimsoll")}, 0},
	} {
		t.Run(row.name, func(t *testing.T) { expectStatus(t, runAction(t, folder, row.with).ran, row.status) })
	}
}

func TestActionWritesFurtherReports(t *testing.T) {
	folder := workspace(t)
	got := runAction(t, folder, map[string]string{"paths": "examples", "sarif": "", "outputs": "json=out.json\nmarkdown=comment.md"})
	got.expectOutputs(t, "1", "")
	if exists(filepath.Join(folder, "plimsoll.sarif")) {
		t.Error("a SARIF file that nobody asked for")
	}
	if !json.Valid([]byte(read(t, filepath.Join(folder, "out.json")))) {
		t.Error("out.json is no JSON")
	}
	expect(t, "comment.md", read(t, filepath.Join(folder, "comment.md")), "privileged")
}

func TestActionRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, value := range map[string]string{"fail-on-skipped": "yes", "outputs": "json=", "sarif": "a\nb"} {
		got := runAction(t, workspace(t), map[string]string{name: value})
		expectStatus(t, got.ran, 2)
		expect(t, "the log", got.stdout, "::error::", name)
	}
	folder := workspace(t)
	got := runAction(t, folder, map[string]string{"paths": "examples", "outputs": "  json=o.json \n\n"})
	expectStatus(t, got.ran, 1)
	if !exists(filepath.Join(folder, "o.json")) {
		t.Error("a line of outputs is not trimmed")
	}
}

// A pull request brings files, links and folders of any name.
func TestActionWritesOverNothingOfTheCheckout(t *testing.T) {
	folder := workspace(t)
	manifest := filepath.Join(folder, "sub/debug.yaml")
	write(t, manifest, read(t, filepath.Join(root, "examples/debug.yaml")))
	got := runAction(t, folder, map[string]string{"paths": "sub", "sarif": "sub/debug.yaml"})
	expectStatus(t, got.ran, 2)
	got.expectOutputs(t, "2", "")
	if read(t, manifest) != read(t, filepath.Join(root, "examples/debug.yaml")) {
		t.Error("the manifest is lost")
	}

	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, "mine")
	for _, name := range []string{"comment.md", "out.json"} {
		if err := os.Symlink(outside, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	got = runAction(t, folder, map[string]string{"paths": "examples", "outputs": "markdown=comment.md\njson=out.json"})
	expectStatus(t, got.ran, 1)
	if read(t, outside) != "mine" {
		t.Error("a link was followed")
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(folder, "linked")); err != nil {
		t.Fatal(err)
	}
	got = runAction(t, folder, map[string]string{"template": "nosuch", "outputs": "markdown=linked/outside"})
	expectStatus(t, got.ran, 2)
	expect(t, "the log", got.stdout, "::error::", "outside of the workspace")
	if read(t, outside) != "mine" {
		t.Error("a link of a folder was followed")
	}
	if err := os.Mkdir(filepath.Join(folder, "folder.md"), 0o755); err != nil {
		t.Fatal(err)
	}
	got = runAction(t, folder, map[string]string{"paths": "examples", "sarif": "", "outputs": "markdown=folder.md"})
	expectStatus(t, got.ran, 2)
	got.expectOutputs(t, "2", "")
	write(t, filepath.Join(folder, "comment.md"), "of the checkout")
	runAction(t, folder, map[string]string{"template": "nosuch", "outputs": "markdown=comment.md"})
	if exists(filepath.Join(folder, "comment.md")) {
		t.Error("the comment of nobody knows whom would be posted")
	}

	if err := os.MkdirAll(filepath.Join(folder, "x\nstatus=0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("x\nstatus=0", filepath.Join(folder, "reports")); err != nil {
		t.Fatal(err)
	}
	got = runAction(t, folder, map[string]string{"paths": "examples", "sarif": "reports/p.sarif"})
	expectStatus(t, got.ran, 2)
	got.expectOutputs(t, "", "")
}

// Inputs may come from a pull request, such as its title or the names of its files.
func TestActionRunsNoInput(t *testing.T) {
	for _, hostile := range []string{"$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "\"; touch pwned; \"", "x\ntouch pwned", "--output=text=pwned"} {
		for name := range theAction(t).Inputs {
			if name == "binary" || name == "working-directory" || name == "outputs" {
				continue // a program, a folder and files of the workflow's choice
			}
			folder := t.TempDir()
			write(t, filepath.Join(folder, "good.yaml"), passing)
			runAction(t, folder, map[string]string{name: hostile})
			if exists(filepath.Join(folder, "pwned")) {
				t.Errorf("%s: %q was run", name, hostile)
			}
		}
	}
}

func TestActionRunsAnImage(t *testing.T) {
	folder := workspace(t)
	write(t, filepath.Join(folder, "sub/good.yaml"), passing)
	got := runAction(t, folder, map[string]string{
		"image": "YOUR-REGISTRY/plimsoll:0.1.0", "paths": "examples/web.yaml", "working-directory": "sub", "sarif": "../found.sarif",
	})
	expectStatus(t, got.ran, 2) // sub/ holds no examples

	got = runAction(t, folder, map[string]string{"image": "YOUR-REGISTRY/plimsoll:0.1.0", "working-directory": "sub"})
	expectStatus(t, got.ran, 0)
	got.expectOutputs(t, "0", filepath.Join(folder, "sub/plimsoll.sarif"))

	got = runAction(t, folder, map[string]string{"image": "YOUR-REGISTRY/plimsoll:0.1.0", "paths": "examples/debug.yaml"})
	expectStatus(t, got.ran, 1)
	got.expectOutputs(t, "1", filepath.Join(folder, "plimsoll.sarif"))
	expect(t, "the summary", got.summary, "privileged")
	expect(t, "docker's arguments", got.stdout, "--rm\n", "--network\nnone\n", "--read-only\n", "--cap-drop\nALL\n",
		"--security-opt\nno-new-privileges\n", "--volume\n"+folder+":"+folder+"\n", "--workdir\n"+folder+"\n")
	if strings.Contains(got.stdout, "--privileged") {
		t.Error("privileged")
	}

	expectStatus(t, runAction(t, folder, map[string]string{"image": "nosuch"}).ran, 125)
}
