package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// stubWebhook answers as a webhook does and keeps what it was sent.
type stubWebhook struct {
	*httptest.Server
	mutex    sync.Mutex
	requests []*http.Request
	uids     map[string]bool
}

func newStub(t *testing.T, answer string) (*stubWebhook, *client) {
	stub := &stubWebhook{uids: map[string]bool{}}
	stub.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct{ Request struct{ UID string } }
		body, _ := io.ReadAll(r.Body)
		json.Unmarshal(body, &review)
		stub.mutex.Lock()
		stub.requests = append(stub.requests, r)
		stub.uids[review.Request.UID] = true
		stub.mutex.Unlock()
		fmt.Fprintf(w, answer, review.Request.UID)
	}))
	stub.EnableHTTP2 = true
	stub.Config.ErrorLog = log.New(io.Discard, "", 0)
	stub.StartTLS()
	t.Cleanup(stub.Close)
	authority := x509.NewCertPool()
	authority.AddCert(stub.Certificate())
	client := newClient(authority)
	t.Cleanup(client.close)
	return stub, client
}

const (
	allowing = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"%s","allowed":true}}`
	denying  = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"%s","allowed":false}}`
)

func oneReview(t *testing.T) []review {
	t.Helper()
	parsed, err := parseReview([]byte(`{"kind":"AdmissionReview","request":{"uid":"` + uid + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return []review{parsed}
}

func TestLoadIsSentAsKubeAPIServerSendsIt(t *testing.T) {
	for _, load := range []load{{callers: 4, reviews: 50}, {callers: 4, reviews: 50, rate: 1e6}} {
		t.Run(load.String(), func(t *testing.T) {
			stub, client := newStub(t, allowing)
			took, err := load.generate(context.Background(), endpoint(stub.URL+"/validate"), client, oneReview(t), []bool{true})
			if err != nil {
				t.Fatal(err)
			}
			if len(took) != 50 || took[0] <= 0 || took[49] < took[0] || len(stub.requests) != 50 || len(stub.uids) != 50 {
				t.Errorf("%d times, %d requests, %d uids, want 50 of each; times from %v to %v", len(took), len(stub.requests), len(stub.uids), took[0], took[49])
			}
			if dials := client.dials.Load(); dials < 1 || dials > 25 { // net/http may begin one that it then does not need
				t.Errorf("%d connections for 4 callers and 50 reviews", dials)
			}
			request := stub.requests[0]
			if request.Proto != "HTTP/1.1" || request.TLS.Version != 0x0304 || request.Method != "POST" ||
				request.RequestURI != "/validate?timeout=5s" || request.ContentLength != int64(len(oneReview(t)[0].body)) || request.TransferEncoding != nil {
				t.Errorf("sent %s %s %s, %d bytes, TLS %#x", request.Method, request.RequestURI, request.Proto, request.ContentLength, request.TLS.Version)
			}
			want := map[string]string{
				"Accept":          "application/json, */*",
				"Accept-Encoding": "gzip",
				"Content-Length":  fmt.Sprint(request.ContentLength),
				"Content-Type":    "application/json",
				"User-Agent":      "kube-apiserver-admission",
			}
			for name, values := range request.Header {
				if len(values) != 1 || want[name] != values[0] {
					t.Errorf("header %s: %q, want %q", name, values, want[name])
				}
			}
			if len(request.Header) != len(want) {
				t.Errorf("headers %v, want %v", request.Header, want)
			}
		})
	}
}

func TestLoadEndsAtAWrongReply(t *testing.T) {
	for name, test := range map[string]struct{ answer, want string }{
		"verdict": {denying, "allowed is false, want true"},
		"uid":     {strings.Replace(allowing, "%s", "0%.0s", 1), "does not echo uid"},
		"not one": {"%.0snonsense", "no response in the reply"},
	} {
		t.Run(name, func(t *testing.T) {
			stub, client := newStub(t, test.answer)
			_, err := load{callers: 2, reviews: 1 << 20}.generate(context.Background(), endpoint(stub.URL+"/"), client, oneReview(t), []bool{true})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("generate says %v, want %q", err, test.want)
			}
		})
	}
}

func TestLoadEndsWhenToldTo(t *testing.T) {
	stub, client := newStub(t, allowing)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, load := range []load{{callers: 2, reviews: 1 << 20}, {callers: 2, reviews: 1 << 10, rate: 1}} {
		if _, err := load.generate(ctx, endpoint(stub.URL+"/"), client, oneReview(t), []bool{true}); err != context.Canceled {
			t.Errorf("%s: generate says %v, want that it was cancelled", load, err)
		}
	}
}

func TestCompare(t *testing.T) {
	stub, client := newStub(t, denying)
	verdicts, err := compare(endpoint(stub.URL+"/"), client, oneReview(t))
	if err != nil || len(verdicts) != 1 || verdicts[0] {
		t.Errorf("compare = %v, %v", verdicts, err)
	}
	stub, client = newStub(t, strings.Replace(denying, "AdmissionReview", "Status", 1))
	if _, err := compare(endpoint(stub.URL+"/"), client, oneReview(t)); err == nil {
		t.Error("compare takes a Status for an AdmissionReview")
	}
}
