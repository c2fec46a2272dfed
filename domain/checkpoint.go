package domain

import (
	"fmt"
	"slices"
	"time"
)

// CheckpointFormat is the version of the checkpoint's form. A worker that
// meets a higher one refuses it instead of guessing.
const CheckpointFormat = 1

// Sizes of what travels (contract, section 2).
const (
	MaxCheckpointBytes = 256 << 10 // of one slice
	MaxSliceTargets    = 5000      // 5,000 distinct prior values of 50 bytes fit into a checkpoint
	MaxSliceBytes      = 128 << 10 // of the targets' names in one task request
	MaxPriorBytes      = 1 << 20   // of all prior values of one plan
	MaxListedFailures  = 20        // failures that are listed one by one; the others are counted
)

// Checkpoint is how far a task, or one slice of it, has come: the compact,
// language-neutral form that travels in heartbeats, results and errors.
// Targets are named by their index in the task's list, from 0, throughout.
type Checkpoint struct {
	Format         int           `json:"format"`                  // 1
	Step           string        `json:"step,omitempty"`          // the executor's step that the batch under way has reached
	Wave           int           `json:"wave,omitempty"`          // how many groups of targets had their prior values read and saved together
	First          int           `json:"first"`                   // the slice's first target
	Last           int           `json:"last"`                    // the slice's last target
	Done           RangeSet      `json:"done,omitzero"`           // through every step
	Failed         RangeSet      `json:"failed,omitzero"`         // given up after their retries
	Failures       []FailureInfo `json:"failures,omitempty"`      // why, of the first 20 of them
	Batch          RangeSet      `json:"batch,omitzero"`          // under way: their outcome is unknown until they are done
	Prior          Priors        `json:"prior,omitzero"`          // what stood at each target before its first change
	FailedAttempts int           `json:"failedAttempts,omitzero"` // of this execution; a lost worker is none
	Spent          Duration      `json:"spent,omitzero"`          // time that this execution's attempts took, without waits between them
	CreatedAt      time.Time     `json:"createdAt"`
}

// Within returns what the checkpoint says of the targets first to last.
func (c *Checkpoint) Within(first, last int) Checkpoint {
	return Checkpoint{
		Format: CheckpointFormat, Step: c.Step, Wave: c.Wave, First: first, Last: last,
		Done: c.Done.Within(first, last), Failed: c.Failed.Within(first, last),
		Batch: c.Batch.Within(first, last), Prior: c.Prior.Within(first, last),
		CreatedAt: c.CreatedAt,
	}
}

// Of returns what an execution reported of a slice, and nothing that lies
// outside it; nil where it reported nothing.
func (c *Checkpoint) Of(s Slice) *Checkpoint {
	if c == nil {
		return nil
	}
	part := c.Within(s.First, s.Last)
	part.Failures, part.FailedAttempts, part.Spent = c.Failures, c.FailedAttempts, c.Spent
	return &part
}

// Absorb takes over what a slice's checkpoint says of the slice's targets.
// What is done stays done, and a prior value that is known is kept.
func (c *Checkpoint) Absorb(slice Checkpoint) {
	known := NewRangeSet(slice.First, slice.Last)
	c.Step, c.Wave, c.CreatedAt = slice.Step, slice.Wave, slice.CreatedAt
	c.Done.Union(slice.Done.Within(slice.First, slice.Last))
	c.Failed = c.Failed.Without(known)
	c.Failed.Union(slice.Failed.Within(slice.First, slice.Last))
	c.Failed = c.Failed.Without(c.Done)
	c.Batch = c.Batch.Without(known)
	c.Batch.Union(slice.Batch.Within(slice.First, slice.Last))
	priors := slice.Prior.Within(slice.First, slice.Last)
	c.Prior.Union(&priors)
	for _, f := range slice.Failures {
		f = f.Bounded()
		if len(c.Failures) < MaxListedFailures && !slices.Contains(c.Failures, f) {
			c.Failures = append(c.Failures, f)
		}
	}
}

// Check refuses a checkpoint that this version cannot read.
func (c *Checkpoint) Check() error {
	if c.Format != CheckpointFormat {
		return fmt.Errorf("the checkpoint has format %d, but this worker reads format %d; let a newer worker go on", c.Format, CheckpointFormat)
	}
	return nil
}
