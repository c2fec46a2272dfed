package operate

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/producttest"
)

// mutual is TLS as a production server has it: it asks for a certificate that
// the authority has issued.
func mutual(t *testing.T, authority *producttest.Authority) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{authority.Issue("server", time.Now().Add(time.Hour)).Certificate(t)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
	}
}

// unauthenticated answers a call as a server does that does not know the
// caller.
func unauthenticated(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", "16")
	w.Header().Set("Grpc-Message", "request unauthorized")
}

// TestAConnectionThatIsConfiguredWrongIsExplainedInOneSentence makes each
// mistake with both programs against a real server.
func TestAConnectionThatIsConfiguredWrongIsExplainedInOneSentence(t *testing.T) {
	t.Parallel()
	server := producttest.StartTemporal(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	ours, theirs := producttest.NewAuthority(t, "ours"), producttest.NewAuthority(t, "theirs")
	front := producttest.StartFrontDoor(t, server.Address, mutual(t, ours), nil)
	ended := producttest.StartFrontDoor(t, server.Address, &tls.Config{Certificates: []tls.Certificate{ours.Issue("server", past).Certificate(t)}}, nil)
	open := producttest.StartFrontDoor(t, server.Address, &tls.Config{Certificates: []tls.Certificate{ours.Issue("server", soon).Certificate(t)}}, nil)
	keyed := producttest.StartFrontDoor(t, server.Address, nil, func(w http.ResponseWriter, _ *http.Request) bool {
		unauthenticated(w)
		return true
	})
	trust := []string{"--tls-server-ca-cert-path", ours.File}
	with := func(p producttest.Pair) []string {
		return append(trust, "--tls-client-cert-path", p.CertFile, "--tls-client-key-path", p.KeyFile)
	}
	for name, test := range map[string]struct {
		address string
		args    []string
		want    string
	}{
		"no server":                             {"127.0.0.1:1", nil, "no Temporal server answers at 127.0.0.1:1 (connect: connection refused); start one there, or name another with --address or TEMPORAL_ADDRESS"},
		"plain text against TLS":                {front.Address, nil, "the server speaks TLS, and this connection does not use it; turn it on with --tls"},
		"TLS against plain text":                {server.Address, []string{"--tls"}, "the server does not speak TLS, and this connection uses it; turn it off with --tls=false"},
		"no authority":                          {front.Address, []string{"--tls"}, "the server's certificate (CN=server) was issued by CN=ours, which is not trusted here; name the certificate of that authority with --tls-server-ca-cert-path"},
		"a wrong authority":                     {front.Address, []string{"--tls-server-ca-cert-path", theirs.File}, "the server's certificate (CN=server) was issued by CN=ours, which is not trusted here"},
		"an expired certificate of the server":  {ended.Address, trust, "the server's certificate (CN=server) is valid only until " + past.UTC().Format("2006-01-02T15:04")},
		"another name":                          {open.Address, append(trust, "--tls-server-name", "temporal.example"), "the server's certificate is for localhost, 127.0.0.1, and not for temporal.example"},
		"no client certificate":                 {front.Address, trust, "the server asks for a client certificate, and none is configured; name one with --tls-client-cert-path"},
		"an expired client certificate":         {front.Address, with(ours.Issue("old", past)), "the client certificate (CN=old) is valid only until " + past.UTC().Format("2006-01-02T15:04")},
		"a client certificate of somebody else": {front.Address, with(theirs.Issue("stranger", soon)), "the server takes no client certificates of CN=theirs, which issued this one (CN=stranger); it takes those of CN=ours"},
		"a wrong API key":                       {keyed.Address, []string{"--api-key", "wrong", "--tls=false"}, "the server at " + keyed.Address + " refuses the API key (request unauthorized); give another in TEMPORAL_API_KEY"},
		"no API key":                            {keyed.Address, nil, "the server at " + keyed.Address + " takes no calls without credentials (request unauthorized); give an API key in TEMPORAL_API_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--address", test.address}, test.args...)
			r := run(t, "sluice", nil, append([]string{"get", "green"}, args...)...)
			requireSentence(t, r, "sluice: ", test.want)
			requireSentence(t, run(t, "sluice-worker", nil, args...), "sluice-worker: ", test.want)
		})
	}
}

// requireSentence says that a program ended with the exit code of a failed
// connection, and with one sentence on stderr.
func requireSentence(t *testing.T, r result, name, want string) {
	t.Helper()
	require.Equal(t, 1, r.code, r.err)
	require.Contains(t, r.err, want)
	require.Regexp(t, `\A`+name+`[^\n]+[^.]\.\n\z`, r.err)
}
