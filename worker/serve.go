package main

import (
	"fmt"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/activities/caddy"
	"github.com/seed-3652815f/sluice/activities/haproxy"
	"github.com/seed-3652815f/sluice/activities/httpexec"
	"github.com/seed-3652815f/sluice/activities/sqlmigrate"
	"github.com/seed-3652815f/sluice/internal/config"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/secret"
)

// executors returns those that this worker serves.
func executors(settings *config.Worker) ([]activities.Executor, error) {
	allow, err := egress.Parse(settings.HTTPAllow)
	if err != nil {
		return nil, fmt.Errorf("--http-allow (SLUICE_HTTP_ALLOW) cannot be used: %w", err)
	}
	secrets, err := secret.ParseAllow(settings.SecretAllow)
	if err != nil {
		return nil, fmt.Errorf("--secret-allow (SLUICE_SECRET_ALLOW) cannot be used: %w", err)
	}
	return []activities.Executor{
		caddy.Executor(allow), haproxy.Executor(allow), httpexec.Executor(allow),
		sqlmigrate.Executor(sqlmigrate.Settings{Secrets: secrets, Allow: allow, Directory: settings.SQLDirectory}),
	}, nil
}
