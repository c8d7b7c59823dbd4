package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// No test asserts how long something takes: these only end what would never end.
const (
	startDeadline = 60 * time.Second
	stopDeadline  = 60 * time.Second
	soon          = 2 * time.Minute // what must come about without anybody doing more; a pause of the watch alone takes up to one
)

// binary is the one under test. There is no default: a test that passed because it found an old build
// would be worse than none.
func binary() (string, error) {
	path := os.Getenv("PLIMSOLL_BIN")
	if path == "" {
		return "", errors.New("PLIMSOLL_BIN is not set: it must be the path of the binary to test")
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("PLIMSOLL_BIN is %q: it must be absolute, tests run in their own folder", path)
	}
	return path, nil
}

// must is for what a test cannot go on without.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// chart is the folder of the chart under test.
func chart(t testing.TB) string {
	t.Helper()
	return must(filepath.Abs(filepath.Join("..", "..", "charts", "plimsoll")))(t)
}

// eventually asks until the answer is yes; `ask` says what it saw instead.
func eventually(t testing.TB, within time.Duration, ask func() (bool, string)) {
	t.Helper()
	var seen string
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		var yes bool
		if yes, seen = ask(); yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, seen)
		}
	}
}
