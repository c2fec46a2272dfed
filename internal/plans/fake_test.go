package plans

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

// server is a Temporal server with one plan. What a test does not set answers
// with an error.
type server struct {
	Temporal

	mu       sync.Mutex
	status   enumspb.WorkflowExecutionStatus
	ends     enumspb.WorkflowExecutionStatus // the status once a query was answered; 0: it stays
	missing  error
	snapshot any // what the query status answers: a domain.Snapshot, or an error
	audit    any // likewise
	pending  []*workflowpb.PendingActivityInfo
	fields   map[string]any // search attributes
	polls    []time.Time    // when workers asked for work
	result   any            // what the workflow ended with: a domain.Snapshot, or an error
	started  error
	options  client.StartWorkflowOptions
	signal   func(name string, command domain.Command) error
	update   func(ctx context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	input    any
}

var errUnexpected = errors.New("the test did not expect this call")

func newClient(s *server) *Client {
	return &Client{Temporal: s, Data: payload.NewDataConverter(), Address: "here:7233", Namespace: "ns", TaskQueue: "sluice"}
}

func toPayload(value any) *commonpb.Payload {
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		panic(err)
	}
	return p
}

func toPayloads(value any) *commonpb.Payloads {
	return &commonpb.Payloads{Payloads: []*commonpb.Payload{toPayload(value)}}
}

func (s *server) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if s.missing != nil {
		return nil, s.missing
	}
	fields := map[string]*commonpb.Payload{}
	for name, value := range s.fields {
		fields[name] = toPayload(value)
	}
	response := &workflowservice.DescribeWorkflowExecutionResponse{
		ExecutionConfig: &workflowpb.WorkflowExecutionConfig{TaskQueue: &taskqueuepb.TaskQueue{Name: "sluice"}},
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: "green", RunId: "run-1"}, Status: s.status,
			StartTime:        timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
			SearchAttributes: &commonpb.SearchAttributes{IndexedFields: fields},
		},
		PendingActivities: s.pending,
	}
	if s.status != runningStatus {
		response.WorkflowExecutionInfo.CloseTime = timestamppb.New(closedAt)
	}
	return response, nil
}

// closedAt is when the server's plan has ended, where it has.
var closedAt = time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)

func (s *server) QueryWorkflow(_ context.Context, _, _, name string, _ ...any) (converter.EncodedValue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.snapshot
	if name == workflows.QueryAudit {
		answer = s.audit
	}
	if answer == nil {
		return nil, errUnexpected
	}
	if err, ok := answer.(error); ok {
		return nil, err
	}
	if s.ends != 0 {
		s.status = s.ends
	}
	return client.NewValue(toPayloads(answer)), nil
}

func (s *server) DescribeTaskQueue(context.Context, string, enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	response := &workflowservice.DescribeTaskQueueResponse{}
	for _, at := range s.polls {
		response.Pollers = append(response.Pollers, &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(at)})
	}
	return response, nil
}

func (s *server) ExecuteWorkflow(_ context.Context, options client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	s.options = options
	return ended{server: s}, s.started
}

func (s *server) SignalWorkflow(_ context.Context, _, _, name string, arg any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signal(name, arg.(domain.Command))
}

func (s *server) UpdateWorkflow(ctx context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	if s.update == nil {
		return nil, errUnexpected
	}
	return s.update(ctx, options)
}

// answered is an Update that was accepted, and its outcome or error.
type answered struct {
	client.WorkflowUpdateHandle
	outcome Outcome
	err     error
}

func (a answered) Get(ctx context.Context, into any) error {
	if errors.Is(a.err, context.DeadlineExceeded) {
		<-ctx.Done()
	}
	*into.(*Outcome) = a.outcome
	return a.err
}

func (s *server) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	return ended{server: s}
}

func (s *server) WorkflowService() workflowservice.WorkflowServiceClient {
	return histories{input: s.input}
}

// histories has the first event of the plan's run.
type histories struct {
	workflowservice.WorkflowServiceClient
	input any
}

func (s histories) GetWorkflowExecutionHistory(context.Context, *workflowservice.GetWorkflowExecutionHistoryRequest, ...grpc.CallOption) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	if s.input == nil {
		return nil, errUnexpected
	}
	started := &historypb.WorkflowExecutionStartedEventAttributes{Input: toPayloads(s.input)}
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{Events: []*historypb.HistoryEvent{{
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: started},
	}}}}, nil
}

func (s histories) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest, ...grpc.CallOption) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(24 * time.Hour)}}, nil
}

// ended is the run that has ended as the server says.
type ended struct {
	client.WorkflowRun
	server *server
}

func (e ended) GetRunID() string { return "run-1" }

func (e ended) Get(_ context.Context, into any) error {
	if err, ok := e.server.result.(error); ok {
		return err
	}
	*into.(*domain.Snapshot) = e.server.result.(domain.Snapshot)
	return nil
}

// document is a plan with one task of 200 targets.
func document(t *testing.T) domain.Document {
	t.Helper()
	doc := domain.Document{APIVersion: domain.APIVersion, Kind: domain.KindPlan, Metadata: domain.Metadata{Name: "green"}}
	for i := range 200 {
		doc.Spec.Targets = append(doc.Spec.Targets, "tenant-"+string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	doc.Spec.Tasks = []domain.TaskSpec{{Name: "switch", Executor: "http"}}
	require.Empty(t, doc.Validate())
	return doc
}
