package conformance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// celFault is an expression with one mistake in it.
type celFault struct{ mistake, text string }

// token is a piece of CEL: a text, a name, a number, an operator, or a bracket, without the spaces around it.
type token struct {
	text       string
	start, end int
}

var tokenPattern = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z_0-9]*|[0-9]+|&&|\|\||==|!=|<=|>=|.`)

func tokens(text string) []token {
	var out []token
	for _, at := range tokenPattern.FindAllStringIndex(text, -1) {
		if piece := text[at[0]:at[1]]; strings.TrimSpace(piece) != "" {
			out = append(out, token{piece, at[0], at[1]})
		}
	}
	return out
}

// closing is the index of the token that closes the bracket at that index.
func closing(all []token, open int) int {
	depth := 0
	for i := open; i < len(all); i++ {
		switch all[i].text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(all) - 1
}

// celFaultsOf are the mistakes that one could make in an expression: a word, an operator or a constant changed, a guard or an
// alternative forgotten. Each is a text that differs in one place.
func celFaultsOf(text string) []celFault {
	var out []celFault
	all := tokens(text)
	replace := func(from, to int, with string) {
		mutated := text[:all[from].start] + with + text[all[to].end:]
		begin, end := max(0, all[from].start-60), min(len(text), all[to].end+60)
		out = append(out, celFault{strings.ReplaceAll(fmt.Sprintf("%q for ...%s«%s»%s...", with, text[begin:all[from].start], text[all[from].start:all[to].end],
			text[all[to].end:end]), "\n", " "), mutated})
	}
	is := func(i int, text string) bool { return i >= 0 && i < len(all) && all[i].text == text }
	swaps := map[string][]string{
		"==": {"!="}, "!=": {"=="}, "&&": {"||"}, "||": {"&&"}, "<=": {"<", ">="},
		"all": {"exists"}, "exists": {"all"}, "startsWith": {"endsWith", "contains"}, "true": {"false"}, "false": {"true"},
	}
	for i, t := range all {
		for _, other := range swaps[t.text] {
			replace(i, i, other)
		}
		switch {
		case t.text == "!" && !is(i+1, "="):
			replace(i, i, "")
		case t.text == "has" && is(i+1, "("):
			end := closing(all, i+1)
			replace(i, end, "true")
			replace(i, end, "false")
		case t.text == "[" && i > 0 && is(i-1, "in"): // one value fewer, one more
			end := closing(all, i)
			for j := i + 1; j < end; j += 2 {
				switch {
				case is(j+1, ","):
					replace(j, j+1, "")
				case j > i+1:
					replace(j-1, j, "")
				default:
					replace(j, j, "")
				}
			}
		case t.text[0] == '"' && len(t.text) > 2:
			replace(i, i, strconv.Quote(strings.ToUpper(t.text[1:len(t.text)-1])+"x"))
		case t.text[0] >= '0' && t.text[0] <= '9':
			n, err := strconv.ParseInt(t.text, 10, 64)
			if err == nil {
				replace(i, i, fmt.Sprint(n+1))
				replace(i, i, fmt.Sprint(n-1))
			}
		case t.text == "contexts" || t.text == "containers" || t.text == "volumes" || t.text == "annotations":
			empty := "[]"
			if t.text == "annotations" {
				empty = "{}"
			}
			if !is(i-1, ".") && !is(i+1, "[") {
				replace(i, i, empty)
			}
		case t.text == "[" && is(i+1, "context") && is(i+3, "+"): // the pod's own
			replace(i, i+2, "[]")
		}
	}
	return out
}

// wholly are the mistakes that a check as a whole can be.
var wholly = []celFault{{"true instead of all of it", "(true)"}, {"false instead of all of it", "(false)"}}

const (
	names      = "what gives names"
	guard      = "how large a pod may be"
	onlyNames  = "the list has one item: it is there to give it a name"
	everyToken = "the rest, which forbids every token, refuses more"
)

// harmless are the mistakes that nothing can show, and why. They are looked for in vain, or the table is wrong.
var harmless = []struct{ template, check, mistake, why string }{
	{mistake: `^"true" for .*«has\((c\.\w+Profile\.type|spec\.os\.name|v\.projected\.sources)\)»`, why: "the API server always writes this field"},
	{check: "selinux", mistake: `^"" for .*«"",?»`, why: "the API server leaves empty texts out"},
	{check: "capabilities-add", mistake: `«all»\(a, a in \[\]\)`, why: "the API server leaves empty lists out"},
	{check: "sysctls", mistake: `«all»\(s, s\.name in \[\]\)`, why: "the API server leaves empty lists out"},
	{check: "volume-devices", mistake: `^"-1" for .*«0»`, why: "the API server leaves empty lists out"},
	{check: "read-only-volumes", mistake: `«all»\((bad|own),`, why: onlyNames},
	{template: "token-forbidden", mistake: `\|\| !«volumes»|«"kube-api-access-"»|«startsWith»`, why: everyToken},
	{template: "token-forbidden", mistake: `^"false" for .*«has\(s\.serviceAccountToken\)»\)\)\) && `, why: everyToken},
	{template: "token-forbidden", mistake: `«has\(spec\.automountServiceAccountToken\)» \|\| !volumes`, why: everyToken},
	{template: "token-forbidden", mistake: `^"false" for .*"kube-api-access-"\) && (has\(v\.projected\) && )?«has\(v\.projected(\.sources)?\)»`, why: everyToken},
	{template: "token-forbidden", mistake: `^"true" for .*\.\.\.\(has\(spec\.automountServiceAccountToken\) && \(!«has\(`, why: "of a workload that has been asked for before"},
	{template: "least-privilege", check: "run-as-user", mistake: "^true", why: "id-ranges refuses 0 as well"},
	{check: names, mistake: `!\[object\]\.«all»\(pod,|«all»\((spec|annotations|containers|context|contexts|volumes),`, why: onlyNames},
	{check: names, mistake: `^"true" for .*«has\((object\.spec|pod\.metadata|spec\.containers|spec\.securityContext)\)»`, why: "the API server always writes this field, or gives a default"},
	{check: names, mistake: `^"(<|499|501|\[\])" for .*(\.size\(\) (<= )?«(<=|500)» (500 )?\?|«containers»\.size\(\) <= 500 \?)`,
		why: "this is about how large a pod may be: TestPrefilterGuardFaultsAreCaught"},
	{check: guard, mistake: `^"-?1" for .*((c\.ports|c\.volumeMounts|add|drop|sysctls|supplementalGroups)\.size\(\) : «0»\)|: 0\) : «0»\)\.sum)`, why: "counts one more or less for a list that is not there"},
	{check: guard, mistake: `^"false" for .*«has\(c\.volumeDevices\)»`, why: "no check looks at more than how many they are"},
	{check: guard, mistake: `^"501" for .*«500» \?`, why: "one more costs little; the pod is sent all the same"},
}

func harmlessBy(template, check string, fault celFault) string {
	for _, h := range harmless {
		if (h.template == "" || h.template == template) && (h.check == "" || strings.Contains(check, h.check)) && regexp.MustCompile(h.mistake).MatchString(fault.mistake) {
			return h.why
		}
	}
	return ""
}
