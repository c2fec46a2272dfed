// Command sluice-worker runs plans and their tasks. `sluice-worker --help`
// lists its settings.
package main

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

	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/logging"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, term.IsTerminal(int(os.Stderr.Fd()))))
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
func run(ctx context.Context, args []string, stdout, stderr io.Writer, terminal bool) int {
	cmd := command(stderr, terminal)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "sluice-worker: %s.\n", err)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitInternal
}

func command(stderr io.Writer, terminal bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sluice-worker",
		Short: "Run plans and their tasks",
		Long: "Runs plans and their tasks until it is told to stop. Then it lets targets under way come to\n" +
			"their end, saves checkpoints, and leaves the rest to other workers.\n\n" +
			"Each setting is a flag or an environment variable; the flag wins.",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("%q is one argument too many; sluice-worker takes flags only", args[0])}
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	connection, settings := config.NewConnection(cmd.Flags()), config.NewWorker(cmd.Flags())
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "Usage:\n  sluice-worker [flags]\n\n%s", config.Usage(cmd.Flags()))
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
		return serve(cmd.Context(), connection, settings, logger)
	}
	return cmd
}
