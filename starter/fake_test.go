package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/planfile"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/workflows"
)

// fake answers as a server would that a test describes. What a command sent is
// kept.
type fake struct {
	mu                  sync.Mutex // several plans are asked at once
	startErr, servedErr error
	views               []any            // what View answers in turn: a plans.View, or an error; the last one stays
	viewsOf             map[string][]any // the same by plan, where a test has several
	listing             plans.Listing
	listErr             error
	trail               workflows.AuditTrail
	sendErr             error
	sendErrs            map[string]error // by plan
	outcome             plans.Outcome
	catalog             domain.Catalog
	catalogErr          error

	started string // the id
	plan    planfile.Plan
	sent    []sentCommand
	posted  bool
	again   bool

	ended, redriven bool
	reverse         plans.ReversePreview
	records         map[int]domain.RecordsPage // by offset
	targets         map[int]domain.TargetsPage // likewise
	pages           []domain.PageQuery         // that were asked for
	filter          plans.Filter
}

type sentCommand struct {
	id      string
	name    domain.CommandName
	command domain.Command
}

func (f *fake) Start(_ context.Context, id string, plan planfile.Plan) (string, error) {
	f.started, f.plan = id, plan
	return "run-1", f.startErr
}

func (f *fake) List(_ context.Context, filter plans.Filter) (plans.Listing, error) {
	f.filter = filter
	return f.listing, f.listErr
}

func (f *fake) Executors(context.Context) (domain.Catalog, error) { return f.catalog, f.catalogErr }

func (f *fake) Served(context.Context) error { return f.servedErr }

func (f *fake) View(_ context.Context, id string) (plans.View, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	views := f.views
	if f.viewsOf != nil {
		views = f.viewsOf[id]
	}
	next := views[0]
	if len(views) > 1 {
		views = views[1:]
	}
	if f.viewsOf != nil {
		f.viewsOf[id] = views
	} else {
		f.views = views
	}
	switch v := next.(type) {
	case viewAndError:
		return v.view, v.err
	case error:
		return plans.View{}, v
	}
	return next.(plans.View), nil
}

// viewAndError is an answer of both.
type viewAndError struct {
	view plans.View
	err  error
}

func (f *fake) Audit(context.Context, string) (workflows.AuditTrail, error) { return f.trail, nil }

func (f *fake) Send(_ context.Context, id string, name domain.CommandName, command domain.Command) (plans.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, sentCommand{id, name, command})
	if err := f.sendErrs[id]; err != nil {
		return plans.Outcome{}, err
	}
	return f.outcome, f.sendErr
}

func (f *fake) Post(ctx context.Context, id string, name domain.CommandName, command domain.Command) (plans.Outcome, error) {
	f.posted = true
	return f.Send(ctx, id, name, command)
}

func (f *fake) StartAgain(ctx context.Context, id string, plan planfile.Plan) (string, error) {
	f.again = true
	return f.Start(ctx, id, plan)
}

func (f *fake) Running(context.Context, string) (bool, error) { return !f.ended, nil }

func (f *fake) Redrive(ctx context.Context, id string, command domain.Command) (plans.Outcome, error) {
	f.redriven = true
	return f.Send(ctx, id, domain.CommandRetry, command)
}

func (f *fake) Reverse(ctx context.Context, id string, command domain.Command) (string, error) {
	_, err := f.Send(ctx, id, domain.CommandRollback, command)
	return domain.ReverseID(id), err
}

func (f *fake) PreviewReverse(context.Context, string) (plans.ReversePreview, error) {
	return f.reverse, f.sendErr
}

func (f *fake) Records(_ context.Context, _ string, q domain.PageQuery) (domain.RecordsPage, error) {
	f.pages = append(f.pages, q)
	return f.records[q.Offset], nil
}

func (f *fake) Targets(_ context.Context, _ string, q domain.PageQuery) (domain.TargetsPage, error) {
	f.pages = append(f.pages, q)
	return f.targets[q.Offset], nil
}

func (f *fake) AwaitPaused(ctx context.Context, id string) (plans.View, error) {
	return f.View(ctx, id)
}

// result is what a command line came to.
type result struct {
	code     int
	out, err string
}

// sluice runs a command line against a server; the words are cut at spaces.
func sluice(f *fake, line string) result { return sluiceWith(context.Background(), f, "", line) }

func sluiceWith(ctx context.Context, f *fake, stdin, line string) result {
	return sluiceOn(ctx, f, streams{in: strings.NewReader(stdin)}, line)
}

func sluiceOn(ctx context.Context, f *fake, on streams, line string) result {
	var out, errs bytes.Buffer
	on.out, on.err = &out, &errs
	a := &app{streams: on, pollEvery: time.Millisecond}
	a.connect = func(context.Context) (service, func(), error) { return f, func() {}, nil }
	code := a.run(ctx, strings.Fields(line))
	return result{code, out.String(), errs.String()}
}

func planFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const planText = `apiVersion: sluice/v1
kind: Plan
metadata: {name: green}
spec:
  targets: [a, b]
  tasks:
    - {name: switch, executor: http}
`

// view is a plan with one task that has 103 of 200 targets done.
func view(state domain.PlanState, task domain.TaskState) plans.View {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	progress := domain.Progress{Done: 103, Total: 200, Ratio: 0.515}
	return plans.View{
		Status: running,
		Snapshot: domain.Snapshot{
			PlanID: "green", RunID: "run-1", State: state, Version: 7, Progress: progress, CreatedAt: at, AsOf: at,
			Tasks: []domain.TaskSnapshot{{
				Name: "switch", Executor: "http", State: task, Progress: progress,
				Checkpoint: &domain.CheckpointView{Step: "CALL", Data: domain.CheckpointData{CurrentTarget: "tenant-104"}},
			}},
			TaskCount: 1, Legal: []domain.CommandName{domain.CommandPause, domain.CommandAbort},
		},
		InFlight: []plans.Flight{{Task: "switch", Execution: 2, Executor: "http", State: plans.FlightWorking, Attempt: 1, MaxAttempts: 4, Heartbeat: at, Worker: "root@host/1"}},
	}
}
