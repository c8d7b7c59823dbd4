package yaml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	streams "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Theirs is what kubectl's library makes of a text of one document.
func Theirs(text []byte) Answer {
	out, err := yaml.YAMLToJSON(text)
	if err != nil {
		return Answer{Err: err.Error()}
	}
	return Answer{JSON: string(out)}
}

// TheirStream is what kubectl's stream decoder makes of a text. Nulls are left out, as kubectl does.
func TheirStream(text []byte) []Answer {
	decoder := streams.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var answers []Answer
	for {
		var document json.RawMessage
		switch err := decoder.Decode(&document); {
		case err == io.EOF:
			return answers
		case err != nil:
			return append(answers, Answer{Err: err.Error()})
		case len(document) > 0 && string(document) != "null":
			answers = append(answers, Answer{JSON: string(document)})
		}
	}
}

// Verdict says how two answers compare.
type Verdict int

// The verdicts.
const (
	Same       Verdict = iota // the same value
	BothRefuse                // an error on both sides
	Differ                    // in value, or an error on one side
)

// Compare compares two answers to one text. The explanation is empty unless they differ.
func Compare(theirs, ours Answer) (Verdict, string) {
	switch {
	case theirs.Err != "" && ours.Err != "":
		return BothRefuse, ""
	case theirs.Err != "":
		return Differ, fmt.Sprintf("they refuse: %s\nwe read: %s", theirs.Err, ours.JSON)
	case ours.Err != "":
		return Differ, fmt.Sprintf("they read: %s\nwe refuse: %s", theirs.JSON, ours.Err)
	}
	want, err := Canonical(theirs.JSON)
	if err != nil {
		return Differ, "their answer is not JSON: " + err.Error()
	}
	got, err := Canonical(ours.JSON)
	if err != nil {
		return Differ, "our answer is not JSON: " + err.Error() + "\n" + ours.JSON
	}
	if want == got {
		return Same, ""
	}
	return Differ, fmt.Sprintf("theirs: %s\nours:   %s", want, got)
}
