package sqlmigrate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/egress"
	"github.com/seed-3652815f/sluice/internal/placeholder"
)

// standIn takes the place of {{target}} while a DSN is read, so that a
// target's name is never read as a part of the DSN's syntax.
const standIn = "sluicetarget0stands0here"

const (
	connectTimeout  = 10 * time.Second // where the DSN has no connect_timeout
	applicationName = "sluice"         // where the DSN has no application_name
)

// plain are the settings that a DSN in a plan may have. Others would make the
// worker read files, or send what is meant for other databases.
var plain = []string{"application_name", "channel_binding", "connect_timeout", "sslmode", "sslnegotiation", "target_session_attrs"}

// parsePlanDSN is parseDSN for a DSN that is used, which reaches only what the
// worker's setting allows.
func parsePlanDSN(dsn string, allow egress.Allow) (*pgx.ConnConfig, error) {
	config, err := parseDSN(dsn)
	if err != nil {
		return nil, activities.Refused(domain.CodeBadParams, "dsn cannot be used: %w", err)
	}
	// The name goes to where the connection is made and its address is checked.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = allow.Dial
	return config, nil
}

// parseDSN reads a DSN that stands in a plan. A password is neither in it nor
// added from the worker's environment: a plan may name any host.
func parseDSN(dsn string) (*pgx.ConnConfig, error) {
	parsed, err := url.Parse(strings.ReplaceAll(dsn, placeholder.Target, standIn))
	var fault *url.Error // its text would repeat a password
	if errors.As(err, &fault) {
		err = fault.Err
	}
	if err != nil {
		return nil, fmt.Errorf("it is no URL: %w", err)
	}
	if parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" {
		return nil, errors.New("it has to be a URL that begins with postgres://")
	}
	if _, has := parsed.User.Password(); has {
		return nil, errors.New("it has a password, which would stand in the plan's history; put the DSN into a secret and name it in secretRef")
	}
	for setting := range parsed.Query() {
		if !slices.Contains(plain, setting) {
			return nil, fmt.Errorf("it has the setting %q, which a plan cannot give; put the DSN into a secret and name it in secretRef", setting)
		}
	}
	config, err := parseSecretDSN(dsn)
	if err != nil {
		return nil, err
	}
	if network, _ := pgconn.NetworkAddress(config.Host, config.Port); network == "unix" {
		return nil, errors.New("it names no host; for a socket of the worker, put the DSN into a secret and name it in secretRef")
	}
	config.Password = ""
	return config, nil
}

// parseSecretDSN reads a DSN in any form that PostgreSQL has.
func parseSecretDSN(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(strings.ReplaceAll(dsn, placeholder.Target, standIn))
	if err != nil {
		// What pgx says would repeat the DSN, in part or in other words.
		return nil, errors.New("it is neither a URL like postgres://user@host/database nor a list of settings like host=… user=…, or it names a file that cannot be read")
	}
	for name, value := range config.RuntimeParams {
		if strings.Contains(value, standIn) {
			return nil, fmt.Errorf("%s cannot stand in the setting %s of a DSN, but in host, database and user only", placeholder.Target, name)
		}
	}
	if strings.Contains(config.Password, standIn) {
		return nil, fmt.Errorf("%s cannot stand in the password of a DSN; let secretRef name a secret for each target", placeholder.Target)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = applicationName
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// No statement is prepared under a name, for the server's poolers and
	// DISCARD ALL would forget it.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config, nil
}

// hasTarget reports whether the connection differs from target to target.
func hasTarget(c *pgx.ConnConfig) bool {
	return strings.Contains(c.Database+c.User+c.Host, standIn) ||
		slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool { return strings.Contains(f.Host, standIn) })
}

// forTarget returns the connection with the target's name in it.
func forTarget(template *pgx.ConnConfig, target string) (*pgx.ConnConfig, error) {
	config := template.Copy()
	if !hasTarget(template) {
		return config, nil
	}
	var faults [3]error
	config.Database, faults[0] = identifier(strings.ReplaceAll(config.Database, standIn, placeholder.Target), target)
	config.User, faults[1] = identifier(strings.ReplaceAll(config.User, standIn, placeholder.Target), target)
	config.Host, faults[2] = host(config.Host, target)
	config.TLSConfig = withHost(config.TLSConfig, config.Host)
	for i, fallback := range config.Fallbacks {
		named := *fallback
		named.Host = strings.ReplaceAll(named.Host, standIn, target) // as valid as the first
		named.TLSConfig = withHost(named.TLSConfig, named.Host)
		config.Fallbacks[i] = &named
	}
	return config, errors.Join(faults[:]...)
}

// host returns a host with the target's name in it, which has to be a part of
// a host name then: never a path, which would be a socket.
func host(text, target string) (string, error) {
	if !strings.Contains(text, standIn) {
		return text, nil
	}
	if !placeholder.IsHostName(target) {
		return "", activities.Refused(CodeBadTarget, "target %q cannot stand in the host of the DSN, because it is no host name", target)
	}
	return strings.ReplaceAll(text, standIn, target), nil
}

// withHost makes a TLS configuration check the name of another host, where it
// checks one.
func withHost(config *tls.Config, host string) *tls.Config {
	if config == nil || !strings.Contains(config.ServerName, standIn) {
		return config
	}
	config = config.Clone()
	config.ServerName = host
	return config
}

// identifier returns a name with the target's name in it. PostgreSQL would cut
// off a longer one, so that two targets could become one.
func identifier(text, target string) (string, error) {
	name := placeholder.Text(text, target)
	switch {
	case len(name) > maxIdentifierBytes:
		return "", activities.Refused(CodeBadTarget, "the name %q has %d bytes, but PostgreSQL takes %d at most", name, len(name), maxIdentifierBytes)
	case strings.ContainsRune(name, 0):
		return "", activities.Refused(CodeBadTarget, "the name %q has a NUL character, which PostgreSQL does not take", name)
	}
	return name, nil
}
