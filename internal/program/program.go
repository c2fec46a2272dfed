// Package program is the program of a worker: its command line, its settings
// and how it serves. sluice-worker is one, and others with executors of their own
// are.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/logging"
)

// Program is a worker with its executors.
type Program struct {
	// Name is what users call it.
	Name string

	// Executors returns those that it serves. An error is a fault of the settings.
	Executors func(settings *config.Worker) ([]activities.Executor, error)

	// Own says that the executors have no use for the settings of those that come
	// with Sluice; the help leaves these out.
	Own bool
}

// Main carries out the command line of the process and ends it.
func (p Program) Main() { os.Exit(p.untilTold()) }

// untilTold serves until the process is told to end.
func (p Program) untilTold() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return p.run(ctx, os.Args[1:], os.Stdout, os.Stderr, term.IsTerminal(int(os.Stderr.Fd())))
}

// The exit codes.
const (
	exitOK       = 0
	exitInternal = 1
	exitUsage    = 2
)

// usageError is a fault of a flag, or of the environment variable in its place.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// run is the whole program: it serves until ctx ends, and returns the exit
// code.
func (p Program) run(ctx context.Context, args []string, stdout, stderr io.Writer, terminal bool) int {
	cmd := p.command(stderr, terminal)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "%s: %s.\n", p.Name, err)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitInternal
}

func (p Program) command(stderr io.Writer, terminal bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   p.Name,
		Short: "Run plans and their tasks",
		Long: "Runs plans and their tasks until it is told to stop. Then it lets targets under way come to\n" +
			"their end, saves checkpoints, and leaves the rest to other workers.\n\n" +
			"Each setting is a flag or an environment variable; the flag wins.",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("%q is one argument too many; %s takes flags only", args[0], p.Name)}
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	connection, settings := config.NewConnection(cmd.Flags()), config.NewWorker(cmd.Flags())
	if p.Own {
		config.Hide(cmd.Flags(), config.GroupExecutors)
	}
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "Usage:\n  %s [flags]\n\n%s", p.Name, config.Usage(cmd.Flags()))
		return err
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.FromEnvironment(cmd.Flags(), nil); err != nil {
			return &usageError{err}
		}
		logger, err := logging.New(stderr, terminal, settings.LogLevel)
		if err != nil {
			return &usageError{err}
		}
		return p.serve(cmd.Context(), connection, settings, logger)
	}
	return cmd
}
