package producttest

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Process is a program that runs for a test.
type Process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	output *buffer
	ended  chan struct{}
}

// Start runs a program until the test ends, and keeps what it says. Where the
// test has failed, the last of that is logged.
func Start(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, name: name, cmd: cmd, output: &buffer{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the exit code is asked for where it matters
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said at last:\n%s", name, p.output.tail())
		}
	})
	return p
}

// Kill ends the program at once, as kill -9 does, and returns when it has
// ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only where it has ended already
	<-p.ended
}

// Stop tells the program to end, and returns its exit code once it has.
func (p *Process) Stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("telling %s to end: %v", p.name, err)
	}
	return p.Wait()
}

// Wait returns the exit code of a program that ends by itself.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.t.Fatalf("%s does not end:\n%s", p.name, p.output.tail())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Output is what the program has said so far.
func (p *Process) Output() string { return p.output.String() }

// Await polls until a condition holds, and fails the test where the program
// ends before, or the condition does not hold within 30 seconds.
func (p *Process) Await(what string, is func() bool) {
	p.t.Helper()
	deadline := time.After(startWait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended before it could %s:\n%s", p.name, what, p.output)
		case <-deadline:
			p.t.Fatalf("%s did not %s within %s:\n%s", p.name, what, startWait, p.output)
		case <-tick.C:
		}
	}
}

// Eventually polls until a condition holds, and fails the test where it does
// not within 30 seconds.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(startWait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("After %s it is still not so that %s.", startWait, what)
		case <-tick.C:
		}
	}
}
