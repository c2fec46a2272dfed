package telemetry_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/seed-3652815f/sluice/internal/telemetry"
)

const service = "/temporal.api.workflowservice.v1.WorkflowService/"

// call lets a call come to an end.
func call(ctx context.Context, p *telemetry.Polling, method string, err error) error {
	return p.Watch(ctx, service+method, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return err })
}

func TestAWorkerIsReadyOnceBothItsPollsAreUnderWay(t *testing.T) {
	t.Parallel()
	var p telemetry.Polling
	require.ErrorContains(t, p.Ready(), "the worker has not asked for work by PollWorkflowTaskQueue yet")
	ctx := context.Background()
	require.NoError(t, call(ctx, &p, "PollWorkflowTaskQueue", nil))
	require.ErrorContains(t, p.Ready(), "PollActivityTaskQueue")
	asked, answer := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- p.Watch(ctx, service+"PollActivityTaskQueue", nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			close(asked)
			<-answer
			return nil
		})
	}()
	<-asked
	require.NoError(t, p.Ready(), "a poll that waits for work is what a worker is there for")
	close(answer)
	require.NoError(t, <-done)
}

func TestAWorkerIsNotReadyWhileAPollFailsOrItIsBeingStopped(t *testing.T) {
	t.Parallel()
	var p telemetry.Polling
	ctx, gone := context.Background(), errors.New("connection refused")
	require.NoError(t, call(ctx, &p, "PollWorkflowTaskQueue", nil))
	require.NoError(t, call(ctx, &p, "PollActivityTaskQueue", nil))
	require.NoError(t, p.Ready())

	require.ErrorIs(t, call(ctx, &p, "PollActivityTaskQueue", gone), gone)
	require.ErrorIs(t, p.Ready(), gone)
	require.NoError(t, call(ctx, &p, "PollActivityTaskQueue", nil))
	require.NoError(t, p.Ready())

	require.Error(t, call(ctx, &p, "RespondWorkflowTaskCompleted", gone))
	require.NoError(t, p.Ready(), "other calls are no polls")

	given, up := context.WithCancel(ctx)
	up()
	require.Error(t, call(given, &p, "PollActivityTaskQueue", context.Canceled))
	require.NoError(t, p.Ready(), "a poll that the worker gave up itself")

	p.Stop()
	require.ErrorIs(t, p.Ready(), telemetry.ErrStopping)
}
