// Command charts writes what is generated from charts/plimsoll: its README.md and the manifests of deploy/. The tests beside it
// hold both to what it would write, and the chart to what it promises.
//
//	go -C tests/charts run .
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// root is the repository, seen from the folder that both `go test` and `go -C tests/charts run .` work in.
var root = filepath.Join("..", "..")

// generated returns the text of every generated file by its path in the repository.
func generated() (map[string]string, error) {
	chart, err := load3(filepath.Join(root, "charts", "plimsoll"))
	if err != nil {
		return nil, err
	}
	files, err := manifests(chart)
	if err != nil {
		return nil, err
	}
	readme, err := readme(filepath.Join(root, "charts", "plimsoll"), chart.Version())
	if err != nil {
		return nil, err
	}
	files["charts/plimsoll/README.md"] = readme
	return files, nil
}

func main() {
	files, err := generated()
	if err == nil {
		for name, text := range files {
			if err = os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
				break
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(2)
	}
}
