// Command bench measures what Sluice costs beside what it is built on: every
// figure comes from one run on one real server, and each of Sluice's stands
// beside that of the same work without Sluice, measured in the same rounds.
// docs/benchmark.md says what the figures mean.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what a call of bench chooses.
type options struct {
	rounds   int
	only     []string
	output   string
	temporal string // the Temporal CLI, whose development server is measured on
	scale    int    // percent of the usual amount of work in each round
}

// experiment measures one thing and returns its rows.
type experiment struct {
	name string
	run  func(context.Context, *lab) ([]row, error)
}

// experiments are all there are, in the order in which they are run.
var experiments = []experiment{
	{"tasks", tasks},
	{"many", manyAtOnce},
	{"targets", targets},
	{"pause", pauses},
	{"replay", replays},
	{"caddy", caddyTenants},
}

func names() []string {
	var list []string
	for _, e := range experiments {
		list = append(list, e.name)
	}
	return list
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "interleaved rounds of each measurement")
	flags.StringSliceVar(&o.only, "only", nil, "measure these alone: "+strings.Join(names(), ", "))
	flags.StringVarP(&o.output, "output", "o", "table", "table or json")
	flags.StringVar(&o.temporal, "temporal", filepath.Join(".tools", "bin", "temporal"), "the Temporal CLI whose development server is measured on")
	flags.IntVar(&o.scale, "scale", 100, "percent of the usual amount of work; below 100 a try, not a measurement")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("there are no arguments, only flags; %q is one too many", flags.Arg(0))
	case o.output != "table" && o.output != "json":
		return o, fmt.Errorf("the output is table or json, not %q", o.output)
	case o.rounds < 1:
		return o, fmt.Errorf("%d rounds measure nothing; give at least 1", o.rounds)
	case o.scale < 1 || o.scale > 100:
		return o, fmt.Errorf("the scale is from 1 to 100 percent, not %d", o.scale)
	}
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("there is no measurement %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	return o, nil
}

// run measures on a server of its own and prints the report on stdout; stderr
// gets what goes on meanwhile.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	l, err := openLab(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.warmUp(ctx); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	r := newReport(o, l.serverVersion)
	for _, e := range experiments {
		if len(o.only) > 0 && !slices.Contains(o.only, e.name) {
			continue
		}
		rows, err := e.run(ctx, l)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", e.name, err)
		}
		r.Rows = append(r.Rows, rows...)
	}
	r.finish()
	if o.output == "json" {
		return r.writeJSON(stdout)
	}
	return r.writeTable(stdout)
}
