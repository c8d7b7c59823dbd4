package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Introduction begins a document that is not there yet.
const Introduction = `# Performance

What a review costs: its CPU time, how long it takes, and the memory of the server, measured beside the upstream Pod Security
webhook on the same machine, with the same reviews and the same callers. Every figure below was written here by the command that
stands above it; run it to get those of your machine.

`

// ReplaceSection puts a section between the markers of its name in a document, or with its markers at the end of one that has none.
func ReplaceSection(document, name, section string) (string, error) {
	sectionBegin, sectionEnd := "<!-- "+name+":begin -->", "<!-- "+name+":end -->"
	section = sectionBegin + "\n" + section + sectionEnd
	begin, end := strings.Index(document, sectionBegin), strings.Index(document, sectionEnd)
	switch {
	case begin < 0 && end < 0 && document == "":
		return Introduction + section + "\n", nil
	case begin < 0 && end < 0:
		return strings.TrimRight(document, "\n") + "\n\n" + section + "\n", nil
	case begin < 0 || end < begin:
		return "", fmt.Errorf("the markers of %s do not pair", name)
	}
	return document[:begin] + section + document[end+len(sectionEnd):], nil
}

// WriteSection does so to a file, whole or not at all.
func WriteSection(path, name, section string) error {
	document, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text, err := ReplaceSection(string(bytes.ReplaceAll(document, []byte("\r\n"), []byte("\n"))), name, section)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	whole := path + ".tmp"
	if err := os.WriteFile(whole, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(whole, path)
}
