package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between a client and a server and cuts, holds or refuses what goes through. With
// several targets it takes the next one for each connection, as a Service does.
type proxy struct {
	listener net.Listener
	lock     sync.Mutex
	targets  []string
	next     int
	closed   bool // connections are refused: closed as soon as they come
	held     bool // connections are taken, and nothing is answered
	pairs    map[*pair]bool
	came     int // connections ever
}

type pair struct {
	ends  []net.Conn
	holds chan struct{} // closed when bytes may flow
}

func newProxy(t testing.TB, targets ...string) *proxy {
	t.Helper()
	p := &proxy{listener: must(net.Listen("tcp", "127.0.0.1:0"))(t), targets: targets, pairs: map[*pair]bool{}}
	go p.run()
	t.Cleanup(func() {
		p.listener.Close()
		p.cut()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) run() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.carry(client)
	}
}

func (p *proxy) carry(client net.Conn) {
	one := &pair{ends: []net.Conn{client}, holds: make(chan struct{})}
	p.lock.Lock()
	p.came++
	if p.closed || len(p.targets) == 0 {
		p.lock.Unlock()
		abort(client)
		return
	}
	p.pairs[one] = true
	held := p.held
	// A Service knows nothing of who answers; one that refuses is passed over, as kube-proxy would soon do.
	targets := append(append([]string{}, p.targets[p.next%len(p.targets):]...), p.targets[:p.next%len(p.targets)]...)
	p.next++
	p.lock.Unlock()
	if held {
		<-one.holds // until it is cut
		return
	}
	var server net.Conn
	var err error
	for _, target := range targets {
		if server, err = net.Dial("tcp", target); err == nil {
			break
		}
	}
	p.lock.Lock()
	if err != nil || !p.pairs[one] {
		delete(p.pairs, one)
		p.lock.Unlock()
		abort(client)
		if server != nil {
			abort(server)
		}
		return
	}
	one.ends = append(one.ends, server)
	p.lock.Unlock()
	var both sync.WaitGroup
	copyTo := func(to, from net.Conn) {
		io.Copy(to, from)
		if half, is := to.(*net.TCPConn); is {
			half.CloseWrite()
		}
	}
	both.Go(func() { copyTo(server, client) })
	both.Go(func() { copyTo(client, server) })
	both.Wait()
	client.Close()
	server.Close()
	p.lock.Lock()
	delete(p.pairs, one)
	p.lock.Unlock()
}

// abort closes with a reset, as a machine does that has gone.
func abort(connection net.Conn) {
	if one, is := connection.(*net.TCPConn); is {
		one.SetLinger(0)
	}
	connection.Close()
}

// cut resets every connection and returns how many there were.
func (p *proxy) cut() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	count := len(p.pairs)
	for one := range p.pairs {
		for _, end := range one.ends {
			abort(end)
		}
		close(one.holds)
	}
	p.pairs = map[*pair]bool{}
	return count
}

// open, refuse and hold say what becomes of new connections; refuse and hold end the old ones, too.
func (p *proxy) open()   { p.change(false, false) }
func (p *proxy) refuse() { p.change(true, false) }
func (p *proxy) hold()   { p.change(false, true) }

func (p *proxy) change(closed, held bool) {
	p.lock.Lock()
	p.closed, p.held = closed, held
	p.lock.Unlock()
	p.cut()
}

// aim says where new connections go.
func (p *proxy) aim(targets ...string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.targets = targets
}

// counts are the connections that are open and that ever came.
func (p *proxy) counts() (open, ever int) {
	p.lock.Lock()
	defer p.lock.Unlock()
	return len(p.pairs), p.came
}
