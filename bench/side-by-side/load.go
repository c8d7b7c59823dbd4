package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// client sends reviews as kube-apiserver does: HTTP/1.1, TLS with the certificate verified, connections kept alive and at
// most 25 of them idle, and its headers.
type client struct {
	transport *http.Transport
	dials     atomic.Int64
}

func newClient(authority *x509.CertPool) *client {
	made := &client{}
	dialer := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	made.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			made.dials.Add(1)
			return dialer.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 25,
		IdleConnTimeout:     90 * time.Second,
		TLSClientConfig: &tls.Config{
			RootCAs:    authority,
			MinVersion: tls.VersionTLS13,
			NextProtos: []string{"http/1.1"},
		},
	}
	return made
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// endpoint is where reviews go: the URL without its query.
type endpoint string

// caller is one of the requests under way at a time. It is for one goroutine.
type caller struct {
	client  *client
	url     *url.URL
	header  http.Header
	reviews []review
	reply   bytes.Buffer
}

func (c *client) caller(at endpoint, reviews []review) *caller {
	target, err := url.Parse(string(at) + "?timeout=5s")
	if err != nil {
		panic(err) // made of an address that was just listened on
	}
	own := make([]review, len(reviews))
	for index, review := range reviews {
		own[index] = review.own()
	}
	return &caller{client: c, url: target, reviews: own, header: http.Header{
		"Accept":       {"application/json, */*"},
		"Content-Type": {"application/json"},
		"User-Agent":   {"kube-apiserver-admission"},
		// net/http itself adds Accept-Encoding: gzip, as it does for kube-apiserver.
	}}
}

// post sends a review under a uid of its own and returns the reply, which the next call overwrites.
func (c *caller) post(index int, sequence uint64) ([]byte, error) {
	review := c.reviews[index]
	review.stamp(sequence)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(review.body))
	if err != nil {
		return nil, err
	}
	request.URL, request.Header = c.url, c.header
	response, err := c.client.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	c.reply.Reset()
	if _, err := c.reply.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %.200q", response.Status, c.reply.Bytes())
	}
	return c.reply.Bytes(), nil
}

// load is how a server is called.
type load struct {
	callers int
	reviews int     // how many in all
	rate    float64 // arrivals a second; zero for callers that each send again as soon as they are answered
}

// generate applies the load and returns how long each review took, sorted. It ends at the first wrong reply.
// With a rate, reviews arrive at random moments whatever the server does, as they do at a webhook, and each is timed
// from the moment it was due, so that waiting for a free caller counts. The moments are the same for every server.
func (l load) generate(ctx context.Context, at endpoint, client *client, reviews []review, expected []bool) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var arrivals chan time.Time
	if l.rate > 0 {
		arrivals = make(chan time.Time, l.reviews)
		go l.arrive(ctx, arrivals)
	}
	next := atomic.Int64{}
	took := make([]time.Duration, l.reviews)
	var callers sync.WaitGroup
	for range l.callers {
		caller := client.caller(at, reviews)
		callers.Go(func() {
			for ctx.Err() == nil {
				sequence := int(next.Add(1)) - 1
				if sequence >= l.reviews {
					return
				}
				begun := time.Now()
				if arrivals != nil {
					select {
					case begun = <-arrivals:
					case <-ctx.Done():
						return
					}
				}
				index := sequence % len(reviews)
				reply, err := caller.post(index, uint64(sequence))
				if err == nil {
					var allowed bool
					if allowed, err = verdictOf(reply, caller.reviews[index].uid()); err == nil && allowed != expected[index] {
						err = fmt.Errorf("allowed is %t, want %t", allowed, expected[index])
					}
				}
				if err != nil {
					cancel(fmt.Errorf("review %d, %s: %w", sequence, reviews[index].name, err))
					return
				}
				took[sequence] = time.Since(begun)
			}
		})
	}
	callers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.Sort(took)
	return took, nil
}

// arrive announces each review when it is due. It sleeps in the kernel: the runtime's timers may be a millisecond late.
func (l load) arrive(ctx context.Context, arrivals chan<- time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	random := rand.New(rand.NewPCG(1, 2))
	due := time.Now()
	for range l.reviews {
		due = due.Add(time.Duration(random.ExpFloat64() / l.rate * float64(time.Second)))
		for wait := time.Until(due); wait > 0 && ctx.Err() == nil; wait = time.Until(due) {
			pause := unix.NsecToTimespec(int64(min(wait, 100*time.Millisecond)))
			_ = unix.Nanosleep(&pause, nil) // cut short by a signal: the loop sleeps on
		}
		arrivals <- due
	}
}
