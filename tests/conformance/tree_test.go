package conformance

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestSpellingsMeanTheSame shows that however a pod is spelt, it is the same document.
func TestSpellingsMeanTheSame(t *testing.T) {
	seed, spelt := seed(t), 0
	for index := range 2000 {
		tree, raw := generate(seed, index)
		if !reflect.DeepEqual(decoded(t, raw), decoded(t, plain(tree))) {
			t.Fatalf("pod %d: %s\nis not %s", index, raw, plain(tree))
		}
		if !bytes.Equal(raw, plain(tree)) {
			spelt++
		}
	}
	if spelt < 500 {
		t.Errorf("%d of 2000 documents are not plain, want 500 or more", spelt)
	}
}

// TestGenerateRepeats shows that the same seed and index make the same bytes, and others do not.
func TestGenerateRepeats(t *testing.T) {
	for index := range 100 {
		_, first := generate(7, index)
		_, again := generate(7, index)
		_, other := generate(8, index)
		if !bytes.Equal(first, again) {
			t.Errorf("pod %d of seed 7 differs from itself", index)
		}
		if bytes.Equal(first, other) {
			t.Errorf("pod %d is the same for two seeds", index)
		}
	}
}

// TestParse shows that a document read and written plainly is the same document.
func TestParse(t *testing.T) {
	seed := seed(t)
	for index := range 500 {
		tree, raw := generate(seed, index)
		read, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(decoded(t, plain(read)), decoded(t, plain(tree))) {
			t.Fatalf("pod %d: %s\nis read as %s", index, raw, plain(read))
		}
	}
	for _, bad := range []string{"", "{", "[1", `{"a":}`, "{} {}", `{"a":1}}`} {
		if read, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q is read as %s", bad, plain(read))
		}
	}
}

// TestPlaces drops and puts at every place of a tree and looks at what is left.
func TestPlaces(t *testing.T) {
	tree := obj("a", arr(integer(1), obj("b", nil)), "c", "d")
	if got := len(places(tree)); got != 5 {
		t.Fatalf("%d places, want 5", got)
	}
	for i, want := range []string{`{"c":"d"}`, `{"a":[{"b":null}],"c":"d"}`, `{"a":[1],"c":"d"}`, `{"a":[1,{}],"c":"d"}`, `{"a":[1,{"b":null}]}`} {
		copied := clone(tree)
		places(copied)[i].drop()
		if got := string(plain(copied)); got != want {
			t.Errorf("without place %d: %s, want %s", i, got, want)
		}
	}
	copied := clone(tree)
	places(copied)[3].put(true)
	if got, want := string(plain(copied)), `{"a":[1,{"b":true}],"c":"d"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(plain(tree)), `{"a":[1,{"b":null}],"c":"d"}`; got != want {
		t.Errorf("the original became %s, want %s", got, want)
	}
}

// TestSpellerEscapes holds strings with every kind of character to Go's own reader.
func TestSpellerEscapes(t *testing.T) {
	const text = "a\"\\/\b\f\n\r\t\u0000\u001f ü \u2028 \U0001F6A2"
	s := speller{chance: rand.New(rand.NewPCG(1, 2)), escape: 0.5, space: 0.5}
	for range 200 {
		var got string
		if err := json.Unmarshal(s.spell(text), &got); err != nil || got != text {
			t.Fatalf("%q is read as %q, %v", text, got, err)
		}
	}
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	var out any
	if err := in.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
