package doctor_test

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/internal/doctor"
	"github.com/seed-3652815f/sluice/internal/host"
	"github.com/seed-3652815f/sluice/internal/payload"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// connection is one that is configured, or cannot be.
type connection struct {
	options client.Options
	err     error
}

func (c connection) Options() (client.Options, error) { return c.options, c.err }

// to is the connection to a namespace of a server.
func to(address, namespace string) connection {
	return connection{options: client.Options{HostPort: address, Namespace: namespace, Identity: "me@here", Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))}}
}

// registered are the arguments with which a server has what plans write.
var registered = []string{
	"--search-attribute", "SluicePlanState=Keyword", "--search-attribute", "SluiceReason=Keyword",
	"--search-attribute", "SluiceFailedTask=Keyword", "--search-attribute", "SluiceReverses=Keyword",
	"--search-attribute", "SluiceLabels=KeywordList", "--search-attribute", "SluiceProgress=Double",
}

// start runs a worker of a kind on a task queue until the test ends.
func start(t *testing.T, address string, make func(client.Client) worker.Worker) {
	t.Helper()
	c, err := client.Dial(to(address, "default").options)
	require.NoError(t, err)
	w := make(c)
	require.NoError(t, w.Start())
	t.Cleanup(func() { w.Stop(); c.Close() })
}

// check returns one check of an examination.
func check(t *testing.T, d doctor.Doctor, name string) doctor.Check {
	t.Helper()
	report := d.Examine(context.Background())
	require.Len(t, report.Checks, len(doctor.Checks))
	for i, c := range report.Checks {
		require.Equal(t, doctor.Checks[i], c.Name)
		require.NotEmpty(t, c.Found)
		require.Equal(t, c.Status == doctor.Wrong, c.Remedy != "", c.Name)
	}
	require.Equal(t, report.OK, report.WrongCount() == 0)
	for _, c := range report.Checks {
		if c.Name == name {
			return c
		}
	}
	require.Fail(t, "no such check", name)
	return doctor.Check{}
}

// requireWrong says that exactly the named check is wrong, and with which
// words.
func requireWrong(t *testing.T, d doctor.Doctor, name, found, remedy string) {
	t.Helper()
	c := check(t, d, name)
	require.Equal(t, doctor.Wrong, c.Status, c.Found)
	require.Contains(t, c.Found, found)
	require.Contains(t, c.Remedy, remedy)
	require.Equal(t, 1, d.Examine(context.Background()).WrongCount())
}

func plans(c client.Client) worker.Worker { return host.NewWorker(c, host.Options{}) }

// TestEachCheckFindsItsFaultOnARealServer breaks one thing after the other.
func TestEachCheckFindsItsFaultOnARealServer(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t, registered...)
	address := server.Address
	start(t, address, plans)
	d := doctor.Doctor{Connection: to(address, "default"), TaskQueue: "sluice", SearchAttributes: true}
	created := exec.Command(producttest.Temporal(t), "operator", "namespace", "create", "--address", address, "--namespace", "brief", "--retention", "1h")
	out, err := created.CombinedOutput()
	require.NoError(t, err, string(out))

	t.Run("nothing where all is well", func(t *testing.T) {
		t.Parallel()
		producttest.Eventually(t, "the workers are seen", func() bool { return d.Examine(context.Background()).OK })
		require.Contains(t, check(t, d, doctor.CheckWorkers).Found, `1 serve the task queue "sluice": me@here`)
		require.Equal(t, "its version is 1.29.1", check(t, d, doctor.CheckServer).Found)
	})
	t.Run("a configuration that cannot be used", func(t *testing.T) {
		t.Parallel()
		d := d
		d.Connection = connection{err: errors.New("the profile is not there")}
		requireWrong(t, d, doctor.CheckConfiguration, "the profile is not there", "mend the flag")
	})
	t.Run("a server that is not there", func(t *testing.T) {
		t.Parallel()
		d := d
		d.Connection = to("127.0.0.1:1", "default")
		requireWrong(t, d, doctor.CheckConnection, "no Temporal server answers at 127.0.0.1:1", "name another with --address")
		require.Equal(t, doctor.Skipped, check(t, d, doctor.CheckWorkers).Status)
	})
	t.Run("a server that is too old", func(t *testing.T) {
		t.Parallel()
		d, c := d, to(address, "default")
		c.options.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithUnaryInterceptor(pretend("1.24.3"))}
		d.Connection = c
		requireWrong(t, d, doctor.CheckServer, "its version is 1.24.3, and commands are Updates, which servers take from 1.25 on", "upgrade the server")
	})
	t.Run("a namespace that is not there", func(t *testing.T) {
		t.Parallel()
		d := d
		d.Connection = to(address, "nowhere")
		requireWrong(t, d, doctor.CheckNamespace, `the server has no namespace "nowhere"`, "temporal operator namespace create --namespace nowhere")
	})
	t.Run("a namespace that forgets soon", func(t *testing.T) {
		t.Parallel()
		d := d
		d.Connection = to(address, "brief")
		c := check(t, d, doctor.CheckRetention)
		require.Equal(t, doctor.Wrong, c.Status)
		require.Contains(t, c.Found, "closed plans are kept for 1h0m0s only")
		require.Contains(t, c.Remedy, "temporal operator namespace update --namespace brief --retention 30d")
	})
	t.Run("a namespace without search attributes", func(t *testing.T) {
		t.Parallel()
		d := d
		d.Connection = to(address, "brief")
		c := check(t, d, doctor.CheckAttributes)
		require.Equal(t, doctor.Wrong, c.Status)
		require.Contains(t, c.Found, "the namespace lacks SluicePlanState, SluiceReason,")
		require.Contains(t, c.Remedy, "temporal operator search-attribute create --namespace brief --name SluicePlanState --type Keyword")
		d.SearchAttributes = false
		require.Equal(t, doctor.OK, check(t, d, doctor.CheckAttributes).Status)
	})
	for by, words := range map[time.Duration]string{time.Minute: "1m0s ahead of", -time.Minute: "1m0s behind"} {
		t.Run("a clock that is "+words, func(t *testing.T) {
			t.Parallel()
			d := d
			d.Now = func() time.Time { return time.Now().Add(by) }
			c := check(t, d, doctor.CheckClock)
			require.Equal(t, doctor.Wrong, c.Status)
			require.Regexp(t, `this machine's clock is (59\.\d+s|1m0\.?\d*s) (ahead of|behind) the server's`, c.Found)
			require.Equal(t, doctor.OK, check(t, d, doctor.CheckWorkers).Status, "the server's clock says who is there")
		})
	}
	t.Run("a task queue that nobody serves", func(t *testing.T) {
		t.Parallel()
		d := d
		d.TaskQueue = "other"
		requireWrong(t, d, doctor.CheckWorkers, `no worker serves the task queue "other"`, "sluice-worker --task-queue other")
	})
	t.Run("a task queue without workers for plans", func(t *testing.T) {
		t.Parallel()
		start(t, address, func(c client.Client) worker.Worker {
			w := worker.New(c, "tasks-only", worker.Options{DisableWorkflowWorker: true})
			activities.RegisterInspect(w, payload.NewDataConverter())
			return w
		})
		d := d
		d.TaskQueue = "tasks-only"
		producttest.Eventually(t, "the worker is seen", func() bool {
			return check(t, d, doctor.CheckWorkers).Found == `the workers of the task queue "tasks-only" carry out tasks, but run no plans`
		})
	})
}

// pretend is a client's interceptor that gives the server another version.
func pretend(version string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, request, reply, cc, opts...)
		if info, ok := reply.(*workflowservice.GetSystemInfoResponse); ok && err == nil {
			info.ServerVersion = version
		}
		return err
	}
}

func TestAServerThatTakesNoUpdatesAndHasAnAttributeOfAnotherTypeIsFoundOut(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t, "--search-attribute", "SluiceProgress=Keyword")
	d := doctor.Doctor{Connection: to(server.Address, "default"), TaskQueue: "sluice", SearchAttributes: true}
	c := check(t, d, doctor.CheckAttributes)
	require.Equal(t, doctor.Wrong, c.Status)
	require.Contains(t, c.Found, "SluiceProgress has the type Keyword, but plans write it as Double")

	deaf := producttest.StartTemporal(t, "--dynamic-config-value", "frontend.enableUpdateWorkflowExecution=false")
	d.Connection = to(deaf.Address, "default")
	requireWrong(t, d, doctor.CheckNamespace, `the namespace "default" takes no Updates, which commands are`, "frontend.enableUpdateWorkflowExecution")
}
