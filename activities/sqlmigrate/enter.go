package sqlmigrate

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-3652815f/sluice/activities"
)

// enter begins the transaction, takes the lock of the schema, and reads what
// stands there. All of it is sent at once.
func (r *runner) enter(ctx context.Context, conn *pgx.Conn, p place, m *migration) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, r.lockTimeout()+answerTime)
	defer cancel()
	settings, arguments := r.settings(p, true)
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(settings, arguments...)
	batch.Queue("SELECT pg_advisory_xact_lock($1)", p.lockKey())
	batch.Queue(p.tables())
	batch.Queue(p.selectMarker(), m.name)
	if m.isVersion() {
		batch.Queue(p.selectVersion(), m.version)
	}
	results := conn.SendBatch(ctx, batch)
	f, err := readFound(results, p, m)
	return f, firstOf(err, results.Close())
}

// firstOf returns the first of two errors: the end of a batch repeats what went
// wrong in it.
func firstOf(err, closing error) error {
	if err == nil {
		return closing
	}
	return err
}

// readFound reads the answers to what enter has sent.
func readFound(results pgx.BatchResults, p place, m *migration) (f found, err error) {
	for _, doing := range []string{"beginning a transaction", "setting time-outs", "waiting for another migration of the schema", "making the marker table"} {
		if _, err := results.Exec(); err != nil {
			return f, placeError(doing, p, err)
		}
	}
	if f.marker, err = readMarker(results.QueryRow()); err != nil {
		return f, sqlError("reading the marker", err)
	}
	if !m.isVersion() {
		return f, nil
	}
	if err := results.QueryRow().Scan(&f.applied); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return f, sqlError("reading the versions that goose has recorded", err)
	}
	return f, nil
}

// settings returns the statement that sets what the session works with, for
// one transaction or for the session.
func (r *runner) settings(p place, local bool) (string, []any) {
	query := `SELECT set_config('lock_timeout', $1, $5), set_config('statement_timeout', $2, $5),
		set_config('idle_in_transaction_session_timeout', $3, $5), set_config('` + targetSetting + `', $4, $5),
		set_config('client_min_messages', 'warning', $5),
		CASE WHEN current_setting('client_connection_check_interval', true) IS NOT NULL
			THEN set_config('client_connection_check_interval', $6, $5) END`
	arguments := []any{milliseconds(r.lockTimeout()), milliseconds(r.statementTimeout()), milliseconds(idleTimeout), p.target, local, milliseconds(checkInterval)}
	if r.params.Schema != "" {
		query += ", set_config('search_path', $7, $5)"
		arguments = append(arguments, r.searchPath(p))
	}
	return query, arguments
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// placeError is sqlError for what is done before the script, where a schema
// that does not exist is the target's fault.
func placeError(doing string, p place, err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == stateUnknownSchema {
		return unknownSchema(strconv.Quote(p.schema))
	}
	return sqlError(doing, err)
}

func unknownSchema(which string) error {
	return activities.Refused(CodeUnknownTarget, "there is no schema %s; create it, or take the target out of the plan", which)
}
