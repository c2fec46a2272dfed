package sqlmigrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pressly/goose/v3"
)

// substitutes finds the annotation that would let goose write environment
// variables of the worker into the SQL.
var substitutes = regexp.MustCompile(`(?mi)^--\s*\+goose\s+ENVSUB\s+ON`)

// parseGoose reads the migrations of a folder in ascending order, as goose
// itself reads them. Goose runs what it has read, so that it is given a
// database that writes down what it is told to do.
func parseGoose(files fs.FS) (versions, error) {
	notes := &notebook{}
	db := sql.OpenDB(notes)
	defer func() { _ = db.Close() }() // there is nothing behind it
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableVersioning(true), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil, errors.New("it has no migrations; their files are named like 00001_name.sql")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	var all versions
	for _, source := range provider.ListSources() {
		m, err := readVersion(files, source, provider, notes)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", source.Path, err)
		}
		all = append(all, m)
	}
	return all, nil
}

func readVersion(files fs.FS, source *goose.Source, provider *goose.Provider, notes *notebook) (*migration, error) {
	text, err := fs.ReadFile(files, source.Path)
	if err != nil {
		return nil, err
	}
	if substitutes.Match(text) {
		return nil, errors.New("it has -- +goose ENVSUB ON, which would write environment variables of the worker into the SQL")
	}
	m := &migration{name: versionName(source.Version), version: source.Version, checksum: checksum(string(text))}
	if m.up, m.useTx, err = notes.of(provider, source.Version, true); err != nil {
		return nil, err
	}
	if m.down, _, err = notes.of(provider, source.Version, false); err != nil {
		return nil, err
	}
	return m, nil
}

// oneFile is a folder with one migration.
type oneFile string

var _ fs.GlobFS = oneFile("")

// Open opens the migration, under whatever name.
func (f oneFile) Open(string) (fs.File, error) { return openFile{strings.NewReader(string(f))}, nil }

// Glob returns the migration's name.
func (f oneFile) Glob(pattern string) ([]string, error) {
	if pattern != "*.sql" {
		return nil, nil
	}
	return []string{"1_script.sql"}, nil
}

type openFile struct{ *strings.Reader }

// Stat refuses: nobody needs more than the text.
func (f openFile) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

// Close does nothing.
func (f openFile) Close() error { return nil }

// notebook is a database that does nothing but note what it is told to do.
type notebook struct {
	statements []string
	inTx       bool
}

var (
	_ driver.Connector     = (*notebook)(nil)
	_ driver.ExecerContext = notedConn{}
	_ driver.ConnBeginTx   = notedConn{}
)

// of returns what goose does for a version, and whether in a transaction.
func (n *notebook) of(provider *goose.Provider, version int64, up bool) (statements []string, inTx bool, err error) {
	n.statements, n.inTx = nil, false
	if _, err := provider.ApplyVersion(context.Background(), version, up); err != nil {
		return nil, false, err
	}
	return n.statements, n.inTx, nil
}

// Connect opens a connection.
func (n *notebook) Connect(context.Context) (driver.Conn, error) { return notedConn{n}, nil }

// Driver returns nil; nobody asks.
func (n *notebook) Driver() driver.Driver { return nil }

type notedConn struct{ notes *notebook }

var errNoted = errors.New("only statements and transactions are noted")

// ExecContext notes a statement.
func (c notedConn) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	c.notes.statements = append(c.notes.statements, statement)
	return driver.ResultNoRows, nil
}

// BeginTx notes that there is a transaction.
func (c notedConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.notes.inTx = true
	return c, nil
}

// Prepare refuses: goose does not prepare.
func (c notedConn) Prepare(string) (driver.Stmt, error) { return nil, errNoted }

// Begin refuses: goose begins with a context.
func (c notedConn) Begin() (driver.Tx, error) { return nil, errNoted }

// Close does nothing.
func (c notedConn) Close() error { return nil }

// Commit does nothing.
func (c notedConn) Commit() error { return nil }

// Rollback does nothing.
func (c notedConn) Rollback() error { return nil }
