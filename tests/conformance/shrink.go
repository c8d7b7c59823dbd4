package conformance

// shrink takes away from a tree all that can go while `still` holds of what is left, and returns
// what remains. kind and apiVersion stay: the result should be a manifest.
func shrink(tree *object, still func(*object) bool) *object {
	for {
		smaller := shrinkOnce(tree, still)
		if smaller == tree {
			return tree
		}
		tree = smaller
	}
}

// shrinkOnce tries every place once, parents before children; it returns the tree itself if nothing
// could go.
func shrinkOnce(tree *object, still func(*object) bool) *object {
	for i := 0; ; {
		candidate := clone(tree)
		all := places(candidate)
		if i >= len(all) {
			break
		}
		at := all[i]
		if at.in == node(candidate) && (at.key() == "kind" || at.key() == "apiVersion") {
			i++
			continue
		}
		at.drop()
		if still(candidate) {
			tree = candidate // the place now holds what came after it
		} else {
			i++
		}
	}
	return simplify(tree, still)
}

// simplify puts plainer values in the place of strings and objects.
func simplify(tree *object, still func(*object) bool) *object {
	for i := 0; ; i++ {
		candidate := clone(tree)
		all := places(candidate)
		if i >= len(all) {
			return tree
		}
		switch value := all[i].get().(type) {
		case string:
			if all[i].in == node(candidate) || len(value) <= 1 {
				continue
			}
			all[i].put("x")
		default:
			continue
		}
		if still(candidate) {
			tree = candidate
		}
	}
}
