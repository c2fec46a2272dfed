package workflows

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// maxCarryBytes bounds what is carried over continue-as-new; the server
// terminates a run whose input is beyond 2 MB.
const maxCarryBytes = 1536 << 10

// RunState is all that a run hands to the one after it. It stands in the place
// of the plan document as the workflow's input.
type RunState struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"` // CarryKind
	Plan       domain.PlanRecord `json:"plan"`
	Settings   Settings          `json:"settings"`
	Published  published         `json:"published"`
}

// Settings are what a worker decides for the runs that begin on it. A run
// keeps those it began with, whichever worker goes on with it.
type Settings struct {
	// SearchAttributes says that the run writes the Sluice… search attributes,
	// which the namespace has to know.
	SearchAttributes bool `json:"searchAttributes"`

	// Checks says that the worker looks at a new plan's tasks before it begins:
	// whether it serves their executors, and takes their parameters.
	Checks bool `json:"checks,omitempty"`
}

// open returns the run that an input describes: a new plan, or one that is
// carried over. The error is an InvalidPlanError or says what cannot be read.
func open(ctx workflow.Context, input converter.RawValue, settings Settings) (*run, error) {
	data := input.Payload().GetData()
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(data, &head); err == nil && head.Kind == CarryKind {
		return reopen(ctx, data)
	}
	doc, err := domain.DecodeDocument(data)
	if err != nil {
		return nil, err
	}
	info := workflow.GetInfo(ctx)
	r := newRun(ctx, domain.NewPlan(info.WorkflowExecution.ID, info.FirstRunID, doc, workflow.Now(ctx)))
	// Whether a run writes search attributes stands in its history: a worker
	// with another setting must replay what this one has done.
	encoded := workflow.SideEffect(ctx, func(workflow.Context) any { return settings })
	if err := encoded.Get(&r.settings); err != nil {
		return nil, fmt.Errorf("reading the run's settings: %w", err)
	}
	r.fresh = true
	return r, nil
}

// reopen returns the run that an earlier one has handed over.
func reopen(ctx workflow.Context, data []byte) (*run, error) {
	var state RunState
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, fmt.Errorf("reading the state of the run before: %w", err)
	}
	plan, err := domain.RestorePlan(state.Plan)
	if err != nil {
		return nil, err
	}
	r := newRun(ctx, plan)
	r.settings, r.published = state.Settings, state.Published
	return r, nil
}

// state returns what a run hands to the one after it.
func (r *run) state() RunState {
	return RunState{
		APIVersion: domain.APIVersion, Kind: CarryKind,
		Plan: r.plan.Record(), Settings: r.settings, Published: r.published,
	}
}

// carry encodes what the next run goes on from.
func (r *run) carry() (converter.RawValue, error) {
	encoded, err := payload.Encode(r.state())
	if err != nil {
		return converter.RawValue{}, fmt.Errorf("encoding the state for the next run: %w", err)
	}
	if size := len(encoded.Payload().GetData()); size > maxCarryBytes {
		return converter.RawValue{}, fmt.Errorf("the state for the next run takes %d bytes, and %d can be carried over", size, maxCarryBytes)
	}
	return encoded, nil
}
