package plans

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// closed reads the status of a plan whose workflow has ended, from the event
// that closed it, so that it takes no worker. Where that event has none, the
// workflow is asked.
func (c *Client) closed(ctx context.Context, id string, description *workflowservice.DescribeWorkflowExecutionResponse) (View, error) {
	view := View{Status: statusOf(description)}
	kept := c.keptUntil(ctx, description.GetWorkflowExecutionInfo())
	view.KeptUntil = kept
	found, err := c.final(ctx, id, &view.Snapshot)
	if err != nil {
		return view, err
	}
	if view.Rollback, err = c.rollbackOf(ctx, id, description); found || err != nil {
		return view, err
	}
	rollback := view.Rollback
	said := fmt.Sprintf("The workflow of the plan has ended (%s), so what is shown is what the plan knew last; targets that were under way may have been changed.", view.Status.word())
	view.Snapshot, err = c.Snapshot(ctx, id)
	if err != nil {
		var worker *NoWorkerError
		if !errors.As(err, &worker) {
			return View{}, err
		}
		view = c.recorded(id, description)
		view.KeptUntil, view.Rollback = kept, rollback
	}
	// A terminated workflow never learned of the last heartbeats.
	view.InFlight = c.flights(description)
	c.merge(ctx, &view)
	view.InFlight = nil
	view.Legal = []domain.CommandName{} // nothing takes commands any more
	view.Warnings = append(view.Warnings, said)
	return view, err
}

// keptUntil returns when the server forgets a run that has ended; zero where
// the namespace does not say.
func (c *Client) keptUntil(ctx context.Context, info *workflowpb.WorkflowExecutionInfo) time.Time {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	namespace, err := c.Temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.Namespace})
	retention := namespace.GetConfig().GetWorkflowExecutionRetentionTtl()
	if err != nil || retention == nil || info.GetCloseTime() == nil {
		return time.Time{} // a caller who may not describe the namespace still sees the plan
	}
	return info.GetCloseTime().AsTime().Add(retention.AsDuration())
}

// final decodes the snapshot that a workflow has ended with; false where it
// ended without. An input that was no plan is an *domain.InvalidPlanError.
func (c *Client) final(ctx context.Context, id string, snapshot *domain.Snapshot) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := c.Temporal.GetWorkflow(ctx, id, "").Get(ctx, snapshot)
	var application *temporal.ApplicationError
	var canceled *temporal.CanceledError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &application) && application.Type() == workflows.ErrorInvalidPlan:
		return false, invalid(application)
	case errors.As(err, &application) && application.HasDetails():
		return application.Details(snapshot) == nil, nil
	case errors.As(err, &canceled) && canceled.HasDetails():
		return canceled.Details(snapshot) == nil, nil
	}
	var ended *temporal.WorkflowExecutionError
	if errors.As(err, &ended) {
		return false, nil
	}
	return false, c.wrap(err, id)
}

// invalid reads the faults of an input that was no plan.
func invalid(application *temporal.ApplicationError) error {
	var faults []domain.Fault
	if application.HasDetails() {
		if err := application.Details(&faults); err == nil && len(faults) > 0 {
			return &domain.InvalidPlanError{Faults: faults}
		}
	}
	return &domain.InvalidPlanError{Faults: []domain.Fault{{Message: application.Message()}}}
}

// historyRequest asks for the first event of a run only.
func historyRequest(namespace, id, runID string) *workflowservice.GetWorkflowExecutionHistoryRequest {
	return &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: runID},
		MaximumPageSize: 1, HistoryEventFilterType: enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT,
	}
}
