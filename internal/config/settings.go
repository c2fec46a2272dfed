package config

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/workflows"
)

// Lookup finds an environment variable; os.LookupEnv is one.
type Lookup func(name string) (value string, found bool)

// SettingError says that an environment variable has a value that its setting
// does not take.
type SettingError struct {
	Name, Value string
	Err         error
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("the environment variable %s is %q, which this setting does not take: %v", e.Name, e.Value, e.Err)
}

// Unwrap gives the cause.
func (e *SettingError) Unwrap() error { return e.Err }

// FromEnvironment gives every flag that was left out the value of its
// environment variable, where that is set and not empty. A nil lookup is
// os.LookupEnv.
func FromEnvironment(flags *pflag.FlagSet, lookup Lookup) error {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[boundAnnotation]) == 0 || f.Changed || failed != nil {
			return
		}
		name := first(f, envAnnotation)
		if value, found := lookup(name); found && value != "" {
			if err := f.Value.Set(value); err != nil {
				failed = &SettingError{Name: name, Value: value, Err: err}
			}
		}
	})
	return failed
}

// TaskQueueFlag adds the setting that both mains share: where plans wait for
// a worker.
func TaskQueueFlag(flags *pflag.FlagSet) *string {
	queue := new(string)
	declare{flags: flags, group: GroupWork}.word(queue, "task-queue", "name", workflows.DefaultTaskQueue, "task queue of the workers that run plans")
	return queue
}

// SearchAttributesFlag adds the setting whether plans write search attributes.
func SearchAttributesFlag(flags *pflag.FlagSet, into *OnOff) {
	declare{flags: flags, group: GroupWork}.value(into, "search-attributes",
		"on: plans write search attributes, which workers register where they are missing; off: they write none")
}

// Worker is what a worker is configured by beside its connection.
type Worker struct {
	TaskQueue          *string
	SearchAttributes   OnOff
	StopTimeout        time.Duration
	MaxConcurrentTasks int
	MaxCachedPlans     int
	HTTPAllow          string
	SecretAllow        string
	SQLDirectory       string
	LogLevel           string
	MetricsAddress     string
}

// NewWorker adds the worker's flags to a set of flags.
func NewWorker(flags *pflag.FlagSet) *Worker {
	w := &Worker{TaskQueue: TaskQueueFlag(flags), SearchAttributes: true}
	work := declare{flags: flags, group: GroupWork}
	SearchAttributesFlag(flags, &w.SearchAttributes)
	work.duration(&w.StopTimeout, "stop-timeout", host.DefaultStopTimeout, "how long a worker that is told to stop waits for its tasks to reach a safe point, such as 30s")
	work.number(&w.MaxConcurrentTasks, "max-concurrent-tasks", host.DefaultMaxConcurrentTasks, "how many executions of tasks the worker works on at once; further ones wait")
	work.number(&w.MaxCachedPlans, "max-cached-plans", 1000, "how many plans that are not closed the worker keeps in memory; others are replayed from their history when something happens to them")

	executors := declare{flags: flags, group: GroupExecutors}
	executors.text(&w.HTTPAllow, "http-allow", "list", "all but link-local and metadata addresses", "hosts and CIDRs, separated by commas, that executors may reach by HTTP and TCP")
	executors.text(&w.SecretAllow, "secret-allow", "list", "env:SLUICE_SECRET_*", "secrets on the worker that plans may reference, separated by commas: env:NAME, env:PREFIX_*, file:/PATH, file:/FOLDER/")
	executors.text(&w.SQLDirectory, "sql-directory", "folder", "none", "folder below which the executor sql.migrate finds the directories of migrations that plans name")

	shows := declare{flags: flags, group: GroupObservability}
	shows.word(&w.LogLevel, "log-level", "level", "info", "least level that is logged: debug, info, warn or error")
	shows.text(&w.MetricsAddress, "metrics-address", "host:port", "none is shown", "where the worker answers /metrics, /healthz and /readyz by HTTP, such as 127.0.0.1:9464; an empty host means every address of the machine")
	return w
}

// OnOff is a switch that reads on and off, and what Go takes for a boolean.
type OnOff bool

// String returns on or off.
func (o *OnOff) String() string {
	if *o {
		return "on"
	}
	return "off"
}

// Set reads on, off, true, false, 1 or 0.
func (o *OnOff) Set(text string) error {
	switch text {
	case "on", "true", "1":
		*o = true
	case "off", "false", "0":
		*o = false
	default:
		return fmt.Errorf("it is on or off")
	}
	return nil
}

// Type is what the help calls the value.
func (o *OnOff) Type() string { return "on|off" }
