package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end before it is killed.
const stopGrace = 15 * time.Second

// process is a program that the demo has started.
type process struct {
	name  string
	log   string
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has ended
}

// start runs a program in the background, with its output in a log file.
func (d *demo) start(name string, path string, args ...string) error {
	log := filepath.Join(d.folder, name+".log")
	out, err := os.Create(log)
	if err != nil {
		return fmt.Errorf("making the log of %s: %w", name, err)
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, d.env
	// A group of its own, so that Ctrl-C reaches the demo alone, which then
	// stops what it started in the right order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{name: name, log: log, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(p.ended)
	}()
	d.processes = append(d.processes, p)
	return nil
}

// stop ends what the demo has started, the newest first.
func (d *demo) stop() {
	for _, p := range slices.Backward(d.processes) {
		_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended already
		select {
		case <-p.ended:
		case <-time.After(stopGrace):
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	}
	d.processes = nil
}

// dead returns the first program that has ended though it should run.
func (d *demo) dead() *process {
	for _, p := range d.processes {
		select {
		case <-p.ended:
			return p
		default:
		}
	}
	return nil
}

// await waits until a condition holds, and not longer than all programs live.
func (d *demo) await(ctx context.Context, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !is() {
		if p := d.dead(); p != nil {
			return fmt.Errorf("%s has ended by itself; its log is %s:\n%s", p.name, p.log, tail(p.log))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// tail returns the last lines of a log.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// errPorts says that ports are taken.
var errPorts = errors.New("ports are taken")

// freePorts makes sure that nothing else listens where the demo wants to.
func freePorts() error {
	var taken []string
	for _, p := range []struct{ address, what string }{
		{temporalAddress, "the Temporal server"}, {uiAddress, "the Web UI"}, {adminAddress, "Caddy's admin API"},
		{gatewayAddress, "the gateway"}, {blueAddress, "the blue pool"}, {greenAddress, "the green pool"},
	} {
		listener, err := net.Listen("tcp", p.address)
		if err != nil {
			taken = append(taken, fmt.Sprintf("  %s, which is for %s", p.address, p.what))
			continue
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("trying %s: %w", p.address, err)
		}
	}
	if len(taken) > 0 {
		return fmt.Errorf("%w; stop what listens there (another demo, perhaps) and try again:\n%s", errPorts, strings.Join(taken, "\n"))
	}
	return nil
}
