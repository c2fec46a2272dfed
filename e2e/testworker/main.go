// Command testworker is a worker of Sluice with the executors of the
// end-to-end tests, in a process of its own so that it can be killed.
package main

import (
	"fmt"
	"log"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/caddy"
	"github.com/seed-3652815f/sluice/activities/haproxy"
	"github.com/seed-3652815f/sluice/activities/sqlmigrate"
	"github.com/seed-3652815f/sluice/e2e/ledger"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/workflows"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), DataConverter: payload.NewDataConverter()})
	if err != nil {
		return fmt.Errorf("connecting to Temporal: %w", err)
	}
	defer c.Close()
	w := host.NewWorker(c, host.Options{
		TaskQueue:   os.Getenv("SLUICE_TASK_QUEUE"),
		Settings:    workflows.Settings{SearchAttributes: true, Checks: true},
		Executors:   []activities.Executor{ledger.Executor(), ledger.Noop(), caddy.Executor(egress.Allow{}), haproxy.Executor(egress.Allow{}), sqlmigrate.Executor(sqlmigrate.Settings{Directory: os.Getenv("SLUICE_SQL_DIRECTORY")})},
		FailOnPanic: true,
	})
	if err := w.Run(worker.InterruptCh()); err != nil {
		return fmt.Errorf("running the worker: %w", err)
	}
	return nil
}
