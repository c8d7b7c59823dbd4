package yaml

import (
	"regexp"
	"strings"
)

// difference is one way in which Plimsoll is meant to read a text otherwise than kubectl.
type difference struct {
	name   string
	reason string
	// example is a text of one document that shows it.
	example string
	// explains says whether it is why two answers to a text differ.
	explains func(text string, theirs, ours Answer) bool
}

// weRefuse explains an error that only Plimsoll makes.
func weRefuse(pattern string) func(string, Answer, Answer) bool {
	expression := regexp.MustCompile(pattern)
	return func(_ string, theirs, ours Answer) bool {
		return theirs.Err == "" && ours.Err != "" && expression.MatchString(ours.Err)
	}
}

// theyRefuse explains an error that only kubectl's library makes, in a text with `cause`.
func theyRefuse(pattern, cause string) func(string, Answer, Answer) bool {
	expression := regexp.MustCompile(pattern)
	because := regexp.MustCompile(cause)
	return func(text string, theirs, ours Answer) bool {
		return theirs.Err != "" && ours.Err == "" && expression.MatchString(theirs.Err) && because.MatchString(text)
	}
}

var jsonNumber = regexp.MustCompile(`-0|[0-9][eE.][0-9]`)

var oddTag = regexp.MustCompile(`![^\s]*[,\[\]{}]`)

// differences are all that are meant. TestDifferences shows that each is still there.
var differences = []difference{
	{
		"duplicate key", "kubectl's library lets the last one count in silence, which hides a setting from whoever reads the first",
		"a: 1\nb: 2\na: 3\n", weRefuse("stands in the mapping twice"),
	},
	{
		"duplicate key after conversion", "two keys that are one in JSON; which of them counts is a matter of Go's map order",
		"1: a\n'1': b\n", weRefuse("stands in the mapping twice"),
	},
	{
		"depth", "a manifest is never nested 100 deep; a bound keeps recursion safe",
		strings.Repeat("[", 101) + strings.Repeat("]", 101), weRefuse("nested deeper than 100"),
	},
	{
		"aliases", "the bound on what aliases may repeat is lower, and does not depend on how far decoding got",
		"a: &a [" + strings.Repeat("0,", 2000) + "]\nb: [" + strings.Repeat("*a ,", 60) + "]\n", weRefuse("the aliases repeat more"),
	},
	{
		"number out of range in JSON", "as YAML it would become a text, as JSON the API server refuses it",
		`{"a": 1e999}`, weRefuse("is out of range"),
	},
	{
		"number in a JSON list", "a text that begins with [ is read as JSON too, so its numbers stay as they are written",
		"[-0]", func(text string, theirs, ours Answer) bool {
			return theirs.Err == "" && ours.Err == "" && strings.HasPrefix(text, "[") && jsonNumber.MatchString(text)
		},
	},
	{
		"tab beside a JSON value", "a text that is JSON is read as JSON, which kubectl does too before it tries YAML",
		"\t{}", theyRefuse("cannot start any token", `(?s)^\s*\t\s*[\[{]|[\]}]\s*\t`),
	},
	{
		"surrogate pair", "a text that is JSON is read as JSON, which kubectl does too before it tries YAML",
		`{"a": "\ud83d\ude00"}`, theyRefuse("invalid Unicode character escape code", `\\u`),
	},
	{
		"slash escape", `JSON allows \/, so YAML 1.2 and newer libyaml do`,
		`a: "x\/y"`, theyRefuse("unknown escape", `\\/`),
	},
	{
		"apostrophe escape", `YAML has no escape \'; newer libyaml refuses it`,
		`a: "it\'s"`, weRefuse("no such escape"),
	},
	{
		"YAML 1.2 directive", "newer libyaml reads it, and it changes nothing in a manifest",
		"%YAML 1.2\n---\na: 1\n", theyRefuse("incompatible YAML document", `%YAML`),
	},
	{
		"colon before an indicator in flow style", "newer libyaml refuses it, because whether the colon belongs to the text is unclear",
		"{a:, b: 1}", weRefuse("a ':' stands in \\[ \\] or { } with no space"),
	},
	{
		"question mark in flow style", "newer libyaml lets it stand inside a text",
		"[http://x/?q=1]", theyRefuse("did not find expected|cannot start any token|mapping keys", `\?`),
	},
	{
		"flow indicator in a tag", "newer libyaml ends or refuses a tag there, as YAML 1.2 does",
		"[!a,b c]", func(text string, _, _ Answer) bool { return oddTag.MatchString(text) },
	},
	{
		"byte order mark inside", "it would hide at the front of a key",
		"a: 1\n\ufeffb: 2\n", weRefuse("byte order mark"),
	},
	{
		"bracket and colon", "their library takes the bracket for the document and stops reading, where YAML has a key that is a mapping",
		"# x\n { }:\n", weRefuse("a key cannot be a list or a mapping"),
	},
	{
		"the text as a whole", "what is no text anywhere is refused at once, their library stops reading after the first document",
		"a: 1\n---\n" + strings.Repeat("# far from the end of the first document\n", 20_000) + "\xff\n", weRefuse("not valid UTF-8|not valid UTF-16|NUL byte|control character"),
	},
}

// explained returns the first difference that explains the answers; empty if none does.
func explained(text string, theirs, ours Answer) string {
	for _, it := range differences {
		if it.explains(text, theirs, ours) {
			return it.name
		}
	}
	return ""
}
