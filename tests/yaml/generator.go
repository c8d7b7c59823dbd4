package yaml

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Generator makes documents that are close to what people write and far from what they should.
type Generator struct {
	random  *rand.Rand
	out     strings.Builder
	anchors []anchor
	names   int
	named   int
	faults  bool // whether to write what is likely an error
}

// anchor is a value that can be repeated.
type anchor struct {
	name    string
	mapping bool
	scalar  bool
}

// NewGenerator makes a generator whose documents follow from the seed alone.
func NewGenerator(seed uint64) *Generator {
	return &Generator{random: rand.New(rand.NewPCG(seed, 0x59414d4c))}
}

func (g *Generator) chance(percent int) bool { return g.random.IntN(100) < percent }

func pick[T any](g *Generator, from []T) T { return from[g.random.IntN(len(from))] }

var oddScalars = []string{
	"", "~", "null", "Null", "NULL", "nULL", "y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO",
	"true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF", "oFF",
	"0", "-0", "+0", "1", "+1", "-1", "007", "08", "0o17", "0O17", "0o8", "-0o17", "0b101", "0B11", "0b12", "-0b11", "+0b1",
	"0b-1", "0b+1", "-0b-1", "0x1F", "0X1f", "-0x10", "+0x10", "0xg", "0x", "0b", "0o", "0x_1F", "1_000", "_1", "1__0_", "0_7",
	"1e3", "1E3", "1e+3", "1e-3", "1e", "1.", ".5", "+.5", "-.5", ".", "..", "...x", "1.5", "1.5e300", "1e999", "-1e999", "1e-999",
	"1.0", "-0.0", "1.50", "1_0.5_0", ".5_0", "._5", ".5_", ".1e5", ".e1", "0.1e1", "1e22", "1e21", "1e20", "1e-7", "1e-6", "123456789012345678",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
	"18446744073709551616", "+18446744073709551615", "0xFFFFFFFFFFFFFFFF", "0x10000000000000000", "0777777777777777777777777",
	"123456789012345678901234567890", "9007199254740993", "9007199254740993.0", "1.2345678901234567e18", "4.9e-324", "1.7976931348623157e308",
	"12:30:45", "190:20:30.15", "1:30", "2001-12-14", "2001-12-14T21:59:43.10-05:00", "2001-12-14t21:59:43Z", "2001-1-2 3:4:5", "2001-02-30",
	"2001-12-14 21:59:43.10 -5", "100m", "1Gi", "1.2.3", "v1.29", "nginx:1.25", "http://x/y?z=1#f", "a b c", "it's", `a\b`, "<<x", "=", "-", "--x", "-x",
	"?x", ":x", "x:y", "x#y", "Infinity", "inf", "nan", "NaN", "+inf", "0x1p-2", "1,000", "é", "漢字", "🚢", "a\u00a0b", "%x", "k8s", "0.0", "00", "0_",
	"y:", "on fire", "0e0", "1e1_0", "-", "+", "- x", "1 2", "@x", "`x`", "null x", "*x", "&x", "!x", "|x", ">x", "'", "\"", "#x", "a: b", "[x", "{x", "x]", "x}", "x,y",
}

var nonFinite = []string{".inf", ".Inf", ".INF", "-.inf", "+.inf", ".nan", ".NaN", ".iNf"}

var numberAlphabet = "0123456789012345670101__..eExXoObB+-:"

// scalarText is a scalar without quotes or tag.
func (g *Generator) scalarText() string {
	switch {
	case g.chance(40):
		return pick(g, oddScalars)
	case g.chance(40):
		var text strings.Builder
		text.WriteByte(pick(g, []byte("0123456789+-.")))
		for range g.random.IntN(8) {
			text.WriteByte(numberAlphabet[g.random.IntN(len(numberAlphabet))])
		}
		return text.String()
	case g.chance(20):
		return strconv.FormatFloat(g.random.NormFloat64()*pick(g, []float64{1, 1e-9, 1e9, 1e25, 1e300}), pick(g, []byte("efg")), -1, 64)
	case g.chance(20):
		return strconv.FormatInt(int64(g.random.Uint64()), pick(g, []int{10, 10, 8, 16}))
	case g.faults && g.chance(3):
		return pick(g, nonFinite)
	default:
		return g.words(1 + g.random.IntN(4))
	}
}

func (g *Generator) words(count int) string {
	all := []string{"pod", "nginx", "a", "x1", "runAsNonRoot", "é", "漢", "🚢", "it's", "to:", "#no", "\\n", "100m", "-", "key", "–", "a\u00a0b"}
	words := make([]string, count)
	for i := range words {
		words[i] = pick(g, all)
	}
	return strings.Join(words, " ")
}

// plainSafe says whether a text can stand without quotes.
func plainSafe(text string, flow bool) bool {
	if text == "" || strings.TrimSpace(text) != text {
		return false
	}
	if strings.ContainsAny(text[:1], "#&*!|>'\"%@`,[]{}") {
		return false
	}
	if strings.ContainsAny(text[:1], "-?:") && (len(text) == 1 || text[1] == ' ' || flow) {
		return false
	}
	if strings.Contains(text, ": ") || strings.HasSuffix(text, ":") || strings.Contains(text, " #") {
		return false
	}
	return !flow || !strings.ContainsAny(text, ",?[]{}:")
}

func (g *Generator) single(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

func (g *Generator) double(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			out.WriteString("\\" + string(c))
		case c == '\n':
			out.WriteString("\\n")
		case c == '\t':
			out.WriteString("\\t")
		case c < 0x20:
			fmt.Fprintf(&out, "\\x%02x", c)
		case g.chance(5) && c < 0x10000:
			fmt.Fprintf(&out, "\\u%04X", c)
		case g.chance(3):
			fmt.Fprintf(&out, "\\U%08x", c)
		default:
			out.WriteRune(c)
		}
	}
	if g.chance(8) {
		out.WriteString(pick(g, []string{`\0`, `\a`, `\b`, `\e`, `\f`, `\v`, `\r`, `\N`, `\_`, `\L`, `\P`, `\ `, `\x41`, `\x80`, `\xff`}))
	}
	out.WriteByte('"')
	return out.String()
}

// scalar is a scalar on one line, in any style.
func (g *Generator) scalar(flow bool) string {
	text := g.scalarText()
	switch {
	case g.chance(70) && (plainSafe(text, flow) || g.faults && g.chance(2)):
		return text
	case g.chance(50):
		return g.single(text)
	default:
		return g.double(text)
	}
}

func (g *Generator) tagged(flow bool) string {
	if !g.chance(6) {
		return g.scalar(flow)
	}
	valid := map[string][]string{
		"!!str":                    {"1", "~", "yes", "1.5", "", "x", "2001-01-01"},
		"!!int":                    {"1", "'0x10'", `"017"`, "1_0", "0b1"},
		"!!float":                  {"1", "1.5", "'1e3'", "0x10", ".5", "9007199254740993"},
		"!!bool":                   {"yes", "'off'", `"true"`, "N"},
		"!!null":                   {"", "~", "'null'", "''"},
		"!!binary":                 {base64.StdEncoding.EncodeToString([]byte(g.words(2))), `"/+8="`, "", "aGVsbG8="},
		"!!timestamp":              {"2001-01-02", "2001-12-14T21:59:43.10-05:00", "2001-1-2 3:4:5", "'2001-12-14t21:59:43Z'"},
		"!own":                     {"1", "~", "x", "yes"},
		"!":                        {"1", "'1'", "yes", `"~"`},
		"!!own":                    {"1", "x"},
		"!<tag:yaml.org,2002:int>": {"1", "'7'"},
	}
	tags := []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!binary", "!!timestamp", "!own", "!", "!!own", "!<tag:yaml.org,2002:int>"}
	tag := pick(g, tags)
	value := pick(g, valid[tag])
	if g.faults && g.chance(10) {
		value = g.scalar(flow)
	}
	if flow && value == "" {
		value = "''"
		if tag == "!!timestamp" || tag == "!!int" || tag == "!!float" || tag == "!!bool" {
			value = pick(g, valid[tag][:1])
		}
	}
	return tag + " " + value
}

func (g *Generator) key(flow bool) string {
	g.names++
	if g.chance(85) {
		return fmt.Sprintf("%s%d", pick(g, []string{"name", "image", "spec", "é", "x.y/z", "a b", "k-"}), g.names)
	}
	switch {
	case g.chance(30):
		return g.double("q" + strconv.Itoa(g.names) + g.words(1))
	case g.chance(30):
		return g.single("s" + strconv.Itoa(g.names) + g.words(1))
	case g.chance(50):
		// Numbers, booleans and the like: one of a kind, or they would be duplicates.
		return pick(g, []string{"%d", "0x%d", "%d.5", "1%de3", "1_%d", "2001-01-%d", "-%d", "+%d.25", "0o%d", "%de-9"})
	case g.faults:
		return pick(g, []string{"yes", "on", "~", "null", "1", "'1'", "true", "1.0", "<<", "'<<'", ".inf", "18446744073709551615", "2001-01-01", "!!str 1", "!!int '1'"})
	default:
		return "plain" + strconv.Itoa(g.names)
	}
}

func (g *Generator) newKey(flow bool) string {
	key := g.key(flow)
	if strings.Contains(key, "%d") {
		key = strings.Replace(key, "%d", strconv.Itoa(g.names), 1)
	}
	return key
}

func (g *Generator) comment() string {
	if !g.chance(8) {
		return ""
	}
	if g.faults && g.chance(10) {
		return "\t# tab"
	}
	return pick(g, []string{" # why", "  #", " # é: [", " # 'x"})
}

func (g *Generator) blankLines(indent int) {
	if !g.chance(6) {
		return
	}
	g.out.WriteString(pick(g, []string{"\n", "\n\n", "# left\n", strings.Repeat(" ", indent) + "# in line\n", "   \n", strings.Repeat(" ", indent+3) + "# far\n"}))
}

// flow writes a value in flow style.
func (g *Generator) flow(depth int) string {
	switch {
	case depth > 0 && g.chance(20):
		parts := make([]string, g.random.IntN(4))
		for i := range parts {
			parts[i] = g.flow(depth - 1)
		}
		if g.chance(10) {
			parts = append(parts, fmt.Sprintf("%s: %s", g.newKey(true), g.flow(0)))
		}
		comma := pick(g, []string{", ", ",", " , "})
		trailing := ""
		if len(parts) > 0 && g.chance(10) {
			trailing = ","
		}
		return "[" + strings.Join(parts, comma) + trailing + "]"
	case depth > 0 && g.chance(25):
		parts := make([]string, g.random.IntN(4))
		for i := range parts {
			if key := g.newKey(true); g.chance(8) {
				parts[i] = key
			} else if g.chance(10) && strings.HasPrefix(key, `"`) {
				parts[i] = key + ":" + g.flow(depth-1)
			} else {
				parts[i] = key + ": " + g.flow(depth-1)
			}
		}
		return "{" + pick(g, []string{"", " "}) + strings.Join(parts, ", ") + pick(g, []string{"", " "}) + "}"
	case len(g.anchors) > 0 && g.chance(8):
		return "*" + pick(g, g.anchors).name + " "
	default:
		return g.tagged(true)
	}
}

// block is a literal or folded scalar.
func (g *Generator) block(indent int) string {
	header := pick(g, []string{"|", ">", "|-", ">-", "|+", ">+"})
	step := 1 + g.random.IntN(4)
	lines := make([]string, 1+g.random.IntN(5))
	for i := range lines {
		switch {
		case g.chance(15):
			lines[i] = ""
		case g.chance(15):
			lines[i] = strings.Repeat(" ", 1+g.random.IntN(3)) + g.words(2)
		case i > 0 && g.chance(5):
			lines[i] = "\t" + g.words(1)
		default:
			lines[i] = g.words(1 + g.random.IntN(4))
		}
	}
	if strings.HasPrefix(lines[0], " ") || lines[0] == "" || g.chance(10) {
		header = header[:1] + strconv.Itoa(step) + header[1:]
	}
	var out strings.Builder
	out.WriteString(header + pick(g, []string{"", "", " # note", " "}) + "\n")
	for _, line := range lines {
		if line == "" {
			out.WriteString(pick(g, []string{"\n", strings.Repeat(" ", indent+step) + "\n"}))
			continue
		}
		out.WriteString(strings.Repeat(" ", indent+step) + line + "\n")
	}
	for g.chance(15) {
		out.WriteString("\n")
	}
	return out.String()
}

// long is a plain or quoted scalar over several lines.
func (g *Generator) long(indent int) string {
	pad := "\n" + strings.Repeat(" ", indent+1+g.random.IntN(3))
	lines := make([]string, 2+g.random.IntN(3))
	for i := range lines {
		lines[i] = pick(g, []string{"one", "two three", "é x", "4", "yes"})
		if i > 0 && g.chance(15) {
			lines[i] = pad[:1] + strings.TrimPrefix(pad, "\n") + lines[i]
		}
	}
	text := strings.Join(lines, pad)
	switch {
	case g.chance(33):
		return "\"" + strings.Replace(text, "one", `one \`, 1) + "\""
	case g.chance(50):
		return "'" + text + "'"
	default:
		return text
	}
}

// value writes what follows a key or a dash, with the line break.
func (g *Generator) value(indent, depth int) {
	properties := ""
	named := ""
	if g.chance(12) {
		g.named++
		named = "a" + strconv.Itoa(g.named)
		if g.chance(5) {
			named = "a1"
		}
		properties = " &" + named
	}
	kind := anchor{name: named}
	switch {
	case depth > 0 && g.chance(38):
		kind.mapping = true
		if g.chance(5) {
			properties += " !!map"
		}
		g.out.WriteString(properties + g.comment() + "\n")
		g.mapping(indent+1+g.random.IntN(4), depth-1)
	case depth > 0 && g.chance(25):
		g.out.WriteString(properties + g.comment() + "\n")
		g.sequence(indent+pick(g, []int{0, 1, 2, 2, 4}), depth-1, indent)
	case g.chance(15):
		text := g.flow(2)
		kind.mapping = strings.HasPrefix(text, "{")
		kind.scalar = !kind.mapping && !strings.HasPrefix(text, "[")
		if strings.HasPrefix(text, "*") {
			properties, kind.name = "", ""
		}
		g.out.WriteString(properties + " " + text + g.comment() + "\n")
	case g.chance(12):
		kind.scalar = true
		g.out.WriteString(properties + " " + g.block(max(indent, 0)))
	case g.chance(8):
		kind.scalar = true
		g.out.WriteString(properties + " " + g.long(max(indent, 0)) + "\n")
	case len(g.anchors) > 0 && g.chance(12):
		g.out.WriteString(" *" + pick(g, g.anchors).name + g.comment() + "\n")
		return
	default:
		kind.scalar = true
		g.out.WriteString(properties + pick(g, []string{" ", "  ", " "}) + g.tagged(false) + g.comment() + "\n")
	}
	if kind.name != "" {
		g.anchors = slices.DeleteFunc(g.anchors, func(it anchor) bool { return it.name == kind.name })
		g.anchors = append(g.anchors, kind)
	}
}

func (g *Generator) mapping(indent, depth int) {
	pad := strings.Repeat(" ", indent)
	for range 1 + g.random.IntN(4) {
		g.blankLines(indent)
		g.out.WriteString(pad)
		var mappings []string
		for _, it := range g.anchors {
			if it.mapping {
				mappings = append(mappings, "*"+it.name)
			}
		}
		if len(mappings) > 0 && g.chance(20) {
			source := pick(g, mappings)
			switch {
			case g.chance(25):
				source = "[" + pick(g, mappings) + " , " + pick(g, mappings) + "]"
			case g.chance(15):
				source = "{inline" + strconv.Itoa(g.names) + ": 1, name1: 2}"
			}
			g.out.WriteString("<<: " + source + g.comment() + "\n")
			continue
		}
		if g.chance(3) {
			g.out.WriteString("? " + g.newKey(false) + "\n" + pad + ":")
		} else {
			if g.chance(2) {
				g.out.WriteString("&k" + strconv.Itoa(g.names) + " ")
			}
			g.out.WriteString(g.newKey(false) + pick(g, []string{":", ":", ":", " :"}))
		}
		g.value(indent, depth)
	}
}

func (g *Generator) sequence(indent, depth, parent int) {
	if indent <= parent {
		indent = max(parent, 0)
	}
	pad := strings.Repeat(" ", indent)
	for range 1 + g.random.IntN(4) {
		g.blankLines(indent)
		g.out.WriteString(pad + "-")
		if depth > 0 && g.chance(25) {
			// A mapping that begins on the line of the dash.
			gap := 1 + g.random.IntN(3)
			g.out.WriteString(strings.Repeat(" ", gap) + g.newKey(false) + ":")
			g.value(indent+1+gap, depth-1)
			if g.chance(60) {
				g.mapping(indent+1+gap, depth-1)
			}
			continue
		}
		g.value(indent, depth)
	}
}

// Document makes the text of one document. With `faults`, of one that is often an error.
func (g *Generator) Document(faults bool) []byte {
	g.out.Reset()
	g.anchors = g.anchors[:0]
	g.names = 0
	g.named = 0
	g.faults = faults
	if g.chance(20) {
		g.out.WriteString(pick(g, []string{"---\n", "# head\n", "---  # x\n", "\n\n", "%YAML 1.1\n---\n", "%TAG !e! tag:e.org,2000:\n---\n"}))
	}
	switch {
	case g.chance(75):
		g.mapping(0, 4)
	case g.chance(50):
		g.sequence(0, 3, -1)
	case g.chance(50):
		g.out.WriteString(g.flow(3) + "\n")
	default:
		g.out.WriteString(g.tagged(false) + "\n")
	}
	if g.chance(5) {
		g.out.WriteString(pick(g, []string{"...\n", "# tail", "\n\n", "...\n# tail\n"}))
	}
	text := g.out.String()
	if g.chance(5) {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if g.chance(5) {
		text = strings.TrimRight(text, "\n")
	}
	switch {
	case g.chance(2):
		return append([]byte("\xef\xbb\xbf"), text...)
	case g.chance(1):
		out := []byte{0xff, 0xfe}
		for _, unit := range utf16.Encode([]rune(text)) {
			out = append(out, byte(unit), byte(unit>>8))
		}
		return out
	}
	return []byte(text)
}

// JSON makes the text of one JSON value, an object or an array, oddly laid out.
func (g *Generator) JSON() []byte {
	compact, err := json.Marshal(g.jsonValue(4, true))
	if err != nil {
		panic(err)
	}
	var out strings.Builder
	quoted := false
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		out.WriteByte(c)
		switch {
		case quoted && c == '\\':
			i++
			out.WriteByte(compact[i])
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte("{[,:", c) >= 0 && g.chance(30):
			out.WriteString(pick(g, []string{" ", "\n", "\t", "\r\n", "\n\t\t"}))
		}
	}
	return []byte(out.String())
}

func (g *Generator) jsonValue(depth int, collection bool) any {
	switch {
	case depth > 0 && (collection && g.chance(80) || g.chance(20)):
		out := map[string]any{}
		for range g.random.IntN(5) {
			out[pick(g, []string{"a", "<<", "on", "1", "é\u0001", "\u2028", strings.Repeat("long", 300)})+strconv.Itoa(g.random.IntN(50))] = g.jsonValue(depth-1, false)
		}
		return out
	case depth > 0 && (collection || g.chance(20)):
		out := []any{}
		for range g.random.IntN(5) {
			out = append(out, g.jsonValue(depth-1, false))
		}
		return out
	case g.chance(20):
		return pick(g, []any{nil, true, false})
	case g.chance(40):
		return json.Number(pick(g, []string{"0", "-0", "1", "-1", "1e3", "1E3", "0.5", "-0.0", "1e21", "9223372036854775808", "18446744073709551616", "-9223372036854775809", "1e-400", "123456789012345678901234567890"}))
	default:
		return g.scalarText() + pick(g, []string{"", "\t", "\n", "\u0000", "🚢", "\u007f", "\u0085"})
	}
}

// Mutate changes a text in a few places, as a slip of the hand does.
func (g *Generator) Mutate(text []byte) []byte {
	out := slices.Clone(text)
	for range 1 + g.random.IntN(4) {
		if len(out) == 0 {
			break
		}
		at := g.random.IntN(len(out))
		switch g.random.IntN(6) {
		case 0:
			out = slices.Delete(out, at, min(at+1+g.random.IntN(3), len(out)))
		case 1, 2:
			insert := pick(g, []string{" ", "  ", "\t", "\n", "-", "- ", ":", ": ", "?", "? ", "'", "\"", "{", "}", "[", "]", ",", "#", " #", "&a ", "*a", "*a1", "!", "!!str ", "|\n", ">-\n", "%", "@", "\\", "---\n", "...\n", "<<: ", "\r", "~", "0", "\u00e9", "\u0085", "\u2028", "\ufeff", "\x00", "\xff", "\x7f"})
			out = slices.Insert(out, at, []byte(insert)...)
		case 3:
			out[at] = pick(g, []byte(" \n:-'\"{}[],#&*!|>%@?ax10.\t"))
		case 4:
			lines := strings.SplitAfter(string(out), "\n")
			one, other := g.random.IntN(len(lines)), g.random.IntN(len(lines))
			lines[one], lines[other] = lines[other], lines[one]
			out = []byte(strings.Join(lines, ""))
		case 5:
			lines := strings.SplitAfter(string(out), "\n")
			one := g.random.IntN(len(lines))
			lines[one] = pick(g, []string{" ", "  ", "\t", "- "}) + lines[one]
			out = []byte(strings.Join(lines, ""))
		}
	}
	return out
}
