package plans

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// Status is how Temporal sees a plan's workflow: Running, Completed, Failed,
// Canceled, Terminated or TimedOut.
type Status string

// word is the status within a sentence.
func (s Status) word() string {
	switch s {
	case "TimedOut":
		return "it timed out"
	case "Canceled", "Terminated":
		return "it was " + strings.ToLower(string(s))
	}
	return "it " + strings.ToLower(string(s))
}

// View is a plan as a user sees it: its snapshot, brought up to date with what
// is in flight.
type View struct {
	domain.Snapshot
	Status    Status    `json:"workflowStatus"`
	InFlight  []Flight  `json:"inFlight,omitempty"`
	Estimate  *Estimate `json:"estimate,omitempty"` // nil where the plan does not run, or nothing is known of its pace
	KeptUntil time.Time `json:"keptUntil,omitzero"` // of a closed plan: when the server forgets it, and it can no longer be rolled back
	Rollback  *Rollback `json:"rollback,omitempty"` // the plan that puts this one back; nil where there is none
	Partial   bool      `json:"partial,omitempty"`  // no worker answered: only what the server's record says
	Warnings  []string  `json:"warnings,omitempty"` // what the reader has to know, in sentences
}

// View reads a plan's status. Where no worker answers it returns what the
// server's record says and a *NoWorkerError. A plan that was no plan gives a
// *domain.InvalidPlanError.
func (c *Client) View(ctx context.Context, id string) (View, error) {
	description, err := c.describe(ctx, id)
	if err != nil {
		return View{}, err
	}
	if description.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return c.closed(ctx, id, description)
	}
	snapshot, err := c.Snapshot(ctx, id)
	if err != nil {
		var worker *NoWorkerError
		if !errors.As(err, &worker) {
			return View{}, err
		}
		view := c.recorded(id, description)
		view.InFlight = c.flights(description)
		return view, err
	}
	// What is in flight is read after the snapshot: the other way round a slice
	// that ends in between would be counted twice.
	if description, err = c.describe(ctx, id); err != nil {
		return View{}, err
	}
	if description.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return c.closed(ctx, id, description) // it has ended in between
	}
	view := View{Snapshot: snapshot, Status: statusOf(description), InFlight: c.flights(description)}
	view.AsOf = time.Now().UTC() // the workflow's clock stands at its last event
	view.Tasks = slices.Clone(snapshot.Tasks)
	c.merge(ctx, &view)
	view.estimate(snapshot)
	c.warn(ctx, &view)
	if snapshot.Reversal != nil {
		view.Rollback, err = c.rollbackOf(ctx, id, description)
	}
	return view, err
}

func statusOf(description *workflowservice.DescribeWorkflowExecutionResponse) Status {
	return statusName(description.GetWorkflowExecutionInfo().GetStatus())
}

func statusName(status enumspb.WorkflowExecutionStatus) Status { return Status(status.String()) }

// recorded is what the server knows of a plan without its worker: the search
// attributes.
func (c *Client) recorded(id string, description *workflowservice.DescribeWorkflowExecutionResponse) View {
	info := description.GetWorkflowExecutionInfo()
	view := View{Status: statusOf(description), Partial: true}
	view.PlanID, view.RunID = id, info.GetExecution().GetRunId()
	view.CreatedAt, view.AsOf = info.GetStartTime().AsTime(), time.Now().UTC()
	view.Tasks, view.Legal = []domain.TaskSnapshot{}, []domain.CommandName{}
	read := attributesOf(info)
	read(workflows.AttributeState.GetName(), &view.State)
	read(workflows.AttributeProgress.GetName(), &view.Progress.Ratio)
	var reason domain.Reason
	read(workflows.AttributeReason.GetName(), &reason.Kind)
	read(workflows.AttributeFailedTask.GetName(), &reason.Task)
	if reason.Kind != "" {
		view.Reason = &reason
	}
	return view
}

// attributesOf returns a function that reads a search attribute of a run. One
// that cannot be read is one that is not there.
func attributesOf(info *workflowpb.WorkflowExecutionInfo) func(name string, into any) {
	fields := info.GetSearchAttributes().GetIndexedFields()
	return func(name string, into any) {
		if field, ok := fields[name]; ok {
			_ = converter.GetDefaultDataConverter().FromPayload(field, into)
		}
	}
}

// warn says what keeps the plan from going on although nobody stopped it.
func (c *Client) warn(ctx context.Context, view *View) {
	asked := map[string]bool{}
	for _, f := range view.InFlight {
		if f.State != FlightWaitingForWorker || f.TaskQueue == "" || asked[f.TaskQueue] {
			continue
		}
		asked[f.TaskQueue] = true
		workers, err := c.workersOf(ctx, f.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err == nil && workers.alive == 0 {
			view.Warnings = append(view.Warnings, fmt.Sprintf(
				"Task %s waits for a worker, and none serves the task queue %q; start one there that has the executor %s.", f.Task, f.TaskQueue, f.Executor))
		}
	}
}

// document returns the plan file of a run, from the run's first event.
func (c *Client) document(ctx context.Context, id, runID string) (domain.Document, error) {
	if doc, known := c.documents.Load(runID); known {
		return doc.(domain.Document), nil
	}
	raw, err := c.input(ctx, id, runID)
	if err != nil {
		return domain.Document{}, err
	}
	var carried workflows.RunState
	if err := json.Unmarshal(raw, &carried); err != nil {
		return domain.Document{}, fmt.Errorf("reading the input of plan %q: %w", id, err)
	}
	doc := carried.Plan.Document
	if carried.Kind != workflows.CarryKind {
		if doc, err = domain.DecodeDocument(raw); err != nil {
			return doc, err
		}
	}
	c.documents.Store(runID, doc)
	return doc, nil
}

// input returns the JSON with which a run was started.
func (c *Client) input(ctx context.Context, id, runID string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	history, err := c.Temporal.WorkflowService().GetWorkflowExecutionHistory(ctx, historyRequest(c.Namespace, id, runID))
	if err != nil {
		return nil, c.wrap(err, id)
	}
	events := history.GetHistory().GetEvents()
	if len(events) == 0 {
		return nil, fmt.Errorf("the history of plan %q is empty", id)
	}
	var raw converter.RawValue
	if err := c.Data.FromPayloads(events[0].GetWorkflowExecutionStartedEventAttributes().GetInput(), &raw); err != nil {
		return nil, fmt.Errorf("decoding the input of plan %q: %w", id, err)
	}
	return raw.Payload().GetData(), nil
}
