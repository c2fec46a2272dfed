// Package e2e tests Sluice against a real Temporal server and real products.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/seed-3652815f/sluice/internal/payload"
)

// fast are the settings of docs/operations.md: without them each step of a
// plan waits up to 100 ms for the server's own polling.
var fast = []string{
	"--dynamic-config-value", "history.transferProcessorMaxPollRPS=5000",
	"--dynamic-config-value", "history.timerProcessorMaxPollRPS=5000",
	"--dynamic-config-value", "history.visibilityProcessorMaxPollRPS=5000",
	"--dynamic-config-value", `history.timerProcessorMaxTimeShift="10ms"`,
	"--dynamic-config-value", "system.enableActivityEagerExecution=true",
}

var attributes = []string{
	"--search-attribute", "SluicePlanState=Keyword", "--search-attribute", "SluiceReason=Keyword",
	"--search-attribute", "SluiceFailedTask=Keyword", "--search-attribute", "SluiceReverses=Keyword",
	"--search-attribute", "SluiceLabels=KeywordList", "--search-attribute", "SluiceProgress=Double",
}

// shared is the development server that the tests share.
var shared struct {
	client     client.Client
	address    string
	testworker string // the binary of e2e/testworker
	temporal   string // the temporal CLI
}

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	temporal, err := tool("temporal")
	if err != nil {
		return 1, err
	}
	shared.temporal = temporal
	folder, err := os.MkdirTemp("", "sluice-e2e")
	if err != nil {
		return 1, fmt.Errorf("making a folder for the tests: %w", err)
	}
	defer os.RemoveAll(folder)
	shared.testworker = filepath.Join(folder, "testworker")
	if out, err := exec.Command("go", "build", "-o", shared.testworker, "./testworker").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building the test worker: %w\n%s", err, out)
	}
	server, err := testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{
		ExistingPath:  temporal,
		LogLevel:      "error",
		ExtraArgs:     append(append([]string{}, fast...), attributes...),
		ClientOptions: &client.Options{Logger: quiet{}, DataConverter: payload.NewDataConverter()},
	})
	if err != nil {
		return 1, fmt.Errorf("starting a development server: %w", err)
	}
	defer func() { _ = server.Stop() }()
	shared.client, shared.address = server.Client(), server.FrontendHostPort()
	return m.Run(), nil
}

// tool finds a pinned tool; make tools builds them.
func tool(name string) (string, error) {
	path, err := filepath.Abs(filepath.Join("..", ".tools", "bin", name))
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", name, err)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing; run make tools: %w", name, err)
	}
	return path, nil
}

// quiet drops what the SDK logs.
type quiet struct{}

var _ log.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
