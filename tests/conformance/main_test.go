package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared is the server that all tests ask, started by the first of them.
var shared struct {
	once   sync.Once
	server *server
	err    error
}

func plimsoll(t testing.TB) *server {
	t.Helper()
	shared.once.Do(func() {
		binary, err := binary()
		if err == nil {
			shared.server, err = start(binary)
		}
		shared.err = err
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// binary is the one under test. There is no default: a test that passed because it found nothing to
// ask, or an old build, would be worse than none.
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

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}
