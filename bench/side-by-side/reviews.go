package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// uidLength is that of a UUID's text, which every kube-apiserver sends.
const uidLength = 36

// review is one recorded AdmissionReview. Copies of it share nothing that is written to.
type review struct {
	name      string
	namespace string
	body      []byte
	uidAt     int // where request.uid begins in body
}

func loadReviews(folder string) ([]review, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no *.json review", folder)
	}
	slices.Sort(files)
	var reviews []review
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parsed, err := parseReview(body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		parsed.name = filepath.Base(file)
		reviews = append(reviews, parsed)
	}
	return reviews, nil
}

func parseReview(body []byte) (review, error) {
	var envelope struct {
		Kind    string
		Request struct{ UID, Namespace string }
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return review{}, err
	}
	uid := envelope.Request.UID
	if envelope.Kind != "AdmissionReview" || len(uid) != uidLength {
		return review{}, errors.New("not an AdmissionReview with a request.uid of 36 characters")
	}
	// The uid comes first in a request, and the UUID of anything else differs from it.
	at := bytes.Index(body, []byte(uid))
	if at < 0 {
		return review{}, errors.New("request.uid is spelt with escapes")
	}
	return review{namespace: envelope.Request.Namespace, body: body, uidAt: at}, nil
}

// own returns a copy whose body the caller may stamp.
func (r review) own() review {
	r.body = bytes.Clone(r.body)
	return r
}

func (r review) uid() []byte { return r.body[r.uidAt : r.uidAt+uidLength] }

// stamp makes the review's uid unlike that of any other sequence number, the length unchanged.
func (r review) stamp(sequence uint64) {
	const digits = "0123456789abcdef"
	uid := r.uid()
	for at := uidLength - 1; at >= uidLength-12; at-- {
		uid[at] = digits[sequence&15]
		sequence >>= 4
	}
}

// verdictOf finds the verdict in a reply without building a tree of it: decoding upstream's replies, which echo the
// whole request, would cost the load generator more than a review costs the server. A quotation mark within a JSON
// string is always escaped, so what is looked for can only be a member.
func verdictOf(reply, uid []byte) (allowed bool, err error) {
	at := bytes.LastIndex(reply, []byte(`"response":{`))
	if at < 0 {
		return false, fmt.Errorf("no response in the reply: %.200q", reply)
	}
	response := reply[at:]
	if !bytes.Contains(response, slices.Concat([]byte(`"uid":"`), uid, []byte(`"`))) {
		return false, fmt.Errorf("the reply does not echo uid %s: %.200q", uid, response)
	}
	yes, no := bytes.Contains(response, []byte(`"allowed":true`)), bytes.Contains(response, []byte(`"allowed":false`))
	if yes == no {
		return false, fmt.Errorf("no clear verdict in the reply: %.200q", response)
	}
	return yes, nil
}

// compare asks a server for each review once, decodes the replies in full, and returns the verdicts.
func compare(at endpoint, client *client, reviews []review) ([]bool, error) {
	caller := client.caller(at, reviews)
	verdicts := make([]bool, len(reviews))
	for index := range reviews {
		reply, err := caller.post(index, uint64(time.Now().UnixNano()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", reviews[index].name, err)
		}
		var decoded struct {
			APIVersion, Kind string
			Response         *struct {
				UID     string
				Allowed bool
			}
		}
		if err := json.Unmarshal(reply, &decoded); err != nil {
			return nil, fmt.Errorf("%s: %w", reviews[index].name, err)
		}
		uid := caller.reviews[index].uid()
		if decoded.Kind != "AdmissionReview" || decoded.APIVersion != "admission.k8s.io/v1" || decoded.Response == nil ||
			decoded.Response.UID != string(uid) {
			return nil, fmt.Errorf("%s: not the review's answer: %.200q", reviews[index].name, reply)
		}
		allowed, err := verdictOf(reply, uid)
		if err != nil || allowed != decoded.Response.Allowed {
			return nil, fmt.Errorf("%s: the quick reading of the reply does not match the full one: %v", reviews[index].name, err)
		}
		verdicts[index] = allowed
	}
	return verdicts, nil
}
