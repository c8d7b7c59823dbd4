package lab

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestProcessGetsNothingOfOurEnvironment(t *testing.T) {
	t.Setenv("GOGC", "off")
	process, err := Spawn("/usr/bin/env")
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	<-process.ended
	if line := <-process.lines; line != "PATH=/usr/bin:/bin" {
		t.Errorf("it has %q", line)
	}
}

func TestStopEndsAProcessOnce(t *testing.T) {
	process, err := Spawn("/bin/cat", "/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	process.Stop()
	process.Stop()
	if _, err := ReadMemory(process.PID); err == nil {
		t.Error("it lives on")
	}
}

func TestKeep(t *testing.T) {
	folder := t.TempDir()
	original := filepath.Join(folder, "program")
	if err := os.WriteFile(original, []byte("#!/bin/sh\necho first\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	kept, err := Keep(original, folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(original, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); err != nil || !strings.Contains(string(text), "first") {
		t.Errorf("the copy holds %q, %v", text, err)
	}
	if status, err := os.Stat(kept); err != nil || status.Mode().Perm()&0o100 == 0 {
		t.Errorf("the copy does not run: %v, %v", status, err)
	}
	if _, err := Keep(filepath.Join(folder, "none"), folder); err == nil {
		t.Error("no error for a program that is not there")
	}
}

func TestSpawnOfWhatIsNotThere(t *testing.T) {
	if _, err := Spawn("/none"); err == nil {
		t.Error("no error")
	}
}

func TestAwaitReady(t *testing.T) {
	var asked atomic.Int64
	probe := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer probe.Close()
	process, err := Spawn("/bin/sh", "-c", "read never")
	if err != nil {
		t.Fatal(err)
	}
	<-process.ended // its input is empty
	if err := process.AwaitReady(context.Background(), &http.Transport{}, probe.URL); err == nil || !strings.Contains(err.Error(), "ended before it was ready") {
		t.Errorf("AwaitReady of a process that ended: %v", err)
	}

	process, err = Spawn("/bin/cat", "/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	if err := process.AwaitReady(context.Background(), &http.Transport{}, probe.URL); err != nil || process.Ready <= 0 {
		t.Errorf("AwaitReady: %v after %v", err, process.Ready)
	}
}

func TestParseListening(t *testing.T) {
	address, management, found := parseListening(`{"level":"info","msg":"listening","address":"127.0.0.1:8443","management":"127.0.0.1:8080"}`)
	if !found || address != "127.0.0.1:8443" || management != "127.0.0.1:8080" {
		t.Errorf("parseListening = %q, %q, %t", address, management, found)
	}
	for _, line := range []string{"", "listening", `{"msg":"loading"}`, `{"msg":"listening"`} {
		if _, _, found := parseListening(line); found {
			t.Errorf("parseListening(%q) finds an address", line)
		}
	}
}
