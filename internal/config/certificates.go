package config

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// TLSError says that the server answers, and why no TLS connection to it comes
// about.
type TLSError struct {
	Address string
	What    string // what is wrong
	Remedy  string // what to do about it
	Err     error  // what TLS said; nil where the fault is not TLS's
}

func (e *TLSError) Error() string {
	return fmt.Sprintf("no connection to %s: %s; %s", e.Address, e.What, e.Remedy)
}

// Unwrap gives the cause.
func (e *TLSError) Unwrap() error { return e.Err }

// serverCertificate words why the server's certificate was not taken.
func (p prober) serverCertificate(err *tls.CertificateVerificationError, name string) error {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	leaf := err.UnverifiedCertificates[0]
	switch {
	case errors.As(err, &unknown):
		return p.wrong(err, fmt.Sprintf("the server's certificate (%s) was issued by %s, which is not trusted here", leaf.Subject, leaf.Issuer),
			"name the certificate of that authority with --tls-server-ca-cert-path or TEMPORAL_TLS_SERVER_CA_CERT_PATH")
	case errors.As(err, &host):
		return p.wrong(err, fmt.Sprintf("the server's certificate is for %s, and not for %s", namesOf(leaf), name),
			"connect to one of these names, or give the one to expect with --tls-server-name or TEMPORAL_TLS_SERVER_NAME")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return p.wrong(err, fmt.Sprintf("the server's certificate (%s) is %s", leaf.Subject, validity(leaf, time.Now())),
			"renew it on the server; where it is valid, this machine's clock is wrong")
	}
	return p.wrong(err, fmt.Sprintf("the server's certificate (%s) cannot be verified: %v", leaf.Subject, err.Err),
		"replace it on the server")
}

// validity words why a certificate is not valid now.
func validity(cert *x509.Certificate, now time.Time) string {
	if now.Before(cert.NotBefore) {
		return "valid only from " + cert.NotBefore.UTC().Format(time.RFC3339) + " on"
	}
	return "valid only until " + cert.NotAfter.UTC().Format(time.RFC3339)
}

func namesOf(cert *x509.Certificate) string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

// request is a server's request for a client certificate, and what answered it.
type request struct {
	info *tls.CertificateRequestInfo // nil where the server asked for none
	sent *tls.Certificate            // nil or empty where none is configured
}

// watchForRequest lets the configuration note what the server asks for.
func watchForRequest(config *tls.Config) *request {
	r := &request{}
	get, certificates := config.GetClientCertificate, config.Certificates
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		r.info, r.sent = info, &tls.Certificate{}
		switch {
		case get != nil:
			sent, err := get(info)
			r.sent = sent
			return sent, err
		case len(certificates) > 0:
			r.sent = &certificates[0]
		}
		return r.sent, nil
	}
	return r
}

// clientCertificate words why the server did not take what it asked for.
func (p prober) clientCertificate(err error, r *request, now time.Time) error {
	const remedy = "name one with --tls-client-cert-path and --tls-client-key-path, or TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"
	if r.sent == nil || len(r.sent.Certificate) == 0 {
		return p.wrong(err, "the server asks for a client certificate, and none is configured", remedy)
	}
	leaf, parsed := x509.ParseCertificate(r.sent.Certificate[0])
	switch {
	case parsed != nil:
		return p.wrong(err, fmt.Sprintf("the client certificate cannot be read: %v", parsed), remedy)
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		return p.wrong(err, fmt.Sprintf("the client certificate (%s) is %s", leaf.Subject, validity(leaf, now)), "renew it; a worker reads the file again by itself")
	case r.info.SupportsCertificate(r.sent) != nil:
		return p.wrong(err, fmt.Sprintf("the server takes no client certificates of %s, which issued this one (%s); it takes those of %s",
			leaf.Issuer, leaf.Subject, authorities(r.info.AcceptableCAs)), remedy)
	}
	return p.wrong(err, fmt.Sprintf("the server refuses the client certificate (%s)", leaf.Subject), remedy)
}

// authorities names those that a server takes certificates of.
func authorities(list [][]byte) string {
	var names []string
	for _, der := range list {
		var sequence pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &sequence); err == nil && len(names) < 3 {
			names = append(names, sequence.String())
		}
	}
	if len(names) == 0 {
		return "others"
	}
	return strings.Join(names, " or ")
}

// certificateFiles reads a client certificate anew for each connection, so
// that one that is renewed in its file is taken without a restart.
type certificateFiles struct {
	cert, key string

	mu   sync.Mutex
	last *tls.Certificate
}

// get returns the certificate as its files have it, or as they had it last
// where they are just being replaced.
func (f *certificateFiles) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	loaded, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err == nil {
		f.last = &loaded
	}
	if f.last == nil {
		return nil, fmt.Errorf("reading the client certificate: %w", err)
	}
	return f.last, nil
}
