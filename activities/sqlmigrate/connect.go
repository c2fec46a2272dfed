package sqlmigrate

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/placeholder"
	"github.com/seed-3652815f/sluice/internal/secret"
)

// resetTimeout bounds the clean-up of a connection between two targets.
const resetTimeout = 5 * time.Second

// connector opens connections to the targets' databases.
type connector struct {
	ref      string // of the secret with the DSN; empty where the plan holds it
	secrets  secret.Allow
	redactor *secret.Redactor
	database string          // with the placeholder; empty: the DSN's
	dsn      *pgx.ConnConfig // nil where each target has a secret of its own
	pool     *pgxpool.Pool   // nil where the connection differs from target to target
}

// newConnector makes the connector of one attempt, and connects to nothing
// yet. Params are valid.
func newConnector(ctx context.Context, p Params, settings Settings) (*connector, error) {
	c := &connector{ref: p.SecretRef, secrets: settings.Secrets, redactor: &secret.Redactor{}, database: p.Database}
	var err error
	switch {
	case p.DSN != "":
		c.dsn, err = parsePlanDSN(p.DSN, settings.Allow)
	case !strings.Contains(p.SecretRef, placeholder.Target):
		c.dsn, err = c.resolve(p.SecretRef)
	}
	if err != nil {
		return nil, err
	}
	if c.differs() {
		return c, nil
	}
	if !strings.Contains(p.Schema, placeholder.Target) {
		return nil, activities.Refused(domain.CodeBadParams, "neither schema, database nor the DSN has %s, so that all targets would be one and the same", placeholder.Target)
	}
	return c, c.openPool(ctx)
}

// differs reports whether each target has a connection of its own.
func (c *connector) differs() bool {
	return c.dsn == nil || hasTarget(c.dsn) || strings.Contains(c.database, placeholder.Target)
}

// resolve reads a secret and the DSN in it.
func (c *connector) resolve(ref string) (*pgx.ConnConfig, error) {
	value, err := c.secrets.Resolve(ref)
	if err != nil {
		return nil, activities.Refused(CodeSecret, "reading the DSN: %w", err)
	}
	value = strings.TrimSpace(value)
	c.redactor.Add(value)
	config, err := parseSecretDSN(value)
	if err != nil {
		return nil, activities.Refused(CodeSecret, "the secret %s is no DSN: %w", ref, c.redactor.Error(err))
	}
	c.redactor.Add(config.Password, url.QueryEscape(config.Password), url.PathEscape(config.Password))
	return config, nil
}

// openPool makes a pool of connections for targets that share them. It holds
// about as many as there are targets at once.
func (c *connector) openPool(ctx context.Context) error {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return fmt.Errorf("making a pool of connections: %w", err)
	}
	if config.ConnConfig, err = c.config(""); err != nil {
		return err
	}
	config.MaxConns, config.MinConns = domain.MaxParallelTargets, 0
	config.AfterRelease = reset
	// The pool outlives the call; Close ends it.
	c.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return fmt.Errorf("making a pool of connections: %w", err)
	}
	return nil
}

// reset takes back what a script has left in the session for the next target.
func reset(conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), resetTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, "DISCARD ALL")
	return err == nil
}

// config returns the connection of a target.
func (c *connector) config(target string) (*pgx.ConnConfig, error) {
	template := c.dsn
	if template == nil {
		if !isPlain(target) {
			return nil, activities.Refused(CodeBadTarget, "target %q cannot stand in the name of a secret", target)
		}
		var err error
		if template, err = c.resolve(placeholder.Text(c.ref, target)); err != nil {
			return nil, err
		}
	}
	config, err := forTarget(template, target)
	if err != nil {
		return nil, err
	}
	if c.database != "" {
		config.Database, err = identifier(c.database, target)
	}
	return config, err
}

// isPlain reports whether a target's name is nothing but one name in a path.
func isPlain(target string) bool {
	return target != "." && target != ".." && !strings.ContainsAny(target, "/\\")
}

// use lends a connection to the target's database. It is for one target only,
// and given back when f returns.
func (c *connector) use(ctx context.Context, target string, f func(conn *pgx.Conn) error) error {
	if c.pool != nil {
		conn, err := c.pool.Acquire(ctx)
		if err != nil {
			return c.redactor.Error(connectError(err))
		}
		defer conn.Release()
		return c.redactor.Error(f(conn.Conn()))
	}
	config, err := c.config(target)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return c.redactor.Error(connectError(err))
	}
	defer hangUp(ctx, conn)
	return c.redactor.Error(f(conn))
}

// hangUp ends a connection. What was to be done on it is done, so that a
// connection which is lost already is no error.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetTimeout)
	defer cancel()
	_ = conn.Close(ctx)
}

// close ends the pool.
func (c *connector) close() error {
	if c.pool != nil {
		c.pool.Close()
	}
	return nil
}
