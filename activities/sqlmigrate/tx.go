package sqlmigrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-3652815f/sluice/activities"
)

const (
	// targetSetting holds the target's name while a script runs.
	targetSetting = "sluice.target"
	// checkInterval is how soon the server notices that a worker was killed;
	// else its statement would go on, and be committed, beside the next attempt.
	checkInterval = 500 * time.Millisecond
	// idleTimeout is how soon the server ends the transaction of a worker that
	// says nothing more.
	idleTimeout = 10 * time.Second
	// answerTime is what an answer may take beside what the server does for it.
	answerTime = 10 * time.Second
	// commitTime is how long the answer to a COMMIT is waited for.
	commitTime = 30 * time.Second
	// maxCommits bounds how often a migration is begun anew where the answer
	// to its COMMIT was lost.
	maxCommits = 3
)

// errCommitLost says that no answer came to a COMMIT: it may have been done or
// not.
var errCommitLost = errors.New("no answer came to the COMMIT, which may have been done or not")

// found is what stands at a target under the name of a migration.
type found struct {
	marker  marker
	applied bool // as goose's table says, where it is asked
}

// done reports whether the migration is applied. Goose's table decides where
// there is one, for goose may be used beside Sluice.
func (f found) done(m *migration) bool {
	if m.isVersion() {
		return f.applied
	}
	return f.marker.state == stateApplied
}

// change is what a transaction does to a target.
type change struct {
	statements []string
	marker     marker
	record     bool // in goose's table, too
	applied    bool // what is recorded there
}

// decide says what is to be done, from what stands there now; nil: nothing.
type decide func(f found) (*change, error)

// transact does what decide says in one transaction with its marker, under the
// lock of the schema. Where the answer to the COMMIT is lost, it begins anew:
// the lock is free once the lost transaction has ended, and the marker tells
// how.
func (r *runner) transact(ctx context.Context, target string, m *migration, decide decide) error {
	for commits := 1; ; commits++ {
		err := r.connector.use(ctx, target, func(conn *pgx.Conn) error {
			p, err := r.placeOf(ctx, conn, target)
			if err != nil {
				return err
			}
			return r.transactOnce(ctx, conn, p, m, decide)
		})
		switch {
		case !errors.Is(err, errCommitLost):
			return err
		case ctx.Err() != nil || commits == maxCommits:
			return activities.Unavailable(CodeOutcomeUnknown, "the migration %s: %w; the next attempt looks what became of it", m.name, err)
		}
	}
}

func (r *runner) transactOnce(ctx context.Context, conn *pgx.Conn, p place, m *migration, decide decide) error {
	f, err := r.enter(ctx, conn, p, m)
	var todo *change
	if err == nil {
		todo, err = decide(f)
	}
	if err == nil && todo != nil {
		err = r.run(ctx, conn, p, m, todo)
	}
	if err != nil || todo == nil {
		r.leave(ctx, conn)
		return err
	}
	return r.commit(ctx, conn)
}

// run does the change. All of it is sent at once; what the server does not
// come to because of an earlier fault it leaves out.
func (r *runner) run(ctx context.Context, conn *pgx.Conn, p place, m *migration, todo *change) error {
	ctx, cancel := context.WithTimeout(ctx, r.statementTimeout()*time.Duration(len(todo.statements))+answerTime)
	defer cancel()
	batch := &pgx.Batch{}
	for _, statement := range todo.statements {
		batch.Queue(execute(statement))
	}
	batch.Queue(p.write(), todo.marker.arguments(m.name)...)
	if todo.record {
		batch.Queue(p.record(todo.applied), m.version)
	}
	results := conn.SendBatch(ctx, batch)
	err := readRun(results, m.name, len(todo.statements))
	return firstOf(err, results.Close())
}

// readRun reads the answers to what run has sent.
func readRun(results pgx.BatchResults, name string, statements int) error {
	for i := range statements {
		if _, err := results.Exec(); err != nil {
			return sqlError(naming(name, i, statements), err)
		}
	}
	if _, err := results.Exec(); err != nil {
		return sqlError("writing the marker of "+name, err)
	}
	return nil
}

// naming says which statement of a migration it is.
func naming(name string, i, n int) string {
	if n == 1 {
		return "the migration " + name
	}
	return fmt.Sprintf("the migration %s, statement %d of %d", name, i+1, n)
}

// commit ends the transaction. Only an answer of the server that is not its
// last one says for sure that it was not done.
func (r *runner) commit(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, r.commitTime)
	defer cancel()
	tag, err := conn.Exec(ctx, "COMMIT")
	switch {
	case err != nil && lost(err):
		return fmt.Errorf("%w: %w", errCommitLost, plainError(err))
	case err != nil:
		return sqlError("committing", err)
	case tag.String() != "COMMIT":
		return activities.Broken(CodeNotAllowed, "the server answered the COMMIT with %s, so that nothing was changed", tag)
	}
	return nil
}

// leave ends a transaction that changes nothing. Where that fails, the server
// ends it with the connection.
func (r *runner) leave(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetTimeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK")
}
