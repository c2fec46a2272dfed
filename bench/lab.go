package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/caddy"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// The task queues. Activities of the second one are never handed out eagerly,
// for its worker runs no workflows.
const (
	queue           = "bench"
	queueNotEagerly = "bench-executors"
)

// serverSettings are those that production needs as well: without them each
// step of a workflow waits for the server's polling and nothing else is seen.
var serverSettings = []string{
	"--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000",
	"--dynamic-config-value", "history.timerProcessorMaxPollRPS=5000",
	"--dynamic-config-value", "history.visibilityProcessorMaxPollRPS=5000",
	"--dynamic-config-value", `history.timerProcessorMaxTimeShift="10ms"`,
	"--dynamic-config-value", "system.enableActivityEagerExecution=true",
	"--search-attribute", "SluicePlanState=Keyword", "--search-attribute", "SluiceReason=Keyword",
	"--search-attribute", "SluiceFailedTask=Keyword", "--search-attribute", "SluiceReverses=Keyword",
	"--search-attribute", "SluiceLabels=KeywordList", "--search-attribute", "SluiceProgress=Double",
}

// lab is the server, the workers, and how much is measured on them.
type lab struct {
	client        client.Client
	serverVersion string
	options       options
	log           io.Writer
	pacer         *pacer

	server  *testsuite.DevServer
	workers []worker.Worker
	started int // runs so far, which name them
}

// openLab starts a development server and two workers as production makes
// them, which serve Plans and the bare loops alike.
func openLab(ctx context.Context, o options, log io.Writer) (*lab, error) {
	if _, err := os.Stat(o.temporal); err != nil {
		return nil, fmt.Errorf("there is no Temporal CLI; run make products, or name one with --temporal: %w", err)
	}
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: o.temporal, LogLevel: "error", ExtraArgs: serverSettings, Stdout: log, Stderr: log,
		ClientOptions: &client.Options{Logger: quiet{}, DataConverter: payload.NewDataConverter()},
	})
	if err != nil {
		return nil, fmt.Errorf("starting a development server: %w", err)
	}
	l := &lab{client: server.Client(), server: server, options: o, log: log, pacer: &pacer{}}
	info, err := l.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		l.close()
		return nil, fmt.Errorf("asking the server for its version: %w", err)
	}
	l.serverVersion = info.GetServerVersion()
	for _, queue := range []string{queue, queueNotEagerly} {
		if err := l.startWorker(queue); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *lab) startWorker(queue string) error {
	w := host.NewWorker(l.client, host.Options{
		TaskQueue: queue, StopTimeout: 5 * time.Second, FailOnPanic: true,
		Settings:  workflows.Settings{SearchAttributes: true},
		Executors: []activities.Executor{noop(), l.pacer.executor(), caddy.Executor(egress.Allow{})},
	})
	w.RegisterWorkflowWithOptions(bareLoop, workflow.RegisterOptions{Name: loopType})
	w.RegisterActivityWithOptions(bareActivity, activity.RegisterOptions{Name: loopActivity})
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting a worker on the task queue %s: %w", queue, err)
	}
	l.workers = append(l.workers, w)
	return nil
}

func (l *lab) close() {
	for _, w := range slices.Backward(l.workers) {
		w.Stop()
	}
	_ = l.server.Stop() // it is in memory; nothing is lost with it
}

// amount returns how much of n is done at the scale that was chosen.
func (l *lab) amount(n int) int { return max(1, n*l.options.scale/100) }

// say tells the person who waits what is going on.
func (l *lab) say(format string, args ...any) { fmt.Fprintf(l.log, format+"\n", args...) }

// interleave calls the runs in turn, as many rounds as were asked for, each
// second round in reverse order: what else goes on on the machine then meets
// all of them alike.
func (l *lab) interleave(ctx context.Context, what string, runs ...func(context.Context) error) error {
	for round := range l.options.rounds {
		l.say("%s: round %d of %d", what, round+1, l.options.rounds)
		order := slices.Clone(runs)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, run := range order {
			if err := run(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// warmUp runs both kinds of work once, for the first of anything is slow.
func (l *lab) warmUp(ctx context.Context) error {
	l.say("warming up")
	for _, of := range []chain{loop, sluice} {
		for _, queue := range []string{"", queueNotEagerly} {
			workflowType, input, err := of(l.amount(30), queue)
			if err != nil {
				return err
			}
			if _, err := l.measure(ctx, workflowType, input); err != nil {
				return err
			}
		}
	}
	return nil
}

// start starts a run of a workflow.
func (l *lab) start(ctx context.Context, workflowType string, input any) (client.WorkflowRun, error) {
	l.started++
	run, err := l.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", workflowType, l.started), TaskQueue: queue}, workflowType, input)
	if err != nil {
		return nil, fmt.Errorf("starting a run of %s: %w", workflowType, err)
	}
	return run, nil
}

// cost is what one run took.
type cost struct {
	began, ended time.Time // by the server's clock
	took         time.Duration
	events       int
}

// await waits for a run's good end and returns what it took.
func (l *lab) await(ctx context.Context, run client.WorkflowRun) (cost, error) {
	if err := run.Get(ctx, nil); err != nil {
		return cost{}, fmt.Errorf("waiting for %s: %w", run.GetID(), err)
	}
	description, err := l.client.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())
	if err != nil {
		return cost{}, fmt.Errorf("asking what %s took: %w", run.GetID(), err)
	}
	info := description.GetWorkflowExecutionInfo()
	began, ended := info.GetStartTime().AsTime(), info.GetCloseTime().AsTime()
	return cost{began: began, ended: ended, took: ended.Sub(began), events: int(info.GetHistoryLength())}, nil
}

// measure starts a run, waits for its end and returns what it took.
func (l *lab) measure(ctx context.Context, workflowType string, input any) (cost, error) {
	run, err := l.start(ctx, workflowType, input)
	if err != nil {
		return cost{}, err
	}
	return l.await(ctx, run)
}

// quiet drops what the SDK logs: writing it would be measured too.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
