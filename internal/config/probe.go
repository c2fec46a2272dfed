package config

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"go.temporal.io/sdk/client"
)

// http2Hello is what a client of HTTP/2 says first: the preface, and an empty
// SETTINGS frame.
const http2Hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// probe connects once more, step by step, and returns what is wrong; nil where
// nothing is that it could see.
func probe(ctx context.Context, options client.Options) error {
	host, _, err := net.SplitHostPort(options.HostPort)
	if err != nil {
		return nil // a target in a form of gRPC's own
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", options.HostPort)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // without the address, which is said anyway
		}
		return &UnreachableError{Address: options.HostPort, Err: err}
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // fails only on a closed connection
	}
	p := prober{address: options.HostPort, host: host, conn: conn}
	if configured := options.ConnectionOptions.TLS; configured != nil && !options.ConnectionOptions.TLSDisabled {
		return p.withTLS(ctx, configured)
	}
	return p.withoutTLS(ctx)
}

// prober looks at one connection.
type prober struct {
	address, host string
	conn          net.Conn
}

// withoutTLS finds out whether the server speaks TLS, where the client does
// not.
func (p prober) withoutTLS(ctx context.Context) error {
	speaks := false
	config := &tls.Config{
		InsecureSkipVerify: true, // nothing is sent; the handshake alone is looked at
		NextProtos:         []string{"h2"},
		VerifyConnection:   func(tls.ConnectionState) error { speaks = true; return nil },
	}
	if err := tls.Client(p.conn, config).HandshakeContext(ctx); err != nil && !speaks {
		return nil
	}
	return p.wrong(nil, "the server speaks TLS, and this connection does not use it",
		"turn it on with --tls or TEMPORAL_TLS=true, or in the profile; where the server's authority is not a public one, name it with --tls-server-ca-cert-path or TEMPORAL_TLS_SERVER_CA_CERT_PATH")
}

// withTLS goes through the handshake, and on to the first answer: in TLS 1.3
// the server looks at the client's certificate only after the handshake.
func (p prober) withTLS(ctx context.Context, configured *tls.Config) error {
	config := configured.Clone()
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = p.host
	}
	asked := watchForRequest(config)
	conn := tls.Client(p.conn, config)
	err := conn.HandshakeContext(ctx)
	if err == nil {
		if _, err = io.WriteString(conn, http2Hello); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
	}
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &verification):
		return p.serverCertificate(verification, config.ServerName)
	case errors.As(err, &record):
		return p.wrong(err, "the server does not speak TLS, and this connection uses it",
			"turn it off with --tls=false or TEMPORAL_TLS=false, or in the profile; an API key turns it on by itself")
	case asked.info != nil:
		return p.clientCertificate(err, asked, time.Now())
	}
	return p.wrong(err, "the TLS handshake with the server fails", "make sure that a Temporal server, or a proxy for HTTP/2, listens there")
}

func (p prober) wrong(err error, what, remedy string) error {
	return &TLSError{Address: p.address, What: what, Remedy: remedy, Err: err}
}
