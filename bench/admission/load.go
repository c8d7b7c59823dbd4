package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sigs.k8s.io/yaml"
)

// pods are bodies of requests: JSON, as kubectl sends them.
type pods struct{ compliant, violating [][]byte }

func loadPods(folder string) (pods, error) {
	var loaded pods
	for kind, into := range map[string]*[][]byte{"compliant": &loaded.compliant, "violating": &loaded.violating} {
		files, err := filepath.Glob(filepath.Join(folder, kind, "*.yaml"))
		if err != nil {
			return loaded, err
		}
		slices.Sort(files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return loaded, err
			}
			body, err := yaml.YAMLToJSONStrict(text)
			if err != nil {
				return loaded, fmt.Errorf("%s: %w", file, err)
			}
			*into = append(*into, body)
		}
		if len(*into) == 0 {
			return loaded, fmt.Errorf("%s holds no pod", filepath.Join(folder, kind))
		}
	}
	return loaded, nil
}

func (p pods) of(violating bool) [][]byte {
	if violating {
		return p.violating
	}
	return p.compliant
}

func (p pods) describe() string {
	sizes := func(bodies [][]byte) string {
		var all []string
		for _, body := range bodies {
			all = append(all, fmt.Sprint(len(body)))
		}
		return strings.Join(all, " and ")
	}
	return fmt.Sprintf("%d compliant ones in turn (%s bytes of JSON) and %d violating ones (%s bytes)",
		len(p.compliant), sizes(p.compliant), len(p.violating), sizes(p.violating))
}

// load is how the API server is called: each caller sends again as soon as it is answered.
type load struct{ callers, requests int }

func (l load) String() string {
	if l.callers == 1 {
		return "1 caller"
	}
	return fmt.Sprintf("%d callers", l.callers)
}

// target is where pods are created as dry runs, and what must come of it.
type target struct {
	client *http.Client
	url    string // of the pods of a namespace
	denial string // what a refusal says; none: the pods are created
}

// generate applies the load and returns how long each creation took, sorted. It ends at the first answer that is not
// the expected one.
func (l load) generate(ctx context.Context, at target, bodies [][]byte) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	took := make([]time.Duration, l.requests)
	var callers sync.WaitGroup
	for range l.callers {
		callers.Go(func() {
			var answer bytes.Buffer
			for ctx.Err() == nil {
				sequence := int(next.Add(1)) - 1
				if sequence >= l.requests {
					return
				}
				begun := time.Now()
				err := at.create(ctx, bodies[sequence%len(bodies)], &answer)
				took[sequence] = time.Since(begun)
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	callers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.Sort(took)
	return took, nil
}

func (t target) create(ctx context.Context, body []byte, answer *bytes.Buffer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+"?dryRun=All&fieldManager=bench", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"bench"}}
	response, err := t.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer.Reset()
	if _, err := io.Copy(answer, response.Body); err != nil {
		return err
	}
	if t.denial == "" && response.StatusCode == http.StatusCreated {
		return nil
	}
	if t.denial != "" && response.StatusCode >= 400 && bytes.Contains(answer.Bytes(), []byte(t.denial)) {
		return nil
	}
	wanted := "a pod"
	if t.denial != "" {
		wanted = fmt.Sprintf("a refusal with %q", t.denial)
	}
	return fmt.Errorf("%s: wanted %s, got %s: %.600s", t.url, wanted, response.Status, answer)
}
