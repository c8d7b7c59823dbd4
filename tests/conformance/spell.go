package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// speller writes a tree as JSON. The zero speller writes it plainly; one with a source of chance
// writes the same value as another client might: members in another order, characters escaped,
// white space anywhere.
type speller struct {
	chance  *rand.Rand
	shuffle bool
	escape  float64 // of the characters of a string
	space   float64 // of the gaps between tokens
}

// plain writes a tree in its own order without escapes or white space.
func plain(n node) []byte { return speller{}.spell(n) }

// anySpelling draws how a document is written; most are plain, as the API server's are.
func anySpelling(chance *rand.Rand) speller {
	s := speller{chance: chance, shuffle: chance.IntN(2) == 0}
	if chance.IntN(4) == 0 {
		s.escape = 0.1
	}
	if chance.IntN(4) == 0 {
		s.space = 0.3
	}
	return s
}

func (s speller) spell(n node) []byte {
	var out bytes.Buffer
	s.write(&out, n)
	return out.Bytes()
}

func (s speller) write(out *bytes.Buffer, n node) {
	s.gap(out)
	defer s.gap(out)
	switch n := n.(type) {
	case *object:
		members := n.members
		if s.shuffle {
			members = make([]member, len(members))
			for to, from := range s.chance.Perm(len(members)) {
				members[to] = n.members[from]
			}
		}
		out.WriteByte('{')
		for i, m := range members {
			if i > 0 {
				out.WriteByte(',')
			}
			s.gap(out)
			s.text(out, m.key)
			s.gap(out)
			out.WriteByte(':')
			s.write(out, m.value)
		}
		out.WriteByte('}')
	case *list:
		out.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				out.WriteByte(',')
			}
			s.write(out, item)
		}
		out.WriteByte(']')
	case string:
		s.text(out, n)
	case number:
		out.WriteString(string(n))
	case bool:
		fmt.Fprint(out, n)
	case nil:
		out.WriteString("null")
	default:
		panic(fmt.Sprintf("%T is no JSON value", n))
	}
}

func (s speller) gap(out *bytes.Buffer) {
	if s.space > 0 && s.chance.Float64() < s.space {
		out.WriteString([]string{" ", "\n", "\t", "\r\n  "}[s.chance.IntN(4)])
	}
}

func (s speller) text(out *bytes.Buffer, text string) {
	if s.escape == 0 {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		out.Write(quoted)
		return
	}
	out.WriteByte('"')
	for _, char := range text {
		switch {
		case char == '/' && s.chance.IntN(2) == 0:
			out.WriteString(`\/`)
		case char < 0x20 || char == '"' || char == '\\' || char < 0x80 && s.chance.Float64() < s.escape:
			fmt.Fprintf(out, `\u%04x`, char)
		default:
			out.WriteRune(char)
		}
	}
	out.WriteByte('"')
}
