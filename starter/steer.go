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
	flags.StringVar(&f.command.Actor, "actor", config.Login(), "`name` of who asks, for the audit trail")
	flags.StringVar(&f.command.Reason, "reason", "", "why, in a `text` for the audit trail")
	flags.Int64Var(&f.command.IfVersion, "if-version", 0, "refuse unless the plan has the version of this `number`; 0: any")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for the plan's answer; a duration such as 90s")
	if task {
		flags.StringVar(&f.command.Task, "task", "", "`name` of the task that is meant")
	}
	f.output = addOutput(cmd, formTable, formJSON, formYAML, formName)
	return f
}

// steering is a command of the command line that sends one to plans.
type steering struct {
	*commandFlags
	name   domain.CommandName
	states []domain.PlanState // of the plans that take it

	// deed is what is done to one plan: to send the command, unless more has to
	// be waited for.
	deed func(ctx context.Context, s service, id string) (done, error)
}

// done is what became of a command.
type done struct {
	plans.Outcome
	text string // for people
}

// steeringCommand makes the command line of a command that is sent to one
// plan. States are those of the plans that take it.
func (a *app) steeringCommand(name domain.CommandName, short, long string, task bool, states ...domain.PlanState) (*cobra.Command, *steering) {
	cmd := &cobra.Command{Use: string(name) + " ID", Short: short, Long: long, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeID(states...)}
	st := &steering{commandFlags: addCommandFlags(cmd, task), name: name, states: states}
	st.deed = st.send
	cmd.RunE = a.body(func(ctx context.Context, args []string) error { return a.steer(ctx, args[0], st) })
	return cmd, st
}

// send sends the command to a plan and waits until the plan has taken it.
func (st *steering) send(ctx context.Context, s service, id string) (done, error) {
	return st.tell(s.Send(ctx, id, st.name, st.command))
}

// tell words what became of the command.
func (st *steering) tell(outcome plans.Outcome, err error) (done, error) {
	if err != nil {
		return done{}, err
	}
	text := fmt.Sprintf("%s accepted; the plan is %s", st.name, outcome.State)
	if outcome.Phase != "" {
		text += " (" + string(outcome.Phase) + ")"
	}
	return done{outcome, fmt.Sprintf("%s, version %d", text, outcome.Version)}, nil
}

// steer sends a command to a plan and prints what became of it.
func (a *app) steer(ctx context.Context, id string, st *steering) error {
	s, leave, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, st.timeout)
	defer cancel()
	d, err := st.deed(ctx, s, id)
	if err != nil {
		return err
	}
	switch st.output.form {
	case formName:
		_, err = fmt.Fprintln(a.out, id)
	case formTable:
		_, err = fmt.Fprintf(a.out, "%s: %s\n", id, d.text)
	default:
		err = writeValue(a.out, st.output.form, d.Outcome)
	}
	return err
}
