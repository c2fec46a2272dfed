package producttest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The superuser of every Postgres of a test.
const (
	PostgresUser     = "sluice"
	PostgresPassword = "correct horse battery/staple" // with what a URL has to escape
)

// Postgres is a running PostgreSQL with a cluster of its own. It asks for a
// password on TCP and on its socket alike.
type Postgres struct {
	Address string // host:port
	Socket  string // the folder of its Unix socket

	port   int
	home   string
	cmd    *exec.Cmd
	output *buffer
	ended  chan struct{}
}

// StartPostgres starts a PostgreSQL that ends with the test. Settings are as
// in "fsync=on"; without them nothing is synced, for no test pulls a plug.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	p, err := NewPostgres(settings...)
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("PostgreSQL said at last:\n%s", p.output.tail())
		}
	})
	return p
}

// NewPostgres is StartPostgres for a TestMain, which calls Stop in the end.
func NewPostgres(settings ...string) (*Postgres, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "sluice-pg")
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	p := &Postgres{Address: fmt.Sprintf("127.0.0.1:%d", port), Socket: home, port: port, home: home}
	if err := p.initialize(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	if err := p.Start(settings...); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	return p, nil
}

// DSN returns the URL of a database as the superuser, with the password.
func (p *Postgres) DSN(database string) string { return PostgresDSN(p.Address, database) }

// PostgresDSN is DSN for a proxy's address.
func PostgresDSN(address, database string) string {
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(PostgresUser, PostgresPassword),
		Host: address, Path: database, RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

// Start starts the server, again after a Kill, and returns once it takes
// connections.
func (p *Postgres) Start(settings ...string) error {
	args := []string{"-D", p.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(p.port),
		"-c", "unix_socket_directories=" + p.Socket, "-c", "max_connections=200", "-c", "fsync=off"}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd, err := p.command("postgres", args...)
	if err != nil {
		return err
	}
	p.cmd, p.output, p.ended = cmd, &buffer{}, make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait() // it is ended by a signal
	}(p.cmd, p.ended)
	return p.awaitReady()
}

// Kill ends the server at once, as kill -9 does, and returns when the
// processes that it had for connections have noticed.
func (p *Postgres) Kill() { p.signal(syscall.SIGKILL) }

// Stop ends the server and removes its cluster.
func (p *Postgres) Stop() {
	p.signal(syscall.SIGQUIT)
	_ = os.RemoveAll(p.home) // a folder for temporary files
}

func (p *Postgres) signal(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal) // fails only where it has ended already
	<-p.ended
}

func (p *Postgres) data() string { return filepath.Join(p.home, "data") }

// initialize makes the cluster.
func (p *Postgres) initialize() error {
	password := filepath.Join(p.home, "password")
	if err := os.WriteFile(password, []byte(PostgresPassword), 0o644); err != nil {
		return fmt.Errorf("writing the password of the superuser: %w", err)
	}
	cmd, err := p.command("initdb", "-D", p.data(), "-U", PostgresUser, "--pwfile", password, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making a cluster: %w\n%s", err, out)
	}
	return nil
}

// command prepares a program of PostgreSQL. The server refuses to run as root,
// so a test that does runs it as the user that Debian's package has made.
func (p *Postgres) command(name string, args ...string) (*exec.Cmd, error) {
	path, err := postgresBinary(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = p.home
	if os.Geteuid() != 0 {
		return cmd, nil
	}
	id, err := unprivileged()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: id}
	if err := os.Chown(p.home, int(id.Uid), int(id.Gid)); err != nil {
		return nil, fmt.Errorf("giving PostgreSQL its folder: %w", err)
	}
	return cmd, nil
}

// unprivileged returns a user that is not root.
func unprivileged() (*syscall.Credential, error) {
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("finding the user postgres, which the package postgresql-15 makes: %w", err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the id of the user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the group of the user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// postgresBinary finds a program of the server: in the folder that
// SLUICE_POSTGRES names, or in Debian's folder of the newest version.
func postgresBinary(name string) (string, error) {
	folders := []string{os.Getenv("SLUICE_POSTGRES")}
	if folders[0] == "" {
		found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
		if err != nil {
			return "", fmt.Errorf("looking for PostgreSQL: %w", err)
		}
		slices.SortFunc(found, func(a, b string) int { return postgresVersion(b) - postgresVersion(a) })
		folders = found
	}
	for _, folder := range folders {
		if path := filepath.Join(folder, name); isFile(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s in %s; run apt-get install postgresql-15, or name the folder of the server's programs in SLUICE_POSTGRES",
		name, strings.Join(append(folders, "/usr/lib/postgresql/*/bin"), ", "))
}

// postgresVersion reads the 15 of /usr/lib/postgresql/15/bin.
func postgresVersion(folder string) int {
	version, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return version
}

// awaitReady waits until the server says that it takes connections.
func (p *Postgres) awaitReady() error {
	deadline := time.After(startWait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if strings.Contains(p.output.String(), "database system is ready to accept connections") {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("PostgreSQL ended before it took connections:\n%s", p.output)
		case <-deadline:
			p.Kill()
			return fmt.Errorf("PostgreSQL took no connections within %s:\n%s", startWait, p.output)
		case <-tick.C:
		}
	}
}
