package producttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Moment is a moment of a COMMIT on its way.
type Moment int

// The moments.
const (
	CommitAsked    Moment = iota // the client has sent it, the server has not got it
	CommitAnswered               // the server has done it, the client has not heard
)

// Fate is what becomes of a COMMIT and of its connection.
type Fate int

// The fates.
const (
	Pass    Fate = iota
	Cut          // the connection is closed on both sides
	Swallow      // nothing more passes in this direction; the connection stays open
)

// PostgresProxy stands between clients and a PostgreSQL.
type PostgresProxy struct {
	Address string

	server   string
	judge    func(m Moment, n int) Fate
	counts   [2]atomic.Int64
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]bool
	refuses bool
	ended   bool
}

// StartPostgresProxy starts a proxy that asks what becomes of each COMMIT, the
// first being number 1 at either moment. It ends with the test. A nil judge
// lets all pass.
func StartPostgresProxy(t testing.TB, server *Postgres, judge func(m Moment, n int) Fate) *PostgresProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("starting a proxy for PostgreSQL: %v", err)
	}
	p := &PostgresProxy{Address: listener.Addr().String(), server: server.Address, judge: judge, listener: listener, open: map[net.Conn]bool{}}
	if judge == nil {
		p.judge = func(Moment, int) Fate { return Pass }
	}
	p.running.Go(p.accept)
	t.Cleanup(p.stop)
	return p
}

// CutAll cuts every connection that there is, as the end of a client does.
func (p *PostgresProxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

// Refuse makes the proxy cut every connection, those to come as well, until it
// is told to let them through.
func (p *PostgresProxy) Refuse(refuse bool) {
	p.mu.Lock()
	p.refuses = refuse
	p.mu.Unlock()
	if refuse {
		p.CutAll()
	}
}

func (p *PostgresProxy) stop() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.CutAll()
	p.running.Wait()
}

func (p *PostgresProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.keep(client, server) {
			continue
		}
		p.running.Go(func() { p.pump(server, client, CommitAsked) })
		p.running.Go(func() { p.pump(client, server, CommitAnswered) })
	}
}

func (p *PostgresProxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.ended || p.refuses {
			_ = conn.Close()
		}
		p.open[conn] = true
	}
	return !p.ended && !p.refuses
}

// pump passes messages on in one direction until either side ends.
func (p *PostgresProxy) pump(to, from net.Conn, moment Moment) {
	defer func() { _, _ = to.Close(), from.Close() }()
	if moment == CommitAsked {
		if _, err := readMessage(from, 0, to); err != nil { // the start-up message has no type
			return
		}
	}
	for {
		var message bytes.Buffer
		body, err := readMessage(from, 1, &message)
		if err != nil {
			return
		}
		fate := Pass
		if isCommit(moment, message.Bytes()[0], body) {
			fate = p.judge(moment, int(p.counts[moment].Add(1)))
		}
		switch fate {
		case Pass:
		case Cut:
			return
		case Swallow:
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, err := to.Write(message.Bytes()); err != nil {
			return
		}
	}
}

// readMessage copies one message with a type of so many bytes, and returns its
// body.
func readMessage(from io.Reader, typeBytes int, to io.Writer) ([]byte, error) {
	head := make([]byte, typeBytes+4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[typeBytes:])
	if size < 4 || size > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return nil, err
	}
	_, err := to.Write(append(head, body...))
	return body, err
}

// isCommit looks for the statement COMMIT as the client sends it (Query), and
// as the server answers it (CommandComplete).
func isCommit(moment Moment, kind byte, body []byte) bool {
	kinds := map[Moment]byte{CommitAsked: 'Q', CommitAnswered: 'C'}
	return kind == kinds[moment] && string(body) == "COMMIT\x00"
}

// Commits returns how many times a moment was reached.
func (p *PostgresProxy) Commits(m Moment) int { return int(p.counts[m].Load()) }
