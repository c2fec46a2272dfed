package haproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/gateway"
	"github.com/seed-3652815f/sluice/internal/egress"
)

const (
	maxLineBytes   = 64 << 10 // of an answer; HAProxy's own lines have 16 KiB
	maxAnswerBytes = 1 << 20  // of an answer that is kept as a whole; a map is not
	pipelined      = 50       // commands that are sent before the first one's answer is read
)

// api is the Runtime API of HAProxy at a socket. There is no library for it
// that tells a change whose answer was lost from one that was made.
type api struct {
	network, address string // as net.Dial takes them
	allow            egress.Allow
	timeout          time.Duration // of each answer
}

func newAPI(p Params, allow egress.Allow) *api {
	a := &api{network: "unix", address: p.Socket, allow: allow, timeout: time.Duration(p.Timeout)}
	if address, ok := strings.CutPrefix(p.Socket, tcpScheme); ok {
		a.network, a.address = "tcp", address
	}
	return a
}

// process is one process of HAProxy; a reload starts another one.
type process struct{ pid, started string }

// errReloading says that the process that answers is one that a reload is
// putting another one in the place of.
var errReloading = errors.New("the process that answers is about to end")

const (
	maxReloading = 50 // connections that reach such a process, one after the other
	reloadPause  = 20 * time.Millisecond
)

// conversation is one connection in interactive mode, where every command has
// an answer of its own that ends in a prompt.
type conversation struct {
	address string  // of the API
	process process // with which it is held
	conn    net.Conn
	in      *bufio.Reader
	timeout time.Duration
	ctx     context.Context // of the whole conversation
}

// converse holds a conversation on a connection of its own: one from before a
// reload would still be with the old process. HAProxy serves ten connections; a
// further one is taken by the kernel, and what was sent on it carried out
// whenever another one ends. So nothing is asked before the prompt has come.
func (a *api) converse(ctx context.Context, talk func(c *conversation) error) error {
	var err error
	for range maxReloading {
		if err = a.converseOnce(ctx, talk); !errors.Is(err, errReloading) || gateway.Wait(ctx, reloadPause) != nil {
			break
		}
	}
	var known *activities.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("talking to HAProxy at %s: %w", a.address, ctx.Err())
	}
	return gateway.Unreachable(err, "talking to HAProxy at %s", a.address)
}

func (a *api) converseOnce(ctx context.Context, talk func(c *conversation) error) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }() // all that is wanted was read
	defer context.AfterFunc(ctx, c.breakOff)()
	if err := c.begin(); err != nil {
		return err
	}
	return talk(c)
}

func (a *api) open(ctx context.Context) (*conversation, error) {
	dialing, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	dial := (&net.Dialer{}).DialContext
	if a.network == "tcp" {
		dial = a.allow.Dial
	}
	conn, err := dial(dialing, a.network, a.address)
	if errors.Is(err, fs.ErrPermission) {
		return nil, activities.Refused(CodeRefused, "this worker may not open HAProxy's socket %s; give its user access, by the mode, group or user of the line stats socket in HAProxy's configuration: %w", a.address, err)
	}
	if err != nil {
		return nil, err
	}
	return &conversation{address: a.address, conn: conn, in: bufio.NewReaderSize(conn, maxLineBytes), timeout: a.timeout, ctx: ctx}, nil
}

// begin waits for the prompt, and finds out which process gives it.
func (c *conversation) begin() error {
	_, err := c.ask("prompt")
	var network net.Error
	if errors.As(err, &network) && network.Timeout() && c.ctx.Err() == nil {
		return activities.Unavailable(CodeBusy, "HAProxy at %s did not answer within %s, and nothing was changed; it serves 10 connections at once, which others may hold: %w", c.address, c.timeout, err)
	}
	if err != nil {
		return err
	}
	info, err := c.ask("show info")
	if err != nil {
		return err
	}
	stopping := false
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "Pid":
			c.process.pid = value
		case "Start_time_sec":
			c.process.started = value
		case "Stopping":
			stopping = value != "0"
		}
	}
	if c.process.pid == "" {
		return activities.Refused(CodeRefused, "what listens at %s does not answer as HAProxy's Runtime API does: %s", c.address, gateway.OneLine(info, maxMessageBytes))
	}
	if stopping {
		return errReloading
	}
	return nil
}

// breakOff ends what the conversation waits for.
func (c *conversation) breakOff() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }

// ask gives one command and returns the answer, without the empty line that
// ends it.
func (c *conversation) ask(command string) (string, error) {
	if err := c.send(command); err != nil {
		return "", err
	}
	return c.receiveText()
}

// askLines gives one command and calls each for the lines of its answer.
func (c *conversation) askLines(command string, each func(line []byte) error) error {
	if err := c.send(command); err != nil {
		return err
	}
	return c.receive(each)
}

// send gives commands without waiting for their answers.
func (c *conversation) send(commands ...string) error {
	_ = c.conn.SetDeadline(time.Now().Add(c.timeout)) // a closed connection says so below
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	if _, err := c.conn.Write([]byte(strings.Join(commands, "\n") + "\n")); err != nil {
		return fmt.Errorf("sending a command: %w", err)
	}
	return nil
}

// receive reads one answer: lines, an empty one, and the prompt.
func (c *conversation) receive(each func(line []byte) error) error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		if len(line) == 1 {
			next, err := c.in.Peek(len(prompt))
			if err != nil {
				return fmt.Errorf("reading the answer: %w", err)
			}
			if bytes.Equal(next, prompt) {
				_, err = c.in.Discard(len(prompt))
				return err
			}
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

var prompt = []byte("> ")

// receiveText reads one answer and returns it as a whole.
func (c *conversation) receiveText() (string, error) {
	var text strings.Builder
	err := c.receive(func(line []byte) error {
		if text.Len()+len(line) > maxAnswerBytes {
			return fmt.Errorf("the answer has more than %d bytes", maxAnswerBytes)
		}
		text.Write(line)
		return nil
	})
	return text.String(), err
}

// change gives commands that change something and returns what HAProxy said to
// each; nothing is a success. It returns an *outcomeUnknownError where not
// every answer came.
func (c *conversation) change(commands []string) ([]string, error) {
	var said []string
	for len(said) < len(commands) {
		window := commands[len(said):min(len(said)+pipelined, len(commands))]
		if err := c.send(window...); err != nil {
			return said, &outcomeUnknownError{cause: err}
		}
		for range window {
			text, err := c.receiveText()
			if err != nil {
				return said, &outcomeUnknownError{cause: err}
			}
			said = append(said, text)
		}
	}
	return said, nil
}
