package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// node is a JSON value: *object, *list, string, bool, number, or nil for null. A tree keeps what
// Go's maps and structs lose: the order of members, null versus absent, and how a number is written.
type node any

// number is a JSON number as it is written.
type number string

type member struct {
	key   string
	value node
}

type object struct{ members []member }

type list struct{ items []node }

// obj makes an object of keys and values in turn.
func obj(pairs ...any) *object {
	o := &object{}
	for i := 0; i < len(pairs); i += 2 {
		o.set(pairs[i].(string), pairs[i+1])
	}
	return o
}

func arr(items ...node) *list { return &list{items: items} }

func integer[T int | int64](value T) number { return number(fmt.Sprint(value)) }

func (o *object) index(key string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.key == key })
}

// get returns the member's value; nil where there is none.
func (o *object) get(key string) node {
	if i := o.index(key); i >= 0 {
		return o.members[i].value
	}
	return nil
}

func (o *object) set(key string, value node) {
	if i := o.index(key); i >= 0 {
		o.members[i].value = value
		return
	}
	o.members = append(o.members, member{key, value})
}

func (o *object) remove(key string) {
	o.members = slices.DeleteFunc(o.members, func(m member) bool { return m.key == key })
}

// object returns the object below the path and makes what is missing on the way.
func (o *object) object(path ...string) *object {
	for _, key := range path {
		next, ok := o.get(key).(*object)
		if !ok {
			next = obj()
			o.set(key, next)
		}
		o = next
	}
	return o
}

// list returns the list of that member and makes it if it is missing.
func (o *object) list(key string) *list {
	l, ok := o.get(key).(*list)
	if !ok {
		l = arr()
		o.set(key, l)
	}
	return l
}

// objects returns the elements that are objects of the list of that member.
func (o *object) objects(key string) []*object {
	var out []*object
	if l, ok := o.get(key).(*list); ok {
		for _, item := range l.items {
			if element, ok := item.(*object); ok {
				out = append(out, element)
			}
		}
	}
	return out
}

// clone copies a tree.
func clone[T node](n T) T {
	switch n := node(n).(type) {
	case *object:
		out := &object{members: slices.Clone(n.members)}
		for i := range out.members {
			out.members[i].value = clone(out.members[i].value)
		}
		return node(out).(T)
	case *list:
		out := &list{items: slices.Clone(n.items)}
		for i := range out.items {
			out.items[i] = clone(out.items[i])
		}
		return node(out).(T)
	}
	return n
}

// place is where a node stands: a member of an object or an element of a list.
type place struct {
	in    node // *object or *list
	index int
}

func (p place) get() node {
	if o, ok := p.in.(*object); ok {
		return o.members[p.index].value
	}
	return p.in.(*list).items[p.index]
}

func (p place) put(value node) {
	if o, ok := p.in.(*object); ok {
		o.members[p.index].value = value
		return
	}
	p.in.(*list).items[p.index] = value
}

func (p place) drop() {
	if o, ok := p.in.(*object); ok {
		o.members = slices.Delete(o.members, p.index, p.index+1)
		return
	}
	l := p.in.(*list)
	l.items = slices.Delete(l.items, p.index, p.index+1)
}

// key is the member's name; empty for an element of a list.
func (p place) key() string {
	if o, ok := p.in.(*object); ok {
		return o.members[p.index].key
	}
	return ""
}

// places lists every place below a node, parents before children.
func places(n node) []place {
	var out []place
	walk := func(in node, count int) {
		for i := range count {
			p := place{in, i}
			out = append(out, p)
			out = append(out, places(p.get())...)
		}
	}
	switch n := n.(type) {
	case *object:
		walk(n, len(n.members))
	case *list:
		walk(n, len(n.items))
	}
	return out
}

// parse reads JSON into a tree.
func parse(text []byte) (node, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	n, err := parseValue(in)
	if err != nil {
		return nil, err
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return n, nil
}

func parseValue(in *json.Decoder) (node, error) {
	token, err := in.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return number(token), nil
	case json.Delim:
		if token == '[' {
			l := arr()
			for in.More() {
				item, err := parseValue(in)
				if err != nil {
					return nil, err
				}
				l.items = append(l.items, item)
			}
			_, err := in.Token()
			return l, err
		}
		o := obj()
		for in.More() {
			key, err := in.Token()
			if err != nil {
				return nil, err
			}
			value, err := parseValue(in)
			if err != nil {
				return nil, err
			}
			o.members = append(o.members, member{key.(string), value})
		}
		_, err := in.Token()
		return o, err
	}
	return token, nil
}
