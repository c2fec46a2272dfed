package workflows

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// setPages answers the queries whose answers come in pages, and the one that
// gives the plan as a whole.
func (r *run) setPages(ctx workflow.Context) error {
	targets := func(args converter.RawValue) (domain.TargetsPage, error) {
		query, err := argument[domain.PageQuery](args)
		if err != nil {
			return domain.TargetsPage{}, err
		}
		return r.plan.Targets(query)
	}
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryTargets, targets,
		workflow.QueryHandlerOptions{Description: "A page of targets and how far each is (task, state, offset, limit)."}); err != nil {
		return fmt.Errorf("offering the query %s: %w", QueryTargets, err)
	}
	records := func(args converter.RawValue) (domain.RecordsPage, error) {
		query, err := argument[domain.PageQuery](args)
		if err != nil {
			return domain.RecordsPage{}, err
		}
		return r.plan.Records(query)
	}
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryRecords, records,
		workflow.QueryHandlerOptions{Description: "A page of what stood before each change (task, offset, limit)."}); err != nil {
		return fmt.Errorf("offering the query %s: %w", QueryRecords, err)
	}
	record := func() (converter.RawValue, error) { return payload.Encode(r.state()) }
	if err := workflow.SetQueryHandlerWithOptions(ctx, QueryRecord, record,
		workflow.QueryHandlerOptions{Description: "The whole plan as it is carried from run to run, for redrives and rollbacks."}); err != nil {
		return fmt.Errorf("offering the query %s: %w", QueryRecord, err)
	}
	return nil
}

// page returns the plan's status, or of a long one the page that was asked for.
func (r *run) page(ctx workflow.Context, args converter.RawValue) (domain.Snapshot, error) {
	page, err := argument[StatusPage](args)
	if err != nil || page.Offset == 0 {
		return r.snapshot(ctx), err
	}
	return r.plan.SnapshotFrom(workflow.GetInfo(ctx).WorkflowExecution.RunID, page.Offset, workflow.Now(ctx)), nil
}

// argument reads what a query was asked with; nothing is the zero value.
func argument[T any](args converter.RawValue) (T, error) {
	var value T
	if data := args.Payload().GetData(); len(data) > 0 {
		if err := json.Unmarshal(data, &value); err != nil {
			return value, fmt.Errorf("reading the query's argument, which is one JSON object: %w", err)
		}
	}
	return value, nil
}
