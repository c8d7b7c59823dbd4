package yaml

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

	_ "k8s.io/pod-security-admission/api" // so that the module with the fixtures is there
)

// seeds of the generated documents, so that a run can be repeated.
const (
	documents = 30_000
	mutants   = 30_000
	streamSet = 3_000
	jsonSet   = 5_000
)

func start(t *testing.T) *Tool {
	t.Helper()
	tool, err := StartTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tool.Close(); err != nil {
			t.Error(err)
		}
	})
	return tool
}

// tally counts verdicts and reports the differences that nothing explains.
type tally struct {
	same, refused, coins, faults int
	explained                    map[string]int
}

func (c *tally) add(t *testing.T, name string, text []byte, theirs, ours Answer) {
	t.Helper()
	verdict, why := Compare(theirs, ours)
	switch verdict {
	case Same:
		c.same++
		return
	case BothRefuse:
		c.refused++
		return
	}
	if name := explained(string(text), theirs, ours); name != "" {
		if c.explained == nil {
			c.explained = map[string]int{}
		}
		c.explained[name]++
		return
	}
	// Two keys that are one in JSON, of which one came by a merge: Go's map order decides.
	for range 20 {
		if again := Theirs(text); again != theirs {
			c.coins++
			return
		}
	}
	if c.faults++; c.faults <= 10 {
		t.Errorf("%s:\n%s\n%s", name, text, why)
	}
}

func (c *tally) report(t *testing.T) {
	t.Helper()
	t.Logf("%d equal, %d refused by both, %d decided by Go's map order, %d unexplained, explained: %v",
		c.same, c.refused, c.coins, c.faults, c.explained)
}

func ask(t *testing.T, tool *Tool, text []byte) []Answer {
	t.Helper()
	answers, err := tool.Ask(text)
	if err != nil {
		t.Fatalf("%v, on:\n%q", err, text)
	}
	return answers
}

// first is the answer to the first document, all that their library looks at.
func first(answers []Answer) Answer {
	if len(answers) == 0 {
		return Answer{JSON: "null"}
	}
	return answers[0]
}

func TestTable(t *testing.T) {
	tool := start(t)
	var counts tally
	for _, text := range []string{
		"", "\n", "# only a comment\n", "---\n", "---\n...\n", "null", "~", "a", "1", "[]", "{}", "a:", "- ", "-", "? a", "? a\n: b", ": b",
		"on: yes\nno: off\n", "1: a\n1.5: b\ntrue: c\n0x10: d\n2001-01-01: e\n1e10: f\n1e100: g\n.inf: h\n", "~: a", "18446744073709551615: a",
		"[a, [b, {c: d, e}], {f: }, g: h]", "[1e999]", "{\"a\":1,\"b\":[true,null]}", "{\n\t\"a\": 1\n}", "a: {\n\tb: 1 }", "a:\tb\n", "\ta: b\n", "a:\n\tb: 1\n",
		"a: &x {k: 1}\nb: *x\nc: [*x , *x]\n", "a: &x 1\n*x : 2\n", "a: &x [1]\n*x : 2\n", "a: *x", "&x a: *x", "a: &x [*x]", "&a a: &a b\nc: *a\n",
		"a: &x {k: 1, l: 2}\nb: {k: 3, <<: *x}\n", "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", "a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x , *y ]}\n",
		"a: {<<: {k: 1}, <<: {l: 2}}", "a: {<<: 1}", "a: {<<: ~}", "a: {<<: [1]}", "a: {<<: []}", "a: {<<: [[{k: 1}]]}", "a: {'<<': {k: 1}}", "a: {!!merge <<: {k: 1}}",
		"a: &x [{k: 1}]\nb: {<<: *x}\n", "a: &x {k: 1}\nb: &y {<<: *x, l: 2}\nc: {<<: *y}\n", "a: &x <<\nb: {*x : {k: 1}}\n", "a: {<<: {<<: {k: 1}, l: 2}, k: 3}", "a: <<", "[<<]",
		"a: |\n  x\n   y\n\n  z\n\n\nb: >\n  x\n  y\n\n  z\n   w\n\nc: |-\n  x\n\nd: >+\n  x\n\ne: |2\n    x\n", "a: |\n", "a: |+\n\n", "a: >\n\n  x\n", "a: |1\n  x\n", "a: |x\n", "a: |\nb: 1\n",
		"a: one\n  two\n\n  three\nb: 'one\n  two\n\n  three'\nc: \"one\n  two\\\n  three\\n\"\n", "a: \"\\x41\\u00e9\\U0001F6A2\\0\\e\\N\\_\\L\\P\"\n", "a: \"\\ud800\"", "a: \"\\q\"",
		"a: !!str 1\nb: !!int '2'\nc: !!float 3\nd: !!bool yes\ne: !!null ''\nf: !!binary aGk=\ng: !x 1\nh: ! 1\ni: !!map {a: 1}\nj: !!seq [1]\nk: !!set {a, b}\nl: !!omap [a: 1]\n",
		"a: !!int x", "a: !!binary '*'", "a: !!binary /+8=", "a: !!float 18446744073709551615", "a: !!null x", "a: !!timestamp x", "a: !!timestamp 2001-01-01", "!!str 1: a", "!!binary YQ==: a",
		"a: .inf", "a: .nan", "a: [-.Inf]", "a: b: c", "a: 'x", "a: \"x", "a: [1", "a: {b", "a: ]", "a: @x", "a: `x", "a: %x", "%x", "a: &", "a: *", "a: !", "a: &x", "a: &x !!str", "a: !!str &x 1",
		"a:\n- b\n- c\n", "a:\n  - b\n -c\n", "a:\n- b\nc: d\n", "- - a\n  - b\n- c: d\n  e: f\n", "-\n  a\n-\n\n", "a: 1\n b: 2\n", "a:\n  b: 1\n c: 2\n", "a: - b\n", "a\nb: c\n", "a: 1 #x\nb: 1#x\n", "a: '#x' # y\n",
		"\xef\xbb\xbfa: 1\n", "a: 1\r\nb:\r\n- c\r\n", "a: 1\rb: 2\r", "a: \u0085b\n", "a: \u2028 b\n", "é: ü\n漢: 🚢\n", "a: \x01\n", "a: \x00\n", "a: \xff\n", "a: \x7f\n", "a: \xed\xa0\x80\n", "a: \xc0\x80\n",
		"\xff\xfea\x00:\x00 \x001\x00\n\x00", "\xfe\xff\x00a\x00:\x00 \x001", "\xff\xfea\x00:", "%YAML 1.1\n---\na: 1\n", "%YAML 2.0\n---\na: 1\n", "%TAG ! tag:x,2000:\n---\na: !y 1\n", "a: !e!x 1\n",
		"--- a\n", "--- |\n  a\n", "--- # c\na: 1\n...\n", "...\n", "a: " + strings.Repeat("x", 3000) + "\n", strings.Repeat("k", 1100) + ": 1\n", "? " + strings.Repeat("k", 1100) + "\n: 1\n",
		strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat("- ", 100) + "x", "{a: 1, b: 2,}", "[a,,b]", "[,]", "{,}", "[a b: c]", "{a b, c d: e}", "{'a':1}", "{\"a\":b}", "[a: b, c: d]", "[? a : b]", "{? a : b}",
	} {
		counts.add(t, fmt.Sprintf("%.60q", text), []byte(text), Theirs([]byte(text)), first(ask(t, tool, []byte(text))))
	}
	counts.report(t)
}

// Every odd scalar in every place, and under every tag.
func TestScalars(t *testing.T) {
	tool := start(t)
	var counts tally
	places := []string{"%s", "a: %s\n", "- %s\n", "[%s]", "[%s , x]", "{a: %s }", "{%s : a}", "%s: a\n", "? %s\n", "a: '%s'\n", "a: \"%s\"\n", "a: |\n  %s\n", "a: ! '%s'\n"}
	for _, tag := range []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!binary", "!!timestamp", "!!merge", "!x"} {
		places = append(places, "a: "+tag+" %s\n", "a: "+tag+" '%s'\n", tag+" '%s': a\n")
	}
	for _, scalar := range append(slices.Clone(oddScalars), nonFinite...) {
		for _, place := range places {
			text := []byte(fmt.Sprintf(place, scalar))
			counts.add(t, fmt.Sprintf("%q", text), text, Theirs(text), first(ask(t, tool, text)))
		}
	}
	counts.report(t)
	if counts.same < 4000 {
		t.Errorf("only %d were compared by value", counts.same)
	}
}

func TestUpstreamFixtures(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "test", "testdata")
	counts := compareFiles(t, folder)
	if counts.same < 4500 {
		t.Errorf("only %d fixtures were compared by value", counts.same)
	}
	if counts.refused > 0 || len(counts.explained) > 0 {
		t.Errorf("not all fixtures could be read")
	}
}

func TestOwnFiles(t *testing.T) {
	for _, folder := range []string{"../../examples", "../../src/templates/builtin"} {
		compareFiles(t, folder)
	}
}

func compareFiles(t *testing.T, folder string) tally {
	t.Helper()
	tool := start(t)
	var counts tally
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		compareStream(t, &counts, tool, filepath.Base(path), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	counts.report(t)
	return counts
}

// compareStream compares all documents up to the first that either refuses.
func compareStream(t *testing.T, counts *tally, tool *Tool, name string, text []byte) {
	t.Helper()
	theirs := TheirStream(text)
	ours := slices.DeleteFunc(ask(t, tool, text), func(it Answer) bool { return it.JSON == "null" })
	for i := range max(len(theirs), len(ours)) {
		if i >= len(theirs) || i >= len(ours) {
			t.Errorf("%s: they read %d documents, we %d:\n%.3000q", name, len(theirs), len(ours), text)
			return
		}
		counts.add(t, fmt.Sprintf("%s, document %d", name, i), text, theirs[i], ours[i])
		if theirs[i].Err != "" || ours[i].Err != "" {
			return
		}
	}
}

func TestGenerated(t *testing.T) {
	tool := start(t)
	var counts tally
	for seed := range uint64(documents) {
		text := NewGenerator(seed).Document(seed%4 == 0)
		counts.add(t, fmt.Sprintf("seed %d", seed), text, Theirs(text), first(ask(t, tool, text)))
	}
	counts.report(t)
	if counts.same < 20_000 {
		t.Errorf("only %d documents were compared by value", counts.same)
	}
}

func TestMutated(t *testing.T) {
	tool := start(t)
	var counts tally
	for seed := range uint64(mutants) {
		generator := NewGenerator(seed)
		text := generator.Mutate(generator.Document(false))
		// A text that begins as JSON is given out value by value, before the rest is known to be bad.
		if start := bytes.TrimSpace(text); len(start) > 0 && bytes.IndexByte([]byte("[{"), start[0]) >= 0 {
			continue
		}
		counts.add(t, fmt.Sprintf("seed %d", seed), text, Theirs(text), first(ask(t, tool, text)))
	}
	counts.report(t)
	if counts.same < mutants/5 {
		t.Errorf("only %d documents were compared by value", counts.same)
	}
}

func TestStreams(t *testing.T) {
	tool := start(t)
	var counts tally
	for seed := range uint64(streamSet) {
		generator := NewGenerator(seed)
		var parts []string
		for len(parts) < 2+int(seed%5) {
			part := string(generator.Document(seed%10 == 0))
			// kubectl cuts a stream at lines of ---, so these would be cut in another place.
			if strings.Contains(part, "---") || strings.Contains(part, "...") || strings.ContainsAny(part[:min(1, len(part))], "%\xef\xff") {
				continue
			}
			parts = append(parts, strings.TrimRight(part, "\n")+"\n")
		}
		separators := []string{"---\n", "--- \n", "---\n---\n", "---\n# between\n---\n", "--- # next\n", "---\r\n"}
		var text strings.Builder
		if seed%3 == 0 {
			text.WriteString("---\n")
		}
		for i, part := range parts {
			if i > 0 {
				text.WriteString(pick(generator, separators))
			}
			text.WriteString(part)
		}
		compareStream(t, &counts, tool, fmt.Sprintf("seed %d", seed), []byte(text.String()))
	}
	counts.report(t)
	if counts.same < 3*streamSet/2 {
		t.Errorf("only %d documents were compared by value", counts.same)
	}
}

func TestJSON(t *testing.T) {
	tool := start(t)
	var counts tally
	for seed := range uint64(jsonSet) {
		generator := NewGenerator(seed)
		var text []byte
		for range 1 + seed%3 {
			value := generator.JSON()
			for value[0] != '{' { // kubectl takes a text for JSON only if it begins with a brace
				value = generator.JSON()
			}
			text = append(append(text, value...), pick(generator, []string{"", "\n", "\t\n"})...)
		}
		compareStream(t, &counts, tool, fmt.Sprintf("seed %d", seed), text)
	}
	counts.report(t)
	if counts.same < jsonSet {
		t.Errorf("only %d values were compared", counts.same)
	}
}

func TestDifferences(t *testing.T) {
	tool := start(t)
	for _, it := range differences {
		t.Run(it.name, func(t *testing.T) {
			text := []byte(it.example)
			theirs, ours := Theirs(text), first(ask(t, tool, text))
			if verdict, _ := Compare(theirs, ours); verdict != Differ {
				t.Fatalf("there is no difference any more: take it off the list (%+v, %+v)", theirs, ours)
			}
			if !it.explains(it.example, theirs, ours) {
				t.Errorf("another difference than was meant: %+v, %+v", theirs, ours)
			}
			if it.reason == "" {
				t.Error("no reason")
			}
		})
	}
}

// Where a stream is cut: kubectl looks for lines that begin with ---, Plimsoll reads what YAML says.
func TestStreamDifferences(t *testing.T) {
	tool := start(t)
	for _, it := range []struct{ name, text, theirs, ours string }{
		{"text on the line of the separator", "a: 1\n--- {b: 2}\n", `error`, `{"a":1}|{"b":2}`},
		{"text after ... is passed over by kubectl and an error here", "a: 1\n...\nb: 2\n", `{"a":1}`, `{"a":1}|error`},
		{"a directive before the separator", "%YAML 1.1\n---\na: 1\n", `error`, `{"a":1}`},
		{"a fault inside one document does not hide the next", "a: !!int x\n---\nb: 2\n", `error`, `error|{"b":2}`},
	} {
		t.Run(it.name, func(t *testing.T) {
			if got := short(TheirStream([]byte(it.text))); got != it.theirs {
				t.Errorf("theirs: %s, want %s", got, it.theirs)
			}
			if got := short(ask(t, tool, []byte(it.text))); got != it.ours {
				t.Errorf("ours: %s, want %s", got, it.ours)
			}
		})
	}
}

func short(answers []Answer) string {
	parts := make([]string, len(answers))
	for i, answer := range answers {
		parts[i] = answer.JSON
		if answer.Err != "" {
			parts[i] = "error"
		}
	}
	return strings.Join(parts, "|")
}
