package domain

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of a plan document (contract, section 2). Those on numbers keep a
// plan within what one worker and one history can carry.
const (
	MaxNameBytes       = 200
	MaxTargetBytes     = 256
	MaxLabels          = 10
	MaxLabelBytes      = 63
	MaxTasks           = 2000 // the server holds at most 2,000 pending activities of one run
	MaxParallelTasks   = 500
	MaxParallelTargets = 1000
	MaxRetriesLimit    = 1000
	MaxBackoff         = 100 // of the backoffCoefficient
	MinHeartbeat       = time.Second
	MaxHeartbeat       = time.Hour
	MinInterval        = time.Millisecond // between two attempts
	MaxInterval        = 24 * time.Hour
	MaxTaskTimeout     = 30 * 24 * time.Hour
	MaxDescription     = 4096
)

// nameLetters are what names of plans and tasks are made of: they are part of
// workflow and activity ids, and of file names.
const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-._"

// validator gathers faults.
type validator struct{ faults []Fault }

func (v *validator) add(path, format string, args ...any) {
	v.faults = append(v.faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}

// bounds adds a fault where n, which may be left out as 0, is out of range.
func (v *validator) bounds(path string, n, least, most int) {
	if n != 0 && (n < least || n > most) {
		v.add(path, "is %d, but has to be from %d to %d", n, least, most)
	}
}

// duration adds a fault where d, which may be left out as 0, is out of range.
func (v *validator) duration(path string, d Duration, least, most time.Duration) {
	if d != 0 && (time.Duration(d) < least || time.Duration(d) > most) {
		v.add(path, "is %s, but has to be from %s to %s", d, least, most)
	}
}

// Validate returns every fault of the document, in the order in which a
// reader meets them; none means that the plan can run.
func (d Document) Validate() []Fault {
	v := &validator{}
	if d.APIVersion != APIVersion {
		v.add("apiVersion", "is %q, but this version of Sluice reads %q", d.APIVersion, APIVersion)
	}
	if d.Kind != KindPlan {
		v.add("kind", "is %q, but has to be %q", d.Kind, KindPlan)
	}
	v.name("metadata.name", d.Metadata.Name)
	if strings.HasSuffix(d.Metadata.Name, ReverseSuffix) {
		v.add("metadata.name", "ends in %q, which only the plans may that put back another one", ReverseSuffix)
	}
	v.labels(d.Metadata.Labels)
	v.spec(d.Spec)
	return v.faults
}

func (v *validator) name(path, name string) {
	switch {
	case name == "":
		v.add(path, "is missing; give a name of lower-case letters, digits, '-', '.' and '_'")
	case len(name) > MaxNameBytes:
		v.add(path, "has %d bytes, but at most %d are allowed", len(name), MaxNameBytes)
	case strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(nameLetters, r) }):
		v.add(path, "is %q; only lower-case letters, digits, '-', '.' and '_' are allowed", name)
	}
}

func (v *validator) labels(labels map[string]string) {
	if len(labels) > MaxLabels {
		v.add("metadata.labels", "has %d labels, but at most %d are allowed", len(labels), MaxLabels)
	}
	for _, key := range sortedKeys(labels) {
		path := join("metadata.labels", key)
		if key == "" || len(key) > MaxLabelBytes || len(labels[key]) > MaxLabelBytes {
			v.add(path, "keys have 1 to %d bytes and values at most %d", MaxLabelBytes, MaxLabelBytes)
		}
		if strings.Contains(key, "=") || !printable(key) || !printable(labels[key]) {
			v.add(path, "keys and values are printable, and keys have no '='")
		}
	}
}

func (v *validator) spec(s Spec) {
	v.bounds("spec.maxParallel", s.MaxParallel, 1, MaxParallelTasks)
	switch s.FailurePolicy() {
	case OnFailurePause, OnFailureFail, OnFailureRollback:
	default:
		v.add("spec.onFailure", "is %q, but has to be pause, fail or rollback", s.OnFailure)
	}
	if len(s.Description) > MaxDescription {
		v.add("spec.description", "has %d bytes, but at most %d are allowed", len(s.Description), MaxDescription)
	}
	if s.TargetsFrom != nil {
		v.add("spec.targetsFrom", "is for the command line only, which puts the file's targets in its place; here list them under spec.targets")
	}
	v.targets("spec.targets", s.Targets)
	if len(s.Tasks) == 0 {
		v.add("spec.tasks", "is empty; a plan has at least one task")
	}
	if len(s.Tasks) > MaxTasks {
		v.add("spec.tasks", "has %d tasks, but at most %d are allowed", len(s.Tasks), MaxTasks)
	}
	seen := map[string]int{}
	for i, t := range s.Tasks {
		path := fmt.Sprintf("spec.tasks[%d]", i)
		v.task(path, s, t)
		if first, ok := seen[t.Name]; ok && t.Name != "" {
			v.add(path+".name", "is %q, which spec.tasks[%d] has as well; names are given once", t.Name, first)
			continue
		}
		seen[t.Name] = i
	}
	v.dependencies(s.Tasks, seen)
}

func (v *validator) task(path string, s Spec, t TaskSpec) {
	v.name(path+".name", t.Name)
	if t.Executor == "" {
		v.add(path+".executor", "is missing; name the executor that applies the task")
	} else if !printable(t.Executor) || len(t.Executor) > MaxNameBytes {
		v.add(path+".executor", "is printable and has at most %d bytes", MaxNameBytes)
	}
	if p := bytes.TrimSpace(t.Params); len(p) > 0 && p[0] != '{' && !bytes.Equal(p, []byte("null")) {
		v.add(path+".params", "has to be an object of parameters")
	}
	v.targets(path+".targets", t.Targets)
	if len(s.TargetsOf(t)) == 0 && s.TargetsFrom == nil {
		v.add(path+".targets", "is empty, and so is spec.targets; a task needs at least one target")
	}
	v.retry(path+".retry", t.Retry)
	v.duration(path+".timeout", t.Timeout, time.Second, MaxTaskTimeout)
	v.duration(path+".heartbeatTimeout", t.HeartbeatTimeout, MinHeartbeat, MaxHeartbeat)
	v.bounds(path+".parallelTargets", t.ParallelTargets, 1, MaxParallelTargets)
	if !printable(t.TaskQueue) || len(t.TaskQueue) > MaxNameBytes {
		v.add(path+".taskQueue", "is printable and has at most %d bytes", MaxNameBytes)
	}
}

func (v *validator) retry(path string, r Retry) {
	if n := r.MaxRetriesOrDefault(); n < 0 || n > MaxRetriesLimit {
		v.add(path+".maxRetries", "is %d, but has to be from 0 to %d", n, MaxRetriesLimit)
	}
	v.duration(path+".initialInterval", r.InitialInterval, MinInterval, MaxInterval)
	v.duration(path+".maxInterval", r.MaxInterval, MinInterval, MaxInterval)
	if r.BackoffCoefficient != 0 && !(r.BackoffCoefficient >= 1 && r.BackoffCoefficient <= MaxBackoff) {
		v.add(path+".backoffCoefficient", "is %s, but has to be from 1 to %d", strconv.FormatFloat(r.BackoffCoefficient, 'g', -1, 64), MaxBackoff)
	}
}

func (v *validator) targets(path string, targets []string) {
	seen := make(map[string]int, len(targets))
	for i, target := range targets {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case target == "":
			v.add(at, "is empty")
		case len(target) > MaxTargetBytes:
			v.add(at, "has %d bytes, but a target has at most %d", len(target), MaxTargetBytes)
		case !printable(target):
			v.add(at, "is %q; targets are printable text", target)
		}
		if first, ok := seen[target]; ok && target != "" {
			v.add(at, "is %q, which %s[%d] has as well; each target is given once", target, path, first)
			continue
		}
		seen[target] = i
	}
}

// dependencies checks that every dependency exists and that none leads back
// to where it came from.
func (v *validator) dependencies(tasks []TaskSpec, index map[string]int) {
	for i, t := range tasks {
		for j, name := range t.DependsOn {
			path := fmt.Sprintf("spec.tasks[%d].dependsOn[%d]", i, j)
			if _, ok := index[name]; !ok {
				v.add(path, "is %q, but no task has that name", name)
			} else if slices.Contains(t.DependsOn[:j], name) {
				v.add(path, "is %q, which is listed before; name each dependency once", name)
			}
		}
	}
	const unseen, open, closed = 0, 1, 2
	mark := make([]int, len(tasks))
	var trail []int
	var visit func(i int)
	visit = func(i int) {
		mark[i] = open
		trail = append(trail, i)
		for _, name := range tasks[i].DependsOn {
			next, ok := index[name]
			switch {
			case !ok:
			case mark[next] == unseen:
				visit(next)
			case mark[next] == open:
				v.add(fmt.Sprintf("spec.tasks[%d].dependsOn", i), "leads back to itself: %s", cycle(tasks, trail, next))
			}
		}
		trail = trail[:len(trail)-1]
		mark[i] = closed
	}
	for i := range tasks {
		if mark[i] == unseen {
			visit(i)
		}
	}
}

// cycle words the part of the trail that closes at the task back.
func cycle(tasks []TaskSpec, trail []int, back int) string {
	var names []string
	for _, i := range trail[slices.Index(trail, back):] {
		names = append(names, tasks[i].Name)
	}
	return strings.Join(append(names, tasks[back].Name), " → ")
}

// printable reports whether s is valid text without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
