package yaml

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ToolVariable names the environment variable with the path of the program to ask.
const ToolVariable = "PLIMSOLL_YAML_TO_JSON"

// Answer is what Plimsoll's reader makes of one document: JSON, or an error.
type Answer struct {
	JSON string
	Err  string
}

// Tool is the running program. It is not safe for use by several goroutines.
type Tool struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
}

// StartTool starts the program that the environment names.
func StartTool() (*Tool, error) {
	path := os.Getenv(ToolVariable)
	if path == "" {
		return nil, fmt.Errorf("set %s to the path of the built program yaml_to_json", ToolVariable)
	}
	command := exec.Command(path)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &Tool{command: command, input: input, output: bufio.NewReaderSize(output, 1<<20)}, nil
}

// Ask returns an answer for every document of the text.
func (t *Tool) Ask(text []byte) ([]Answer, error) {
	if _, err := fmt.Fprintf(t.input, "%d\n", len(text)); err != nil {
		return nil, err
	}
	if _, err := t.input.Write(text); err != nil {
		return nil, err
	}
	var answers []Answer
	for {
		line, err := t.output.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("the program ended: %w", err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == ".":
			return answers, nil
		case strings.HasPrefix(line, "= "):
			answers = append(answers, Answer{JSON: line[2:]})
		case strings.HasPrefix(line, "! "):
			answers = append(answers, Answer{Err: line[2:]})
		default:
			return nil, errors.New("the program answered " + line)
		}
	}
}

// Close ends the program.
func (t *Tool) Close() error {
	if err := t.input.Close(); err != nil {
		return err
	}
	return t.command.Wait()
}
