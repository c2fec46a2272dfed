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

// envAnnotation is where a flag keeps the name of its environment variable.
const envAnnotation = "sluice-env"

// bind names the environment variable that a flag has its value from where it
// is not given, and shows it in the flag's help.
func bind(flags *pflag.FlagSet, flag, env string) {
	f := flags.Lookup(flag)
	f.Usage += " (env " + env + ")"
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[envAnnotation] = []string{env}
}

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
		names := f.Annotations[envAnnotation]
		if len(names) == 0 || f.Changed || failed != nil {
			return
		}
		if value, found := lookup(names[0]); found && value != "" {
			if err := f.Value.Set(value); err != nil {
				failed = &SettingError{Name: names[0], Value: value, Err: err}
			}
		}
	})
	return failed
}

// TaskQueueFlag adds the setting that both mains share: where plans wait for
// a worker.
func TaskQueueFlag(flags *pflag.FlagSet) *string {
	queue := flags.String("task-queue", workflows.DefaultTaskQueue, "task queue of the workers that run plans")
	bind(flags, "task-queue", "SLUICE_TASK_QUEUE")
	return queue
}

// Worker is what a worker is configured by beside its connection.
type Worker struct {
	TaskQueue        *string
	SearchAttributes OnOff
	HTTPAllow        string
	StopTimeout      time.Duration
	LogLevel         string
}

// NewWorker adds the worker's flags to a set of flags.
func NewWorker(flags *pflag.FlagSet) *Worker {
	w := &Worker{TaskQueue: TaskQueueFlag(flags), SearchAttributes: true}
	flags.Var(&w.SearchAttributes, "search-attributes", "on: plans write search attributes, which the worker registers where they are missing; off: they write none")
	bind(flags, "search-attributes", "SLUICE_SEARCH_ATTRIBUTES")
	flags.StringVar(&w.HTTPAllow, "http-allow", "", "hosts and CIDRs, separated by commas, that the executor http may reach; empty: all but link-local and metadata addresses")
	bind(flags, "http-allow", "SLUICE_HTTP_ALLOW")
	flags.DurationVar(&w.StopTimeout, "stop-timeout", host.DefaultStopTimeout, "how long a worker that is told to stop waits for its tasks to reach a safe point; a duration such as 30s")
	bind(flags, "stop-timeout", "SLUICE_STOP_TIMEOUT")
	flags.StringVar(&w.LogLevel, "log-level", "info", "least level that is logged: debug, info, warn or error")
	bind(flags, "log-level", "SLUICE_LOG_LEVEL")
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
