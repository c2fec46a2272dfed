package producttest

import (
	"context"
	"log/slog"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// TemporalServer is a running development server, with the namespace default.
type TemporalServer struct {
	*Process
	Address string

	t    testing.TB
	args []string
}

// Temporal returns the path of the temporal CLI.
func Temporal(t testing.TB) string {
	t.Helper()
	return tool(t, "temporal")
}

// StartTemporal starts a development server with further arguments, and
// returns once it answers. It ends with the test.
func StartTemporal(t testing.TB, args ...string) *TemporalServer {
	t.Helper()
	port := strconv.Itoa(FreePort(t))
	args = append([]string{"server", "start-dev", "--headless", "--log-level", "error", "--port", port}, args...)
	s := &TemporalServer{Address: "127.0.0.1:" + port, t: t, args: args}
	s.Again()
	return s
}

// Again starts the server at the same address after it was killed, and returns
// once it answers. With --db-filename it has what it had before.
func (s *TemporalServer) Again() {
	s.t.Helper()
	s.Process = Start(s.t, "the Temporal server", exec.Command(Temporal(s.t), s.args...))
	s.Await("answer", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c, err := client.NewNamespaceClient(client.Options{HostPort: s.Address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = c.Describe(ctx, client.DefaultNamespace)
		return err == nil
	})
}
