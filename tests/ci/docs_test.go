package ci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func page(t *testing.T) string {
	t.Helper()
	return read(t, filepath.Join(root, "docs/ci.md"))
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```\n")

// blocks are the blocks of code in a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, match := range fence.FindAllStringSubmatch(page(t), -1) {
		if match[1] == language {
			all = append(all, match[2])
		}
	}
	if len(all) == 0 {
		t.Fatalf("docs/ci.md has no block of %s", language)
	}
	return all
}

// blocksOf are the YAML blocks that begin with the comment.
func blocksOf(t *testing.T, comment string) []string {
	t.Helper()
	all := slices.DeleteFunc(blocks(t, "yaml"), func(block string) bool { return !strings.HasPrefix(block, comment+"\n") })
	if len(all) == 0 {
		t.Fatalf("docs/ci.md has no block that begins with %s", comment)
	}
	return all
}

// transcript runs the commands of a block and gives the block with what they print now.
func transcript(t *testing.T, folder string, path map[string]string, block string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(block) {
		shell, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		got := command(t, folder, path, "bash", "-c", "exec 2>&1\n"+shell)
		out.WriteString(line + got.stdout)
	}
	return out.String()
}

func TestDocsShowWhatCommandsPrint(t *testing.T) {
	folder := workspace(t)
	// `kubectl plimsoll` is there once an example has made its link.
	path := map[string]string{"PATH": filepath.Join(folder, "bin") + ":" + bin + ":/usr/bin:/bin"}
	text := page(t)
	now := fence.ReplaceAllStringFunc(text, func(match string) string {
		parts := fence.FindStringSubmatch(match)
		if parts[1] != "console" {
			return match
		}
		is := transcript(t, folder, path, parts[2])
		if is != parts[2] && !update {
			t.Errorf("docs/ci.md shows\n%s\nwhere there is\n%s\n`PLIMSOLL_UPDATE=1 scripts/test ci` rewrites it", parts[2], is)
		}
		return "```console\n" + is + "```\n"
	})
	if update {
		write(t, filepath.Join(root, "docs/ci.md"), now)
	}
}

func TestDocsShowCommandsThatRun(t *testing.T) {
	for _, block := range blocks(t, "sh") {
		folder := workspace(t)
		log := filepath.Join(t.TempDir(), "docker")
		got := command(t, folder, map[string]string{"DOCKER_LOG": log}, "bash", "-e", "-c", block)
		expectStatus(t, got, 0)
		expect(t, "the report", got.stdout, "examples/debug.yaml")
		if strings.Contains(block, "docker run") && !exists(log) {
			t.Error("no container was started")
		}
	}
}

func TestDocsShowAWorkflowThatRuns(t *testing.T) {
	for _, block := range blocksOf(t, "# .github/workflows/manifests.yaml") {
		file := filepath.Join(t.TempDir(), "manifests.yaml")
		write(t, file, block)
		expectStatus(t, judge(t, "workflow", file), 0)
		workflow := decode[struct {
			Jobs map[string]struct {
				Steps []struct {
					ID, Uses string
					With     map[string]string
				}
			}
		}](t, block)
		steps := workflow.Jobs["plimsoll"].Steps
		own := slices.IndexFunc(steps, func(step struct {
			ID, Uses string
			With     map[string]string
		}) bool {
			return strings.Contains(step.Uses, "/plimsoll@")
		})
		if own < 0 {
			t.Fatal("no step uses the action")
		}
		got := runAction(t, workspace(t), steps[own].With)
		expectStatus(t, got.ran, 1)
		for _, name := range regexp.MustCompile(`steps\.plimsoll\.outputs\.(\w+)`).FindAllStringSubmatch(block, -1) {
			if got.outputs[name[1]] == "" {
				t.Errorf("the action has no output %s", name[1])
			}
		}
	}
}

func TestDocsShowAJobThatRuns(t *testing.T) {
	for _, block := range blocksOf(t, "# .gitlab-ci.yml") {
		file := filepath.Join(t.TempDir(), "gitlab-ci.yml")
		write(t, file, block)
		expectStatus(t, judge(t, "gitlab", file), 0)
		pipeline := decode[struct {
			Include   []struct{ Project, Ref, File string }
			Manifests gitlabJob
		}](t, block)
		if len(pipeline.Include) != 1 || !exists(filepath.Join(root, pipeline.Include[0].File)) {
			t.Errorf("it includes %+v", pipeline.Include)
		}
		if pipeline.Manifests.Extends != ".plimsoll" {
			t.Errorf("it extends %q", pipeline.Manifests.Extends)
		}
		for name := range pipeline.Manifests.Variables {
			expect(t, "the job", read(t, filepath.Join(root, "scripts/ci/gitlab.yml")), "$"+name)
		}
		expectStatus(t, runJob(t, workspace(t), pipeline.Manifests.Variables), 1)
	}
}

func TestDocsShowHooksThatRun(t *testing.T) {
	repo, rev := hooks(t)
	for _, block := range blocksOf(t, "# .pre-commit-config.yaml") {
		file := filepath.Join(t.TempDir(), ".pre-commit-config.yaml")
		write(t, file, block)
		expectStatus(t, judge(t, "hook config", file), 0)
		block = strings.NewReplacer("https://github.com/YOUR-ORGANISATION/plimsoll", repo, "rev: v0.1.0", "rev: "+rev).Replace(block)
		folder := workspace(t)
		if err := os.RemoveAll(filepath.Join(folder, "shop")); err != nil {
			t.Fatal(err)
		}
		commit(t, folder)
		got := preCommit(t, folder, block)
		expectStatus(t, got, 1)
		expect(t, "the output", got.stdout, "plimsoll check", "exit code: 1", "examples/debug.yaml")
	}
}

// A block of YAML that says nothing of a file is part of a pod, whose findings it accepts.
func TestDocsShowIgnoreCommentsThatCount(t *testing.T) {
	seen := 0
	for _, block := range blocks(t, "yaml") {
		if strings.HasPrefix(block, "# .") {
			continue
		}
		seen++
		file := filepath.Join(t.TempDir(), "pod.yaml")
		pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a}]\n"
		write(t, file, pod+regexp.MustCompile(`(?m)^`).ReplaceAllString(strings.TrimSuffix(block, "\n"), "  ")+"\n")
		got := command(t, t.TempDir(), nil, "plimsoll", "check", file, "-t", "baseline", "-o", "json")
		expectStatus(t, got, 0)
		var report struct {
			Resources []struct {
				Accepted []struct{ Check, Reason string }
			}
		}
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Resources) != 1 || len(report.Resources[0].Accepted) != 1 {
			t.Errorf("accepted: %+v", report.Resources)
		}
	}
	if seen == 0 {
		t.Error("docs/ci.md shows no ignore comment")
	}
}

func TestDocsNameEveryFormat(t *testing.T) {
	help := command(t, t.TempDir(), nil, "plimsoll", "check", "--help").stdout
	listed := regexp.MustCompile(`FORMAT=FILE\s+\(([a-z,\s]+)\)`).FindStringSubmatch(help)
	if listed == nil {
		t.Fatalf("the help lists no formats:\n%s", help)
	}
	formats := strings.FieldsFunc(listed[1], func(r rune) bool { return r < 'a' || r > 'z' })
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(page(t), -1) {
		named = append(named, row[1])
	}
	slices.Sort(named)
	if !slices.Equal(formats, named) {
		t.Errorf("docs/ci.md names %v, there are %v", named, formats)
	}
}

func TestDocsLinkWhatThereIs(t *testing.T) {
	text := page(t)
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		target := link[1]
		if anchor, ok := strings.CutPrefix(target, "#"); ok {
			heading := regexp.MustCompile(`(?mi)^## ` + strings.ReplaceAll(anchor, "-", "[ -]") + `$`)
			if !heading.MatchString(text) {
				t.Errorf("no heading for %s", target)
			}
		} else if !exists(filepath.Join(root, "docs", target)) {
			t.Errorf("no file for %s", target)
		}
	}
}
