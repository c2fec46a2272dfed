package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// openStates are those of plans that have not ended.
var openStates = []domain.PlanState{domain.PlanCreated, domain.PlanRunning, domain.PlanPaused}

// atOnce is how many plans are steered at the same time.
const atOnce = 16

// manyFlags choose the plans of a command that may be sent to many.
type manyFlags struct {
	selector []string
	labels   map[string]string
	yes      bool
}

// allowMany lets a command be sent to all plans with some labels, in the place
// of one by its id.
func (a *app) allowMany(cmd *cobra.Command, st *steering) {
	many := &manyFlags{}
	cmd.Use += " | --selector LABELS"
	cmd.Flags().StringSliceVar(&many.selector, "selector", nil, "all open plans with these `labels`, as key=value[,key=value], in the place of ID")
	cmd.Flags().BoolVarP(&many.yes, "yes", "y", false, "do not ask before the command goes to the plans of --selector")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == cmd.Flags().Changed("selector") || len(args) > 1 {
			return fmt.Errorf("%s takes one id, or --selector", cmd.Name())
		}
		return nil
	}
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) (err error) {
		if many.labels, err = parseLabels(many.selector); err != nil {
			return err
		}
		if len(many.labels) > 0 && cmd.Flags().Changed("if-version") {
			return errors.New("--if-version is for one plan; each has versions of its own")
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
	one := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return one(cmd, args)
		}
		return a.online(func(ctx context.Context, s service, _ []string) error { return a.steerMany(ctx, s, many, st) })(cmd, args)
	}
}

// steerMany sends a command to all plans with some labels that may take it,
// and prints what became of each.
func (a *app) steerMany(ctx context.Context, s service, many *manyFlags, st *steering) error {
	listing, err := s.List(ctx, plans.Filter{States: openStates, Labels: many.labels})
	if err != nil {
		return err
	}
	selector := strings.Join(many.selector, ",")
	if listing.Unknown > 0 {
		fmt.Fprintf(a.err, "sluice: the labels of %s are not known here, for the search attributes are off in them; name those by their ids.\n", plural(listing.Unknown, "open plan"))
	}
	if len(listing.Plans) == 0 {
		return &plans.RefusedError{Why: fmt.Sprintf("no open plan has the labels %s; see what there is with: sluice list", selector)}
	}
	var ids []string
	for _, found := range listing.Plans {
		if slices.Contains(st.states, found.State) {
			ids = append(ids, found.PlanID)
		}
	}
	count := fmt.Sprintf("%d of %s with the labels %s", len(ids), plural(len(listing.Plans), "open plan"), selector)
	if len(ids) == 0 {
		fmt.Fprintf(a.err, "sluice: %s can take %s, so nothing is done.\n", count, st.name)
		return nil
	}
	if err := a.confirm(fmt.Sprintf("%s %s", st.name, count), ids, many.yes); err != nil {
		return err
	}
	return a.sendAll(ctx, s, ids, st)
}

// errNotConfirmed says that a person said no.
var errNotConfirmed = errors.New("nothing was done")

// confirm asks before a command goes to many. Where nobody can be asked, and
// it was not said before, that is a fault of the command line.
func (a *app) confirm(what string, ids []string, yes bool) error {
	fmt.Fprintf(a.err, "sluice: %s: %s\n", what, shorten(strings.Join(ids, ", "), 200))
	if yes {
		return nil
	}
	if !a.asks {
		return &usageError{errors.New("this acts on many plans, and there is nobody to ask; give --yes")}
	}
	fmt.Fprint(a.err, "Go on? [y/N] ")
	answer, _ := bufio.NewReader(a.in).ReadString('\n') // no answer is no
	if text := strings.ToLower(strings.TrimSpace(answer)); text == "y" || text == "yes" {
		return nil
	}
	return &plans.RefusedError{Why: errNotConfirmed.Error()}
}

// oneOfMany is what became of a command in one of many plans.
type oneOfMany struct {
	PlanID string `json:"planId"`
	plans.Outcome
	Error string `json:"error,omitempty"`
}

// sendAll sends a command to plans, several at once, and prints what became of
// each: for people as it comes, for programs as one list.
func (a *app) sendAll(ctx context.Context, s service, ids []string, st *steering) error {
	ctx, cancel := context.WithTimeout(ctx, st.timeout)
	defer cancel()
	results, errs := make([]oneOfMany, len(ids)), make([]error, len(ids))
	var group sync.WaitGroup
	var printing sync.Mutex
	places := make(chan struct{}, atOnce)
	for i, id := range ids {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			d, err := st.deed(ctx, s, id)
			results[i] = oneOfMany{PlanID: id, Outcome: d.Outcome}
			if err != nil {
				results[i].Error, errs[i] = err.Error(), fmt.Errorf("%s: %w", id, err)
				return
			}
			printing.Lock()
			defer printing.Unlock()
			switch st.output.form {
			case formTable:
				fmt.Fprintf(a.out, "%s: %s\n", id, d.text)
			case formName:
				fmt.Fprintln(a.out, id)
			}
		})
	}
	group.Wait()
	if st.output.form == formJSON || st.output.form == formYAML {
		if err := writeValue(a.out, st.output.form, results); err != nil {
			return err
		}
	}
	return together(errs)
}
