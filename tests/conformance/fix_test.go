package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

// command runs a subcommand that may find something, and returns what it writes.
func command(t *testing.T, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	run := exec.Command(path, arguments...)
	run.Stdout, run.Stderr = &out, &log
	var exit *exec.ExitError
	if err := run.Run(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("%v: %v\n%s", arguments, err, log.String())
	} else if exit != nil {
		status = 1
	}
	return out.String(), log.String(), status
}

// leftLine is what `fix` says of a finding that it does not mend.
var leftLine = regexp.MustCompile(`(?m)^plimsoll: .*/([^/]+\.yaml):\d+:\d+: .* \[([a-z-]+)\]: (.*)$`)

// quoted are names and values in a reason.
var quotedWord = regexp.MustCompile(`"[^"]*"`)

// passesUpstream judges a manifest by upstream's library, as its fixtures are judged.
func passesUpstream(at api.LevelVersion, manifest []byte) (controls, error) {
	text, err := yaml.YAMLToJSON(manifest)
	if err != nil {
		return 0, err
	}
	read, err := parse(text)
	if err != nil {
		return 0, err
	}
	tree, isObject := read.(*object)
	if !isObject {
		return 0, errors.New("no object")
	}
	asStored(tree)
	pod, err := decodePod(plain(tree))
	if err != nil {
		return 0, err
	}
	return wanted(at, pod), nil
}

// span is where a value is written, with its key or dash.
type span struct{ first, last int }

// spanOf finds the value at a JSON pointer, or the nearest that would hold it, and says whether it is
// the value itself.
func spanOf(root *yamlv3.Node, pointer string) (where span, exact bool) {
	at, key := root.Content[0], root.Content[0]
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		var next *yamlv3.Node
		switch at.Kind {
		case yamlv3.MappingNode:
			for i := 0; i < len(at.Content); i += 2 {
				if at.Content[i].Value == token {
					key, next = at.Content[i], at.Content[i+1]
				}
			}
		case yamlv3.SequenceNode:
			if i, err := strconv.Atoi(token); err == nil && i < len(at.Content) {
				key, next = at.Content[i], at.Content[i]
			}
		}
		if next == nil {
			return span{key.Line, lastLine(at)}, false
		}
		at = next
	}
	return span{key.Line, lastLine(at)}, true
}

func lastLine(node *yamlv3.Node) int {
	last := node.Line
	for _, child := range node.Content {
		last = max(last, lastLine(child))
	}
	return last
}

// lineSets are some lines of each file.
type lineSets map[string]map[int]bool

// touchable are, for each file, the lines of what was found: the value that is wrong with all that it
// holds, a volume that goes with all of it, and the key that is left with nothing.
func touchable(t *testing.T, at api.LevelVersion, folder string) lineSets {
	t.Helper()
	stdout, _, _ := command(t, "check", "-o", "json", "-t", templateRef(at), folder)
	var report struct {
		Resources []struct {
			Source   struct{ File string }
			Findings []struct {
				Path  string
				Patch []struct{ Op, Path string }
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	volume := regexp.MustCompile(`^/spec/volumes/\d+`)
	all := lineSets{}
	for _, resource := range report.Resources {
		text, err := os.ReadFile(resource.Source.File)
		if err != nil {
			t.Fatal(err)
		}
		var root yamlv3.Node
		if err := yamlv3.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		lines := map[int]bool{}
		mark := func(pointer string) {
			where, exact := spanOf(&root, pointer)
			if exact {
				for line := where.first; line <= where.last; line++ {
					lines[line] = true
				}
			} else if where.first == where.last { // a value such as {}
				lines[where.first] = true
			}
			holder, _ := spanOf(&root, pointer[:strings.LastIndex(pointer, "/")])
			lines[holder.first] = true
		}
		for _, finding := range resource.Findings {
			if element := volume.FindString(finding.Path); element != "" {
				mark(element)
			}
			for _, operation := range finding.Patch {
				if operation.Op != "add" || !strings.HasSuffix(operation.Path, "/-") {
					mark(operation.Path)
				}
			}
		}
		all[filepath.Base(resource.Source.File)] = lines
	}
	return all
}

// touched are the lines of each file that a diff takes away.
func touched(diff string) map[string][]int {
	all := map[string][]int{}
	file, line := "", 0
	for _, text := range strings.Split(diff, "\n") {
		switch {
		case strings.HasPrefix(text, "--- a/"):
			file = filepath.Base(text)
		case strings.HasPrefix(text, "+++ b/"):
		case strings.HasPrefix(text, "@@ -"):
			fmt.Sscanf(text, "@@ -%d", &line)
		case strings.HasPrefix(text, "-"):
			all[file] = append(all[file], line)
			line++
		case strings.HasPrefix(text, " "):
			line++
		}
	}
	return all
}

// TestFix lets `plimsoll fix` mend every fixture of upstream's that fails. Upstream's library is the
// judge of what comes of it.
func TestFix(t *testing.T) {
	byTemplate := map[api.LevelVersion][]fixture{}
	total := 0
	for _, f := range fixtures(t) {
		if f.fails {
			byTemplate[f.at] = append(byTemplate[f.at], f)
			total++
		}
	}
	for _, test := range []struct {
		name  string
		flags []string
		least float64
	}{
		{"with --allow-risky", []string{"--allow-risky"}, 0.95},
		{"without", nil, 0.80},
	} {
		fixed, refused := 0, map[string]int{}
		for at, some := range byTemplate {
			folder := t.TempDir()
			for _, f := range some {
				text, err := os.ReadFile(f.path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, filepath.Base(f.path)), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			arguments := append([]string{"fix", "-t", templateRef(at), folder}, test.flags...)
			allowed := touchable(t, at, folder)
			diff, _, _ := command(t, arguments...)
			for file, lines := range touched(diff) {
				for _, line := range lines {
					if !allowed[file][line] {
						t.Errorf("%v %s: line %d has no part in a finding\n%s", at, file, line, diff)
					}
				}
			}
			_, log, status := command(t, append(arguments, "--write")...)
			left := map[string][]string{}
			for _, match := range leftLine.FindAllStringSubmatch(log, -1) {
				reason := match[2] + ": " + quotedWord.ReplaceAllString(match[3], `"..."`)
				left[match[1]] = append(left[match[1]], reason)
			}
			if (status == 1) != (len(left) > 0) {
				t.Errorf("%v: status %d, %d files with something left\n%s", at, status, len(left), log)
			}
			for _, f := range some {
				name := filepath.Base(f.path)
				text, err := os.ReadFile(filepath.Join(folder, name))
				if err != nil {
					t.Fatal(err)
				}
				failing, err := passesUpstream(at, text)
				switch {
				case err != nil:
					t.Errorf("%s: %v\n%s", f.name, err, text)
				case failing == 0 && len(left[name]) == 0:
					fixed++
				case failing != 0 && len(left[name]) > 0:
					for _, reason := range slices.Compact(slices.Sorted(slices.Values(left[name]))) {
						refused[reason]++
					}
				default:
					t.Errorf("%s: upstream %s, left: %q\n%s", f.name, orNone(failing), left[name], text)
				}
			}
			again, _, _ := command(t, arguments...)
			if again != "" {
				t.Errorf("%v: a second fix changes something\n%s", at, again)
			}
		}
		t.Logf("%s: %d of %d fixtures fixed (%.1f %%)", test.name, fixed, total, 100*float64(fixed)/float64(total))
		for _, reason := range slices.Sorted(maps.Keys(refused)) {
			t.Logf("  %d refused: %s", refused[reason], reason)
		}
		if float64(fixed) < test.least*float64(total) {
			t.Errorf("%s: %d of %d fixed, want %.0f %%", test.name, fixed, total, 100*test.least)
		}
	}
}
