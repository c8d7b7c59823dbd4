package conformance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/pod-security-admission/api"
)

// difference is a pod on which Plimsoll and upstream do not agree.
type difference struct {
	index int
	at    api.LevelVersion
	opinions
	pod []byte // reduced to what shows it
}

// opinions are what both say of one pod at one level and version.
type opinions struct {
	upstream, plimsoll controls
	fault              string // of Plimsoll's answer as such
	message            string // Plimsoll's, for a person
}

func (o opinions) differ() bool { return o.fault != "" || o.upstream != o.plimsoll }

// signature tells differences apart that most likely have one cause each.
func (o opinions) signature() string {
	if o.fault != "" {
		return o.fault
	}
	var parts []string
	if missed := o.upstream &^ o.plimsoll; missed != 0 {
		parts = append(parts, "only upstream refuses by "+missed.String())
	}
	if invented := o.plimsoll &^ o.upstream; invented != 0 {
		parts = append(parts, "only Plimsoll refuses by "+invented.String())
	}
	return strings.Join(parts, "; ")
}

func (d difference) String() string {
	return fmt.Sprintf("pod %d at %s: %s\n  upstream: %s\n  Plimsoll: %s %s\n  minimal:  %s",
		d.index, templateRef(d.at), d.signature(), orNone(d.upstream), orNone(d.plimsoll), d.message, d.pod)
}

func orNone(c controls) string {
	if c == 0 {
		return "allows"
	}
	return "refuses by " + c.String()
}

// opinion asks Plimsoll about a pod of which upstream's opinion is known.
func (s *server) opinion(at api.LevelVersion, raw []byte, upstream controls, uid string, order int) opinions {
	out := opinions{upstream: upstream}
	response, err := s.ask("enforce", at, createPod(uid, raw), order)
	if err == nil {
		if response.Result != nil {
			out.message = response.Result.Message
		}
		out.plimsoll, err = failing(response, at)
	}
	if err != nil {
		out.fault = err.Error()
	}
	return out
}

// comparison is what a run over many pods finds.
type comparison struct {
	pods, reviews, denied int
	differing             int // reviews
	differences           []difference
	elapsed               time.Duration
}

func (c comparison) String() string {
	return fmt.Sprintf("%d pods, %d levels, %d versions each: %d reviews, %d denied, %d differ; %.1f s (%.0f reviews/s)",
		c.pods, len(levels), versionsAPod, c.reviews, c.denied, c.differing, c.elapsed.Seconds(), float64(c.reviews)/c.elapsed.Seconds())
}

// compareRandom holds a server to upstream on the pods of a seed. It ends early once it has seen
// that many kinds of difference; of each it keeps one pod, reduced.
func compareRandom(s *server, seed uint64, count, kinds int) (comparison, error) {
	began := time.Now()
	var lock sync.Mutex
	var broken error
	found := map[string]difference{}
	var pods, reviews, denied, differing atomic.Int64
	inParallel(connections(), count, func(_, index int) bool {
		_, raw := generate(seed, index)
		pod, err := decodePod(raw)
		if err != nil {
			lock.Lock()
			defer lock.Unlock()
			broken = fmt.Errorf("pod %d of seed %d is none to upstream: %w\n%s", index, seed, err, raw)
			return false
		}
		pods.Add(1)
		uid := fmt.Sprintf("%d-%d", seed, index)
		enough := false
		for i, version := range versionsFor(index) {
			for j, level := range levels {
				at := api.LevelVersion{Level: level, Version: version}
				upstream := wanted(at, pod)
				seen := s.opinion(at, raw, upstream, uid, index+i+j)
				reviews.Add(1)
				if upstream != 0 {
					denied.Add(1)
				}
				if !seen.differ() {
					continue
				}
				differing.Add(1)
				lock.Lock()
				if earlier, known := found[seen.signature()]; !known || index < earlier.index {
					found[seen.signature()] = difference{index: index, at: at, opinions: seen}
				}
				enough = len(found) >= kinds
				lock.Unlock()
			}
		}
		return !enough
	})
	out := comparison{pods: int(pods.Load()), reviews: int(reviews.Load()), denied: int(denied.Load()),
		differing: int(differing.Load()), elapsed: time.Since(began)}
	for _, d := range slices.SortedFunc(maps.Values(found), func(a, b difference) int { return cmp.Compare(a.index, b.index) }) {
		out.differences = append(out.differences, s.reduce(seed, d))
	}
	return out, broken
}

// reduce finds the least of a pod on which both still differ in the same way.
func (s *server) reduce(seed uint64, d difference) difference {
	tree, raw := generate(seed, d.index)
	want := d.signature()
	look := func(raw []byte) (opinions, bool) {
		pod, err := decodePod(raw)
		if err != nil {
			return opinions{}, false
		}
		seen := s.opinion(d.at, raw, wanted(d.at, pod), "shrink", 0)
		return seen, seen.differ() && seen.signature() == want
	}
	d.pod = raw
	// Where the plain spelling does not show it, the spelling is what matters: nothing can be taken away.
	if _, shows := look(plain(tree)); !shows {
		return d
	}
	tree = shrink(tree, func(candidate *object) bool {
		_, shows := look(plain(candidate))
		return shows
	})
	d.pod = plain(tree)
	if seen, shows := look(d.pod); shows {
		d.opinions = seen
	}
	return d
}
