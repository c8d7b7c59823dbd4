package lab

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// NoDocument is what --write says for printing the table only.
const NoDocument = "none"

// Ratio says how many times less, or more, Plimsoll's figure is.
func Ratio(upstream, plimsoll float64) string {
	switch {
	case upstream <= 0 || plimsoll <= 0:
		return ""
	case plimsoll < upstream:
		return fmt.Sprintf("1/%.1f", upstream/plimsoll)
	default:
		return fmt.Sprintf("%.1f ×", plimsoll/upstream)
	}
}

// ShowTime writes nanoseconds with three digits.
func ShowTime(nanoseconds float64) string {
	switch took := time.Duration(nanoseconds); {
	case took < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(took)/1e3)
	default:
		return fmt.Sprintf("%.3g ms", float64(took)/1e6)
	}
}

// CommandLine is how to repeat the run of a script: the flags that were given, paths as seen from the repository.
func CommandLine(script string, flags *flag.FlagSet, root string) string {
	command := []string{script}
	flags.Visit(func(set *flag.Flag) {
		switch value := set.Value.String(); set.Name {
		case "root", "upstream":
		case "quick":
			command = append(command, "--"+set.Name)
		case "plimsoll", "reviews", "write":
			if value != NoDocument {
				value = FromRoot(root, value)
			}
			command = append(command, "--"+set.Name, value)
		default:
			command = append(command, "--"+set.Name, value)
		}
	})
	return strings.Join(command, " ")
}

// FromRoot shows a path as seen from the repository, or only its name if it lies elsewhere.
func FromRoot(root, path string) string {
	absolute, err := filepath.Abs(path)
	if err == nil {
		if root, err = filepath.Abs(root); err == nil {
			if relative, err := filepath.Rel(root, absolute); err == nil && filepath.IsLocal(relative) {
				return relative
			}
		}
	}
	return filepath.Base(path)
}
