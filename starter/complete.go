package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// completionTime bounds how long a shell waits for the ids of plans.
const completionTime = 3 * time.Second

// mostCompletions is how many ids a shell is offered.
const mostCompletions = 100

// complete lets a shell complete the values of a flag.
func complete(cmd *cobra.Command, flag string, values []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
}

// completeID lets a shell complete the ids of plans that are in one of some
// states; no state means all. Without a server there is nothing to offer.
func (a *app) completeID(states ...domain.PlanState) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.idsOf(cmd, begun, states), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeIDs completes several ids, each once.
func (a *app) completeIDs(states ...domain.PlanState) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		given := func(c cobra.Completion) bool {
			id, _, _ := strings.Cut(c, "\t")
			return slices.Contains(args, id)
		}
		return slices.DeleteFunc(a.idsOf(cmd, begun, states), given), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFileOrID offers the ids of plans beside files.
func (a *app) completeFileOrID(states ...domain.PlanState) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return a.idsOf(cmd, begun, states), cobra.ShellCompDirectiveDefault
	}
}

func (a *app) idsOf(cmd *cobra.Command, begun string, states []domain.PlanState) []cobra.Completion {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	if config.FromEnvironment(cmd.Flags(), nil) != nil { // the shell's call passes over PersistentPreRunE
		return nil
	}
	s, leave, err := a.connect(ctx)
	if err != nil {
		return nil
	}
	defer leave()
	listing, err := s.List(ctx, plans.Filter{States: states, Prefix: begun, Limit: mostCompletions})
	if err != nil {
		return nil
	}
	ids := make([]cobra.Completion, len(listing.Plans))
	for i, found := range listing.Plans {
		ids[i] = cobra.CompletionWithDesc(found.PlanID, stateText(found))
	}
	return ids
}
