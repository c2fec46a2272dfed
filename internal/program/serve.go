package program

import (
	"context"
	"fmt"
	"os"

	sdkworker "go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/attributes"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/logging"
	"github.com/seed-3652815f/sluice/workflows"
)

// serve connects, makes the namespace ready, and works until ctx ends.
func (p Program) serve(ctx context.Context, connection *config.Connection, settings *config.Worker, logger *zap.Logger) error {
	executors, err := p.Executors(settings)
	if err != nil {
		return &usageError{err}
	}
	options, err := connection.Options()
	if err != nil {
		return &usageError{err}
	}
	options.Logger = logging.ForSDK(logger)
	options.Identity = fmt.Sprintf("%s/%d", options.Identity, os.Getpid()) // several workers may run on one host
	shown, err := show(ctx, settings, &options, logger)
	if err != nil {
		return err
	}
	defer shown.stop(logger)
	connected, err := config.Dial(ctx, options)
	if err != nil {
		return err
	}
	defer connected.Close()
	if settings.SearchAttributes {
		registry := &attributes.Registry{
			Operator: connected.OperatorService(), Visibility: connected, Namespace: options.Namespace, Address: options.HostPort,
		}
		if err := registry.Ensure(ctx, logger); err != nil {
			return err
		}
	}
	if err := shown.connect(connected, options.Namespace, bool(settings.SearchAttributes)); err != nil {
		return err
	}
	sdkworker.SetStickyWorkflowCacheSize(settings.MaxCachedPlans)
	worker := host.NewWorker(connected, host.Options{
		TaskQueue:   *settings.TaskQueue,
		StopTimeout: settings.StopTimeout, MaxConcurrentTasks: settings.MaxConcurrentTasks,
		Settings:  workflows.Settings{SearchAttributes: bool(settings.SearchAttributes), Checks: true},
		Executors: executors,
		Observer:  shown.observer(),
	})
	if err := worker.Start(); err != nil {
		return fmt.Errorf("the worker cannot start on the task queue %q: %w", *settings.TaskQueue, err)
	}
	logger.Info("worker ready", zap.String("address", options.HostPort), zap.String("namespace", options.Namespace),
		zap.String("taskQueue", *settings.TaskQueue), zap.Strings("executors", names(executors)),
		zap.String("identity", options.Identity), zap.Stringer("searchAttributes", &settings.SearchAttributes))
	<-ctx.Done()
	shown.polling.Stop()
	logger.Info("worker stopping; targets under way come to their end", zap.Duration("atMost", settings.StopTimeout))
	worker.Stop()
	logger.Info("worker stopped")
	return nil
}

func names(executors []activities.Executor) []string {
	list := make([]string, len(executors))
	for i, e := range executors {
		list[i] = e.Name
	}
	return list
}
