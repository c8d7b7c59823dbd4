package conformance

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/pod-security-admission/api"
)

// candidate is a template with its conditions, as the oldest and the newest API server have compiled them.
type candidate struct {
	name     string
	text     exported
	compiled map[string]map[bool]prefilter // by version, then by whether it is of pods
}

func newCandidate(name string, text exported) (candidate, error) {
	c := candidate{name, text, map[string]map[bool]prefilter{}}
	for _, kubernetes := range []string{oldest, newest} {
		c.compiled[kubernetes] = map[bool]prefilter{}
		for _, w := range []workload{podKind, workloads[0]} {
			compiled, err := compile(kubernetes, text.of(w))
			if err != nil {
				return c, fmt.Errorf("%s, %s: %w", name, w.kind, err)
			}
			c.compiled[kubernetes][w.kind == "Pod"] = compiled
		}
	}
	return c, nil
}

// view is an object as the API server of some version shows it to CEL.
type view struct {
	name, kubernetes string
	attributes       *admission.VersionedAttributes
}

func views(s stored, sent []byte) ([]view, error) {
	converted, err := s.asMap()
	if err != nil {
		return nil, err
	}
	read, err := s.asWritten(sent)
	if err != nil {
		return nil, err
	}
	return []view{
		{"typed", newest, s.attributes()},
		{"converted", oldest, converted},
		{"read", oldest, read},
	}, nil
}

// look is what is found out about one object and one template.
type look struct {
	passes, skipped bool
	never           bool   // no API server has such a pod
	fault           string // what must not be; empty: nothing
	detail          string
}

// prefilterRun asks the conditions about objects, and who knows better whether they pass.
type prefilterRun struct {
	server *server
	// asked says whether Plimsoll is asked as well where upstream is the judge.
	asked      bool
	candidates []candidate
	counts     sync.Map // name/kind -> *count
	lock       sync.Mutex
	faults     map[string]finding
	sent       map[string]finding // passing, and not skipped: the first of each template and reason
	cases      atomic.Int64
}

type count struct{ passing, failing, skipped atomic.Int64 }

// admissible says whether the API server would ask admission about the pod at all, in what the expressions rely on: it refuses two
// volumes of one name, and a volume with two sources. These need not be skipped, but must not be if they fail.
func (s stored) admissible() bool {
	if s.template == nil {
		return true
	}
	names := map[string]bool{}
	for i := range s.template.Spec.Volumes {
		volume := &s.template.Spec.Volumes[i]
		sources, fields := 0, reflect.ValueOf(volume.VolumeSource)
		for j := range fields.NumField() {
			if !fields.Field(j).IsNil() {
				sources++
			}
		}
		if names[volume.Name] || sources != 1 {
			return false
		}
		names[volume.Name] = true
	}
	return true
}

type finding struct {
	name   string
	times  int
	index  int
	w      workload
	tree   *object
	look   look
	number int // the candidate's
}

// upstreamFails is the word of upstream's library, where it has the template as a level.
func upstreamFails(name string, s stored) (fails controls, knows bool) {
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		if name == string(level) {
			return wanted(api.LevelVersion{Level: level, Version: api.LatestVersion()}, s.pod()), true
		}
	}
	return 0, false
}

func (r *prefilterRun) look(c candidate, s stored, sent []byte, seen []view, asked bool) look {
	l := look{never: !s.admissible()}
	fails, knows := upstreamFails(c.name, s)
	l.passes = fails == 0
	if knows {
		l.detail = "upstream " + orNone(fails)
	}
	if asked || !knows {
		response, err := r.server.askRoute("/validate/enforce/"+c.name, s.request("CREATE", sent, nil), 0)
		if err != nil {
			l.fault = err.Error()
			return l
		}
		if knows && response.Allowed != l.passes {
			l.fault = fmt.Sprintf("upstream %s, Plimsoll allows: %t", orNone(fails), response.Allowed)
			return l
		}
		l.passes = response.Allowed
		if response.Result != nil {
			l.detail = response.Result.Message
		}
	}
	for i, v := range seen {
		skipped, err := c.compiled[v.kubernetes][s.kind == "Pod"].skips(v.attributes)
		switch {
		case err != nil:
			l.fault = fmt.Sprintf("cannot be evaluated (%s, Kubernetes %s)", v.name, v.kubernetes)
			l.detail = err.Error()
			return l
		case skipped && !l.passes:
			l.fault = fmt.Sprintf("fails, and is skipped (%s, Kubernetes %s)", v.name, v.kubernetes)
			return l
		case i > 0 && skipped != l.skipped:
			l.fault = fmt.Sprintf("is skipped: %t, but if %s: %t", l.skipped, v.name, skipped)
			return l
		}
		l.skipped = skipped
	}
	return l
}

// at looks at one object of a kind for each template.
func (r *prefilterRun) at(w workload, tree *object, index int) error {
	raw := plain(tree)
	s, err := w.store(raw)
	if err != nil {
		return fmt.Errorf("pod %d as a %s cannot be read by the API server: %w\n%s", index, w.kind, err, raw)
	}
	sent, err := s.sent()
	if err != nil {
		return err
	}
	seen, err := views(s, sent)
	if err != nil {
		return err
	}
	if !r.asked { // in a long run one view each is enough: there are many pods
		seen = seen[index%len(seen):][:1]
	}
	for number, c := range r.candidates {
		r.note(number, w, tree, index, r.look(c, s, sent, seen, r.asked))
	}
	return nil
}

func (r *prefilterRun) note(number int, w workload, tree *object, index int, l look) {
	c := r.candidates[number]
	r.cases.Add(1)
	counted, _ := r.counts.LoadOrStore(c.name+"/"+w.kind, &count{})
	n := counted.(*count)
	switch {
	case l.passes && l.never && !l.skipped:
	case l.passes:
		n.passing.Add(1)
		if l.skipped {
			n.skipped.Add(1)
		}
	default:
		n.failing.Add(1)
	}
	into, signature := r.faults, l.fault
	if l.fault == "" && l.passes && !l.skipped && !l.never {
		into, signature = r.sent, "passes, and is sent"
	}
	if signature == "" {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	key := c.name + ": " + signature
	found, known := into[key]
	if !known || index < found.index {
		times := found.times
		found = finding{name: key, times: times, index: index, w: w, tree: clone(tree), look: l, number: number}
	}
	found.times++
	into[key] = found
}

// again is the look at one object for one template.
func (r *prefilterRun) again(number int, w workload, tree *object) (look, error) {
	s, err := w.store(plain(tree))
	if err != nil {
		return look{}, err
	}
	sent, err := s.sent()
	if err != nil {
		return look{}, err
	}
	seen, err := views(s, sent)
	if err != nil {
		return look{}, err
	}
	return r.look(r.candidates[number], s, sent, seen, true), nil
}

// describe finds the least of a pod that shows a finding.
func (r *prefilterRun) describe(f finding) string {
	least := shrink(f.tree, func(tree *object) bool {
		l, err := r.again(f.number, f.w, tree)
		return err == nil && l.fault == f.look.fault && l.passes == f.look.passes && l.skipped == f.look.skipped && l.never == f.look.never
	})
	l, _ := r.again(f.number, f.w, least)
	return fmt.Sprintf("%s (%d times, first pod %d, a %s)\n  %s\n  minimal: %s", f.name, f.times, f.index, f.w.kind, l.detail, plain(least))
}

func (r *prefilterRun) describeAll(findings map[string]finding) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(findings)) {
		out = append(out, r.describe(findings[key]))
	}
	return out
}

// share is a line of the report: how much of what passes was skipped.
type share struct {
	template, kind            string
	passing, failing, skipped int64
}

func (s share) percent() float64 { return 100 * float64(s.skipped) / float64(max(1, s.passing)) }

func (s share) String() string {
	return fmt.Sprintf("%-28s %-22s %8d pass, %8d fail, %7.3f %% of the passing skipped", s.template, s.kind, s.passing, s.failing, s.percent())
}

func (r *prefilterRun) shares() []share {
	var out []share
	r.counts.Range(func(key, value any) bool {
		template, kind, _ := strings.Cut(key.(string), "/")
		n := value.(*count)
		out = append(out, share{template, kind, n.passing.Load(), n.failing.Load(), n.skipped.Load()})
		return true
	})
	slices.SortFunc(out, func(a, b share) int { return strings.Compare(a.template+"/"+a.kind, b.template+"/"+b.kind) })
	return out
}

// byTemplate adds up the kinds.
func (r *prefilterRun) byTemplate() []share {
	var out []share
	for _, s := range r.shares() {
		if len(out) == 0 || out[len(out)-1].template != s.template {
			out = append(out, share{template: s.template, kind: "all kinds"})
		}
		sum := &out[len(out)-1]
		sum.passing += s.passing
		sum.failing += s.failing
		sum.skipped += s.skipped
	}
	return out
}

// checkOfFile is the id of the check in a file of src/checks/.
func checkOfFile(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".cc"), "_", "-")
}
