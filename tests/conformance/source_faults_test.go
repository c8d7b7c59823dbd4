package conformance

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// sourceFault is one mistake in Plimsoll's own source: an edit of a file.
type sourceFault struct {
	Mistake string `json:"mistake"`
	File    string `json:"file"` // from the root of the repository
	Old     string `json:"old"`  // must stand there exactly once; white space counts for nothing
	New     string `json:"new"`

	list string // the file of faults/ that it stands in
}

func (f sourceFault) name() string { return strings.TrimSuffix(f.list, ".yaml") + " " + f.Mistake }

// judged says whether upstream knows the check: the random pods must then find the mistake. Of what
// it does not know, the checks' own tables must.
func (f sourceFault) judged() bool {
	_, known := aliases[strings.ReplaceAll(strings.TrimSuffix(f.list, ".yaml"), "_", "-")]
	return known || f.list == "shared.yaml"
}

// plant returns the text with the mistake in it. How the source is laid out does not matter, so that
// formatting it leaves the edits as they are.
func (f sourceFault) plant(text []byte) ([]byte, error) {
	old, _ := withoutSpace([]byte(f.Old))
	bare, origin := withoutSpace(text)
	if n := bytes.Count(bare, old); n != 1 || len(old) == 0 {
		return nil, fmt.Errorf("%s: stands %d times in %s, want once:\n%s", f.name(), n, f.File, f.Old)
	}
	at := bytes.Index(bare, old)
	begin, end := origin[at], origin[at+len(old)-1]+1
	planted := slices.Concat(text[:begin], []byte(strings.TrimSpace(f.New)), text[end:])
	if bytes.Equal(planted, text) {
		return nil, fmt.Errorf("%s: changes nothing in %s", f.name(), f.File)
	}
	return planted, nil
}

// withoutSpace returns the text without white space, and where each byte of it stood.
func withoutSpace(text []byte) (bare []byte, origin []int) {
	for i, char := range text {
		if !strings.ContainsRune(" \t\r\n", rune(char)) {
			bare, origin = append(bare, char), append(origin, i)
		}
	}
	return bare, origin
}

func sourceFaults(t *testing.T) []sourceFault {
	t.Helper()
	lists, err := filepath.Glob("faults/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []sourceFault
	for _, path := range lists {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var faults []sourceFault
		if err := yaml.UnmarshalStrict(text, &faults); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, f := range faults {
			f.list = filepath.Base(path)
			all = append(all, f)
		}
	}
	return all
}

// TestSourceFaults holds the edits of faults/ to the source as it is: each must still fit, and each
// check must have two. With PLIMSOLL_FAULTS=1 it also makes each of them in a copy of the tree, builds
// that, and requires the random pods to find it out, or the checks' tables where upstream is no judge.
func TestSourceFaults(t *testing.T) {
	const root = "../.."
	all := sourceFaults(t)
	count, seen := map[string]int{}, map[string]bool{}
	for _, f := range all {
		count[f.list]++
		if seen[f.name()] {
			t.Errorf("%s: stands there twice", f.name())
		}
		seen[f.name()] = true
		text, err := os.ReadFile(filepath.Join(root, f.File))
		if err == nil {
			_, err = f.plant(text)
		}
		if err != nil {
			t.Error(err)
		}
	}
	checks, err := filepath.Glob(filepath.Join(root, "src/checks/*.cc"))
	if err != nil || len(checks) == 0 {
		t.Errorf("no checks are found: %v", err)
	}
	for _, path := range checks {
		if list := strings.TrimSuffix(filepath.Base(path), ".cc") + ".yaml"; count[list] < 2 {
			t.Errorf("%d faults in faults/%s, want two or more", count[list], list)
		}
	}
	t.Logf("%d edits of the source fit", len(all))
	if t.Failed() || os.Getenv("PLIMSOLL_FAULTS") != "1" {
		return
	}

	copied := copyTree(t, root)
	began := time.Now()
	binary, tables := buildTree(t, copied, "plimsoll"), buildTree(t, copied, "tests/checks_test")
	t.Logf("the copy is built in %.0f s", time.Since(began).Seconds())
	if result := compareBinary(t, binary, 2000); result.differing > 0 {
		t.Fatalf("without a fault: %s\n%s", result, result.differences[0])
	}
	if failed := failingTable(t, tables); failed != "" {
		t.Fatalf("without a fault: %s", failed)
	}

	// Faults of one file after one another, so that it is compiled once for each and once for all.
	slices.SortStableFunc(all, func(a, b sourceFault) int { return strings.Compare(a.File, b.File) })
	for _, f := range all {
		t.Run(f.name(), func(t *testing.T) {
			path := filepath.Join(copied, f.File)
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			faulty, err := f.plant(sound)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, faulty)
			defer write(t, path, sound)
			if !f.judged() {
				failed := failingTable(t, buildTree(t, copied, "tests/checks_test"))
				if failed == "" {
					t.Error("not caught: every table passes")
				}
				t.Logf("caught by %s", failed)
				return
			}
			result := compareBinary(t, buildTree(t, copied, "plimsoll"), defaultPods)
			if result.differing == 0 {
				t.Errorf("not caught: %s", result)
				return
			}
			t.Logf("caught by %s", result.differences[0])
		})
	}
}

// failingTable runs the tables of the checks and returns what it says of the first that fails; empty:
// all pass.
func failingTable(t *testing.T, binary string) string {
	t.Helper()
	out, err := exec.Command(binary).CombinedOutput()
	if err == nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "[  FAILED  ]") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("%s: %v\n%s", binary, err, out)
	return ""
}

// compareBinary runs a binary against the random pods until they differ.
func compareBinary(t *testing.T, binary string, pods int) comparison {
	t.Helper()
	s, err := start(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	result, err := compareRandom(s, defaultSeed, pods, 1)
	if err != nil {
		t.Error(err)
	}
	return result
}

// copyTree copies the repository without what is built or fetched.
func copyTree(t *testing.T, root string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && (name == "build" || name == ".git" || name == ".cache"):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// buildTree builds what has changed of a copy's binary, named by its path in the build, and returns
// where it is.
func buildTree(t *testing.T, root, binary string) string {
	t.Helper()
	run := func(arguments ...string) {
		t.Helper()
		command := exec.Command("cmake", arguments...)
		command.Dir = root
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("cmake %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "build/release/CMakeCache.txt")); err != nil {
		run("--preset", "release", "-DPLIMSOLL_BENCH=OFF")
	}
	run("--build", "--preset", "release", "--target", filepath.Base(binary))
	return filepath.Join(root, "build/release", binary)
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
