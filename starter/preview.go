package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/report"
)

// undoing says whether a task's executor can put back what it has changed;
// known is false for an executor that nothing is known of.
type undoing func(task domain.TaskSpec) (can, known bool)

// preview is what a plan would do, in the order in which it would.
type preview struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Hold        bool              `json:"hold"`
	MaxParallel int               `json:"maxParallel"`
	OnFailure   domain.OnFailure  `json:"onFailure"`
	Tasks       []previewTask     `json:"tasks"`
}

// previewTask is one task of a preview.
type previewTask struct {
	Step             int             `json:"step"` // tasks of one step may run at once
	Name             string          `json:"name"`
	Executor         string          `json:"executor"`
	TaskQueue        string          `json:"taskQueue,omitempty"`
	Targets          int             `json:"targets"`
	First            string          `json:"firstTarget"`
	Last             string          `json:"lastTarget"`
	DependsOn        []string        `json:"dependsOn,omitempty"`
	ParallelTargets  int             `json:"parallelTargets"`
	FailuresAllowed  int             `json:"failuresAllowed"`
	MaxRetries       int             `json:"maxRetries"`
	Timeout          domain.Duration `json:"timeout"`
	HeartbeatTimeout domain.Duration `json:"heartbeatTimeout"`
	PauseBefore      bool            `json:"pauseBefore"`
	Undo             *bool           `json:"undo,omitempty"` // whether it can be rolled back; left out where that is not known
}

func (a *app) previewCommand() *cobra.Command {
	var file string
	var offline bool
	var form *output
	cmd := &cobra.Command{
		Use:   "preview FILE",
		Short: "Show what the plan of a file would do, in its order",
		Long: "Shows the tasks of a plan file in the order in which they would run. Tasks of the same step may\n" +
			"run at once. A running worker is asked which of them can be undone; without one that is not\n" +
			"known. FILE - reads stdin.",
		Args: fileOrArgument(&file),
		RunE: a.body(func(ctx context.Context, args []string) error {
			plan, err := a.load(argument(file, args))
			if err != nil {
				return err
			}
			var undo undoing
			if !offline {
				undo = a.askUndo(ctx)
			}
			p, err := previewOf(plan, undo)
			if err != nil {
				return err
			}
			if form.form == formTable {
				return writePreview(a.out, p)
			}
			return writeValue(a.out, form.form, p)
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the plan `file`, in the place of the argument; - reads stdin")
	cmd.Flags().BoolVar(&offline, "offline", false, "do not ask a worker what can be undone")
	form = addOutput(cmd, formTable, formJSON, formYAML)
	return cmd
}

// askTime bounds how long a preview waits for a worker.
const askTime = 5 * time.Second

// askUndo asks a worker which executors can put back what they have changed.
// Where none answers it says so, and nothing is known.
func (a *app) askUndo(ctx context.Context) undoing {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	catalog, err := a.catalog(ctx)
	if err != nil {
		fmt.Fprintf(a.err, "sluice: what can be undone is not known here: %s.\n", report.Clean(err.Error()))
		return nil
	}
	return func(task domain.TaskSpec) (can, known bool) {
		if task.TaskQueue != "" && task.TaskQueue != catalog.TaskQueue {
			return false, false // other workers serve it
		}
		for _, e := range catalog.Executors {
			if e.Name == task.Executor && e.Reversible != nil {
				return *e.Reversible, true
			}
		}
		return false, false
	}
}

func (a *app) catalog(ctx context.Context) (domain.Catalog, error) {
	s, leave, err := a.connect(ctx)
	if err != nil {
		return domain.Catalog{}, err
	}
	defer leave()
	return s.Executors(ctx)
}

func previewOf(plan planfile.Plan, undo undoing) (preview, error) {
	doc := plan.Document
	p := preview{
		Name: doc.Metadata.Name, Description: doc.Spec.Description, Labels: doc.Metadata.Labels, Hold: doc.Spec.Hold,
		MaxParallel: doc.Spec.Parallel(), OnFailure: doc.Spec.FailurePolicy(), Tasks: []previewTask{},
	}
	steps, err := stepsOf(doc)
	if err != nil {
		return p, err
	}
	for i, step := range steps {
		for _, spec := range step {
			targets := doc.Spec.TargetsOf(spec)
			t := previewTask{
				Step: i + 1, Name: spec.Name, Executor: spec.Executor, TaskQueue: spec.TaskQueue,
				Targets: len(targets), First: targets[0], Last: targets[len(targets)-1], DependsOn: spec.DependsOn,
				ParallelTargets: spec.Parallel(), FailuresAllowed: spec.FailureThreshold.Of(len(targets)), MaxRetries: spec.Retry.MaxRetriesOrDefault(),
				Timeout: domain.Duration(spec.TimeoutOrDefault()), HeartbeatTimeout: domain.Duration(spec.HeartbeatTimeoutOrDefault()),
				PauseBefore: spec.PauseBefore,
			}
			t.Undo = undoOf(spec, undo)
			p.Tasks = append(p.Tasks, t)
		}
	}
	return p, nil
}

// undoOf says whether a task can be rolled back; nil where that is not known.
func undoOf(spec domain.TaskSpec, undo undoing) *bool {
	if spec.Reversible != nil && !*spec.Reversible {
		return spec.Reversible
	}
	if undo != nil {
		if can, known := undo(spec); known {
			return &can
		}
	}
	return nil
}

// stepsOf lets the plan run without its executors, each task as long as every
// other one, and returns the tasks by the step in which they start.
func stepsOf(doc domain.Document) ([][]domain.TaskSpec, error) {
	now := time.Now()
	plan := domain.NewPlan(doc.Metadata.Name, "preview", doc, now)
	if err := plan.Start(now); err != nil {
		return nil, fmt.Errorf("the preview cannot start the plan: %w", err)
	}
	var steps [][]domain.TaskSpec
	for !plan.State().Closed() {
		var step []domain.TaskSpec
		for _, t := range plan.Next(now) {
			if err := plan.Execute(t, now); err != nil {
				return nil, fmt.Errorf("the preview cannot execute a task: %w", err)
			}
			i := slices.IndexFunc(doc.Spec.Tasks, func(s domain.TaskSpec) bool { return s.Name == t.Name() })
			step = append(step, doc.Spec.Tasks[i])
		}
		if plan.State() == domain.PlanPaused { // at a breakpoint
			if err := plan.Resume(); err != nil {
				return nil, fmt.Errorf("the preview cannot pass a breakpoint: %w", err)
			}
			continue
		}
		if len(step) == 0 {
			return nil, fmt.Errorf("the preview comes to no end: after %s no task can start", plural(len(steps), "step"))
		}
		for _, t := range plan.Running() {
			if err := plan.Succeed(t, now); err != nil {
				return nil, fmt.Errorf("the preview cannot complete a task: %w", err)
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func writePreview(out io.Writer, p preview) error {
	targets := 0
	for _, t := range p.Tasks {
		targets += t.Targets
	}
	fmt.Fprintf(out, "Plan %s: %s, %s to work off, %s at once; when a task fails: %s\n",
		p.Name, plural(len(p.Tasks), "task"), plural(targets, "target"), plural(p.MaxParallel, "task"), p.OnFailure)
	if p.Description != "" {
		fmt.Fprintln(out, report.Clean(p.Description))
	}
	if p.Hold {
		fmt.Fprintln(out, "It is held until the command start.")
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STEP\tTASK\tEXECUTOR\tTARGETS\tFIRST\tLAST\tAFTER\tAT ONCE\tMAY FAIL\tRETRIES\tUNDO\tSTOPS")
	for _, t := range p.Tasks {
		stops := "-"
		if t.PauseBefore {
			stops = "before it"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", t.Step, t.Name, t.Executor, t.Targets, t.First, t.Last,
			dash(strings.Join(t.DependsOn, ", ")), t.ParallelTargets, t.FailuresAllowed, t.MaxRetries, undoText(t.Undo), stops)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if lost := p.lost(); len(lost) > 0 {
		fmt.Fprintf(out, "\nWhat is done by these tasks cannot be undone: %s\n", strings.Join(lost, ", "))
	}
	return nil
}

// lost lists the tasks that cannot be undone.
func (p preview) lost() []string {
	var names []string
	for _, t := range p.Tasks {
		if t.Undo != nil && !*t.Undo {
			names = append(names, t.Name)
		}
	}
	return names
}

func undoText(undo *bool) string {
	switch {
	case undo == nil:
		return "unknown"
	case *undo:
		return "yes"
	}
	return "no"
}
