package plans

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// Filter chooses plans. The zero value chooses all of them.
type Filter struct {
	States []domain.PlanState // any of them; none means every state
	Labels map[string]string  // all of them
	Prefix string             // what the id begins with
	Reason domain.ReasonKind  // why the plan is PAUSED or FAILED
	Limit  int                // the most plans that are listed; 0 means all
}

// Summary is a plan in a list: what its search attributes say.
type Summary struct {
	PlanID     string            `json:"planId"`
	RunID      string            `json:"runId"`
	State      domain.PlanState  `json:"state"` // empty where the run writes no search attributes and has not ended
	Status     Status            `json:"workflowStatus"`
	Progress   *float64          `json:"progress,omitempty"` // 0 to 1, as it was written last; nil where it is not known
	Reason     domain.ReasonKind `json:"reason,omitempty"`
	FailedTask string            `json:"failedTask,omitempty"`
	Reverses   string            `json:"reverses,omitempty"` // the plan that this one rolls back
	Labels     map[string]string `json:"labels,omitempty"`
	StartedAt  time.Time         `json:"startedAt"` // of the run
	EndedAt    time.Time         `json:"endedAt,omitzero"`
}

// Listing is what List found.
type Listing struct {
	Plans   []Summary // those that have not ended first, and then the latest
	More    bool      // there are more than the filter's limit
	Unknown int       // open plans that the filter could not judge, for they write no search attributes
}

// AttributesError says that a namespace does not know the search attributes
// by which plans are filtered.
type AttributesError struct {
	Namespace string
	Err       error
}

func (e *AttributesError) Error() string {
	return fmt.Sprintf("the namespace %q cannot look plans up by state, label or reason, for it lacks the search attributes of Sluice (%v); a worker registers them unless SLUICE_SEARCH_ATTRIBUTES is off", e.Namespace, e.Err)
}

// Unwrap gives the cause.
func (e *AttributesError) Unwrap() error { return e.Err }

// List returns the plans that a filter chooses, each by its latest run. It
// takes no worker. What it says may be some seconds old.
func (c *Client) List(ctx context.Context, filter Filter) (Listing, error) {
	var listing Listing
	seen := map[string]bool{}
	err := c.scan(ctx, filter.query(), func(page []Summary) (bool, error) {
		page = slices.DeleteFunc(page, func(s Summary) bool {
			repeated := seen[s.PlanID] // of several runs of one plan the latest comes first
			seen[s.PlanID] = true
			return repeated
		})
		page, err := c.latest(ctx, filter, page)
		listing.Plans = append(listing.Plans, page...)
		if filter.Limit > 0 && len(listing.Plans) > filter.Limit {
			listing.Plans, listing.More = listing.Plans[:filter.Limit], true
		}
		return !listing.More, err
	})
	if err == nil && filter.needsAttributes() {
		listing.Unknown, err = c.unknown(ctx)
	}
	return listing, err
}

// judges reports whether the filter looks at what changes from run to run.
func (f Filter) judges() bool { return len(f.States) > 0 || f.needsAttributes() }

// needsAttributes reports whether the filter can only judge runs that write
// search attributes.
func (f Filter) needsAttributes() bool {
	return len(f.Labels) > 0 || f.Reason != "" || slices.ContainsFunc(f.States, func(s domain.PlanState) bool { return !s.Closed() })
}

// plansOnly leaves out what is no plan, and the runs that were carried on.
const plansOnly = "WorkflowType = '" + workflows.PlanType + "' AND ExecutionStatus != 'ContinuedAsNew'"

// query is the filter as the server's visibility reads it.
func (f Filter) query() string {
	conditions := []string{plansOnly}
	if len(f.States) > 0 {
		states := make([]string, len(f.States))
		for i, state := range f.States {
			switch state {
			case domain.PlanCompleted:
				states[i] = "ExecutionStatus = 'Completed'"
			case domain.PlanFailed:
				states[i] = "ExecutionStatus IN ('Failed', 'Canceled')"
			default: // a run that was terminated keeps the attributes that it had
				states[i] = "(" + equals(workflows.AttributeState.GetName(), string(state)) + " AND ExecutionStatus = 'Running')"
			}
		}
		conditions = append(conditions, "("+strings.Join(states, " OR ")+")")
	}
	labels := domain.Metadata{Labels: f.Labels}.LabelList()
	for _, label := range labels {
		conditions = append(conditions, equals(workflows.AttributeLabels.GetName(), label))
	}
	if f.Reason != "" {
		conditions = append(conditions, equals(workflows.AttributeReason.GetName(), string(f.Reason)))
	}
	if f.Prefix != "" {
		conditions = append(conditions, "WorkflowId STARTS_WITH "+quote(f.Prefix))
	}
	return strings.Join(conditions, " AND ")
}

func equals(name, value string) string { return name + " = " + quote(value) }

// quote writes a text as visibility queries have it.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// pageSize is how many plans are asked for at a time.
const pageSize = 200

// scan hands the plans of a query on page by page, while visit wants more.
func (c *Client) scan(ctx context.Context, query string, visit func([]Summary) (more bool, err error)) error {
	var token []byte
	for {
		response, err := c.page(ctx, query, token)
		if err != nil {
			return err
		}
		plans := make([]Summary, len(response.GetExecutions()))
		for i, execution := range response.GetExecutions() {
			plans[i] = summarize(execution)
		}
		more, err := visit(plans)
		token = response.GetNextPageToken()
		if err != nil || !more || len(token) == 0 {
			return err
		}
	}
}

func (c *Client) page(ctx context.Context, query string, token []byte) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	response, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.Namespace, Query: query, PageSize: pageSize, NextPageToken: token,
	})
	return response, c.wrapQuery(err)
}

// wrapQuery words what the server said about a query that is well formed: what
// it may not know are the attributes.
func (c *Client) wrapQuery(err error) error {
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		return &AttributesError{Namespace: c.Namespace, Err: invalid}
	}
	return c.wrap(err, "")
}

// latest drops the runs of a filtered list that a later run of the same plan
// has followed: the filter has not chosen that one.
func (c *Client) latest(ctx context.Context, filter Filter, page []Summary) ([]Summary, error) {
	var ids []string
	for _, s := range page {
		if !s.EndedAt.IsZero() && filter.judges() {
			ids = append(ids, quote(s.PlanID))
		}
	}
	if len(ids) == 0 {
		return page, nil
	}
	newest := map[string]string{}
	query := plansOnly + " AND WorkflowId IN (" + strings.Join(ids, ", ") + ")"
	err := c.scan(ctx, query, func(runs []Summary) (bool, error) {
		for _, run := range runs {
			if newest[run.PlanID] == "" {
				newest[run.PlanID] = run.RunID
			}
		}
		return true, nil
	})
	return slices.DeleteFunc(page, func(s Summary) bool { return newest[s.PlanID] != "" && newest[s.PlanID] != s.RunID }), err
}

// unknown counts the open plans that write no search attributes.
func (c *Client) unknown(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: c.Namespace,
		Query:     plansOnly + " AND ExecutionStatus = 'Running' AND " + workflows.AttributeState.GetName() + " IS NULL",
	})
	return int(response.GetCount()), c.wrapQuery(err)
}

// summarize reads what visibility says of a run.
func summarize(execution *workflowpb.WorkflowExecutionInfo) Summary {
	read := attributesOf(execution)
	s := Summary{
		PlanID: execution.GetExecution().GetWorkflowId(), RunID: execution.GetExecution().GetRunId(),
		Status: statusName(execution.GetStatus()), StartedAt: execution.GetStartTime().AsTime(),
	}
	if at := execution.GetCloseTime(); at != nil {
		s.EndedAt = at.AsTime()
	}
	var labels []string
	read(workflows.AttributeState.GetName(), &s.State)
	read(workflows.AttributeProgress.GetName(), &s.Progress)
	read(workflows.AttributeReason.GetName(), &s.Reason)
	read(workflows.AttributeFailedTask.GetName(), &s.FailedTask)
	read(workflows.AttributeReverses.GetName(), &s.Reverses)
	read(workflows.AttributeLabels.GetName(), &labels)
	for _, label := range labels {
		if s.Labels == nil {
			s.Labels = map[string]string{}
		}
		key, value, _ := strings.Cut(label, "=")
		s.Labels[key] = value
	}
	switch execution.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		s.State = domain.PlanCompleted
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		s.State = domain.PlanFailed
	}
	return s
}
