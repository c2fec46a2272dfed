package sqlmigrate

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/seed-3652815f/sluice/activities"
)

// outside does what decide says without a transaction, statement by statement,
// for what PostgreSQL does in none: CREATE INDEX CONCURRENTLY. The marker says
// before each statement that its outcome is not known, and after it that it is
// done, so that a crash in between is found out and not guessed at.
func (r *runner) outside(ctx context.Context, target string, m *migration, decide decide) error {
	return r.connector.use(ctx, target, func(conn *pgx.Conn) error {
		p, err := r.placeOf(ctx, conn, target)
		if err != nil {
			return err
		}
		defer r.clean(ctx, conn)
		return r.outsideOn(ctx, conn, p, m, decide)
	})
}

func (r *runner) outsideOn(ctx context.Context, conn *pgx.Conn, p place, m *migration, decide decide) error {
	f, err := r.enterOutside(ctx, conn, p, m)
	if err != nil {
		return err
	}
	todo, err := decide(f)
	if err != nil || todo == nil {
		return err
	}
	begun := marker{checksum: todo.marker.checksum, state: stateApplying, fence: todo.marker.fence}
	if todo.marker.state == stateRolledBack {
		begun.state = stateUndoing
	}
	if f.marker.state == begun.state && f.marker.checksum == begun.checksum {
		if f.marker.uncertain && !r.params.RerunUnknown {
			return unknownOutcome(m, f.marker.step, len(todo.statements))
		}
		begun.step = f.marker.step // those before it are done
	} else if f.marker.state == stateApplying && f.marker.uncertain && !r.params.RerunUnknown {
		return unknownOutcome(m, f.marker.step, len(m.up)) // it is to be undone, but was it done?
	}
	if err := r.statements(ctx, conn, p, m, todo.statements, begun); err != nil {
		return err
	}
	return r.finish(ctx, conn, p, m, todo)
}

func unknownOutcome(m *migration, step, n int) error {
	return activities.Refused(CodeOutcomeUnknown, "%s runs without a transaction and was broken off, so that it cannot be known whether it was done; look at the schema, make the statement one that may be run twice, and retry with rerunUnknown", naming(m.name, step, n))
}

// enterOutside takes the lock of the schema for the session, and reads what
// stands there.
func (r *runner) enterOutside(ctx context.Context, conn *pgx.Conn, p place, m *migration) (f found, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.lockTimeout()+answerTime)
	defer cancel()
	settings, arguments := r.settings(p, false)
	for _, step := range []struct {
		doing, query string
		arguments    []any
	}{
		{"setting time-outs", settings, arguments},
		{"waiting for another migration of the schema", "SELECT pg_advisory_lock($1)", []any{p.lockKey()}},
		{"making the marker table", p.tables(), nil},
	} {
		if _, err := conn.Exec(ctx, step.query, step.arguments...); err != nil {
			return f, placeError(step.doing, p, err)
		}
	}
	if f.marker, err = readMarker(conn.QueryRow(ctx, p.selectMarker(), m.name)); err != nil {
		return f, sqlError("reading the marker", err)
	}
	if !m.isVersion() {
		return f, nil
	}
	err = conn.QueryRow(ctx, p.selectVersion(), m.version).Scan(&f.applied)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return f, sqlError("reading the versions that goose has recorded", err)
	}
	return f, nil
}

// statements runs those that are not done yet, from begun.step on.
func (r *runner) statements(ctx context.Context, conn *pgx.Conn, p place, m *migration, statements []string, begun marker) error {
	for ; begun.step < len(statements); begun.step++ {
		begun.uncertain = true
		if err := r.mark(ctx, conn, p, m, begun); err != nil {
			return err
		}
		doing := naming(m.name, begun.step, len(statements))
		err := r.statement(ctx, conn, statements[begun.step])
		switch {
		case err != nil && lost(err):
			return sqlError(doing, err) // the marker says what is known
		case err != nil:
			begun.uncertain = false
			return errors.Join(sqlError(doing, err), r.mark(ctx, conn, p, m, begun))
		case conn.PgConn().TxStatus() != 'I':
			return activities.Refused(CodeNotAllowed, "%s leaves a transaction open; take BEGIN and START TRANSACTION out of it", doing)
		}
	}
	return nil
}

// statement runs one statement by itself.
func (r *runner) statement(ctx context.Context, conn *pgx.Conn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, r.statementTimeout()+answerTime)
	defer cancel()
	_, err := conn.Exec(ctx, statement)
	return err
}

func (r *runner) mark(ctx context.Context, conn *pgx.Conn, p place, m *migration, as marker) error {
	ctx, cancel := context.WithTimeout(ctx, r.lockTimeout()+answerTime)
	defer cancel()
	if _, err := conn.Exec(ctx, p.write(), as.arguments(m.name)...); err != nil {
		return sqlError("writing the marker of "+m.name, err)
	}
	return nil
}

// finish notes that all statements are done, in the marker and in goose's
// table at once.
func (r *runner) finish(ctx context.Context, conn *pgx.Conn, p place, m *migration, todo *change) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	batch := &pgx.Batch{} // which is a transaction
	batch.Queue(p.write(), todo.marker.arguments(m.name)...)
	if todo.record {
		batch.Queue(p.record(todo.applied), m.version)
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return sqlError("writing the marker of "+m.name, err)
	}
	return nil
}

// clean gives back the lock of the session and what it was set to. A session
// that cannot be cleaned is ended.
func (r *runner) clean(ctx context.Context, conn *pgx.Conn) {
	if conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetTimeout)
	defer cancel()
	if conn.PgConn().TxStatus() == 'I' {
		if _, err := conn.Exec(ctx, "DISCARD ALL"); err == nil {
			return
		}
	}
	_ = conn.Close(ctx) // which gives everything back
}
