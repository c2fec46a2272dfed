package haproxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/executortest"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestHAProxyKilledBetweenChangeAndSaveIsChangedAgain(t *testing.T) {
	t.Parallel()
	names := executortest.Names(10)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Step(t, work, StepSwitch, recorded))
	g.Kill()
	err := executortest.Step(t, work, StepPersist, recorded)
	executortest.RequireKind(t, err, domain.CategoryTechnical, CodeUnreachable, true)
	require.Equal(t, mapOf(names, "blue"), fileOf(t, g), "nothing is saved that does not stand in the running map")

	g.Start() // with the old file
	again := openWork(t, toGreen(g))
	for _, step := range []string{StepPersist, StepVerify} { // of an attempt that has not switched
		for _, err := range executortest.RequireTargets(t, executortest.Step(t, again, step, recorded), names...) {
			executortest.RequireKind(t, err, domain.CategoryExecutor, CodeNotSwitched, true)
		}
	}
	require.NoError(t, executortest.Apply(t.Context(), again, recorded))
	require.Equal(t, all(names, "green"), g.Entries())
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
}

func TestChangeToAProcessThatAReloadReplacesIsMadeAgain(t *testing.T) {
	t.Parallel()
	names := executortest.Names(10)
	g := startGateway(t, names)
	var changes atomic.Int64
	p := toGreen(g)
	p.Socket = between(t, g, counted(&changes, func(change int64) action {
		if change == 3 {
			g.Reload() // the connection stays with the old process
		}
		return pass
	}))
	work := openWork(t, p)
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Step(t, work, StepSwitch, recorded))
	require.Equal(t, all(names, "blue"), g.Entries(), "the new process has heard of nothing")
	require.NoError(t, executortest.Step(t, work, StepPersist, recorded))
	require.NoError(t, executortest.Step(t, work, StepVerify, recorded))
	require.Equal(t, all(names, "green"), g.Entries())
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
}

func TestBatchThatAReloadHasUndoneIsDoneAgainWithTheNextOne(t *testing.T) {
	t.Parallel()
	for _, runtimeOnly := range []bool{false, true} {
		t.Run("runtimeOnly "+strconv.FormatBool(runtimeOnly), func(t *testing.T) {
			t.Parallel()
			names := executortest.Names(9)
			g := startGateway(t, names)
			p := toGreen(g)
			p.RuntimeOnly = runtimeOnly
			work := openWork(t, p)
			recorded := executortest.Record(t, work, names)
			require.NoError(t, executortest.Apply(t.Context(), work, recorded[:6]))

			saved := fileOf(t, g)
			require.NoError(t, os.WriteFile(g.Map, []byte(mapOf(names, "blue")), 0o600)) // as a reload that began before it was saved had read it
			g.Reload()
			require.NoError(t, os.WriteFile(g.Map, []byte(saved), 0o600))
			require.Equal(t, all(names, "blue"), g.Entries())
			set(t, g, names[0], "nobody") // somebody else's, from now on

			require.NoError(t, executortest.Apply(t.Context(), work, recorded[6:]))
			want := all(names, "green")
			want[names[0]] = "nobody"
			require.Equal(t, want, g.Entries())
		})
	}
}

func TestElevenConnectionsAreTooManyAndNothingIsAppliedLater(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := startGateway(t, names)
	p := toGreen(g)
	recorded := executortest.Record(t, openWork(t, p), names)
	held := make([]net.Conn, 10)
	for i := range held {
		conn, err := net.Dial("unix", g.Socket)
		require.NoError(t, err)
		_, err = io.WriteString(conn, "prompt\n")
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, 3))
		require.NoError(t, err)
		held[i] = conn
	}
	p.Timeout = domain.Duration(200 * time.Millisecond)
	work := openWork(t, p)
	err := executortest.Step(t, work, StepSwitch, recorded)
	executortest.RequireKind(t, err, domain.CategoryTechnical, CodeBusy, true)
	require.ErrorContains(t, err, "10 connections")
	for _, conn := range held {
		require.NoError(t, conn.Close())
	}
	require.Equal(t, all(names, "blue"), g.Entries()) // asked on a connection behind ours
	require.NoError(t, executortest.Apply(t.Context(), openWork(t, toGreen(g)), recorded))
}

func TestOneWorkerHoldsOneConnectionAtATime(t *testing.T) {
	t.Parallel()
	names := executortest.Names(60)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	var batches sync.WaitGroup
	for batch := range slices.Chunk(executortest.Record(t, work, names), 3) { // 20 at once
		batches.Go(func() { assert.NoError(t, executortest.Apply(t.Context(), work, batch)) })
	}
	batches.Wait()
	require.Equal(t, all(names, "green"), g.Entries())
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
}

func TestChangeWhoseAnswerIsLostIsReadBack(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		lose action
		made int // of the changes that are sent at once
	}{
		"made, and the connection cut":           {cutAfter, 1},
		"made, and no answer until the time-out": {hang, 1},
		"not made, and the connection cut":       {cutBefore, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := executortest.Names(10)
			g := startGateway(t, names)
			var changes atomic.Int64
			p := toGreen(g)
			p.Timeout = domain.Duration(time.Second)
			p.Socket = between(t, g, counted(&changes, func(change int64) action {
				if change == 4 {
					return c.lose
				}
				return pass
			}))
			work := openWork(t, p)
			recorded := executortest.Record(t, work, names)
			require.NoError(t, executortest.Apply(t.Context(), work, recorded))
			require.EqualValues(t, 4+len(names)-3-c.made, changes.Load(), "what was made is not made again")
			require.Equal(t, all(names, "green"), g.Entries())

			changes.Store(0)
			require.NoError(t, executortest.Rollback(t.Context(), work, recorded))
			require.Equal(t, all(names, "blue"), g.Entries())
			require.Equal(t, mapOf(names, "blue"), fileOf(t, g))
		})
	}
}

func TestChangeThatIsAppliedAfterTheTimeoutIsNoDrift(t *testing.T) {
	t.Parallel()
	names := executortest.Names(5)
	g := startGateway(t, names)
	var changes atomic.Int64
	pid, err := strconv.Atoi(g.PID())
	require.NoError(t, err)
	p := toGreen(g)
	p.Timeout = domain.Duration(300 * time.Millisecond)
	p.Socket = between(t, g, counted(&changes, func(change int64) action {
		if change == 1 {
			assert.NoError(t, syscall.Kill(pid, syscall.SIGSTOP)) // it takes the command, and does nothing for now
		}
		return pass
	}))
	work := openWork(t, p)
	recorded := executortest.Record(t, openWork(t, toGreen(g)), names)
	err = executortest.Step(t, work, StepSwitch, recorded)
	executortest.RequireKind(t, err, domain.CategoryTechnical, CodeBusy, true)
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	require.Eventually(t, func() bool { return g.Entries()[names[0]] == "green" }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, executortest.Apply(t.Context(), openWork(t, toGreen(g)), recorded))
	require.Equal(t, all(names, "green"), g.Entries())
}

func TestPeerThatDoesNotAnswerIsUnreachable(t *testing.T) {
	t.Parallel()
	hush := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	mute := listen(t, func(net.Conn) {})
	gone := tcpScheme + producttest.FreeAddress(t)
	for socket, code := range map[string]string{mute: CodeUnreachable, hush: CodeBusy, gone: CodeUnreachable, mute + "-not": CodeUnreachable} {
		work := openWork(t, Params{Socket: socket, Map: "/x.map", To: "green", RuntimeOnly: true, Timeout: domain.Duration(100 * time.Millisecond)})
		_, err := work.Prior(t.Context(), []string{"a"})
		executortest.RequireKind(t, err, domain.CategoryTechnical, code, true)
		target := []activities.Target{{Name: "a", Prior: domain.Prior{Value: []byte(`"blue"`)}}}
		for _, do := range []func(context.Context, []activities.Target) error{work.Steps[0].Do, work.Steps[1].Do, work.Rollback} {
			executortest.RequireKind(t, do(t.Context(), target), domain.CategoryTechnical, code, true)
		}
	}
}

func TestWhatIsNoRuntimeAPIIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	chatty := listen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "\n> what?\n\n> ")
		_, _ = io.Copy(io.Discard, conn)
	})
	for socket, code := range map[string]string{tcpScheme + server.Listener.Addr().String(): CodeUnreachable, chatty: CodeRefused, tcpScheme + "169.254.169.254:80": CodeDenied} {
		_, err := openWork(t, Params{Socket: socket, Map: "/x.map", To: "green", RuntimeOnly: true}).Prior(t.Context(), []string{"a"})
		var kind *activities.Error
		require.ErrorAs(t, err, &kind, socket)
		require.Equal(t, code, kind.Code, err)
	}
}

func TestSocketWithoutPermissionIsRefused(t *testing.T) {
	t.Parallel()
	g := startGateway(t, executortest.Names(1))
	require.NoError(t, os.Chmod(g.Socket, 0))
	work := openWork(t, toGreen(g))
	err := asNobody(func() error {
		_, err := work.Prior(t.Context(), executortest.Names(1))
		return err
	})
	executortest.RequireKind(t, err, domain.CategoryBusiness, CodeRefused, false)
	require.ErrorContains(t, err, "stats socket")
}

// asNobody calls do with the rights of a user who may open files only where all
// may, where the tests are a superuser's; otherwise they have no more already.
func asNobody(do func() error) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			_ = syscall.Setfsuid(65534) // says nothing of its success; the test does
		}
		ended <- do()
	}()
	return <-ended
}

func TestTheEndOfTheTaskBreaksOffWhatHAProxyKeepsBack(t *testing.T) {
	t.Parallel()
	names := executortest.Names(2)
	g := startGateway(t, names)
	ctx, cancel := context.WithCancel(t.Context())
	var changes atomic.Int64
	p := toGreen(g)
	p.Socket = between(t, g, counted(&changes, func(int64) action {
		cancel()
		return hang
	}))
	work := openWork(t, p)
	err := work.Steps[0].Do(ctx, executortest.Record(t, work, names))
	require.ErrorIs(t, err, context.Canceled)
	var kind *activities.Error
	require.NotErrorAs(t, err, &kind)
}

func TestOldProcessThatStillAnswersIsNotTakenForHAProxy(t *testing.T) {
	t.Parallel()
	names := executortest.Names(2)
	g := startGateway(t, names)
	var asked atomic.Int64
	socket := listen(t, func(client net.Conn) {
		server, err := net.Dial("unix", g.Socket)
		if err != nil {
			return
		}
		defer server.Close()
		if asked.Add(1) == 1 {
			_, _ = io.WriteString(client, "\n> Pid: 1\nStopping: 1\n\n> ")
			_, _ = io.Copy(io.Discard, client)
			return
		}
		go func() { _, _ = io.Copy(server, client) }()
		_, _ = io.Copy(client, server)
	})
	p := toGreen(g)
	p.Socket = socket
	executortest.Record(t, openWork(t, p), names)
	require.EqualValues(t, 2, asked.Load())
}
