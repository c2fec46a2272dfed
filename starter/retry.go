package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/seed-3652815f/sluice/domain"
)

func (a *app) retryCommand() *cobra.Command {
	cmd, st := a.steeringCommand(domain.CommandRetry,
		"Run a failed or paused task again, and let the plan go on",
		"Runs a failed or paused task again: by default only its targets that are not done. Without\n"+
			"--task every failed task is meant. A plan that has ended and is not COMPLETED is taken up by a run\n"+
			"of its own. --set gives a task other parameters.", true, domain.PlanPaused)
	var from string
	var set []string
	cmd.Flags().StringVar(&from, "from", string(domain.FromCheckpoint), "`where` to go on: checkpoint (what is not done) or scratch (all targets)")
	cmd.Flags().IntVar(&st.command.MaxRetries, "max-retries", 0, "raise the `number` of retry commands that the task may have; 0 leaves it")
	cmd.Flags().StringArrayVar(&set, "set", nil, "give a parameter another value, as `task.param=value` with the value in YAML; null takes it away")
	st.deed = st.retry
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if st.command.Set, err = parseSet(set); err != nil {
			return err
		}
		st.command.From = domain.From(from)
		if st.command.From != domain.FromCheckpoint && st.command.From != domain.FromScratch {
			return fmt.Errorf("--from is %q, but has to be %s or %s", from, domain.FromCheckpoint, domain.FromScratch)
		}
		return nil
	}
	a.allowMany(cmd, st)
	return cmd
}

// retry sends the command to a plan that runs, and takes up one that has
// ended.
func (st *steering) retry(ctx context.Context, s service, id string) (done, error) {
	running, err := s.Running(ctx, id)
	switch {
	case err != nil:
		return done{}, err
	case running:
		return st.send(ctx, s, id)
	}
	outcome, err := s.Redrive(ctx, id, st.command)
	if err != nil {
		return done{}, err
	}
	return done{outcome, fmt.Sprintf("retry accepted; a run of its own takes the plan up, version %d", outcome.Version)}, nil
}

// parseSet reads task.param=value, with values in YAML.
func parseSet(texts []string) (map[string]json.RawMessage, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	set := map[string]json.RawMessage{}
	for _, text := range texts {
		key, value, found := strings.Cut(text, "=")
		if !found || !strings.Contains(key, ".") {
			return nil, fmt.Errorf("--set is %q; write it as task.param=value", text)
		}
		if _, given := set[key]; given {
			return nil, fmt.Errorf("--set gives %s twice", key)
		}
		data, err := jsonOf(value)
		if err != nil {
			return nil, fmt.Errorf("the value of --set %s cannot be read: %w", key, err)
		}
		set[key] = data
	}
	return set, nil
}

// jsonOf turns a value in YAML into JSON. What stands there in no quotes and is
// nothing else is a text.
func jsonOf(value string) (json.RawMessage, error) {
	if value == "" {
		return json.RawMessage(`""`), nil
	}
	var tree any
	if err := yaml.Unmarshal([]byte(value), &tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}
