package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func stub(t *testing.T, status int, answer string) (target, func() []string) {
	t.Helper()
	var lock sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		lock.Lock()
		bodies = append(bodies, string(body))
		lock.Unlock()
		if r.Method != http.MethodPost || r.URL.Query().Get("dryRun") != "All" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return target{client: server.Client(), url: server.URL}, func() []string { return bodies }
}

func TestLoadSendsEachPodInItsTurn(t *testing.T) {
	at, sent := stub(t, http.StatusCreated, "{}")
	took, err := load{callers: 4, requests: 30}.generate(t.Context(), at, [][]byte{[]byte("a"), []byte("b"), []byte("c")})
	if err != nil || len(took) != 30 || took[0] <= 0 || took[0] > took[29] {
		t.Errorf("%v, %v", took, err)
	}
	counts := map[string]int{}
	for _, body := range sent() {
		counts[body]++
	}
	if counts["a"] != 10 || counts["b"] != 10 || counts["c"] != 10 {
		t.Errorf("sent %v", counts)
	}
}

func TestLoadEndsAtAnAnswerThatIsNotExpected(t *testing.T) {
	for _, one := range []struct {
		status         int
		answer, denial string
		taken          bool
	}{
		{http.StatusCreated, "{}", "", true},
		{http.StatusCreated, "{}", "no", false},
		{http.StatusForbidden, "denied: no", "no", true},
		{http.StatusForbidden, "denied by somebody else", "no.", false},
		{http.StatusForbidden, "denied: no", "", false},
		{http.StatusInternalServerError, "failed calling webhook", "", false},
	} {
		at, sent := stub(t, one.status, one.answer)
		at.denial = one.denial
		_, err := load{callers: 2, requests: 1000}.generate(t.Context(), at, [][]byte{[]byte("a")})
		if (err == nil) != one.taken {
			t.Errorf("%d %q, wanted %q: %v", one.status, one.answer, one.denial, err)
		}
		if err != nil && (len(sent()) > 10 || !strings.Contains(err.Error(), one.answer)) {
			t.Errorf("after %d requests: %v", len(sent()), err)
		}
	}
	at, _ := stub(t, http.StatusCreated, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (load{callers: 2, requests: 1000}).generate(ctx, at, [][]byte{[]byte("a")}); err == nil {
		t.Error("it goes on although it was told to end")
	}
}

func TestTheBenchsOwnPods(t *testing.T) {
	loaded, err := loadPods("pods")
	if err != nil {
		t.Fatal(err)
	}
	// With an even number the median would lie between two of them.
	if len(loaded.compliant)%2 == 0 || len(loaded.compliant) != len(loaded.violating) {
		t.Errorf("%d compliant ones and %d violating ones", len(loaded.compliant), len(loaded.violating))
	}
	for _, body := range append(loaded.of(true), loaded.of(false)...) {
		var pod struct{ Kind string }
		if err := json.Unmarshal(body, &pod); err != nil || pod.Kind != "Pod" {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := loadPods(t.TempDir()); err == nil {
		t.Error("no error for a folder without pods")
	}
}
