package config_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/seed-3652815f/sluice/internal/config"
)

// environment is a set of variables in the place of the process's own.
type environment map[string]string

func (e environment) LookupEnv(name string) (string, bool) {
	value, found := e[name]
	return value, found
}

func (e environment) Environ() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// options returns the client options for flags, an environment, and the text
// of Temporal's configuration file.
func options(t *testing.T, env environment, file string, args ...string) client.Options {
	t.Helper()
	path := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	connection := config.NewConnection(flags)
	connection.SetEnvironment(env)
	require.NoError(t, flags.Parse(append([]string{"--config-file", path}, args...)))
	options, err := connection.Options()
	require.NoError(t, err)
	return options
}

const profiles = `
[profile.default]
address = "file:1"
namespace = "of-file"
[profile.prod]
address = "prod:1"
[profile.prod.tls]
`

func TestOptionsDefaultToTheLocalServer(t *testing.T) {
	t.Parallel()
	o := options(t, nil, "")
	require.Equal(t, "localhost:7233", o.HostPort)
	require.Equal(t, "default", o.Namespace)
	require.Nil(t, o.ConnectionOptions.TLS)
	require.Contains(t, o.Identity, "@")
	require.NotNil(t, o.DataConverter)
}

func TestOptionsTakeTheProfileThenTheEnvironmentThenTheFlags(t *testing.T) {
	t.Parallel()
	env := environment{"TEMPORAL_ADDRESS": "env:1"}
	require.Equal(t, "file:1", options(t, nil, profiles).HostPort)
	require.Equal(t, "env:1", options(t, env, profiles).HostPort)
	require.Equal(t, "of-file", options(t, env, profiles).Namespace)
	require.Equal(t, "flag:1", options(t, env, profiles, "--address", "flag:1").HostPort)
	require.Equal(t, "of-flag", options(t, env, profiles, "--namespace", "of-flag").Namespace)
}

func TestOptionsTakeTheProfileThatIsNamed(t *testing.T) {
	t.Parallel()
	o := options(t, nil, profiles, "--profile", "prod")
	require.Equal(t, "prod:1", o.HostPort)
	require.NotNil(t, o.ConnectionOptions.TLS)
	require.Equal(t, "prod:1", options(t, environment{"TEMPORAL_PROFILE": "prod"}, profiles).HostPort)
}

func TestOptionsTurnTLSOnAndOff(t *testing.T) {
	t.Parallel()
	require.NotNil(t, options(t, nil, "", "--tls").ConnectionOptions.TLS)
	require.True(t, options(t, nil, profiles, "--profile", "prod", "--tls=false").ConnectionOptions.TLSDisabled)
	require.Equal(t, "sni", options(t, nil, "", "--tls-server-name", "sni").ConnectionOptions.TLS.ServerName)
	require.NotNil(t, options(t, environment{"TEMPORAL_API_KEY": "secret"}, "").ConnectionOptions.TLS)
}

func TestOptionsRefuseWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		env  environment
		want string
	}{
		"a missing file":                      {[]string{"--config-file", "/nowhere/temporal.toml"}, nil, "the file that --config-file names cannot be read"},
		"a missing file of the environment":   {nil, environment{"TEMPORAL_CONFIG_FILE": "/nowhere/temporal.toml"}, "the file that TEMPORAL_CONFIG_FILE names cannot be read"},
		"a switch that is neither on nor off": {nil, environment{"TEMPORAL_TLS": "maybe"}, `the environment variable TEMPORAL_TLS is "maybe", which this setting does not take: it is true or false`},
		"an unknown profile":                  {[]string{"--profile", "nope"}, nil, "nope"},
		"a certificate alone":                 {[]string{"--tls-client-cert-path", "cert.pem"}, nil, "client cert or key path"},
		"a missing authority":                 {[]string{"--tls-server-ca-cert-path", "/nowhere/ca.pem"}, nil, "CA cert"},
		"a missing key file":                  {[]string{"--tls-client-cert-path", "/nowhere/c.pem", "--tls-client-key-path", "/nowhere/k.pem"}, nil, "client cert/key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			connection := config.NewConnection(flags)
			connection.SetEnvironment(test.env)
			require.NoError(t, flags.Parse(test.args))
			_, err := connection.Options()
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestDialNamesTheAddressThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	began := time.Now()
	_, err = config.Dial(context.Background(), client.Options{HostPort: address})
	var unreachable *config.UnreachableError
	require.ErrorAs(t, err, &unreachable)
	require.ErrorContains(t, err, "no Temporal server answers at "+address)
	require.ErrorContains(t, err, "--address or TEMPORAL_ADDRESS")
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestDialGivesUpOnAServerThatSaysNothing(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	require.NoError(t, err)
	defer listener.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = config.Dial(ctx, client.Options{HostPort: listener.Addr().String()})
	var unreachable *config.UnreachableError
	require.ErrorAs(t, err, &unreachable)
}
