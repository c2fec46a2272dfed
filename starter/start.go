package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// newPlanFlags are the flags of the commands that begin a plan from its file.
type newPlanFlags struct {
	file, id string
	watch    bool
	again    bool
	output   *output
}

func (f *newPlanFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "the plan `file`, in the place of the argument; - reads stdin")
	cmd.Flags().StringVar(&f.id, "id", "", "`id` of the plan (default the name in its file)")
}

func (a *app) startCommand() *cobra.Command {
	flags := &newPlanFlags{}
	st := &steering{name: domain.CommandStart}
	st.deed = st.send
	cmd := &cobra.Command{
		Use:   "start FILE|ID",
		Short: "Start a plan from its file, or one that is held",
		Long: "Starts the plan of a file, in YAML or JSON, and prints its id; FILE - reads stdin. Where the\n" +
			"argument is the id of a plan that is held (create, or spec.hold), the plan begins.",
		Args:              fileOrArgument(&flags.file),
		ValidArgsFunction: a.completeFileOrID(domain.PlanCreated),
	}
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		held := flags.file == "" && !isFile(args[0])
		for _, name := range []string{"actor", "reason", "if-version", "timeout"} {
			if !held && cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s is for a plan that is held; a file starts without a command", name)
			}
		}
		for _, name := range []string{"id", "again"} {
			if held && cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s is for a plan file; the argument is the id of a plan", name)
			}
		}
		return nil
	}
	cmd.RunE = a.body(func(ctx context.Context, args []string) error {
		name := argument(flags.file, args)
		if flags.file == "" && !isFile(name) {
			return a.startHeld(ctx, name, flags, st)
		}
		plan, err := a.load(name)
		if err != nil {
			return err
		}
		return a.begin(ctx, plan, flags)
	})
	flags.add(cmd)
	cmd.Flags().BoolVar(&flags.again, "again", false, "run a plan anew that has run before and has ended")
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "watch the plan until it ends or is paused")
	st.commandFlags = addCommandFlags(cmd, false)
	flags.output = st.output
	return cmd
}

func (a *app) createCommand() *cobra.Command {
	flags := &newPlanFlags{}
	cmd := &cobra.Command{
		Use:   "create FILE",
		Short: "Create a plan from its file and hold it until it is started",
		Long: "Creates the plan of a file, in YAML or JSON, and prints its id; FILE - reads stdin. The plan\n" +
			"stays CREATED, as if its file said spec.hold, until the command start.",
		Args: fileOrArgument(&flags.file),
	}
	cmd.RunE = a.body(func(ctx context.Context, args []string) error {
		plan, err := a.load(argument(flags.file, args))
		if err != nil {
			return err
		}
		if plan, err = plan.Held(); err != nil {
			return &fileError{err}
		}
		return a.begin(ctx, plan, flags)
	})
	flags.add(cmd)
	flags.output = addOutput(cmd, formTable, formJSON, formYAML, formName)
	return cmd
}

// startHeld lets a plan begin that is held.
func (a *app) startHeld(ctx context.Context, id string, flags *newPlanFlags, st *steering) error {
	if err := a.steer(ctx, id, st); err != nil || !flags.watch {
		return err
	}
	s, leave, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.watch(ctx, s, []string{id}, st.output.form)
}

// started is what the commands that begin a plan print.
type started struct {
	PlanID string `json:"planId"`
	RunID  string `json:"runId"`
}

// begin starts a plan, prints its id, and watches it where that is asked.
func (a *app) begin(ctx context.Context, plan planfile.Plan, flags *newPlanFlags) error {
	id := flags.id
	if id == "" {
		id = plan.Document.Metadata.Name
	}
	s, leave, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer leave()
	start := s.Start
	if flags.again {
		start = s.StartAgain
	}
	runID, err := start(ctx, id, plan)
	if err != nil {
		return err
	}
	if err := a.printStarted(started{id, runID}, flags); err != nil {
		return err
	}
	var none *plans.NoWorkerError
	if err := s.Served(ctx); errors.As(err, &none) {
		fmt.Fprintf(a.err, "sluice: the plan is there, but %s.\n", none)
	}
	if plan.Document.Spec.Hold {
		fmt.Fprintf(a.err, "sluice: the plan is held; begin it with: sluice start %s\n", id)
	}
	if !flags.watch {
		return nil
	}
	return a.watch(ctx, s, []string{id}, flags.output.form)
}

func (a *app) printStarted(what started, flags *newPlanFlags) error {
	switch form := flags.output.form; {
	case form == formJSON && flags.watch:
		return jsonLine(a.out, what) // further lines follow
	case form == formJSON, form == formYAML:
		return writeValue(a.out, form, what)
	}
	_, err := fmt.Fprintln(a.out, what.PlanID)
	return err
}

// isFile reports whether an argument means a plan file: there is one, or it
// looks like one.
func isFile(name string) bool {
	if info, err := os.Stat(name); err == nil {
		return !info.IsDir()
	}
	looks := slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name)))
	return name == planfile.Stdin || looks || strings.ContainsRune(name, os.PathSeparator)
}
