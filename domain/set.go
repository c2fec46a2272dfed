package domain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxParamChanges bounds how often a task's parameters are changed: executors
// are told all earlier ones.
const maxParamChanges = 20

// maxShownParam bounds a value in the audit trail, in bytes.
const maxShownParam = 200

// ParamChange is one parameter that a command has changed, for the audit trail.
type ParamChange struct {
	Task  string `json:"task"`
	Param string `json:"param"`
	Old   string `json:"old"` // as JSON, shortened; empty where it was not given
	New   string `json:"new"` // as JSON, shortened; empty where it was taken away
}

// ErrNoParam says that a key of set names no parameter of a task.
var ErrNoParam = errors.New("name it as task.param, with a task of the plan that is not settled yet")

// newParams are the parameters that a task is given.
type newParams struct {
	task    *Task
	params  json.RawMessage
	changes []ParamChange
}

// paramChanges lists what is changed, for the audit trail.
func paramChanges(all []newParams) []ParamChange {
	var changes []ParamChange
	for _, n := range all {
		changes = append(changes, n.changes...)
	}
	return changes
}

// checkSet works out the parameters that set leads to, and changes nothing.
func (p *Plan) checkSet(set map[string]json.RawMessage) ([]newParams, error) {
	var all []newParams
	for _, key := range sortedKeys(set) {
		t, param, err := p.paramOf(key)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 || all[len(all)-1].task != t {
			all = append(all, newParams{task: t, params: t.spec.Params})
		}
		n := &all[len(all)-1]
		params, old, err := setParam(n.params, strings.Split(param, "."), set[key])
		if err != nil {
			return nil, fmt.Errorf("setting %s: %w", key, err)
		}
		n.params = params
		n.changes = append(n.changes, ParamChange{Task: t.rec.Name, Param: param,
			Old: truncate(string(old), maxShownParam), New: truncate(compactJSON(set[key]), maxShownParam)})
	}
	return all, nil
}

// paramOf finds the task and the parameter that a key of set names. Names of
// tasks may hold dots, so the longest one that fits is meant.
func (p *Plan) paramOf(key string) (*Task, string, error) {
	var found *Task
	for _, t := range p.tasks {
		rest, ok := strings.CutPrefix(key, t.rec.Name+".")
		if ok && rest != "" && (found == nil || len(t.rec.Name) > len(found.rec.Name)) {
			found = t
		}
	}
	switch {
	case found == nil:
		return nil, "", fmt.Errorf("setting %q: %w", truncate(key, MaxNameBytes), ErrNoParam)
	case found.Settled() || found.rec.State == TaskRolledBack:
		return nil, "", fmt.Errorf("setting %q, of a task that is %s: %w", truncate(key, MaxNameBytes), found.rec.State, ErrNoParam)
	case len(found.rec.Earlier) >= maxParamChanges:
		return nil, "", fmt.Errorf("setting %q: the parameters were changed %d times, and no more is kept; run what is left as a new plan", truncate(key, MaxNameBytes), maxParamChanges)
	}
	return found, strings.TrimPrefix(key, found.rec.Name+"."), nil
}

// setParam returns the parameters with the value at a path, and what stood
// there. Null takes it away.
func setParam(params json.RawMessage, path []string, value json.RawMessage) (changed, old json.RawMessage, err error) {
	fields := map[string]json.RawMessage{}
	if !isNull(params) {
		if err := json.Unmarshal(params, &fields); err != nil {
			return nil, nil, fmt.Errorf("%s is within a value that is no object", strings.Join(path, "."))
		}
	}
	name := path[0]
	if len(path) > 1 {
		if value, old, err = setParam(fields[name], path[1:], value); err != nil {
			return nil, nil, err
		}
	} else {
		old = fields[name]
	}
	if isNull(value) {
		delete(fields, name)
	} else {
		fields[name] = value
	}
	changed, err = json.Marshal(fields) // in the order of the names, and so the same at each replay
	if err != nil {
		return nil, nil, fmt.Errorf("writing the parameters: %w", err)
	}
	return changed, old, nil
}

// isNull reports whether a value is null, or not given at all.
func isNull(value json.RawMessage) bool {
	text := bytes.TrimSpace(value)
	return len(text) == 0 || bytes.Equal(text, []byte("null"))
}

// compactJSON returns a value on one line; empty for null.
func compactJSON(value json.RawMessage) string {
	if isNull(value) {
		return ""
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return string(value)
	}
	return compact.String()
}

// applySet gives tasks new parameters. What was done with the earlier ones is
// known to executors by them.
func (p *Plan) applySet(all []newParams) {
	for _, n := range all {
		t := n.task
		if bytes.Equal(n.params, t.spec.Params) {
			continue
		}
		// A task that has not begun has set nothing with its parameters.
		if t.rec.Executions > 0 {
			t.rec.Earlier = append(t.rec.Earlier, t.spec.Params)
			t.rec.Revision++
		}
		t.spec.Params = n.params
		for i := range p.rec.Document.Spec.Tasks {
			if p.rec.Document.Spec.Tasks[i].Name == t.rec.Name {
				p.rec.Document.Spec.Tasks[i].Params = n.params
			}
		}
	}
}
