// Package yaml holds Plimsoll's reading of YAML against that of kubectl: sigs.k8s.io/yaml for one
// document, k8s.io/apimachinery/pkg/util/yaml for a stream, both imported as ordinary dependencies.
//
// generator.go makes documents from a seed, tool.go asks Plimsoll's reader through a small program
// (tests/text/yaml_to_json.cc) whose path stands in PLIMSOLL_YAML_TO_JSON, canonical.go makes two
// JSON texts comparable. differences_test.go lists every difference that is meant, with its reason.
package yaml
