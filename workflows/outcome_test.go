package workflows

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/seed-3652815f/sluice/domain"
)

// asActivityError returns an error as a workflow gets it from the server,
// after it has gone over the wire.
func asActivityError(err error, why enumspb.RetryState) error {
	c := temporal.GetDefaultFailureConverter()
	return c.FailureToError(&failurepb.Failure{
		Message: "activity error", Cause: c.ErrorToFailure(err),
		FailureInfo: &failurepb.Failure_ActivityFailureInfo{ActivityFailureInfo: &failurepb.ActivityFailureInfo{
			ActivityType: &commonpb.ActivityType{Name: "fake"}, ActivityId: "a/1/0", RetryState: why,
		}},
	})
}

// checkpointOf returns a checkpoint with the first n of ten targets done.
func checkpointOf(n int) domain.Checkpoint {
	return domain.Checkpoint{Format: domain.CheckpointFormat, Last: 9, Done: domain.NewRangeSet(0, n-1)}
}

func TestTheEndOfAnActivityIsReadAsWhatItMeansForItsTask(t *testing.T) {
	t.Parallel()
	const (
		running  = false
		stopping = true
		final    = enumspb.RETRY_STATE_NON_RETRYABLE_FAILURE
		used     = enumspb.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED
		silent   = enumspb.RETRY_STATE_TIMEOUT
		cancel   = enumspb.RETRY_STATE_CANCEL_REQUESTED
	)
	saved, newer := checkpointOf(3), checkpointOf(5)
	twice := checkpointOf(5)
	twice.FailedAttempts = 2
	foreign := newer
	foreign.Format = domain.CheckpointFormat + 1

	sluice := func(code string, cp domain.Checkpoint, nonRetryable bool) error {
		return temporal.NewApplicationErrorWithOptions("it failed", code, temporal.ApplicationErrorOptions{
			NonRetryable: nonRetryable, Details: []any{domain.ExecutionFailure{
				Failure: domain.FailureInfo{Category: domain.CategoryTechnical, ErrorCode: code, Reason: "it failed"}, Checkpoint: cp,
			}},
		})
	}
	for name, c := range map[string]struct {
		err      error
		why      enumspb.RetryState
		stopping bool
		kind     kind
		done     int // targets of the checkpoint: 3 of the saved one, 5 of the error's own
		code     string
		category domain.Category
		used     int
	}{
		"canceled with a checkpoint":                               {temporal.NewCanceledError(newer), cancel, stopping, stopped, 5, "", "", 0},
		"canceled without one":                                     {temporal.NewCanceledError(), cancel, stopping, stopped, 3, "", "", 0},
		"canceled in back-off, with the server's text":             {temporal.NewCanceledError("ACTIVITY_ID_NOT_STARTED"), cancel, stopping, stopped, 3, "", "", 0},
		"canceled with a checkpoint of a newer format":             {temporal.NewCanceledError(foreign), cancel, stopping, stopped, 3, "", "", 0},
		"a heartbeat that was missing":                             {temporal.NewHeartbeatTimeoutError(newer), silent, running, lost, 5, domain.CodeWorkerLost, domain.CategoryTechnical, 0},
		"a heartbeat that was missing, after failed attempts":      {temporal.NewHeartbeatTimeoutError(twice), silent, running, lost, 5, domain.CodeWorkerLost, domain.CategoryTechnical, 2},
		"a heartbeat that was missing, nothing saved in it":        {temporal.NewHeartbeatTimeoutError(), silent, running, lost, 3, domain.CodeWorkerLost, domain.CategoryTechnical, 0},
		"a heartbeat that was missing while stopping":              {temporal.NewHeartbeatTimeoutError(newer), silent, stopping, stopped, 5, domain.CodeWorkerLost, domain.CategoryTechnical, 0},
		"the task's timeout":                                       {temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil, newer), silent, running, failed, 5, domain.CodeTimeout, domain.CategoryTechnical, 0},
		"the task's timeout while stopping":                        {temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil, newer), silent, stopping, failed, 5, domain.CodeTimeout, domain.CategoryTechnical, 0},
		"a non-retryable failure":                                  {sluice("REFUSED", newer, true), final, running, failed, 5, "REFUSED", domain.CategoryTechnical, 0},
		"a non-retryable failure while stopping":                   {sluice("REFUSED", newer, true), final, stopping, failed, 5, "REFUSED", domain.CategoryTechnical, 0},
		"a retryable failure while stopping":                       {sluice("BUSY", newer, false), cancel, stopping, stopped, 5, "BUSY", domain.CategoryTechnical, 0},
		"a retryable failure whose retries lost workers used up":   {sluice("BUSY", twice, false), used, running, lost, 5, "BUSY", domain.CategoryTechnical, 2},
		"the same while stopping":                                  {sluice("BUSY", twice, false), used, stopping, stopped, 5, "BUSY", domain.CategoryTechnical, 2},
		"a retryable failure that used up its retries":             {sluice("BUSY", newer, false), used, running, failed, 5, "BUSY", domain.CategoryTechnical, 0},
		"a worker that is being stopped":                           {sluice(domain.CodeWorkerStopping, newer, false), used, running, lost, 5, domain.CodeWorkerStopping, domain.CategoryTechnical, 0},
		"a worker that is being stopped while the plan pauses":     {sluice(domain.CodeWorkerStopping, newer, false), used, stopping, stopped, 5, domain.CodeWorkerStopping, domain.CategoryTechnical, 0},
		"a lost connection":                                        {sluice(domain.CodeConnectionLost, newer, false), used, running, lost, 5, domain.CodeConnectionLost, domain.CategoryTechnical, 0},
		"an activity that somebody held":                           {sluice(domain.CodeHeld, newer, false), used, running, lost, 5, domain.CodeHeld, domain.CategoryTechnical, 0},
		"a failure with a checkpoint of a newer format":            {sluice("REFUSED", foreign, true), final, running, failed, 3, "REFUSED", domain.CategoryTechnical, 0},
		"another executor's non-retryable error without details":   {temporal.NewNonRetryableApplicationError("no", "NoSuchTenant", nil), final, running, failed, 3, "NoSuchTenant", domain.CategoryBusiness, 0},
		"another executor's retryable error without details":       {temporal.NewApplicationError("busy", "Busy"), used, running, failed, 3, "Busy", domain.CategoryTechnical, 0},
		"another executor's retryable error while stopping":        {temporal.NewApplicationError("busy", "Busy"), cancel, stopping, stopped, 3, "Busy", domain.CategoryTechnical, 0},
		"another executor's last retryable error while stopping":   {temporal.NewApplicationError("busy", "Busy"), used, stopping, failed, 3, "Busy", domain.CategoryTechnical, 0},
		"another executor's error with details of its own":         {temporal.NewNonRetryableApplicationError("no", "Odd", nil, map[string]int{"failure": 7}), final, running, failed, 3, "Odd", domain.CategoryBusiness, 0},
		"another executor's error without a type":                  {temporal.NewApplicationError("odd", ""), used, running, failed, 3, domain.CodeUnclassified, domain.CategoryTechnical, 0},
		"an error that is none of Temporal's, as in a lost result": {errors.New("decoding: unexpected end"), 0, running, failed, 3, domain.CodeUnclassified, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := interpret(asActivityError(c.err, c.why), domain.TaskResult{}, &saved, c.stopping)
			require.Equal(t, c.kind, o.kind)
			require.NotNil(t, o.checkpoint)
			require.Equal(t, c.done, o.checkpoint.Done.Count())
			require.Equal(t, c.code, o.failure.ErrorCode)
			require.Equal(t, c.used, o.used)
			if c.category != "" {
				require.Equal(t, c.category, o.failure.Category)
				require.NotEmpty(t, o.failure.Reason)
			}
		})
	}
}

func TestAnActivityThatSucceededHasWorkedAlsoWhileStopping(t *testing.T) {
	t.Parallel()
	saved, all := checkpointOf(3), checkpointOf(10)
	for _, stopping := range []bool{false, true} {
		o := interpret(nil, domain.TaskResult{Done: 10, Checkpoint: all}, &saved, stopping)
		require.Equal(t, worked, o.kind)
		require.Equal(t, 10, o.checkpoint.Done.Count())
	}
}

func TestAResultThatCannotBeReadFailsTheTaskAndSaysWhy(t *testing.T) {
	t.Parallel()
	saved := checkpointOf(3)
	o := interpret(errors.New("unable to decode"), domain.TaskResult{}, &saved, false)
	require.Equal(t, failed, o.kind)
	require.Equal(t, domain.CategoryExecutor, o.failure.Category)
	require.Equal(t, "unable to decode", o.failure.Reason)
	require.Equal(t, 3, o.checkpoint.Done.Count())
}
