package plans

import (
	"context"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/workflows"
)

// Rollback is the plan that puts another one back, as the server's record has
// it: it takes no worker.
type Rollback struct {
	PlanID string           `json:"planId"`
	State  domain.PlanState `json:"state,omitempty"` // empty where search attributes are off
	Ratio  float64          `json:"ratio"`           // of targets put back, 0 to 1, in steps of 5 %
	Status Status           `json:"workflowStatus"`
}

// rollbackOf returns the reverse plan of a plan's run; nil where there is none.
func (c *Client) rollbackOf(ctx context.Context, id string, description *workflowservice.DescribeWorkflowExecutionResponse) (*Rollback, error) {
	reverse, err := c.reversePlan(ctx, id, description.GetWorkflowExecutionInfo().GetStartTime().AsTime())
	if err != nil || reverse == nil {
		return nil, err
	}
	r := &Rollback{PlanID: domain.ReverseID(id), Status: statusOf(reverse)}
	read := attributesOf(reverse.GetWorkflowExecutionInfo())
	read(workflows.AttributeState.GetName(), &r.State)
	read(workflows.AttributeProgress.GetName(), &r.Ratio)
	return r, nil
}
