package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

const (
	readyTimeout = 2 * time.Second // for the server's answer to /readyz
	headTimeout  = 5 * time.Second // for a request's head to arrive
)

// Endpoint is where a worker shows itself by HTTP.
type Endpoint struct {
	// Address is a host and port to listen at. An empty host means every
	// address of the machine.
	Address string

	Metrics http.Handler                    // answers /metrics
	Ready   func(ctx context.Context) error // why the worker is not ready; nil where it is
	Logger  *zap.Logger
}

// Start begins to answer /healthz, /readyz and /metrics, and returns what ends
// that.
func (e Endpoint) Start() (stop func(), err error) {
	listener, err := net.Listen("tcp", e.Address)
	if err != nil {
		return nil, fmt.Errorf("the worker cannot show itself at %s: %w; give another address in SLUICE_METRICS_ADDRESS", e.Address, err)
	}
	server := &http.Server{Handler: e.routes(), ReadHeaderTimeout: headTimeout, ErrorLog: zap.NewStdLog(e.Logger)}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			e.Logger.Error("the worker does not show itself any more", zap.Error(err))
		}
	}()
	e.Logger.Info("showing /metrics, /healthz and /readyz", zap.Stringer("address", listener.Addr()))
	return func() { _ = server.Close() }, nil
}

func (e Endpoint) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", e.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := e.Ready(ctx); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}
