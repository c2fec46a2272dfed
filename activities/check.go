package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"

	"github.com/seed-3652815f/sluice/domain"
)

// maxFaults bounds the answer of Check, which history keeps.
const maxFaults = 100

// Check returns everything that keeps the tasks from being carried out: names
// that no executor here has, and parameters that an executor refuses; the first
// 100 of them. Tasks of other task queues are left to the workers there, which alone know what they
// serve.
func (c catalog) Check(ctx context.Context, tasks []domain.TaskCheck) ([]domain.Fault, error) {
	own := activity.GetInfo(ctx).TaskQueue
	faults := []domain.Fault{}
	for _, task := range tasks {
		if task.TaskQueue == "" || task.TaskQueue == own {
			faults = append(faults, c.checkTask(task, own)...)
		}
	}
	return faults[:min(len(faults), maxFaults)], nil
}

func (c catalog) checkTask(task domain.TaskCheck, queue string) []domain.Fault {
	path := fmt.Sprintf("spec.tasks[%d]", task.Index)
	i := slices.IndexFunc(c, func(e Executor) bool { return e.Name == task.Executor })
	if i < 0 {
		return []domain.Fault{{Path: path + ".executor", Message: c.unknown(task.Executor, queue)}}
	}
	_, err := guard(func() (struct{}, error) { return struct{}{}, c[i].check(task.Params) })
	return paramFaults(path+".params", err)
}

// unknown words that no executor has a name, and which there are.
func (c catalog) unknown(name, queue string) string {
	known := make([]string, len(c))
	for i, e := range c {
		known[i] = e.Name
	}
	text := fmt.Sprintf("is %q, which the workers of the task queue %q do not serve", name, queue)
	if near := domain.Nearest(name, known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) == 0 {
		return text + "; they serve none at all; name the task queue of the workers that do with taskQueue"
	}
	return text + "; they serve " + strings.Join(known, ", ") + "; an executor of other workers needs their taskQueue"
}
