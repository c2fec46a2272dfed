package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/internal/report"
)

// planStates are the states of a plan in the order of its life.
var planStates = []domain.PlanState{domain.PlanCreated, domain.PlanRunning, domain.PlanPaused, domain.PlanCompleted, domain.PlanFailed}

// reasonKinds are the reasons by which plans are found.
var reasonKinds = []domain.ReasonKind{domain.ReasonOperator, domain.ReasonFailure, domain.ReasonBreakpoint}

func (a *app) listCommand() *cobra.Command {
	var states, labels []string
	var reason string
	var filter plans.Filter
	var form *output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List plans: those that have not ended first, and then the latest",
		Long: "Lists plans as the server's search attributes have them, which may be some seconds old.\n" +
			"Filters add up; of the states that are given any is enough.",
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) (err error) {
			if filter.Limit < 0 {
				return fmt.Errorf("--limit is %d, but has to be 0 or more", filter.Limit)
			}
			if filter.States, err = parseStates(states); err != nil {
				return err
			}
			if filter.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			filter.Reason, err = parseReason(reason)
			return err
		},
		RunE: a.online(func(ctx context.Context, s service, _ []string) error {
			listing, err := s.List(ctx, filter)
			if err != nil {
				return err
			}
			if err := writeListing(a.out, form.form, listing.Plans, time.Now()); err != nil {
				return err
			}
			a.commentListing(listing, filter)
			return nil
		}),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&states, "state", nil, "only plans in one of these `states`, separated by commas: "+strings.Join(namesOf(planStates), ", "))
	flags.StringArrayVarP(&labels, "label", "l", nil, "only plans with this label, as `key=value`; give it several times for several labels")
	flags.StringVar(&filter.Prefix, "name", "", "only plans whose id begins with this `text`")
	flags.StringVar(&reason, "reason", "", "only plans that are PAUSED or FAILED for this `reason`: "+strings.Join(namesOf(reasonKinds), ", "))
	flags.IntVar(&filter.Limit, "limit", 100, "the most plans that are listed, a `number`; 0 lists all")
	form = addOutput(cmd, formTable, formJSON, formYAML, formName)
	complete(cmd, "state", namesOf(planStates))
	complete(cmd, "reason", namesOf(reasonKinds))
	return cmd
}

// namesOf returns the values as texts.
func namesOf[T ~string](values []T) []string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = string(value)
	}
	return names
}

// parseStates reads states of plans in letters of any case.
func parseStates(texts []string) ([]domain.PlanState, error) {
	var states []domain.PlanState
	for _, text := range texts {
		state := domain.PlanState(strings.ToUpper(strings.TrimSpace(text)))
		if !slices.Contains(planStates, state) {
			return nil, fmt.Errorf("%q is no state of a plan; the states are %s", text, strings.Join(namesOf(planStates), ", "))
		}
		states = append(states, state)
	}
	return states, nil
}

func parseReason(text string) (domain.ReasonKind, error) {
	kind := domain.ReasonKind(strings.ToUpper(text))
	if text != "" && !slices.Contains(reasonKinds, kind) {
		return "", fmt.Errorf("--reason is %q, but has to be one of %s", text, strings.Join(namesOf(reasonKinds), ", "))
	}
	return kind, nil
}

// parseLabels reads labels as key=value.
func parseLabels(texts []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range texts {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("%q is no label; write it as key=value", text)
		}
		if strings.ContainsAny(text, `"\\`) {
			return nil, fmt.Errorf("the label %s holds a quotation mark or a backslash, which servers cannot look up", text)
		}
		if other, given := labels[key]; given && other != value {
			return nil, fmt.Errorf("the label %q is asked for as %q and as %q; a plan has it once", key, other, value)
		}
		labels[key] = value
	}
	return labels, nil
}

func writeListing(out io.Writer, form string, list []plans.Summary, now time.Time) error {
	switch form {
	case formName:
		for _, s := range list {
			fmt.Fprintln(out, s.PlanID)
		}
		return nil
	case formTable:
		return writeList(out, list, now)
	}
	if list == nil {
		list = []plans.Summary{}
	}
	return writeValue(out, form, list)
}

func writeList(out io.Writer, list []plans.Summary, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tPROGRESS\tREASON\tAGE")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", report.Clean(s.PlanID), stateText(s), progressText(s), reasonText(s), age(now.Sub(s.StartedAt)))
	}
	return w.Flush()
}

// stateText is the state, and what ended the run where the plan has not.
func stateText(s plans.Summary) string {
	text := dash(string(s.State))
	if s.Status != running && !s.State.Closed() {
		text += " (" + string(s.Status) + ")"
	}
	return text
}

func progressText(s plans.Summary) string {
	if s.Progress == nil {
		return "-"
	}
	return fmt.Sprintf("%d %%", int(*s.Progress*100))
}

func reasonText(s plans.Summary) string {
	if s.FailedTask != "" {
		return fmt.Sprintf("%s, task %s", s.Reason, report.Clean(s.FailedTask))
	}
	return dash(string(s.Reason))
}

// age is a time since then in its largest unit, rounded down.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d/day))
}

// commentListing says on stderr what a list does not show.
func (a *app) commentListing(listing plans.Listing, filter plans.Filter) {
	if len(listing.Plans) == 0 {
		fmt.Fprintln(a.err, "sluice: no plan matches.")
	}
	if listing.More {
		fmt.Fprintf(a.err, "sluice: there are more than %s; --limit 0 lists all.\n", plural(filter.Limit, "plan"))
	}
	if listing.Unknown > 0 {
		fmt.Fprintf(a.err, "sluice: %s more may match: the search attributes are off in them, so their state and labels are not known here.\n", plural(listing.Unknown, "open plan"))
		return
	}
	bare := 0
	for _, s := range listing.Plans {
		if s.State == "" {
			bare++
		}
	}
	if bare > 0 {
		fmt.Fprintf(a.err, "sluice: %s without a state: the search attributes are off (SLUICE_SEARCH_ATTRIBUTES of the worker); sluice get shows it.\n", plural(bare, "plan"))
	}
}
