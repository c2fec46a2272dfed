package sqlmigrate

import (
	"testing"

	"github.com/seed-3652815f/sluice/internal/docscheck"
)

func TestParametersAndCodesAreDocumented(t *testing.T) {
	t.Parallel()
	docscheck.Executor(t, "sql-migrate.md")
}
