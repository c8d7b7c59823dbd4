package yaml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Canonical returns the one spelling of a JSON text that all texts of the same value share: keys
// sorted, whole numbers of 64 bits in decimal, all others as the shortest text of their float64.
func Canonical(text string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", fmt.Errorf("more than one value in %.80q", text)
	}
	value, err := canonicalNumbers(value)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(value)
	return string(out), err
}

func canonicalNumbers(value any) (any, error) {
	var err error
	switch value := value.(type) {
	case map[string]any:
		for key, entry := range value {
			if value[key], err = canonicalNumbers(entry); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, entry := range value {
			if value[i], err = canonicalNumbers(entry); err != nil {
				return nil, err
			}
		}
	case json.Number:
		if whole, err := strconv.ParseInt(value.String(), 10, 64); err == nil && value != "-0" {
			return json.Number(strconv.FormatInt(whole, 10)), nil
		}
		if whole, err := strconv.ParseUint(value.String(), 10, 64); err == nil {
			return json.Number(strconv.FormatUint(whole, 10)), nil
		}
		number, err := strconv.ParseFloat(value.String(), 64)
		if err != nil {
			return nil, err
		}
		if number == math.Trunc(number) && math.Abs(number) < 1<<63 && (number != 0 || !math.Signbit(number)) {
			return json.Number(strconv.FormatInt(int64(number), 10)), nil
		}
		return json.Number(strconv.FormatFloat(number, 'e', -1, 64)), nil
	}
	return value, nil
}
