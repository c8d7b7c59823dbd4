package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/admission"
)

// specimens are how many objects the mistakes are looked for on: the first of TestPrefilter.
const specimens = 3500

func condition(text string) []admissionregistrationv1.MatchCondition {
	return []admissionregistrationv1.MatchCondition{{Name: "plimsoll", Expression: text}}
}

// collection is the objects of one kind with the verdict of each template on each.
type collection struct {
	objects  []stored
	verdicts map[string][]bool // by template
	lock     sync.Mutex
	memo     map[string][]bool // what a clause says of each object, by its text
}

// collect judges the random pods, bare or as workloads of every kind.
func collect(t *testing.T, s *server, all []candidate, bare bool) *collection {
	t.Helper()
	seed := seed(t)
	c := &collection{objects: make([]stored, specimens), verdicts: map[string][]bool{}, memo: map[string][]bool{}}
	for _, template := range all {
		c.verdicts[template.name] = make([]bool, specimens)
	}
	inParallel(connections(), specimens, func(_, index int) bool {
		w := podKind
		if !bare {
			w = workloads[index%len(workloads)]
		}
		tree := w.with(furnished(seed, index))
		if !bare && index < 8 {
			w = workloads[0]
			tree = w.object()
			tree.set("spec", obj())
		}
		o, err := w.store(plain(tree))
		if err != nil {
			t.Error(err)
			return false
		}
		sent, err := o.sent()
		if err != nil {
			t.Error(err)
			return false
		}
		c.objects[index] = o
		for _, template := range all {
			if fails, knows := upstreamFails(template.name, o); knows {
				c.verdicts[template.name][index] = fails == 0
				continue
			}
			response, err := s.askRoute("/validate/enforce/"+template.name, w.request("CREATE", sent, nil), 0)
			if err != nil {
				t.Error(err)
				return false
			}
			c.verdicts[template.name][index] = response.Allowed
		}
		return true
	})
	if t.Failed() {
		t.FailNow()
	}
	return c
}

// TestPrefilterFaultsAreCaught breaks the conditions on purpose, everywhere and in each way of cel_faults.go, and requires that the
// random pods show it as TestPrefilter and TestPrefilterOfEachCheck would see it: an error, a pod that fails and is skipped, or one
// that passes and is not. What they cannot show stands in harmless with the reason.
//
// In the templates that everybody has each check is taken away as a whole, and made false; the mistakes within it are made in a
// template that asks for this check alone.
func TestPrefilterFaultsAreCaught(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of what is allocated is kept
	binary, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(binary, "--templates", customFileOf(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	all := append(candidates(t, builtin), customCandidates(t)...)
	began := time.Now()
	var lock sync.Mutex
	caught, total, perCheck := 0, 0, map[string]int{}
	seen := map[string]bool{}
	found := func(c candidate, w workload, check string, fault celFault, how string) {
		lock.Lock()
		defer lock.Unlock()
		total++
		reason := harmlessBy(c.name, check, fault)
		switch {
		case how == "" && reason == "":
			t.Errorf("%s, %s, %s: not caught: %s", c.name, w.kind, check, fault.mistake)
		case how != "" && reason != "":
			t.Errorf("%s, %s, %s: %s, though %s: %s", c.name, w.kind, check, how, reason, fault.mistake)
		case how != "":
			caught++
			for _, id := range strings.Split(check, ", ") {
				perCheck[id]++
			}
		}
	}
	for _, w := range []workload{podKind, workloads[0]} {
		// Those that ask something else of this kind than of the one before.
		var some []candidate
		parted := map[string]parts{}
		for _, c := range all {
			p, err := take(c.text.of(w)[0].Expression)
			if err != nil {
				t.Fatalf("the condition of %s %v", c.name, err)
			}
			parted[c.name] = p
			if slices.Contains(builtin, c.name) || slices.ContainsFunc(p.clauses[1:], func(part clause) bool { return !seen[part.text] }) {
				some = append(some, c)
			}
		}
		collected := collect(t, s, some, w.kind == "Pod")
		t.Logf("%s: %d objects are judged for %d templates; %.1f s", w.kind, specimens, len(some), time.Since(began).Seconds())

		// What gives names to the parts: in the largest templates, which ask about all of them.
		var finders []*faultFinder
		for _, name := range builtin {
			finders = append(finders, newFaultFinder(t, parted[name], collected, name))
		}
		_, head, _ := strings.Cut(strings.TrimSpace(parted[builtin[0]].head), "\n") // the first line is a comment
		for _, fault := range celFaultsOf(head) {
			how := ""
			for _, f := range finders {
				if how == "" {
					how = f.caughtInHead(fault.text)
				}
			}
			found(all[0], w, names, fault, how)
		}
		inParallel(cores(), len(some), func(_, number int) bool {
			c := some[number]
			p := parted[c.name]
			f := newFaultFinder(t, p, collected, c.name)
			alone := len(p.clauses) == 2 // and how large a pod may be, which TestPrefilterGuardFaultsAreCaught is about
			for at, part := range p.clauses[1:] {
				mistakes := slices.Clone(wholly)
				lock.Lock()
				if alone && !seen[part.text] {
					mistakes = append(mistakes, celFaultsOf(part.text)...)
					seen[part.text] = true
				}
				lock.Unlock()
				for _, fault := range mistakes {
					found(c, w, part.check, fault, f.caught(at+1, fault.text))
				}
			}
			return true
		})
	}
	for _, check := range slices.Sorted(maps.Keys(perCheck)) {
		t.Logf("%4d mistakes in %s are caught", perCheck[check], check)
	}
	t.Logf("%d of %d mistakes are caught, the rest is harmless; %.1f s", caught, total, time.Since(began).Seconds())
	_, checks := customNames(t)
	for _, check := range checks {
		if perCheck[check] < 4 {
			t.Errorf("%d mistakes in %s are caught, want four or more", perCheck[check], check)
		}
	}
}

// faultFinder holds one template's clauses, and what each says of each object.
type faultFinder struct {
	t          testing.TB
	parts      parts
	attributes []*admission.VersionedAttributes
	objects    []stored
	passes     []bool
	says       [][]bool // by clause, by object
}

func newFaultFinder(t testing.TB, p parts, c *collection, template string) *faultFinder {
	f := &faultFinder{t: t, parts: p, objects: c.objects, passes: c.verdicts[template]}
	for _, object := range c.objects {
		f.attributes = append(f.attributes, object.attributes())
	}
	for _, part := range p.clauses {
		c.lock.Lock()
		says := c.memo[part.text]
		c.lock.Unlock()
		if says == nil {
			compiled, err := compile(newest, condition(p.with(part)))
			if err != nil {
				t.Fatal(err)
			}
			for _, attributes := range f.attributes {
				skips, err := compiled.skips(attributes)
				if err != nil {
					t.Fatalf("%s: %v", part.check, err)
				}
				says = append(says, skips)
			}
			c.lock.Lock()
			c.memo[part.text] = says
			c.lock.Unlock()
		}
		f.says = append(f.says, says)
	}
	return f
}

// within says what all clauses but one say of an object.
func (f *faultFinder) within(index, but int) bool {
	for at, says := range f.says {
		if at != but && !says[index] {
			return false
		}
	}
	return true
}

// caught says how the objects show a mistake in one clause; empty: they do not. The others answer as they are: where one of them is
// false, so is the whole, whatever this one says.
func (f *faultFinder) caught(at int, text string) string {
	return f.differs(f.parts.with(clause{f.parts.clauses[at].check, text}), func(index int) bool { return f.within(index, at) })
}

// caughtInHead says the same of a mistake in what comes before the clauses.
func (f *faultFinder) caughtInHead(text string) string {
	broken := f.parts
	broken.head = text + "\n"
	return f.differs(broken.with(f.parts.clauses...), func(int) bool { return true })
}

func (f *faultFinder) differs(text string, counts func(int) bool) string {
	faulty, err := compile(newest, condition(text))
	if err != nil {
		return "it does not compile"
	}
	for index, attributes := range f.attributes {
		if !counts(index) {
			continue
		}
		skips, err := faulty.skips(attributes)
		switch {
		case err != nil:
			return fmt.Sprintf("object %d is an error", index)
		case skips && !f.passes[index]:
			return fmt.Sprintf("object %d fails and is skipped", index)
		case !skips && f.passes[index] && f.within(index, -1) && f.objects[index].admissible():
			return fmt.Sprintf("object %d passes and is not skipped", index)
		}
	}
	return ""
}

var aboutSize = regexp.MustCompile(`^"[^>].*«(<=|500)» (500 )?\?|«containers»\.size\(\) <= 500 \?`)

// TestPrefilterGuardFaultsAreCaught breaks what keeps large pods from costing too much. What shows it are pods that are as large as
// may be, ones that are larger by one, small ones, and a monster.
func TestPrefilterGuardFaultsAreCaught(t *testing.T) {
	c := candidates(t, []string{"least-privilege"})[0]
	p, err := take(c.text.Pods[0].Expression)
	if err != nil {
		t.Fatal(err)
	}
	type sized struct {
		name       string
		attributes *admission.VersionedAttributes
		skipped    bool
	}
	var all []sized
	add := func(name string, skipped bool, pod *object) {
		o, err := podKind.store(plain(pod))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sized{name, o.attributes(), skipped})
	}
	add("a full pod", true, full())
	add("a full pod of bare containers", true, edited(func(spec, metadata *object) {
		// The least that passes: whatever may be missing is.
		metadata.remove("annotations")
		spec.remove("volumes")
		spec.object("securityContext").remove("sysctls")
		spec.object("securityContext").remove("supplementalGroups")
		for _, list := range containerLists {
			for _, container := range spec.objects(list) {
				for _, field := range []string{"ports", "volumeMounts"} {
					container.remove(field)
				}
				container.object("securityContext").set("capabilities", obj("drop", arr("ALL")))
			}
		}
	}))
	add("a windows pod", true, obj("kind", "Pod", "apiVersion", "v1", "metadata", obj("name", "web", "namespace", "shop"), "spec", obj(
		"os", obj("name", "windows"), "automountServiceAccountToken", false, "securityContext", obj("runAsNonRoot", true),
		"volumes", arr(obj("name", "v", "projected", obj()), obj("name", "w", "emptyDir", obj())),
		"containers", arr(obj("name", "a", "image", "a", "securityContext", obj("capabilities", obj("add", arr("NET_BIND_SERVICE")))), obj("name", "b", "image", "b")))))
	for _, m := range monsters {
		if strings.HasPrefix(m.name, "one ") {
			add(m.name, false, m.pod())
		}
	}
	add("80,000 containers", false, monsters[slices.IndexFunc(monsters, func(m monster) bool { return m.name == "80,000 containers" })].pod())
	shows := func(text string) string {
		faulty, err := compile(newest, condition(text))
		if err != nil {
			return "it does not compile"
		}
		for _, object := range all {
			skips, cost, err := faulty.cost(object.attributes)
			switch {
			case err != nil:
				return object.name + " is an error"
			case skips != object.skipped:
				return fmt.Sprintf("%s is skipped: %t", object.name, skips)
			case cost > most:
				return object.name + " costs too much"
			}
		}
		return ""
	}
	if how := shows(p.with(p.clauses...)); how != "" {
		t.Fatalf("without a mistake: %s", how)
	}
	caught := 0
	found := func(fault celFault, text string) {
		how, reason := shows(text), harmlessBy(c.name, guard, fault)
		switch {
		case how == "" && reason == "":
			t.Errorf("not caught: %s", fault.mistake)
		case how != "" && reason != "":
			t.Errorf("%s, though %s: %s", how, reason, fault.mistake)
		case how != "":
			caught++
		}
	}
	for _, fault := range append(slices.Clone(wholly), celFaultsOf(p.clauses[0].text)...) {
		broken := slices.Clone(p.clauses)
		broken[0].text = fault.text
		found(fault, p.with(broken...))
	}
	for _, fault := range celFaultsOf(p.head) {
		if aboutSize.MatchString(fault.mistake) {
			broken := p
			broken.head = fault.text
			found(fault, broken.with(p.clauses...))
		}
	}
	t.Logf("%d mistakes are caught", caught)
}
