package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/logging"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/workflows"
)

// service is what the commands need of a server; package plans has it.
type service interface {
	Start(ctx context.Context, id string, plan planfile.Plan) (runID string, err error)
	Served(ctx context.Context) error
	Executors(ctx context.Context) (domain.Catalog, error)
	StartAgain(ctx context.Context, id string, plan planfile.Plan) (runID string, err error)
	Running(ctx context.Context, id string) (bool, error)
	Redrive(ctx context.Context, id string, command domain.Command) (plans.Outcome, error)
	Reverse(ctx context.Context, id string, command domain.Command) (reverseID string, err error)
	PreviewReverse(ctx context.Context, id string) (plans.ReversePreview, error)
	Records(ctx context.Context, id string, page domain.PageQuery) (domain.RecordsPage, error)
	Targets(ctx context.Context, id string, page domain.PageQuery) (domain.TargetsPage, error)
	List(ctx context.Context, filter plans.Filter) (plans.Listing, error)
	View(ctx context.Context, id string) (plans.View, error)
	Audit(ctx context.Context, id string) (workflows.AuditTrail, error)
	Send(ctx context.Context, id string, name domain.CommandName, command domain.Command) (plans.Outcome, error)
	Post(ctx context.Context, id string, name domain.CommandName, command domain.Command) (plans.Outcome, error)
	AwaitPaused(ctx context.Context, id string) (plans.View, error)
}

// app is one run of the command line.
type app struct {
	streams
	connection *config.Connection
	taskQueue  *string
	pollEvery  time.Duration // while watching

	// connect reaches the server; the function that it returns leaves it.
	connect func(ctx context.Context) (service, func(), error)
}

// run carries out a command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	return a.finish(ctx, root.ExecuteContext(ctx))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sluice",
		Short: "Move many targets from one setting to another: durably, with pause, resume and retry",
		Long: "Sluice runs plans on Temporal. A plan is a list of tasks, each applied to many targets; it\n" +
			"survives the crash of everything, and stops and goes on whenever you say.\n\n" +
			"Exit codes: 0 success, 1 internal or connection, 2 usage or invalid file, 3 the plan failed,\n" +
			"4 wait timed out, 5 the plan is paused (watch, wait), 6 refused: illegal now, conflict or limit.",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs, RunE: noCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return config.FromEnvironment(cmd.Flags(), nil)
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	a.connection = config.NewConnection(root.PersistentFlags())
	a.taskQueue = config.TaskQueueFlag(root.PersistentFlags())
	root.AddCommand(a.validateCommand(), a.previewCommand(), a.schemaCommand(), a.createCommand(), a.startCommand(),
		a.listCommand(), a.getCommand(), a.watchCommand(), a.waitCommand(), a.auditCommand(), a.recordsCommand(),
		a.pauseCommand(), a.resumeCommand(), a.retryCommand(), a.rollbackCommand(), a.skipCommand(), a.abortCommand(), a.executorsCommand(), a.doctorCommand())
	return root
}

// noCommand answers a command line without a command that exists.
func noCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return root.Help()
	}
	near := root.SuggestionsFor(args[0])
	if len(near) == 0 {
		return fmt.Errorf("there is no command %q", args[0])
	}
	return fmt.Errorf("there is no command %q; did you mean %s", args[0], strings.Join(near, " or "))
}

// dial connects to the server that flags, environment and profile name.
func (a *app) dial(ctx context.Context) (service, func(), error) {
	options, err := a.connection.Options()
	if err != nil {
		return nil, nil, err
	}
	options.Logger = logging.Silent()
	connected, err := config.Dial(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	return &plans.Client{
		Temporal: connected, Data: options.DataConverter,
		Address: options.HostPort, Namespace: options.Namespace, TaskQueue: *a.taskQueue,
	}, connected.Close, nil
}

// online makes the body of a command of one that needs the server.
func (a *app) online(body func(ctx context.Context, s service, args []string) error) func(*cobra.Command, []string) error {
	return a.body(func(ctx context.Context, args []string) error {
		s, leave, err := a.connect(ctx)
		if err != nil {
			return err
		}
		defer leave()
		return body(ctx, s, args)
	})
}

// body marks the errors of a command's own work, so that all others are known
// for faults of the command line.
func (a *app) body(body func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := body(cmd.Context(), args); err != nil {
			return &workError{err}
		}
		return nil
	}
}
