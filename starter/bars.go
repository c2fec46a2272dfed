package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

// barWidth is the width of a bar in columns; what stands beside it follows.
const barWidth = 30

// bars shows plans on a terminal. One plan has a bar for each task and one
// for the whole; of several each has one.
type bars struct {
	progress *mpb.Progress
	several  bool
	rows     int             // most bars that the terminal has room for
	tasks    map[string]*bar // by task
	plans    map[string]*bar // by plan
}

// bar is one line. Its text is read while it is drawn, in another goroutine.
type bar struct {
	*mpb.Bar
	mu     sync.Mutex
	state  string
	counts string
}

func newBars(out io.Writer, height int, several bool) *bars {
	return &bars{
		progress: mpb.New(mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithRefreshRate(120*time.Millisecond)),
		several:  several,
		rows:     max(height-4, 5),
		tasks:    map[string]*bar{}, plans: map[string]*bar{},
	}
}

func (b *bars) update(view plans.View) {
	state := string(view.State)
	if view.Phase != "" {
		state += " (" + string(view.Phase) + ")"
	}
	state += remaining(view)
	if b.several {
		for _, t := range view.Tasks {
			if t.State == domain.TaskRunning || t.State == domain.TaskFailed {
				state += "; " + t.Name + " " + taskText(t, view.InFlight)
			}
		}
	} else {
		b.updateTasks(view)
	}
	shown, ok := b.plans[view.PlanID]
	if !ok {
		b.dropBlank()
		name := view.PlanID
		if !b.several {
			name = "plan " + name
		}
		shown = b.add(name, domain.MaxTasks+len(b.plans))
		b.plans[view.PlanID] = shown
	}
	shown.set(view.Progress, state)
}

func (b *bars) updateTasks(view plans.View) {
	for _, t := range view.Tasks {
		shown, ok := b.tasks[t.Name]
		if !ok {
			if !b.fits(t, len(view.Tasks)) {
				continue
			}
			shown = b.add(t.Name, len(b.tasks))
			b.tasks[t.Name] = shown
		}
		shown.set(t.Progress, taskText(t, view.InFlight))
		if t.State == domain.TaskCompleted && len(view.Tasks) > b.rows {
			shown.Abort(true)
		}
	}
}

// fits reports whether a task gets a bar: all do where there is room, and
// else those that run, are paused or have failed.
func (b *bars) fits(t domain.TaskSnapshot, tasks int) bool {
	return tasks <= b.rows || t.State != domain.TaskCreated && t.State != domain.TaskCompleted
}

// add appends a line below those of a lower rank.
func (b *bars) add(name string, rank int) *bar {
	added := &bar{}
	added.Bar = b.progress.AddBar(0, mpb.BarPriority(rank),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return added.text(&added.counts) }, decor.WCSyncSpace),
			decor.Any(func(decor.Statistics) string { return "  " + added.text(&added.state) }),
		))
	return added
}

func (b *bar) text(of *string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *of
}

func (b *bar) set(p domain.Progress, state string) {
	counts := fmt.Sprintf("%d/%d", p.Done, p.Total)
	if p.Failed > 0 {
		counts += fmt.Sprintf(" (%d failed)", p.Failed)
	}
	b.mu.Lock()
	b.counts, b.state = counts, shorten(report.Clean(state), 60)
	b.mu.Unlock()
	b.SetTotal(int64(p.Total), false)
	b.SetCurrent(int64(p.Done))
}

// noPlan is the place of a bar that stands there before there is a plan.
const noPlan = ""

func (b *bars) dropBlank() {
	if blank, ok := b.plans[noPlan]; ok {
		blank.Abort(true)
		delete(b.plans, noPlan)
	}
}

// say writes a line above the bars.
func (b *bars) say(text string) {
	if len(b.plans) == 0 {
		b.plans[noPlan] = b.add("", 0) // bars that were never drawn would swallow it
	}
	_, _ = b.progress.Write([]byte(text + "\n")) // a line that the terminal does not take is lost anyway
}

// close draws the bars a last time and leaves them standing.
func (b *bars) close() {
	for _, shown := range b.tasks {
		shown.Abort(false)
	}
	for _, shown := range b.plans {
		shown.Abort(false)
	}
	b.progress.Wait()
}
