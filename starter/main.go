// Command sluice starts plans on Temporal and steers them. `sluice help` lists
// what it does; docs/ and the contract say what scripts may rely on.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	height := terminalHeight()
	os.Exit(run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: height > 0 && os.Getenv("TERM") != "dumb",
		height:   height,
		asks:     term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
	}))
}

// streams is where a command reads and writes: data on out, the rest on err.
type streams struct {
	in       io.Reader
	out, err io.Writer
	terminal bool // out is a terminal that can move its cursor
	height   int  // lines of the terminal; 0 where there is none
	asks     bool // there is somebody who can answer a question
}

// terminalHeight returns the lines of the terminal; 0 where there is none.
func terminalHeight() int {
	_, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return height
}

// run is the whole program: it carries out a command line and returns the
// exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s, pollEvery: watchInterval(s)}
	a.connect = a.dial
	return a.run(ctx, args)
}
