package producttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// PrometheusProcess is a running Prometheus.
type PrometheusProcess struct {
	*Process
	URL string // without a slash at the end
}

// Prometheus returns the path of the prometheus binary: what SLUICE_PROMETHEUS
// names, or else the one that Debian's package installs.
func Prometheus(t testing.TB) string {
	t.Helper()
	return packaged(t, "prometheus", "SLUICE_PROMETHEUS", "/usr/bin/prometheus")
}

// StartPrometheus starts a Prometheus that reads /metrics of the addresses
// (host:port) five times a second, and returns once it has read each of them.
// It ends with the test.
func StartPrometheus(t testing.TB, addresses ...string) *PrometheusProcess {
	t.Helper()
	home, listen := t.TempDir(), FreeAddress(t)
	targets, err := json.Marshal(addresses)
	if err != nil {
		t.Fatalf("writing the addresses: %v", err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs:
  - job_name: test
    static_configs: [{targets: %s}]
`, targets)
	file := filepath.Join(home, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatalf("writing the configuration of Prometheus: %v", err)
	}
	cmd := exec.Command(Prometheus(t), "--config.file", file, "--storage.tsdb.path", filepath.Join(home, "data"), "--web.listen-address", listen)
	p := &PrometheusProcess{Process: Start(t, "Prometheus", cmd), URL: "http://" + listen}
	p.Await("read its targets", func() bool { return len(addresses) == 0 && p.ready() || len(addresses) > 0 && p.up() == len(addresses) })
	return p
}

func (p *PrometheusProcess) ready() bool {
	response, err := p.get("/-/ready")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// up returns how many targets it has read with success.
func (p *PrometheusProcess) up() int {
	response, err := p.get("/api/v1/query?query=sum(up)")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if json.NewDecoder(response.Body).Decode(&answer) != nil || len(answer.Data.Result) == 0 {
		return 0
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

func (p *PrometheusProcess) get(path string) (*http.Response, error) {
	client := &http.Client{Timeout: time.Second}
	return client.Get(p.URL + path)
}
