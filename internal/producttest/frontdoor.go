package producttest

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
)

// FrontDoor stands before a Temporal server, as the load balancer of a
// production server does: it ends TLS, and may look at each call or refuse it.
type FrontDoor struct {
	Address string

	t      testing.TB
	tls    *tls.Config
	proxy  http.Handler
	server *http.Server
}

// StartFrontDoor opens a front door for a server that speaks plain text. A nil
// TLS configuration makes it speak plain text too. inspect sees each call
// before the server does, and answers it itself where it returns true; it may
// be nil.
func StartFrontDoor(t testing.TB, server string, config *tls.Config, inspect func(w http.ResponseWriter, r *http.Request) bool) *FrontDoor {
	t.Helper()
	var http2 http.Protocols
	http2.SetUnencryptedHTTP2(true)
	pass := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: server}) },
		Transport:     &http.Transport{Protocols: &http2},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // calls that their clients give up
	}
	f := &FrontDoor{Address: FreeAddress(t), t: t, tls: config}
	f.proxy = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inspect != nil && inspect(w, r) {
			return
		}
		pass.ServeHTTP(w, r)
	})
	f.Open()
	t.Cleanup(f.Close)
	return f
}

// Open lets calls in.
func (f *FrontDoor) Open() {
	f.t.Helper()
	listener, err := net.Listen("tcp", f.Address)
	if err != nil {
		f.t.Fatalf("listening at %s: %v", f.Address, err)
	}
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	f.server = &http.Server{Handler: f.proxy, Protocols: &protocols, TLSConfig: f.tls, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		var err error
		if f.tls == nil {
			err = f.server.Serve(listener)
		} else {
			err = f.server.ServeTLS(listener, "", "")
		}
		if !errors.Is(err, http.ErrServerClosed) {
			f.t.Errorf("the front door at %s: %v", f.Address, err)
		}
	}()
}

// Close cuts every connection and takes no further one until Open.
func (f *FrontDoor) Close() { _ = f.server.Close() }
