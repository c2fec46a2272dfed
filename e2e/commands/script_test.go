package commands

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// TestScripts runs each script of e2e/testdata/commands against a server and a
// worker of its own. Beside what package testscript knows a script has:
//
//	exits CODE PROGRAM ARGS...     runs a program that has to end with this exit code
//	gateway hold|fail TARGET       keeps the answer for a target back, or refuses it
//	gateway release|mend           undoes all of that
//	gateway moved PATH N           fails unless N targets were moved below a path, each once
//	worker stop|start [ARGS...]    ends the worker, or starts one
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "../testdata/commands",
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			server, g := producttest.StartTemporal(t, fast...), startGateway(t)
			w := &scriptWorker{t: t, address: server.Address}
			w.start()
			env.Values["gateway"], env.Values["worker"] = g, w
			env.Vars = append(env.Vars, environment(env.WorkDir, server.Address)...)
			env.Setenv("GATEWAY", g.server.URL)
			return nameGateway(env.WorkDir, g.server.URL)
		},
		RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"gateway": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("gateway").(*gateway).command(ts, args)
			},
			"worker": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("worker").(*scriptWorker).command(ts, args)
			},
		},
	})
}

// nameGateway puts the gateway's address into the plan files of a script.
func nameGateway(folder, url string) error {
	files, err := filepath.Glob(filepath.Join(folder, "[a-z]*.*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("${GATEWAY}"), []byte(url)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// exits runs a program and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("the exit code is %d, not %d", code, want)
	}
}

// command carries out the script command gateway.
func (g *gateway) command(ts *testscript.TestScript, args []string) {
	switch {
	case len(args) == 2 && args[0] == "hold":
		g.hold(args[1])
	case len(args) == 2 && args[0] == "fail":
		g.fail(args[1])
	case len(args) == 1 && args[0] == "release":
		g.release()
	case len(args) == 1 && args[0] == "mend":
		g.mend()
	case len(args) == 3 && args[0] == "moved":
		if targets, most := g.moves(args[1]); fmt.Sprint(targets) != args[2] || most > 1 {
			ts.Fatalf("%d targets were moved, one of them %d times", targets, most)
		}
	default:
		ts.Fatalf("usage: gateway hold|fail TARGET, gateway release|mend, gateway moved PATH N")
	}
}

// scriptWorker is the worker that serves the scripts.
type scriptWorker struct {
	t       testing.TB
	address string
	process *producttest.Process
}

func (w *scriptWorker) start(args ...string) { w.process = startWorker(w.t, w.address, args...) }

// command carries out the script command worker.
func (w *scriptWorker) command(ts *testscript.TestScript, args []string) {
	switch {
	case len(args) == 1 && args[0] == "stop":
		w.process.Stop()
	case len(args) > 0 && args[0] == "start":
		w.start(args[1:]...)
	default:
		ts.Fatalf("usage: worker stop, worker start ARGS...")
	}
}
