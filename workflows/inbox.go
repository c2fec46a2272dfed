package workflows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
)

// inbox holds the commands that have arrived and were not carried out yet, in
// the order in which they stand in history.
type inbox struct{ letters []letter }

// letter is one Signal or Update as it came.
type letter struct {
	name   domain.CommandName
	args   *commonpb.Payloads
	answer *answer // where whoever sent it waits; nil: nobody does
}

// answer is what becomes of a command whose sender waits for it.
type answer struct {
	given bool
	entry domain.AuditEntry
}

// take returns the oldest letter, or false where there is none.
func (in *inbox) take() (letter, bool) {
	if len(in.letters) == 0 {
		return letter{}, false
	}
	first := in.letters[0]
	in.letters = in.letters[1:]
	return first, true
}

// inboxKey finds the inbox in a workflow's context.
type inboxKey struct{}

// inboxOf returns the inbox of a run. Without the interceptor no command would
// ever arrive, which a worker must not find out in production.
func inboxOf(ctx workflow.Context) *inbox {
	in, ok := ctx.Value(inboxKey{}).(*inbox)
	if !ok {
		panic("workflows: the worker was made without NewInboxInterceptor; put it into worker.Options.Interceptors")
	}
	return in
}

// NewInboxInterceptor returns the interceptor that every worker of Sluice
// needs: it gathers all Signals of a plan in one inbox. A channel for each
// name, as the SDK has it, would lose the order between names: pause, resume,
// pause would arrive as pause, pause, resume.
func NewInboxInterceptor() interceptor.WorkerInterceptor { return &inboxInterceptor{} }

type inboxInterceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptWorkflow gives each run of a plan an inbox of its own.
func (*inboxInterceptor) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	if workflow.GetInfo(ctx).WorkflowType.Name != PlanType {
		return next
	}
	return &inboundInbox{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type inboundInbox struct {
	interceptor.WorkflowInboundInterceptorBase
	inbox inbox
}

// ExecuteWorkflow runs the workflow with the inbox in its context.
func (i *inboundInbox) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	return i.Next.ExecuteWorkflow(workflow.WithValue(ctx, inboxKey{}, &i.inbox), in)
}

// HandleSignal puts a Signal of any name into the inbox.
func (i *inboundInbox) HandleSignal(_ workflow.Context, in *interceptor.HandleSignalInput) error {
	i.inbox.letters = append(i.inbox.letters, letter{name: domain.CommandName(in.SignalName), args: in.Arg})
	return nil
}

// errMalformed says that the input of a Signal or Update is no command.
var errMalformed = errors.New("the input of a command is nothing, or one JSON object with the fields commandId, actor, reason, task, from, set, maxRetries and ifVersion")

// command reads a letter. No input at all, and null, are a command without
// fields; whatever else cannot be read is refused, never dropped.
func (l letter) command() (domain.Command, error) {
	var raw converter.RawValue
	var command domain.Command
	switch payloads := l.args.GetPayloads(); {
	case len(payloads) == 0:
		return command, nil
	case len(payloads) > 1:
		return command, fmt.Errorf("%w; there are %d arguments", errMalformed, len(payloads))
	default:
		raw = converter.NewRawValue(payloads[0])
	}
	data := raw.Payload().GetData()
	if len(data) == 0 {
		return command, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&command); err != nil {
		return domain.Command{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return domain.Command{}, fmt.Errorf("%w; there is more than one", errMalformed)
	}
	return command, nil
}
