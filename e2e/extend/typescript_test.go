package extend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// status is what these tests read of sluice get.
type status struct {
	State string `json:"state"`
	Tasks []struct {
		State      string `json:"state"`
		Checkpoint struct {
			Step string `json:"step"`
			Data struct {
				CompletedTargets []string        `json:"completedTargets"`
				RollbackInfo     json.RawMessage `json:"rollbackInfo"`
			} `json:"data"`
		} `json:"checkpoint"`
		Failure struct {
			Category  string `json:"category"`
			ErrorCode string `json:"errorCode"`
			Target    string `json:"target"`
		} `json:"failure"`
	} `json:"tasks"`
}

func (p *place) status(id string) status {
	p.t.Helper()
	var s status
	out, _ := p.sh("sluice get " + id + " -o json 2>/dev/null")
	require.NoError(p.t, json.Unmarshal([]byte(out), &s), out)
	return s
}

// example is the built worker of examples/typescript-executor.
func example(t *testing.T, p *place) (start func() *producttest.Process) {
	t.Helper()
	source := filepath.Join("..", "..", "examples", "typescript-executor")
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json", "src"} {
		require.NoError(t, exec.Command("cp", "-r", filepath.Join(source, name), p.folder).Run())
	}
	p.useNode()
	p.must("npm ci --prefer-offline --no-audit --no-fund && npm run build && npm test")
	return func() *producttest.Process {
		worker := p.start("node build/worker.js")
		worker.Await("serve its task queue", func() bool { return strings.Contains(worker.Output(), "serving flags.http") })
		return worker
	}
}

// useNode sees to a Node.js that the SDK takes: Debian's may be too old, and then
// npm has a newer one.
func (p *place) useNode() {
	p.t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		p.t.Fatal("There is no npm; install it with apt-get install --no-install-recommends nodejs npm.")
	}
	if _, code := p.sh(`node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || +a === 20 && +b >= 3 ? 0 : 1)'`); code == 0 {
		return
	}
	folder := p.t.TempDir()
	p.must("npm install --no-audit --no-fund --no-package-lock --prefix " + folder + " node@20")
	p.env = append(p.env, "PATH="+filepath.Join(folder, "node_modules", "node", "bin")+string(os.PathListSeparator)+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func planOf(name, url string, targets int, more string) string {
	return fmt.Sprintf(`apiVersion: sluice/v1
kind: Plan
metadata: {name: %s}
spec:
  targets: [%s]
  tasks:
    - name: switch
      executor: flags.http
      taskQueue: typescript
      heartbeatTimeout: 2s
      retry: {maxRetries: 1, initialInterval: 100ms}
      params: {url: "%s", to: "on"}
%s`, name, strings.Join(tenants(targets), ", "), url, more)
}

func tenants(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = tenant(i + 1)
	}
	return names
}

func TestAnExecutorInTypeScriptIsPausedKilledResumedAndRolledBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	start := example(t, p)
	plans := p.start("sluice-worker")
	plans.Await("become ready", func() bool { return strings.Contains(plans.Output(), `"worker ready"`) })
	worker := start()
	flags := map[string]string{}
	for i, name := range tenants(8) {
		flags[name] = []string{"off", "half"}[i%2]
	}
	s, url := startFlagService(t, flags)

	t.Run("a pause lets the target under way come to its end", func(*testing.T) {
		p.write("flags.yaml", planOf("flags-on", url, 8, ""))
		made := s.hold(tenant(3))
		p.must("sluice start flags.yaml")
		<-made
		p.must("sluice pause flags-on --no-wait")
		s.letGo(tenant(3))
		p.must("sluice wait flags-on --for PAUSED --timeout 30s")
		require.Equal(t, "on on on half off half off half", s.stand(8))
		task := p.status("flags-on").Tasks[0]
		require.Equal(t, "PAUSED", task.State)
		require.Equal(t, tenants(3), task.Checkpoint.Data.CompletedTargets)
	})
	t.Run("a worker that is killed between effect and checkpoint loses nothing", func(*testing.T) {
		made := s.hold(tenant(6))
		p.must("sluice resume flags-on")
		<-made
		worker.Kill() // the flag is changed, and nobody was told
		require.Equal(t, "on on on on on on off half", s.stand(8))
		s.letGo(tenant(6))
		worker = start()
		p.must("sluice wait flags-on --for COMPLETED --timeout 60s")
		require.Equal(t, "on on on on on on on on", s.stand(8))
		for _, name := range tenants(8) {
			require.LessOrEqual(t, strings.Count(strings.Join(s.puts, " "), name), 1, "%s was changed twice", name)
		}
		info := string(p.status("flags-on").Tasks[0].Checkpoint.Data.RollbackInfo)
		require.Contains(t, info, `"half"`)
		require.NotContains(t, info, `"on"`, "what was there before is recorded once")
	})
	t.Run("what it says is as the schemas have it", func(t *testing.T) {
		said := p.said("flags-on")
		require.NotEmpty(t, said["task-result"])
		require.NotEmpty(t, said["checkpoint"], "of the pause")
		for name, documents := range said {
			for _, document := range documents {
				require.NoError(t, holds(t, name, document), "%s", document)
			}
		}
	})
	t.Run("a worker that is told to end hands the rest over", func(*testing.T) {
		for i, name := range tenants(8) {
			s.flags[name] = []string{"off", "half"}[i%2]
		}
		p.write("again.yaml", planOf("flags-again", url, 8, ""))
		made := s.hold(tenant(2))
		p.must("sluice start again.yaml")
		<-made
		ended := make(chan int, 1)
		go func() { ended <- worker.Stop() }()
		worker.Await("notice that it is to end", func() bool {
			return strings.Contains(worker.Output(), "DRAINING") || strings.Contains(worker.Output(), "STOPPING")
		})
		s.letGo(tenant(2))
		require.Zero(t, <-ended)
		worker = start()
		p.must("sluice wait flags-again --for COMPLETED --timeout 60s")
		require.Equal(t, 1, strings.Count(strings.Join(s.puts[len(s.puts)-8:], " "), tenant(2)), "what was done is not done again")
	})
	t.Run("a failed task is rolled back to what was recorded", func(*testing.T) {
		for i, name := range tenants(8) {
			s.flags[name] = []string{"off", "half"}[i%2]
		}
		p.write("missing.yaml", planOf("flags-missing", url, 9, "")) // the service does not know tenant-9
		p.must("sluice start missing.yaml")
		p.sh("sluice wait flags-missing --for PAUSED --timeout 30s")
		task := p.status("flags-missing").Tasks[0]
		require.Equal(t, "FAILED", task.State)
		require.Equal(t, "BUSINESS UNKNOWN_TARGET tenant-9", task.Failure.Category+" "+task.Failure.ErrorCode+" "+task.Failure.Target)
		require.Equal(t, "on on on on on on on on", s.stand(8))
		p.must(producttest.Temporal(t) + ` workflow signal --workflow-id flags-missing --name rollback --input '{"task": "switch"}'`)
		producttest.Eventually(t, "the task is rolled back", func() bool { return p.status("flags-missing").Tasks[0].State == "ROLLED_BACK" })
		require.Equal(t, "off half off half off half off half", s.stand(8))
	})
	t.Run("bad parameters are refused for good", func(*testing.T) {
		p.write("bad.yaml", strings.Replace(planOf("flags-bad", url, 8, ""), `to: "on"`, `tow: "on"`, 1))
		p.must("sluice start bad.yaml")
		p.sh("sluice wait flags-bad --for PAUSED --timeout 30s")
		require.Equal(t, "BAD_PARAMS", p.status("flags-bad").Tasks[0].Failure.ErrorCode)
	})
}

// said returns what the activities of a plan have returned and answered to a
// cancel, by the schema that describes it.
func (p *place) said(id string) map[string][][]byte {
	p.t.Helper()
	type payloads struct {
		Payloads []struct {
			Data []byte `json:"data"`
		} `json:"payloads"`
	}
	var history struct {
		Events []struct {
			Completed struct {
				Result payloads `json:"result"`
			} `json:"activityTaskCompletedEventAttributes"`
			Canceled struct {
				Details payloads `json:"details"`
			} `json:"activityTaskCanceledEventAttributes"`
		} `json:"events"`
	}
	out := p.must(producttest.Temporal(p.t) + " workflow show --workflow-id " + id + " --output json")
	require.NoError(p.t, json.Unmarshal([]byte(out), &history))
	said := map[string][][]byte{}
	for _, event := range history.Events {
		for _, payload := range event.Completed.Result.Payloads {
			said["task-result"] = append(said["task-result"], payload.Data)
		}
		for _, payload := range event.Canceled.Details.Payloads {
			said["checkpoint"] = append(said["checkpoint"], payload.Data)
		}
	}
	return said
}

// holds holds a document against a schema of docs/schemas.
func holds(t *testing.T, name string, document []byte) error {
	t.Helper()
	compiled, err := validator.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schemas", name+".schema.json"))
	require.NoError(t, err)
	value, err := validator.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	return compiled.Validate(value)
}
