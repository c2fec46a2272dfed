package plans

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed-3652815f/sluice/domain"
)

// visibility answers each question with the next of its pages, and one for
// certain plans with their runs. The questions are kept.
type visibility struct {
	Temporal
	pages   [][]*workflowpb.WorkflowExecutionInfo
	runs    []*workflowpb.WorkflowExecutionInfo
	err     error
	unknown int64
	asked   []string
}

func (v *visibility) ListWorkflow(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	v.asked = append(v.asked, request.GetQuery())
	if v.err != nil {
		return nil, v.err
	}
	if strings.Contains(request.GetQuery(), "WorkflowId IN") {
		return &workflowservice.ListWorkflowExecutionsResponse{Executions: v.runs}, nil
	}
	response := &workflowservice.ListWorkflowExecutionsResponse{Executions: v.pages[0]}
	if v.pages = v.pages[1:]; len(v.pages) > 0 {
		response.NextPageToken = []byte("next")
	}
	return response, nil
}

func (v *visibility) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{Count: v.unknown}, nil
}

func (v *visibility) list(filter Filter) (Listing, error) {
	return (&Client{Temporal: v, Namespace: "ns", Address: "here:7233"}).List(context.Background(), filter)
}

// execution is a run as visibility has it; closed where the status says so.
func execution(id, run string, status enumspb.WorkflowExecutionStatus, fields map[string]any) *workflowpb.WorkflowExecutionInfo {
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	info := &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run}, Status: status, StartTime: at,
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{}},
	}
	for name, value := range fields {
		info.SearchAttributes.IndexedFields[name] = toPayload(value)
	}
	if status != runningStatus {
		info.CloseTime = at
	}
	return info
}

func TestListShowsWhatTheSearchAttributesSay(t *testing.T) {
	t.Parallel()
	v := &visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{{
		execution("green", "r1", runningStatus, map[string]any{
			"SluicePlanState": "PAUSED", "SluiceProgress": 0.25, "SluiceReason": "FAILURE", "SluiceFailedTask": "switch", "SluiceLabels": []string{"team=edge", "odd=a=b"}}),
		execution("old", "r2", enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, map[string]any{"SluicePlanState": "RUNNING"}),
		execution("bare", "r3", runningStatus, nil),
		execution("bare-done", "r4", enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, nil),
		execution("bare-failed", "r5", enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, nil),
	}}}
	listing, err := v.list(Filter{})
	require.NoError(t, err)
	at, quarter := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 0.25
	require.Equal(t, Listing{Plans: []Summary{
		{PlanID: "green", RunID: "r1", State: domain.PlanPaused, Status: "Running", Progress: &quarter, Reason: domain.ReasonFailure, FailedTask: "switch",
			Labels: map[string]string{"team": "edge", "odd": "a=b"}, StartedAt: at},
		{PlanID: "old", RunID: "r2", State: domain.PlanRunning, Status: "Terminated", StartedAt: at, EndedAt: at},
		{PlanID: "bare", RunID: "r3", Status: "Running", StartedAt: at},
		{PlanID: "bare-done", RunID: "r4", State: domain.PlanCompleted, Status: "Completed", StartedAt: at, EndedAt: at},
		{PlanID: "bare-failed", RunID: "r5", State: domain.PlanFailed, Status: "Failed", StartedAt: at, EndedAt: at},
	}}, listing)
	require.Equal(t, []string{"WorkflowType = 'Plan' AND ExecutionStatus != 'ContinuedAsNew'"}, v.asked)
}

func TestListAsksForWhatItsFilterSays(t *testing.T) {
	t.Parallel()
	for want, filter := range map[string]Filter{
		"(SluicePlanState = 'RUNNING' AND ExecutionStatus = 'Running')":                {States: []domain.PlanState{domain.PlanRunning}},
		"(ExecutionStatus = 'Completed' OR ExecutionStatus IN ('Failed', 'Canceled'))": {States: []domain.PlanState{domain.PlanCompleted, domain.PlanFailed}},
		`SluiceLabels = 'a=it\'s' AND SluiceLabels = 'team=e\\dge'`:                    {Labels: map[string]string{"team": `e\dge`, "a": "it's"}},
		"SluiceReason = 'BREAKPOINT' AND WorkflowId STARTS_WITH 'green-'":              {Reason: domain.ReasonBreakpoint, Prefix: "green-"},
	} {
		v := &visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{{}}}
		_, err := v.list(filter)
		require.NoError(t, err)
		require.Contains(t, v.asked[0], want)
	}
}

func TestListGoesThroughAllPagesUpToItsLimit(t *testing.T) {
	t.Parallel()
	page := func(from, to int) (runs []*workflowpb.WorkflowExecutionInfo) {
		for i := from; i < to; i++ {
			runs = append(runs, execution(fmt.Sprintf("p%d", i), "r", runningStatus, nil))
		}
		return runs
	}
	listing, err := (&visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{page(0, 3), page(2, 5)}}).list(Filter{})
	require.NoError(t, err)
	require.Len(t, listing.Plans, 5, "a plan that moved from page to page is listed once")
	require.False(t, listing.More)

	v := &visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{page(0, 3), page(3, 6), page(6, 9)}}
	listing, err = v.list(Filter{Limit: 4})
	require.NoError(t, err)
	require.Len(t, listing.Plans, 4)
	require.True(t, listing.More)
	require.Len(t, v.asked, 2)

	listing, err = (&visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{page(0, 4)}}).list(Filter{Limit: 4})
	require.NoError(t, err)
	require.False(t, listing.More)
}

func TestListLeavesOutARunThatALaterOneHasFollowed(t *testing.T) {
	t.Parallel()
	failed := enumspb.WORKFLOW_EXECUTION_STATUS_FAILED
	v := &visibility{
		pages: [][]*workflowpb.WorkflowExecutionInfo{{execution("green", "first", failed, nil), execution("blue", "only", failed, nil)}},
		runs: []*workflowpb.WorkflowExecutionInfo{
			execution("green", "second", runningStatus, nil), execution("blue", "only", failed, nil), execution("green", "first", failed, nil),
		},
	}
	listing, err := v.list(Filter{States: []domain.PlanState{domain.PlanFailed}, Limit: 1})
	require.NoError(t, err)
	require.Len(t, listing.Plans, 1)
	require.Equal(t, "blue", listing.Plans[0].PlanID)
	require.Contains(t, v.asked[1], "WorkflowId IN ('green', 'blue')")
}

func TestListCountsThePlansThatItCannotJudge(t *testing.T) {
	t.Parallel()
	v := &visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{{}, {}}, unknown: 2}
	listing, err := v.list(Filter{Labels: map[string]string{"team": "edge"}})
	require.NoError(t, err)
	require.Equal(t, 2, listing.Unknown)

	v = &visibility{pages: [][]*workflowpb.WorkflowExecutionInfo{{}}, unknown: 2}
	listing, err = v.list(Filter{States: []domain.PlanState{domain.PlanFailed}})
	require.NoError(t, err)
	require.Zero(t, listing.Unknown, "closed states are known without attributes")
}

func TestListSaysThatTheNamespaceLacksTheAttributes(t *testing.T) {
	t.Parallel()
	v := &visibility{err: serviceerror.NewInvalidArgument("SluicePlanState is not a valid search attribute")}
	_, err := v.list(Filter{States: []domain.PlanState{domain.PlanPaused}})
	var missing *AttributesError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, `the namespace "ns" cannot look plans up by state, label or reason`)

	_, err = (&visibility{err: serviceerror.NewNamespaceNotFound("ns")}).list(Filter{})
	var namespace *NamespaceError
	require.ErrorAs(t, err, &namespace)
}
