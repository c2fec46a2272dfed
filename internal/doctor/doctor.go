// Package doctor looks at everything that a plan needs of a Temporal server
// and of this machine, and says of each what is wrong and what to do.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/seed-3652815f/sluice/internal/config"
)

// Status is what a check came to.
type Status string

// What a check came to.
const (
	OK      Status = "ok"
	Wrong   Status = "wrong"
	Skipped Status = "skipped" // it rests on another one that is wrong
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Found  string `json:"found"`            // what there is
	Remedy string `json:"remedy,omitempty"` // what to do; empty unless it is wrong
}

// The checks, in the order in which they are reported.
const (
	CheckConfiguration = "configuration"
	CheckConnection    = "connection"
	CheckServer        = "server"
	CheckNamespace     = "namespace"
	CheckRetention     = "retention"
	CheckAttributes    = "search attributes"
	CheckClock         = "clock"
	CheckWorkers       = "workers"
)

// Checks lists the names of all checks in their order.
var Checks = []string{CheckConfiguration, CheckConnection, CheckServer, CheckNamespace, CheckRetention, CheckAttributes, CheckClock, CheckWorkers}

// Report is what was found.
type Report struct {
	Address   string  `json:"address,omitempty"`
	Namespace string  `json:"namespace,omitempty"`
	TaskQueue string  `json:"taskQueue"`
	OK        bool    `json:"ok"`
	Checks    []Check `json:"checks"`
}

// WrongCount returns how many checks found something wrong.
func (r Report) WrongCount() int {
	n := 0
	for _, c := range r.Checks {
		if c.Status == Wrong {
			n++
		}
	}
	return n
}

// callTimeout bounds each call to the server.
const callTimeout = 5 * time.Second

// Doctor says what to look at.
type Doctor struct {
	Connection       Connection
	TaskQueue        string
	SearchAttributes bool             // plans are to write search attributes
	Now              func() time.Time // the clock of this machine; nil means time.Now
}

// Connection is how the server is reached; a *config.Connection is one.
type Connection interface {
	Options() (client.Options, error)
}

// Examine goes through all checks. It changes nothing: it leaves behind a
// task queue of its own that nobody uses.
func (d Doctor) Examine(ctx context.Context) Report {
	if d.Now == nil {
		d.Now = time.Now
	}
	e := &examination{doctor: d, report: Report{TaskQueue: d.TaskQueue}}
	e.all(ctx)
	for _, name := range Checks[len(e.report.Checks):] {
		e.note(Check{Name: name, Status: Skipped, Found: "not looked at, for it rests on what is wrong above"})
	}
	e.report.OK = e.report.WrongCount() == 0
	return e.report
}

// examination is one run through the checks.
type examination struct {
	doctor Doctor
	report Report

	options client.Options
	client  client.Client
	ahead   time.Duration // of this machine's clock before the server's
}

func (e *examination) note(c Check) { e.report.Checks = append(e.report.Checks, c) }

// all goes on until something is wrong on which the rest depends.
func (e *examination) all(ctx context.Context) {
	options, err := e.doctor.Connection.Options()
	if err != nil {
		e.note(wrong(CheckConfiguration, err.Error(), "mend the flag, the variable or the file that it names"))
		return
	}
	e.options, e.report.Address, e.report.Namespace = options, options.HostPort, options.Namespace
	e.note(fine(CheckConfiguration, "the server is %s, the namespace %q, the task queue %q", options.HostPort, options.Namespace, e.doctor.TaskQueue))
	e.client, err = config.Dial(ctx, options)
	if err != nil {
		e.note(unconnected(err))
		return
	}
	defer e.client.Close()
	e.note(e.connection(ctx))
	e.note(e.server(ctx))
	namespace, check := e.namespace(ctx)
	e.note(check)
	if check.Status != OK {
		return
	}
	e.note(retention(namespace))
	e.note(e.attributes(ctx))
	e.note(e.clock(ctx))
	e.note(e.workers(ctx))
}

func fine(name, found string, args ...any) Check {
	return Check{Name: name, Status: OK, Found: fmt.Sprintf(found, args...)}
}

func wrong(name, found, remedy string) Check {
	return Check{Name: name, Status: Wrong, Found: found, Remedy: remedy}
}

// unanswered is a check that the server did not let itself be asked about.
func unanswered(name, what string, err error) Check {
	return wrong(name, fmt.Sprintf("the server does not say %s: %v", what, config.Cause(err)), "try again; where the server refuses it, ask who runs it for the permission")
}

// unconnected takes the sentence of a failed connection apart.
func unconnected(err error) Check {
	var tls *config.TLSError
	if errors.As(err, &tls) {
		return wrong(CheckConnection, fmt.Sprintf("no connection to %s: %s", tls.Address, tls.What), tls.Remedy)
	}
	var unreachable *config.UnreachableError
	if errors.As(err, &unreachable) {
		return wrong(CheckConnection, fmt.Sprintf("no Temporal server answers at %s (%v)", unreachable.Address, unreachable.Err),
			"start one there, or name another with --address or TEMPORAL_ADDRESS")
	}
	return wrong(CheckConnection, err.Error(), "mend what it names")
}
