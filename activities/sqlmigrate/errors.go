package sqlmigrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/egress"
)

// Error codes of this executor, beside SQL_ and the SQLSTATE, as in SQL_42P01.
const (
	CodeUnreachable    = "DATABASE_UNREACHABLE" // no connection, or one that was lost
	CodeDenied         = "DATABASE_DENIED"      // the server does not let this user in
	CodeAddress        = "ADDRESS_DENIED"       // SLUICE_HTTP_ALLOW does not hold the address of a DSN in the plan
	CodeSecret         = "SECRET_UNAVAILABLE"   // the secret cannot be used
	CodeBadTarget      = "BAD_TARGET"           // the target's name cannot stand where it is to
	CodeUnknownTarget  = "UNKNOWN_TARGET"       // the target's database or schema does not exist
	CodeBadMigration   = "BAD_MIGRATION"        // the directory or a file in it cannot be used
	CodeChecksum       = "CHECKSUM_DIFFERS"     // under this name something else was done already
	CodeOutOfOrder     = "OUT_OF_ORDER"         // a newer version was applied already
	CodeSuperseded     = "SUPERSEDED"           // a later attempt or rollback was here
	CodeOutcomeUnknown = "OUTCOME_UNKNOWN"      // whether a statement was done cannot be known
	CodeNotAllowed     = "NOT_ALLOWED"          // COMMIT, and what else cannot stand in a transaction's script
	CodeNoDown         = "NO_DOWN"              // nothing says how to undo it
	CodeDrift          = "DRIFT"                // somebody else has changed what was done
)

// SQLSTATEs, and the first letters of them that name a class.
const (
	stateLockTimeout     = "55P03"
	stateSerialization   = "40001"
	stateDeadlock        = "40P01"
	stateUnknownDatabase = "3D000"
	stateUnknownSchema   = "3F000"
	stateNotSupported    = "0A000"                // COMMIT within EXECUTE, for one
	stateTermination     = "2D000"                // COMMIT within a procedure
	stateInTransaction   = "25001"                // CREATE INDEX CONCURRENTLY, for one
	dynamicStatement     = "exec_stmt_dynexecute" // where the server refuses what cannot stand in EXECUTE
	classConnection      = "08"
	classAuthorization   = "28"
	classResources       = "53"
	classShutdown        = "57P0"
)

// mended are the beginnings of SQLSTATEs that pass by themselves.
var mended = []string{stateLockTimeout, stateSerialization, stateDeadlock, classConnection, classResources, classShutdown}

// lasting are those that trying again does not mend: syntax and names, data,
// constraints, and what a transaction does not allow.
var lasting = []string{"42", "22", "23", stateInTransaction, stateNotSupported, stateTermination, stateUnknownSchema}

// lost reports whether the connection broke, so that what was sent last may
// have been done or not.
func lost(err error) bool {
	var answer *pgconn.PgError
	return !errors.As(err, &answer) || isFatal(answer)
}

// isFatal reports whether the server has ended the connection.
func isFatal(answer *pgconn.PgError) bool {
	severity := answer.SeverityUnlocalized
	return severity == "FATAL" || severity == "PANIC"
}

// sqlError says what kind of error of the server it is. What it says in
// details is left out, for there it repeats the data of rows.
func sqlError(doing string, err error) error {
	var answer *pgconn.PgError
	switch {
	case !errors.As(err, &answer):
		return activities.Unavailable(CodeUnreachable, "%s: %w", doing, plainError(err))
	case hasPrefix(answer.Code, mended):
		return activities.Unavailable("SQL_"+answer.Code, "%s: %w", doing, said(answer))
	case answer.Code == stateNotSupported && answer.Routine == dynamicStatement, answer.Code == stateTermination:
		return activities.Refused(CodeNotAllowed, "%s: %w; it runs in a transaction of its own, in which BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SELECT INTO and COPY from the client cannot stand", doing, said(answer))
	case answer.Code == stateInTransaction:
		return activities.Refused("SQL_"+answer.Code, "%s: %w; put it into a migration with -- +goose NO TRANSACTION", doing, said(answer))
	case hasPrefix(answer.Code, lasting):
		return refusedByServer("SQL_"+answer.Code, "%s: %w", doing, said(answer))
	}
	return activities.Broken("SQL_"+answer.Code, "%s: %w", doing, said(answer))
}

// refusedByServer is an operation that failed, and would fail again.
func refusedByServer(code, format string, args ...any) error {
	err := activities.Broken(code, format, args...)
	var kind *activities.Error
	if errors.As(err, &kind) {
		kind.Retryable = false
	}
	return err
}

// connectError says why there is no connection.
func connectError(err error) error {
	var answer *pgconn.PgError
	var denied *egress.DeniedError
	const doing = "connecting to the database"
	switch {
	case errors.As(err, &denied):
		return activities.Refused(CodeAddress, "%s: %w", doing, denied)
	case errors.Is(err, fs.ErrPermission): // of a socket
		return activities.Refused(CodeDenied, "%s: %w", doing, plainError(err))
	case !errors.As(err, &answer):
		return activities.Unavailable(CodeUnreachable, "%s: %w", doing, plainError(err))
	case answer.Code == stateUnknownDatabase:
		return activities.Refused(CodeUnknownTarget, "%s: %w; create it, or take the target out of the plan", doing, said(answer))
	case strings.HasPrefix(answer.Code, classAuthorization), strings.HasPrefix(answer.Code, "42"):
		return activities.Refused(CodeDenied, "%s: %w", doing, said(answer))
	}
	return activities.Unavailable(CodeUnreachable, "%s: %w", doing, said(answer))
}

// said is what the server says of an error, on one line and without the data
// that its details repeat.
func said(answer *pgconn.PgError) error {
	text := fmt.Sprintf("%s (SQLSTATE %s)", answer.Message, answer.Code)
	if answer.Hint != "" {
		text += "; " + answer.Hint
	}
	if line := lineOf(answer); line > 0 {
		text += fmt.Sprintf("; at line %d", line)
	}
	return errors.New(text)
}

// lineOf returns the line at which the server found a fault; 0 where it does
// not say.
func lineOf(answer *pgconn.PgError) int {
	at, text := int(answer.InternalPosition), []rune(answer.InternalQuery)
	if at < 1 || at > len(text) {
		return 0
	}
	return 1 + strings.Count(string(text[:at-1]), "\n")
}

// plainError keeps the end of the task's time recognizable, and leaves out
// what the chain of a connection's error repeats.
func plainError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New(err.Error())
}

func hasPrefix(code string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}
