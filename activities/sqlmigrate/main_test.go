package sqlmigrate

import (
	"fmt"
	"os"
	"testing"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

var (
	// server is the PostgreSQL that the tests share; each has a database of its
	// own there.
	server *producttest.Postgres
	// secrets is the folder of the secrets that plans may reference.
	secrets string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	var err error
	if server, err = producttest.NewPostgres(); err != nil {
		return 1, err
	}
	defer server.Stop()
	if secrets, err = os.MkdirTemp("", "sluice-secrets"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(secrets)
	return m.Run(), nil
}
