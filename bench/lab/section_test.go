package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplaceSection(t *testing.T) {
	const sectionBegin, sectionEnd = "<!-- side-by-side:begin -->", "<!-- side-by-side:end -->"
	for name, test := range map[string]struct{ document, want string }{
		"new":      {"", Introduction + sectionBegin + "\nS\n" + sectionEnd + "\n"},
		"appended": {"# P\ntext\n\n", "# P\ntext\n\n" + sectionBegin + "\nS\n" + sectionEnd + "\n"},
		"replaced": {"a\n" + sectionBegin + "\nold\n" + sectionEnd + "\nz\n", "a\n" + sectionBegin + "\nS\n" + sectionEnd + "\nz\n"},
	} {
		got, err := ReplaceSection(test.document, "side-by-side", "S\n")
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
		if again, err := ReplaceSection(got, "side-by-side", "S\n"); err != nil || again != got {
			t.Errorf("%s: a second time it is %q, %v", name, again, err)
		}
	}
	for _, document := range []string{sectionBegin, sectionEnd, sectionEnd + sectionBegin} {
		if got, err := ReplaceSection(document, "side-by-side", "S\n"); err == nil {
			t.Errorf("ReplaceSection(%q) = %q, want an error", document, got)
		}
	}
}

func TestWriteSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs", "performance.md")
	for _, section := range []string{"first\n", "second\n"} {
		if err := WriteSection(path, "side-by-side", section); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "second") || strings.Contains(string(text), "first") {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files, want one", len(left))
	}
}
