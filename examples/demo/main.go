// Command demo runs Sluice's main job for real: a Temporal development server,
// a Caddy with two pools and 200 tenants, a worker, and a plan that moves the
// tenants while they are being asked for. It is what make demo runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-3652815f/sluice/internal/demogateway"
)

// Where the demo listens; the example plan names the same addresses.
const (
	temporalAddress = "127.0.0.1:7233"
	uiAddress       = "127.0.0.1:8233"
	adminAddress    = "127.0.0.1:2019"
	gatewayAddress  = "127.0.0.1:8080"
	blueAddress     = "127.0.0.1:8081"
	greenAddress    = "127.0.0.1:8082"

	planFile = "examples/green-cutover.yaml"
	planID   = "green-cutover"
)

// exitPaused is the exit code with which sluice watch says that a plan is
// paused.
const exitPaused = 5

// demo is one run of the demo.
type demo struct {
	folder    string // of logs and of the server's database
	tenants   []string
	env       []string // of what it starts
	processes []*process
}

func main() {
	once := flag.Bool("once", false, "end when all is shown, instead of waiting for Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *once); err != nil {
		if ctx.Err() != nil {
			fmt.Println("\nStopped before the end.")
		} else {
			fmt.Fprintln(os.Stderr, "\ndemo:", err)
		}
		stop()
		os.Exit(1) //nolint:gocritic // the deferred stop was called
	}
}

func run(ctx context.Context, once bool) error {
	if err := freePorts(); err != nil {
		return err
	}
	d := &demo{folder: ".demo", env: environment()}
	defer d.stop()
	if err := d.startAll(ctx); err != nil {
		return err
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	d.printNext()
	if once {
		return nil
	}
	fmt.Println("\nEverything keeps running until Ctrl-C, which stops all of it.")
	for ctx.Err() == nil {
		if p := d.dead(); p != nil {
			return fmt.Errorf("%s has ended by itself; its log is %s:\n%s", p.name, p.log, tail(p.log))
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	fmt.Println("\nStopping the worker, the gateway and the server.")
	return nil
}

// environment is the demo's own, without settings for another Temporal.
func environment() []string {
	var env []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "TEMPORAL_") && !strings.HasPrefix(setting, "SLUICE_") {
			env = append(env, setting)
		}
	}
	return append(env, "TEMPORAL_ADDRESS="+temporalAddress, "TEMPORAL_NAMESPACE=default")
}

// startAll starts the server, the gateway and the worker.
func (d *demo) startAll(ctx context.Context) (err error) {
	if d.tenants, err = tenants(); err != nil {
		return err
	}
	// A new database each time: the plan's id is free again.
	if err := os.RemoveAll(d.folder); err != nil {
		return fmt.Errorf("removing what the demo before has left: %w", err)
	}
	if err := os.MkdirAll(d.folder, 0o755); err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	home, err := filepath.Abs(d.folder)
	if err != nil {
		return fmt.Errorf("looking for the demo's folder: %w", err)
	}
	// Caddy keeps its own files below these.
	d.env = append(d.env, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)

	fmt.Println("Starting a Temporal development server, a Caddy with a blue and a green pool, and a worker.")
	if err := d.startTemporal(ctx); err != nil {
		return err
	}
	if err := d.startGateway(ctx); err != nil {
		return err
	}
	if err := d.startWorker(ctx); err != nil {
		return err
	}
	fmt.Printf("  Web UI   http://%s\n  gateway  http://%s  (header %s names the tenant)\n  logs     %s\n",
		uiAddress, gatewayAddress, demogateway.Header, d.folder)
	return nil
}

// startTemporal starts the development server with the settings that make it
// quick: without them each step waits for the server's polling.
func (d *demo) startTemporal(ctx context.Context) error {
	cli := filepath.Join(".tools", "bin", "temporal")
	_, port, _ := strings.Cut(temporalAddress, ":")
	_, uiPort, _ := strings.Cut(uiAddress, ":")
	err := d.start("temporal", cli, "server", "start-dev", "--log-level", "warn", "--ip", "127.0.0.1", "--port", port, "--ui-port", uiPort,
		"--db-filename", filepath.Join(d.folder, "temporal.db"),
		"--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000",
		"--dynamic-config-value", "history.timerProcessorMaxPollRPS=5000",
		"--dynamic-config-value", "history.visibilityProcessorMaxPollRPS=5000",
		"--dynamic-config-value", `history.timerProcessorMaxTimeShift="10ms"`,
		"--dynamic-config-value", "system.enableActivityEagerExecution=true")
	if err != nil {
		return err
	}
	return d.await(ctx, "the Temporal server answers", func() bool {
		cmd := exec.CommandContext(ctx, cli, "operator", "namespace", "describe", "default")
		cmd.Env = d.env
		return cmd.Run() == nil
	})
}

// startWorker starts the worker and waits until it takes work.
func (d *demo) startWorker(ctx context.Context) error {
	if err := d.start("worker", filepath.Join("bin", "sluice-worker")); err != nil {
		return err
	}
	return d.await(ctx, "the worker is ready", func() bool {
		return strings.Contains(tail(filepath.Join(d.folder, "worker.log")), `"worker ready"`)
	})
}

// show runs the plan, pauses it half-way, looks, resumes it and looks again.
func (d *demo) show(ctx context.Context) error {
	if err := d.sluice(ctx, 0, "start", planFile); err != nil {
		return err
	}
	paused := make(chan error, 1)
	go func() { paused <- d.pauseHalfWay(ctx) }()
	if err := d.sluice(ctx, exitPaused, "watch", planID); err != nil {
		return err
	}
	if err := <-paused; err != nil {
		return err
	}
	if err := d.lookWhilePaused(ctx); err != nil {
		return err
	}
	if err := d.sluice(ctx, 0, "get", planID); err != nil {
		return err
	}
	if err := d.sluice(ctx, 0, "resume", planID, "--reason", "all is well"); err != nil {
		return err
	}
	if err := d.sluice(ctx, 0, "watch", planID); err != nil {
		return err
	}
	routes, err := d.routes(ctx)
	if err != nil {
		return err
	}
	green := count(routes, demogateway.Green)
	fmt.Printf("\nBy a real request for each: %d of %d tenants are served by the green pool.\n", green, len(d.tenants))
	if green != len(d.tenants) {
		return fmt.Errorf("%d tenants are not served by the green pool, though the plan is COMPLETED", len(d.tenants)-green)
	}
	return nil
}

// pauseHalfWay pauses the plan once the gateway serves half of the tenants
// from the green pool.
func (d *demo) pauseHalfWay(ctx context.Context) error {
	err := d.await(ctx, "half of the tenants are green", func() bool {
		routes, err := d.routes(ctx)
		return err == nil && count(routes, demogateway.Green) >= len(d.tenants)/2
	})
	if err != nil {
		return err
	}
	cmd := d.command(ctx, "pause", planID, "--reason", "a look at half-time")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pausing the plan: %w\n%s", err, out)
	}
	return nil
}

// lookWhilePaused shows by real requests that nothing moves.
func (d *demo) lookWhilePaused(ctx context.Context) error {
	routes, err := d.routes(ctx)
	if err != nil {
		return err
	}
	green, blue := count(routes, demogateway.Green), count(routes, demogateway.Blue)
	fmt.Printf("\nBy a real request for each tenant: %d are served by the green pool, %d by the blue one.\n", green, blue)
	if green == 0 || blue == 0 || green+blue != len(d.tenants) {
		return errors.New("the plan was not paused half-way")
	}
	requests, err := d.watchStill(ctx, routes, 3*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("%d further requests in 3 s: nothing moves while the plan is PAUSED.\n", requests)
	return nil
}

// command is a call of sluice, as a user types it.
func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join("bin", "sluice"), args...)
	cmd.Env = d.env
	return cmd
}

// sluice runs a command for the user to see, and fails unless it ends with the
// exit code that it should.
func (d *demo) sluice(ctx context.Context, want int, args ...string) error {
	line := "sluice"
	for _, arg := range args {
		if strings.Contains(arg, " ") {
			arg = strconv.Quote(arg)
		}
		line += " " + arg
	}
	fmt.Printf("\n$ %s\n", line)
	cmd := d.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("running %s: %w", line, err)
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		return fmt.Errorf("%s ended with the exit code %d instead of %d", line, code, want)
	}
	return nil
}

func (d *demo) printNext() {
	fmt.Printf(`
The plan in the Web UI: http://%s/namespaces/default/workflows/%s

What to try next, in another terminal:
  bin/sluice get %s
  bin/sluice audit %s
  bin/sluice start examples/blue-return.yaml --watch
  bin/sluice pause blue-return        (and resume it, while it runs)
  curl -H '%s: tenant-001' http://%s/
`, uiAddress, planID, planID, planID, demogateway.Header, gatewayAddress)
}
