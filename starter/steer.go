package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// commandFlags are the flags of every command that is sent to a plan.
type commandFlags struct {
	command domain.Command
	timeout time.Duration
	output  *output
}

// addCommandFlags adds them; --task where the command may mean one task.
func addCommandFlags(cmd *cobra.Command, task bool) *commandFlags {
	f := &commandFlags{}
	flags := cmd.Flags()
	flags.StringVar(&f.command.Actor, "actor", config.Login(), "who asks, for the audit trail")
	flags.StringVar(&f.command.Reason, "reason", "", "why, for the audit trail")
	flags.Int64Var(&f.command.IfVersion, "if-version", 0, "refuse unless the plan has this version; 0: any")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for the plan's answer; a duration such as 90s")
	if task {
		flags.StringVar(&f.command.Task, "task", "", "name of the task that is meant")
	}
	f.output = addOutput(cmd, formTable, formJSON, formYAML, formName)
	return f
}

// steering makes the command line of a command that only sends.
func (a *app) steering(name domain.CommandName, short, long string, task bool) (*cobra.Command, *commandFlags) {
	cmd := &cobra.Command{Use: string(name) + " ID", Short: short, Long: long, Args: cobra.ExactArgs(1)}
	opts := addCommandFlags(cmd, task)
	cmd.RunE = a.body(func(ctx context.Context, args []string) error { return a.steer(ctx, name, args[0], opts) })
	return cmd, opts
}

// steer sends a command to a plan and prints what became of it.
func (a *app) steer(ctx context.Context, name domain.CommandName, id string, opts *commandFlags) error {
	return a.connected(ctx, opts, func(ctx context.Context, s service) error {
		outcome, err := s.Send(ctx, id, name, opts.command)
		if err != nil {
			return err
		}
		return a.printOutcome(name, id, outcome, opts)
	})
}

// connected runs a body that talks to the server within the command's time.
func (a *app) connected(ctx context.Context, opts *commandFlags, body func(context.Context, service) error) error {
	s, leave, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, opts.timeout)
	defer cancel()
	return body(ctx, s)
}

func (a *app) printOutcome(name domain.CommandName, id string, outcome plans.Outcome, opts *commandFlags) error {
	switch opts.output.form {
	case formName:
		fmt.Fprintln(a.out, id)
		return nil
	case formTable:
		phase := ""
		if outcome.Phase != "" {
			phase = " (" + string(outcome.Phase) + ")"
		}
		fmt.Fprintf(a.out, "%s: %s accepted; the plan is %s%s, version %d\n", id, name, outcome.State, phase, outcome.Version)
		return nil
	}
	return writeValue(a.out, opts.output.form, outcome)
}
