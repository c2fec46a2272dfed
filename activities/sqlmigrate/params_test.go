package sqlmigrate

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
)

// valid are parameters with nothing wrong.
func valid() Params {
	return Params{SecretRef: "env:SLUICE_SECRET_DSN", Schema: "{{target}}", Name: "add-color", Script: "SELECT 1"}
}

func TestBadParamsAreRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, valid().Validate())
	fromDirectory := func(p *Params) { p.Script, p.Name, p.Directory = "", "", "app" }
	cases := map[string]struct {
		spoil func(p *Params)
		want  string
	}{
		"no connection":              {func(p *Params) { p.SecretRef = "" }, "secretRef: is missing"},
		"two connections":            {func(p *Params) { p.DSN = "postgres://x" }, "secretRef: cannot be given beside dsn"},
		"reference without kind":     {func(p *Params) { p.SecretRef = "DSN" }, "env:NAME, or file:PATH"},
		"reference that climbs":      {func(p *Params) { p.SecretRef = "file:/run/../etc/passwd" }, "no . or .. in it"},
		"DSN with a password":        {func(p *Params) { p.SecretRef, p.DSN = "", "postgres://me:hush-hush@x/y" }, "it has a password"},
		"DSN that reads files":       {func(p *Params) { p.SecretRef, p.DSN = "", "postgres://me@x/y?passfile=/etc/shadow" }, `"passfile", which a plan cannot give`},
		"DSN with a password beside": {func(p *Params) { p.SecretRef, p.DSN = "", "postgres://me@x/y?password=hush-hush" }, `"password", which a plan cannot give`},
		"DSN that is a list":         {func(p *Params) { p.SecretRef, p.DSN = "", "host=x password=hush-hush" }, "begins with postgres://"},
		"DSN of another scheme":      {func(p *Params) { p.SecretRef, p.DSN = "", "mysql://me@x/y" }, "begins with postgres://"},
		"DSN that is no URL":         {func(p *Params) { p.SecretRef, p.DSN = "", "postgres://me:hush-hush@[x" }, "it is no URL"},
		"DSN of a socket":            {func(p *Params) { p.SecretRef, p.DSN = "", "postgres:///app" }, "it names no host"},
		"DSN of a named socket":      {func(p *Params) { p.SecretRef, p.DSN = "", "postgres:///app?host=/run/postgresql" }, `"host", which a plan cannot give`},
		"long schema":                {func(p *Params) { p.Schema = strings.Repeat("x", 60) + "{{target}}xxx" }, "schema: has 64 bytes"},
		"another placeholder":        {func(p *Params) { p.Database = "{{tenant}}" }, "database: has a placeholder other than {{target}}"},
		"odd schema":                 {func(p *Params) { p.Schema = "a\n" }, "schema: has control characters"},
		"path without schema":        {func(p *Params) { p.Schema, p.SearchPath = "", []string{"public"} }, "searchPath: needs schema"},
		"long path":                  {func(p *Params) { p.SearchPath = make([]string, 21) }, "searchPath: has 21 schemas"},
		"empty name in the path":     {func(p *Params) { p.SearchPath = []string{""} }, "searchPath: has an empty name"},
		"nothing to do":              {func(p *Params) { p.Script = "" }, "script: is missing"},
		"two things to do":           {func(p *Params) { p.Directory = "app" }, "directory: cannot be given beside script"},
		"no name":                    {func(p *Params) { p.Name = "" }, "name: is missing"},
		"long name":                  {func(p *Params) { p.Name = strings.Repeat("x", 201) }, "name: has 201 bytes"},
		"odd name":                   {func(p *Params) { p.Name = "a\tb" }, "name: has control characters"},
		"long script":                {func(p *Params) { p.Script = strings.Repeat("x", MaxScriptBytes+1) }, "script: has 524289 bytes"},
		"target in the script":       {func(p *Params) { p.Script = "DROP TABLE {{target}}" }, "current_setting('sluice.target')"},
		"target in the rollback":     {func(p *Params) { p.RollbackScript = "DROP TABLE {{target}}" }, "rollbackScript: has {{target}}"},
		"NUL":                        {func(p *Params) { p.Script = "a\x00b" }, "NUL"},
		"broken annotations":         {func(p *Params) { p.Script = "-- +goose Up\nSELECT 1" }, "script: cannot be used"},
		"environment variables":      {func(p *Params) { p.Script = "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '$HOME';" }, "ENVSUB"},
		"annotated without Up":       {func(p *Params) { p.Script = "-- +goose Up\n-- +goose Down\nSELECT 1;" }, "no statements under"},
		"two rollbacks": {func(p *Params) {
			p.Script, p.RollbackScript = "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;", "SELECT 3"
		}, "rollbackScript cannot be given beside it"},
		"annotated rollback": {func(p *Params) { p.RollbackScript = "-- +goose Down\nSELECT 2;" }, "under -- +goose Down of the script"},
		"rollback outside": {func(p *Params) {
			p.Script, p.RollbackScript = "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;", "SELECT 3"
		}, "instead of into rollbackScript"},
		"version of a script":     {func(p *Params) { p.ToVersion = 3 }, "has no versions"},
		"name of a directory":     {func(p *Params) { fromDirectory(p); p.Name = "x" }, "name: cannot be given beside directory"},
		"rollback of a directory": {func(p *Params) { fromDirectory(p); p.RollbackScript = "x" }, "rollbackScript: cannot be given beside directory"},
		"absolute directory":      {func(p *Params) { fromDirectory(p); p.Directory = "/etc" }, `directory: is "/etc"`},
		"directory that climbs":   {func(p *Params) { fromDirectory(p); p.Directory = "../etc" }, `directory: is "../etc"`},
		"negative version":        {func(p *Params) { fromDirectory(p); p.ToVersion = -1 }, "toVersion: is -1"},
		"target in the table":     {func(p *Params) { fromDirectory(p); p.VersionTable = "{{target}}" }, "versionTable: cannot have {{target}}"},
		"short lock timeout":      {func(p *Params) { p.LockTimeout = 1 }, "lockTimeout: is 1ns"},
		"long lock timeout":       {func(p *Params) { p.LockTimeout = domain.Duration(time.Hour) }, "lockTimeout: is 1h0m0s"},
		"long statement timeout":  {func(p *Params) { p.StatementTimeout = domain.Duration(25 * time.Hour) }, "statementTimeout"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := valid()
			c.spoil(&p)
			err := p.Validate()
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hush-hush")
		})
	}
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	err := Params{Name: "x", RollbackScript: "{{target}}", Directory: "/x", LockTimeout: -1}.Validate()
	for _, want := range []string{"secretRef", "name", "rollbackScript", "directory", "lockTimeout"} {
		require.ErrorContains(t, err, want+": ")
	}
}

func TestADSNInAPlanIsGivenNoPasswordFromTheWorkersEnvironment(t *testing.T) {
	t.Setenv("PGPASSWORD", "meant-for-another-host")
	config, err := parseDSN("postgres://me@evil.example.com/app")
	require.NoError(t, err)
	require.Empty(t, config.Password)
	require.Equal(t, "sluice", config.RuntimeParams["application_name"])
	config, err = parseSecretDSN("postgres://me@db.example.com/app?application_name=x&connect_timeout=3")
	require.NoError(t, err)
	require.Equal(t, "meant-for-another-host", config.Password, "whoever made the secret may rest on it")
	require.Equal(t, "x", config.RuntimeParams["application_name"])
	require.Equal(t, 3*time.Second, config.ConnectTimeout)
}

func TestTheTargetStandsInADSNWhereItCanOnlyBeAName(t *testing.T) {
	t.Parallel()
	template, err := parseSecretDSN("postgres://{{target}}:pw@{{target}}.db.example.com:5433,spare-{{target}}:5432/x_{{target}}?sslmode=verify-full")
	require.NoError(t, err)
	require.True(t, hasTarget(template))
	config, err := forTarget(template, "acme")
	require.NoError(t, err)
	require.Equal(t, []string{"acme", "acme.db.example.com", "x_acme", "pw"}, []string{config.User, config.Host, config.Database, config.Password})
	require.Equal(t, "acme.db.example.com", config.TLSConfig.ServerName)
	require.Equal(t, "spare-acme", config.Fallbacks[0].Host)
	require.Equal(t, "spare-acme", config.Fallbacks[0].TLSConfig.ServerName)
	require.Contains(t, template.Host+serverName(template.TLSConfig), standIn, "the template is left as it is")

	for _, target := range []string{"a/b", "/tmp", "a b", "evil.com/x?", ""} {
		_, err := forTarget(template, target)
		require.ErrorContains(t, err, "no host name", target)
	}
	_, err = forTarget(template, strings.Repeat("x", 62))
	require.ErrorContains(t, err, "64 bytes")
	for _, dsn := range []string{"postgres://x/y?search_path={{target}}", "postgres://x/y?application_name={{target}}", "postgres://me:{{target}}@x/y"} {
		_, err := parseSecretDSN(dsn)
		require.ErrorContains(t, err, "{{target}} cannot stand in the", dsn)
	}
}

func TestAnAddressThatIsNotAllowedIsRefusedForADSNInAPlan(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]"} {
		p := valid()
		p.SecretRef, p.DSN = "", "postgres://me@"+host+"/app?connect_timeout=1"
		r := openRunner(t, p)
		err := apply(t.Context(), r, []activities.Target{{Name: "tenant-0001", Fence: fence}})
		requireKind(t, err, "tenant-0001", domain.CategoryBusiness, CodeAddress, false)
	}
}

func serverName(config *tls.Config) string { return config.ServerName }
