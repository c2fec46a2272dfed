package plans

import (
	"time"

	"github.com/seed-3652815f/sluice/domain"
)

// Estimate is how long the rest of a plan takes, if it goes on as it did.
type Estimate struct {
	Remaining domain.Duration `json:"remaining"`
	EndsAt    time.Time       `json:"endsAt"`
}

// estimate sets what the rest of a RUNNING plan probably takes, and the rest
// of each task in flight. It stays out where nothing is known of the pace yet,
// or the plan is on its way to a pause.
func (v *View) estimate(before domain.Snapshot) {
	if v.State != domain.PlanRunning || v.Phase != "" {
		return
	}
	var longest, spent time.Duration // of the tasks that run; of all so far
	worked, waiting := 0, v.Progress.Total
	running, known := 0, true
	for i, t := range v.Tasks {
		waiting -= t.Progress.Done + t.Progress.Failed
		switch {
		case t.Waiver != nil, t.State == domain.TaskFailed, t.State == domain.TaskRolledBack:
			waiting -= left(t)
		case t.State == domain.TaskRunning:
			running++
			waiting -= left(t)
			n, took := v.pace(t, before.Tasks[i])
			if n == 0 {
				known = false
				continue
			}
			worked, spent = worked+n, spent+took
			rest := took / time.Duration(n) * time.Duration(left(t))
			longest = max(longest, rest)
			v.setRemaining(t.Name, rest)
		case t.State == domain.TaskCompleted:
			worked, spent = worked+t.Progress.Done+t.Progress.Failed, spent+t.EndedAt.Sub(t.StartedAt)
		}
	}
	if worked == 0 || running > 0 && !known {
		return
	}
	rest := longest + spent/time.Duration(worked)*time.Duration(max(waiting, 0))/time.Duration(max(running, 1))
	v.Estimate = &Estimate{Remaining: domain.Duration(rest.Round(time.Second)), EndsAt: v.AsOf.Add(rest).Round(time.Second)}
}

// left is how many targets of a task are neither done nor failed.
func left(t domain.TaskSnapshot) int {
	return max(0, t.Progress.Total-t.Progress.Done-t.Progress.Failed)
}

// pace returns how many targets a running task has worked off in a time: in
// the attempt under way where it is the first of its execution, so that pauses
// do not count, and otherwise since the task began.
func (v *View) pace(t, before domain.TaskSnapshot) (targets int, took time.Duration) {
	for _, f := range v.InFlight {
		if f.Task != t.Name || f.Attempt != 1 || f.checkpoint == nil || !f.Heartbeat.After(f.Started) || f.Started.IsZero() {
			continue
		}
		n := f.checkpoint.Done.Count() + f.checkpoint.Failed.Count() - before.SliceDone - before.SliceFailed
		if n > 0 {
			return n, f.Heartbeat.Sub(f.Started)
		}
	}
	if t.StartedAt.IsZero() || !v.AsOf.After(t.StartedAt) {
		return 0, 0
	}
	return t.Progress.Done + t.Progress.Failed, v.AsOf.Sub(t.StartedAt)
}

func (v *View) setRemaining(task string, rest time.Duration) {
	for i := range v.InFlight {
		if v.InFlight[i].Task == task {
			v.InFlight[i].Remaining = domain.Duration(rest.Round(time.Second))
		}
	}
}
