package operate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/doctor"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

// way is one way to configure a connection.
type way struct {
	env  environment
	args []string
}

// examine runs sluice doctor and returns what it found.
func examine(t *testing.T, w way, queue string) doctor.Report {
	t.Helper()
	r := run(t, "sluice", w.env, append([]string{"doctor", "-o", "json", "--task-queue", queue}, w.args...)...)
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(r.out), &report), r.err)
	require.Equal(t, report.OK, r.code == 0, r.err)
	return report
}

// requireServed says that a worker that is configured in a way serves its
// queue, and that the command line sees it by the same way.
func requireServed(t *testing.T, w way) *producttest.Process {
	t.Helper()
	queue := fmt.Sprintf("queue-%d", time.Now().UnixNano())
	worker := startWorker(t, w.env, append([]string{"--task-queue", queue}, w.args...)...)
	var report doctor.Report
	worker.Await("be seen", func() bool { report = examine(t, w, queue); return report.OK })
	require.Contains(t, report.Checks[len(report.Checks)-1].Found, "1 serve the task queue")
	return worker
}

func text(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

// TestBothProgramsReachAServerWithMutualTLS does so by a profile, by the
// environment with files and with texts, and by flags.
func TestBothProgramsReachAServerWithMutualTLS(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	authority := producttest.NewAuthority(t, "authority")
	front := producttest.StartFrontDoor(t, server.Address, mutual(t, authority), nil)
	pair := authority.Issue("client", time.Now().Add(time.Hour))
	profile := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(profile, []byte(fmt.Sprintf(`
[profile.prod]
address = %q
namespace = "default"
[profile.prod.tls]
server_ca_cert_path = %q
client_cert_path = %q
client_key_path = %q
`, front.Address, authority.File, pair.CertFile, pair.KeyFile)), 0o600))

	for name, w := range map[string]way{
		"a profile that a flag names":          {nil, []string{"--config-file", profile, "--profile", "prod"}},
		"a profile that the environment names": {environment{"TEMPORAL_CONFIG_FILE": profile, "TEMPORAL_PROFILE": "prod"}, nil},
		"files that the environment names": {environment{
			"TEMPORAL_ADDRESS": front.Address, "TEMPORAL_TLS_SERVER_CA_CERT_PATH": authority.File,
			"TEMPORAL_TLS_CLIENT_CERT_PATH": pair.CertFile, "TEMPORAL_TLS_CLIENT_KEY_PATH": pair.KeyFile,
		}, nil},
		"texts in the environment": {environment{
			"TEMPORAL_ADDRESS": front.Address, "TEMPORAL_TLS_SERVER_CA_CERT_DATA": text(t, authority.File),
			"TEMPORAL_TLS_CLIENT_CERT_DATA": text(t, pair.CertFile), "TEMPORAL_TLS_CLIENT_KEY_DATA": text(t, pair.KeyFile),
		}, nil},
		"files that flags name": {nil, []string{"--address", front.Address, "--tls-server-ca-cert-path", authority.File,
			"--tls-client-cert-path", pair.CertFile, "--tls-client-key-path", pair.KeyFile, "--tls-server-name", "localhost"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			worker := requireServed(t, w)
			require.Equal(t, 0, worker.Stop())
		})
	}
}

// TestAClientCertificateThatIsRenewedInItsFileIsTakenWithoutARestart has a
// worker lose its connection after its first certificate has expired.
func TestAClientCertificateThatIsRenewedInItsFileIsTakenWithoutARestart(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	authority := producttest.NewAuthority(t, "authority")
	var mu sync.Mutex
	seen := map[string]bool{} // the serial numbers of clients
	front := producttest.StartFrontDoor(t, server.Address, mutual(t, authority), func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		seen[r.TLS.PeerCertificates[0].Subject.CommonName] = true
		return false
	})
	pair := authority.Issue("first", time.Now().Add(time.Hour))
	requireServed(t, way{args: []string{"--address", front.Address, "--tls-server-ca-cert-path", authority.File,
		"--tls-client-cert-path", pair.CertFile, "--tls-client-key-path", pair.KeyFile}})

	front.Close()
	renewed := authority.Issue("second", time.Now().Add(time.Hour))
	require.NoError(t, os.Rename(renewed.CertFile, pair.CertFile))
	require.NoError(t, os.Rename(renewed.KeyFile, pair.KeyFile))
	front.Open()
	producttest.Eventually(t, "the worker is back with its second certificate", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return maps.Equal(seen, map[string]bool{"first": true, "second": true})
	})
}

// TestAnAPIKeyAndFurtherHeadersArriveWithEachCall looks at what both programs
// send.
func TestAnAPIKeyAndFurtherHeadersArriveWithEachCall(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	authority := producttest.NewAuthority(t, "authority")
	config := mutual(t, authority)
	config.ClientAuth = 0
	var mu sync.Mutex
	calls, wrong := map[string]int{}, map[string]string{}
	front := producttest.StartFrontDoor(t, server.Address, config, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		method := filepath.Base(r.URL.Path)
		calls[method]++
		if got := fmt.Sprint(r.Header.Get("Authorization"), r.Header.Get("My-Team")); got != "Bearer s3cret edge " && method != "GetSystemInfo" {
			wrong[method] = got
		}
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			unauthenticated(w)
			return true
		}
		return false
	})
	profile := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(profile, []byte(fmt.Sprintf("[profile.default]\naddress = %q\napi_key = \"s3cret\"\n", front.Address)), 0o600))
	env := environment{
		"TEMPORAL_TLS_SERVER_CA_CERT_PATH": authority.File, "TEMPORAL_GRPC_META_MY_TEAM": " edge "}
	byEnvironment, byProfile := maps.Clone(env), maps.Clone(env)
	byEnvironment["TEMPORAL_API_KEY"], byEnvironment["TEMPORAL_ADDRESS"] = "s3cret", front.Address
	byProfile["TEMPORAL_CONFIG_FILE"] = profile
	for name, w := range map[string]way{
		"environment": {byEnvironment, nil},
		"profile":     {byProfile, nil},
		"flag":        {env, []string{"--address", front.Address, "--api-key", "s3cret"}},
	} {
		worker := requireServed(t, w)
		require.NotContains(t, worker.Output(), "s3cret", name)
		worker.Kill()
	}
	mu.Lock()
	defer mu.Unlock()
	require.NotZero(t, calls["PollWorkflowTaskQueue"])
	require.NotZero(t, calls["DescribeTaskQueue"])
	require.Empty(t, wrong)
}

func TestTheAuthorityIsWhatTheEnvironmentSays(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	seen := make(chan string, 100)
	front := producttest.StartFrontDoor(t, server.Address, nil, func(_ http.ResponseWriter, r *http.Request) bool {
		seen <- r.Host
		return false
	})
	run(t, "sluice", environment{"TEMPORAL_ADDRESS": front.Address, "TEMPORAL_CLIENT_AUTHORITY": "temporal.example"}, "doctor")
	require.Equal(t, "temporal.example", <-seen)
}
