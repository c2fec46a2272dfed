// Package plans is Sluice's client: it starts plans, sends them commands and
// reads their status, with what is in flight from the server's own record.
package plans

import (
	"context"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// Temporal is what this package needs of the Temporal client.
type Temporal interface {
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	UpdateWorkflow(ctx context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error
	QueryWorkflow(ctx context.Context, workflowID, runID, queryType string, args ...any) (converter.EncodedValue, error)
	GetWorkflow(ctx context.Context, workflowID, runID string) client.WorkflowRun
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	DescribeTaskQueue(ctx context.Context, taskQueue string, kind enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error)
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	CountWorkflow(ctx context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
	WorkflowService() workflowservice.WorkflowServiceClient
}

// Client reads and steers the plans of one namespace. It may be used from
// several goroutines at once.
type Client struct {
	Temporal  Temporal
	Data      converter.DataConverter
	Address   string // of the server, for messages
	Namespace string
	TaskQueue string // where new plans wait for a worker

	documents sync.Map // of domain.Document by run id: a run's document never changes
}

// callTimeout bounds each call to the server, and so how long it takes until
// a worker that does not answer is noticed.
const callTimeout = 5 * time.Second

// Snapshot asks the plan's workflow for its status. It takes a worker.
func (c *Client) Snapshot(ctx context.Context, id string) (domain.Snapshot, error) {
	var snapshot domain.Snapshot
	err := c.query(ctx, id, workflows.QueryStatus, &snapshot)
	return snapshot, err
}

// Audit asks the plan's workflow who asked what, and what came of it. It takes
// a worker.
func (c *Client) Audit(ctx context.Context, id string) (workflows.AuditTrail, error) {
	var trail workflows.AuditTrail
	err := c.query(ctx, id, workflows.QueryAudit, &trail)
	return trail, err
}

func (c *Client) query(ctx context.Context, id, name string, into any, args ...any) error {
	calling, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, err := c.Temporal.QueryWorkflow(calling, id, "", name, args...)
	if err == nil {
		return c.wrap(value.Get(into), id)
	}
	if unanswered(err) && ctx.Err() == nil {
		return c.whyUnanswered(ctx, id, err)
	}
	return c.wrap(err, id)
}

// whyUnanswered finds out who did not answer a query: the server, or the
// workers.
func (c *Client) whyUnanswered(ctx context.Context, id string, err error) error {
	description, described := c.describe(ctx, id)
	if described != nil {
		return described
	}
	queue := description.GetExecutionConfig().GetTaskQueue().GetName()
	workers, counted := c.workersOf(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if counted != nil {
		return counted
	}
	return &NoWorkerError{TaskQueue: queue, LastSeen: workers.lastSeen, Err: err}
}

func (c *Client) describe(ctx context.Context, id string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	description, err := c.Temporal.DescribeWorkflowExecution(ctx, id, "")
	return description, c.wrap(err, id)
}

// pollInterval is how long a poll of a worker may last: one that has not
// asked for work for longer is gone.
const pollInterval = 70 * time.Second

// workers is who serves a task queue.
type workers struct {
	alive    int
	lastSeen time.Time // zero where none was seen lately
}

func (c *Client) workersOf(ctx context.Context, queue string, kind enumspb.TaskQueueType) (workers, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	description, err := c.Temporal.DescribeTaskQueue(ctx, queue, kind)
	if err != nil {
		return workers{}, c.wrap(err, "")
	}
	var w workers
	for _, poller := range description.GetPollers() {
		seen := poller.GetLastAccessTime().AsTime()
		if time.Since(seen) < pollInterval {
			w.alive++
		}
		if seen.After(w.lastSeen) {
			w.lastSeen = seen
		}
	}
	return w, nil
}
