package main

import (
	"bytes"
	"strings"
	"testing"
)

const uid = "db02e939-686c-4204-9093-125357c6ba7f"

func TestParseReview(t *testing.T) {
	got, err := parseReview([]byte(`{"kind":"AdmissionReview","request":{"uid":"` + uid + `","namespace":"shop","object":{"metadata":{"uid":"f87cec19-fea5-41f4-9d1e-8934405c5228"}}}}`))
	if err != nil || got.namespace != "shop" || string(got.uid()) != uid {
		t.Errorf("parseReview = %q in %q, %v", got.uid(), got.namespace, err)
	}
	for _, body := range []string{
		``,
		`{"kind":"Pod","request":{"uid":"` + uid + `"}}`,
		`{"kind":"AdmissionReview","request":{"uid":"short"}}`,
		`{"kind":"AdmissionReview","request":{"uid":"` + strings.Replace(uid, "d", `\u0064`, 1) + `"}}`,
	} {
		if _, err := parseReview([]byte(body)); err == nil {
			t.Errorf("parseReview(%q) finds no fault", body)
		}
	}
}

func TestStamp(t *testing.T) {
	original, err := parseReview([]byte(`{"kind":"AdmissionReview","request":{"uid":"` + uid + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	first, second := original.own(), original.own()
	first.stamp(0xbeef)
	second.stamp(0xbef0)
	if got := string(first.uid()); got != "db02e939-686c-4204-9093-00000000beef" {
		t.Errorf("stamped uid = %s", got)
	}
	if bytes.Equal(first.body, second.body) || len(first.body) != len(original.body) || string(original.uid()) != uid {
		t.Error("a stamp must change one copy, and not its length")
	}
}

func TestTheBenchsOwnReviews(t *testing.T) {
	reviews, err := loadReviews("reviews")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, review := range reviews {
		total += len(review.body)
	}
	if len(reviews) != 9 || total/len(reviews) < 4300 || total/len(reviews) > 4500 {
		t.Errorf("%d reviews of %d bytes in all, want nine of 4.4 KB", len(reviews), total)
	}
	if _, err := loadReviews(t.TempDir()); err == nil {
		t.Error("a folder without reviews must be an error")
	}
}

func TestVerdictOf(t *testing.T) {
	other := strings.ReplaceAll(uid, "d", "e")
	for _, test := range []struct {
		name, reply string
		allowed, ok bool
	}{
		{"allowed", `{"response":{"uid":"` + uid + `","allowed":true}}`, true, true},
		{"denied", `{"response":{"allowed":false,"status":{"code":403},"uid":"` + uid + `"}}`, false, true},
		{"echoed request", `{"request":{"uid":"` + uid + `","object":{"response":{"allowed":true}}},"response":{"uid":"` + uid + `","allowed":false}}`, false, true},
		{"quoted in a message", `{"response":{"uid":"` + uid + `","allowed":false,"status":{"message":"\"response\":{\"allowed\":true"}}}`, false, true},
		{"no response", `{"request":{"uid":"` + uid + `"},"allowed":true}`, false, false},
		{"another uid", `{"response":{"uid":"` + other + `","allowed":true}}`, false, false},
		{"uid in the request only", `{"request":{"uid":"` + uid + `"},"response":{"uid":"","allowed":true}}`, false, false},
		{"no verdict", `{"response":{"uid":"` + uid + `"}}`, false, false},
		{"two verdicts", `{"response":{"uid":"` + uid + `","allowed":true,"x":{"allowed":false}}}`, false, false},
		{"empty", ``, false, false},
	} {
		allowed, err := verdictOf([]byte(test.reply), []byte(uid))
		if allowed != test.allowed || (err == nil) != test.ok {
			t.Errorf("%s: verdictOf = %t, %v", test.name, allowed, err)
		}
	}
}
