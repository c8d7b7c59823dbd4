package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// value is a line of the README's table.
type value struct{ Key, Default, Description string }

// readme fills README.md.gotmpl with the values and their descriptions.
func readme(chart, version string) (string, error) {
	values, err := values(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return "", err
	}
	source, err := template.ParseFiles(filepath.Join(chart, "README.md.gotmpl"))
	if err != nil {
		return "", err
	}
	var table strings.Builder
	table.WriteString("| Value | Default | |\n|---|---|---|\n")
	for _, v := range values {
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", v.Key, v.Default, v.Description)
	}
	var out strings.Builder
	err = source.Execute(&out, map[string]string{"Version": version, "Values": table.String()})
	return out.String(), err
}

// values reads every value with its description, in the file's order.
func values(path string) ([]value, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	var out []value
	err = describe(document.Content[0], "", &out)
	return out, err
}

// describe walks a mapping. A value with a description is one line, whatever is in it; one without must hold others.
func describe(node *yaml.Node, prefix string, out *[]value) error {
	for i := 0; i < len(node.Content); i += 2 {
		key, at := node.Content[i], node.Content[i+1]
		path := prefix + key.Value
		_, description, described := strings.Cut(key.HeadComment, "# -- ")
		switch {
		case described:
			var plain any
			if err := at.Decode(&plain); err != nil {
				return err
			}
			given, err := json.Marshal(plain)
			if err != nil {
				return err
			}
			*out = append(*out, value{path, string(given), strings.ReplaceAll(description, "\n# ", " ")})
		case at.Kind == yaml.MappingNode && len(at.Content) > 0:
			if err := describe(at, path+".", out); err != nil {
				return err
			}
		default:
			return fmt.Errorf("values.yaml:%d: %s has no description; write `# -- ...` above it", key.Line, path)
		}
	}
	return nil
}
