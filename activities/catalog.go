package activities

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
)

// About is what an executor's author says of it, for the people who write plans
// and list executors. package conformance holds it against what is true.
type About struct {
	Summary      string   // what it does, in one line without a full stop
	Steps        []string // the names of its steps, in order
	RecordsPrior bool     // Work.Prior is given
	Reversible   bool     // Work.Rollback is given, at least with some parameters
	BatchSize    int      // Work.BatchSize with the default parameters; 0 means 1

	// Source is the Go file that declares the type of the parameters; embed it
	// with go:embed. Its comments become the descriptions of the parameters,
	// except where a field has the tag jsonschema_description. Empty: only the
	// tags count.
	Source string
}

// Describe returns the executor with what its author says of it. It panics
// where About.Source is no Go file that declares the type of the parameters.
func (e Executor) Describe(about About) Executor {
	e.schema = mustDescribe(e.Name, e.params, about.Source)
	e.about = &about
	return e
}

func mustDescribe(name string, params reflect.Type, source string) *paramschema.Schema {
	schema, err := paramschema.Of(params, source)
	if err != nil {
		panic(fmt.Sprintf("activities: describing the parameters of the executor %s: %v", name, err))
	}
	return schema
}

// Info returns what is known of the executor.
func (e Executor) Info() domain.ExecutorInfo {
	info := domain.ExecutorInfo{Name: e.Name, Params: e.schema.JSON}
	if e.about != nil {
		info.Summary, info.Steps, info.BatchSize = e.about.Summary, e.about.Steps, max(1, e.about.BatchSize)
		info.RecordsPrior, info.Reversible = &e.about.RecordsPrior, &e.about.Reversible
	}
	return info
}

// RegisterCatalog registers the activities by which the executors of a worker
// are listed and tasks are checked before their plan starts.
func RegisterCatalog(registry worker.ActivityRegistry, executors ...Executor) {
	c := catalog(slices.Clone(executors))
	slices.SortFunc(c, func(a, b Executor) int { return strings.Compare(a.Name, b.Name) })
	registry.RegisterActivityWithOptions(c.Executors, activity.RegisterOptions{Name: domain.ExecutorsActivity})
	registry.RegisterActivityWithOptions(c.Check, activity.RegisterOptions{Name: domain.CheckActivity})
}

// catalog is the executors that a worker serves, by name.
type catalog []Executor

// Executors lists them.
func (c catalog) Executors(ctx context.Context) (domain.Catalog, error) {
	listed := domain.Catalog{TaskQueue: activity.GetInfo(ctx).TaskQueue, Executors: []domain.ExecutorInfo{}}
	for _, e := range c {
		listed.Executors = append(listed.Executors, e.Info())
	}
	return listed, nil
}
