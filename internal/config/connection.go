// Package config is what both mains are configured by: the connection to
// Temporal, from its own environment configuration, and Sluice's settings,
// each a flag and an environment variable.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"

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
	d := declare{flags, GroupConnection, "TEMPORAL_"}
	d.text(&c.address, "address", "host:port", client.DefaultHostPort, "where the Temporal server answers")
	d.text(&c.namespace, "namespace", "name", client.DefaultNamespace, "Temporal namespace")
	d.text(&c.profile, "profile", "name", envconfig.DefaultConfigFileProfile, "profile of Temporal's configuration file")
	d.text(&c.configFile, "config-file", "file", "temporalio/temporal.toml in the user's configuration directory", "Temporal's configuration file, in TOML")
	d.text(&c.apiKey, "api-key", "key", "none", "API key for the server, which turns TLS on; better given in the environment, where process lists do not show it")
	d.yes(&c.tls, "tls", "use TLS; --tls=false turns it off where the profile has it on")
	d.text(&c.tlsCA, "tls-server-ca-cert-path", "file", "the system's authorities", "certificate authority of the server, as PEM")
	d.text(&c.tlsCert, "tls-client-cert-path", "file", "none", "certificate that the server asks of its clients, as PEM")
	d.text(&c.tlsKey, "tls-client-key-path", "file", "none", "private key of the client's certificate, as PEM")
	d.text(&c.tlsServerName, "tls-server-name", "name", "the host of the address", "name that the server's certificate has to bear")
	d.yes(&c.disableHostVerification, "tls-disable-host-verification", "accept any certificate of the server")
	return c
}

// Options returns the client options with address and namespace filled in, and
// with the data converter that reads what Sluice compresses.
func (c *Connection) Options() (client.Options, error) {
	if err := c.check(); err != nil {
		return client.Options{}, err
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
	if profile.TLS != nil && !profile.TLS.Disabled && profile.TLS.ClientCertPath != "" {
		files := &certificateFiles{cert: profile.TLS.ClientCertPath, key: profile.TLS.ClientKeyPath, last: &options.ConnectionOptions.TLS.Certificates[0]}
		options.ConnectionOptions.TLS.Certificates, options.ConnectionOptions.TLS.GetClientCertificate = nil, files.get
	}
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	options.Namespace = cmp.Or(options.Namespace, client.DefaultNamespace)
	options.DataConverter = payload.NewDataConverter()
	options.Identity = Identity()
	return options, nil
}

// check refuses what envconfig would pass over in silence: a configuration
// file that is named and not there, and switches that are neither on nor off.
func (c *Connection) check() error {
	env := c.env
	if env == nil {
		env = envconfig.EnvLookupOS
	}
	path, by := c.configFile, "--config-file"
	if path == "" {
		path, _ = env.LookupEnv("TEMPORAL_CONFIG_FILE")
		by = "TEMPORAL_CONFIG_FILE"
	}
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("the file that %s names cannot be read: %w", by, err)
		}
	}
	for _, name := range []string{"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"} {
		value, _ := env.LookupEnv(name)
		if value != "" && !slices.Contains([]string{"true", "false", "1", "0"}, strings.ToLower(value)) {
			return &SettingError{Name: name, Value: value, Err: errNotBoolean}
		}
	}
	return nil
}

var errNotBoolean = errors.New("it is true or false")

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
