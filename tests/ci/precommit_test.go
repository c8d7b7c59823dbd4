package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// git runs git as nobody in particular.
func git(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	arguments = append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"}, arguments...)
	got := command(t, folder, nil, "git", arguments...)
	expectStatus(t, got, 0)
	return strings.TrimSpace(got.stdout)
}

// hooks is a repository that holds the hooks, at a commit.
func hooks(t *testing.T) (folder, commit string) {
	t.Helper()
	folder = t.TempDir()
	write(t, filepath.Join(folder, ".pre-commit-hooks.yaml"), read(t, filepath.Join(root, ".pre-commit-hooks.yaml")))
	git(t, folder, "init", "-q")
	git(t, folder, "add", "-A")
	git(t, folder, "commit", "-q", "-m", "Hooks")
	return folder, git(t, folder, "rev-parse", "HEAD")
}

// commit makes a repository of the folder, with all its files committed.
func commit(t *testing.T, folder string) {
	t.Helper()
	git(t, folder, "init", "-q")
	git(t, folder, "add", "-A")
	git(t, folder, "commit", "-q", "-m", "Files")
}

// preCommit runs the hooks of a configuration on all files.
func preCommit(t *testing.T, folder, config string, more ...string) ran {
	t.Helper()
	write(t, filepath.Join(folder, ".pre-commit-config.yaml"), config)
	git(t, folder, "add", "-A")
	variables := map[string]string{"PRE_COMMIT_HOME": t.TempDir(), "DOCKER_LOG": filepath.Join(t.TempDir(), "docker")}
	return command(t, folder, variables, "pre-commit", append([]string{"run", "--all-files", "--verbose", "--color=never"}, more...)...)
}

func config(repo, rev, hooks string) string {
	return "repos:\n- repo: " + repo + "\n  rev: " + rev + "\n  hooks:\n" + hooks
}

func TestHookChecksWhatIsCommitted(t *testing.T) {
	repo, rev := hooks(t)
	folder := workspace(t)
	write(t, filepath.Join(folder, "notes.md"), "no manifest\n")
	commit(t, folder)
	got := preCommit(t, folder, config(repo, rev, "  - id: plimsoll-check\n    exclude: ^shop/\n"))
	expectStatus(t, got, 1)
	expect(t, "the output", got.stdout, "plimsoll check", "Failed", "exit code: 1", "examples/debug.yaml", "[privileged")

	// Its own files are YAML too, and no manifests.
	got = preCommit(t, folder, config(repo, rev, "  - id: plimsoll-check\n    exclude: ^(shop|examples|overlay)/\n"))
	expectStatus(t, got, 0)
	expect(t, "the output", got.stdout, "plimsoll check", "Passed")

	got = preCommit(t, folder, config(repo, rev, "  - id: plimsoll-check\n    args: [--template=baseline]\n    files: web.yaml$\n"))
	expectStatus(t, got, 0)
}

func TestHookSaysWhatCannotBeRead(t *testing.T) {
	repo, rev := hooks(t)
	folder := workspace(t)
	commit(t, folder)
	got := preCommit(t, folder, config(repo, rev, "  - id: plimsoll-check\n"))
	expectStatus(t, got, 1)
	expect(t, "the output", got.stdout, "exit code: 2", "shop/templates/cart.yaml", "helm template")
}

func TestHookFixesWhatIsSafe(t *testing.T) {
	repo, rev := hooks(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "web.yaml")
	write(t, file, strings.Replace(passing, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true  # mine", 1))
	commit(t, folder)
	both := config(repo, rev, "  - id: plimsoll-fix\n  - id: plimsoll-check\n")
	got := preCommit(t, folder, both)
	expectStatus(t, got, 1)
	expect(t, "the output", got.stdout, "plimsoll fix", "files were modified by this hook")
	if want := strings.Replace(passing, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: false  # mine", 1); read(t, file) != want {
		t.Errorf("the file is now\n%s", read(t, file))
	}
	expectStatus(t, preCommit(t, folder, both), 0)
}

func TestHooksAreFoundByWhoTriesThem(t *testing.T) {
	repo, rev := hooks(t)
	folder := t.TempDir()
	write(t, filepath.Join(folder, "good.yaml"), passing)
	commit(t, folder)
	home := t.TempDir()
	for _, id := range []string{"plimsoll-check", "plimsoll-fix"} {
		got := command(t, folder, map[string]string{"PRE_COMMIT_HOME": home}, "pre-commit", "try-repo", repo, id, "--ref", rev, "--all-files", "--color=never")
		expectStatus(t, got, 0)
		expect(t, "the output", got.stdout, "Passed")
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 2 {
		t.Errorf("left in the repository: %v %v", entries, err)
	}
}
