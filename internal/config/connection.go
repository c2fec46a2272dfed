// Package config is what both mains are configured by: the connection to
// Temporal, from its own environment configuration, and Sluice's settings,
// each a flag and an environment variable.
package config

import (
	"cmp"
	"fmt"
	"os"
	"os/user"

	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"github.com/seed-3652815f/sluice/internal/payload"
)

// Connection is how Temporal is reached. Its flags win over the TEMPORAL_*
// environment variables, and those over the profile of the configuration file.
type Connection struct {
	flags *pflag.FlagSet
	env   envconfig.EnvLookup // nil: the environment of this process

	profile, configFile     string
	address, namespace      string
	apiKey                  string
	tls                     bool
	tlsCA, tlsCert, tlsKey  string
	tlsServerName           string
	disableHostVerification bool
}

// NewConnection adds the connection's flags to a set of flags.
func NewConnection(flags *pflag.FlagSet) *Connection {
	c := &Connection{flags: flags}
	flags.StringVar(&c.address, "address", "", "host and port of the Temporal server (env TEMPORAL_ADDRESS) (default "+client.DefaultHostPort+")")
	flags.StringVar(&c.namespace, "namespace", "", "Temporal namespace (env TEMPORAL_NAMESPACE) (default "+client.DefaultNamespace+")")
	flags.StringVar(&c.profile, "profile", "", "profile of Temporal's configuration file (env TEMPORAL_PROFILE) (default "+envconfig.DefaultConfigFileProfile+")")
	flags.StringVar(&c.configFile, "config-file", "", "Temporal's configuration file (env TEMPORAL_CONFIG_FILE) (default temporalio/temporal.toml in the user's configuration directory)")
	flags.StringVar(&c.apiKey, "api-key", "", "API key for the server; better given in the environment, where process lists do not show it (env TEMPORAL_API_KEY)")
	flags.BoolVar(&c.tls, "tls", false, "use TLS; --tls=false turns it off where the profile has it on (env TEMPORAL_TLS)")
	flags.StringVar(&c.tlsCA, "tls-server-ca-cert-path", "", "file with the certificate authority of the server (env TEMPORAL_TLS_SERVER_CA_CERT_PATH)")
	flags.StringVar(&c.tlsCert, "tls-client-cert-path", "", "file with the client's certificate (env TEMPORAL_TLS_CLIENT_CERT_PATH)")
	flags.StringVar(&c.tlsKey, "tls-client-key-path", "", "file with the client's private key (env TEMPORAL_TLS_CLIENT_KEY_PATH)")
	flags.StringVar(&c.tlsServerName, "tls-server-name", "", "name that the server's certificate has to bear (env TEMPORAL_TLS_SERVER_NAME)")
	flags.BoolVar(&c.disableHostVerification, "tls-disable-host-verification", false, "accept any certificate of the server (env TEMPORAL_TLS_DISABLE_HOST_VERIFICATION)")
	return c
}

// Options returns the client options with address and namespace filled in, and
// with the data converter that reads what Sluice compresses.
func (c *Connection) Options() (client.Options, error) {
	if c.configFile != "" {
		if _, err := os.Stat(c.configFile); err != nil {
			return client.Options{}, fmt.Errorf("the file that --config-file names cannot be read: %w", err)
		}
	}
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		ConfigFilePath: c.configFile, ConfigFileProfile: c.profile, EnvLookup: c.env,
	})
	if err != nil {
		return client.Options{}, fmt.Errorf("reading Temporal's configuration: %w", err)
	}
	c.override(&profile)
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return client.Options{}, fmt.Errorf("the connection to Temporal is not configured well: %w", err)
	}
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	options.Namespace = cmp.Or(options.Namespace, client.DefaultNamespace)
	options.DataConverter = payload.NewDataConverter()
	options.Identity = Identity()
	return options, nil
}

// override puts the flags that were given in the place of what the
// environment and the profile say.
func (c *Connection) override(profile *envconfig.ClientConfigProfile) {
	set := func(flag string, apply func()) {
		if c.flags.Changed(flag) {
			apply()
		}
	}
	tls := func() *envconfig.ClientConfigTLS {
		if profile.TLS == nil {
			profile.TLS = &envconfig.ClientConfigTLS{}
		}
		return profile.TLS
	}
	set("address", func() { profile.Address = c.address })
	set("namespace", func() { profile.Namespace = c.namespace })
	set("api-key", func() { profile.APIKey = c.apiKey })
	set("tls", func() { tls().Disabled = !c.tls })
	set("tls-server-ca-cert-path", func() { tls().ServerCACertPath, tls().ServerCACertData = c.tlsCA, nil })
	set("tls-client-cert-path", func() { tls().ClientCertPath, tls().ClientCertData = c.tlsCert, nil })
	set("tls-client-key-path", func() { tls().ClientKeyPath, tls().ClientKeyData = c.tlsKey, nil })
	set("tls-server-name", func() { tls().ServerName = c.tlsServerName })
	set("tls-disable-host-verification", func() { tls().DisableHostVerification = c.disableHostVerification })
}

// Identity is what the server's records call this process: login@host.
func Identity() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown-host"
	}
	return Login() + "@" + host
}

// Login is the name of the user who runs this process.
func Login() string {
	if current, err := user.Current(); err == nil && current.Username != "" {
		return current.Username
	}
	return cmp.Or(os.Getenv("USER"), "unknown")
}
