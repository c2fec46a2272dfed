package config_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/config"
)

var update = flag.Bool("update", false, "write the tables of docs/configuration.md anew")

// documented is the page that has the tables.
var documented = filepath.Join("..", "..", "docs", "configuration.md")

// tables are the settings as the page shows them.
func tables() string {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.NewConnection(flags)
	config.NewWorker(flags)
	var b strings.Builder
	var group config.Group
	for _, s := range config.Settings(flags) {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n### %s\n\n| flag | variable | default | what it is for |\n| --- | --- | --- | --- |\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", strings.ReplaceAll(s.Flag, "|", "\\|"), s.Env, s.Default, s.Text)
	}
	b.WriteString("\n### Only in the environment\n\n| variable | what it is for |\n| --- | --- |\n")
	for _, v := range config.EnvironmentOnly {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, v.Text)
	}
	return b.String() + "\n"
}

const begins, ends = "<!-- The settings: go test ./internal/config -run Documented -update -->\n", "<!-- End of the settings -->\n"

func TestEverySettingIsDocumentedAndNoOther(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(documented)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(data), begins)
	require.True(t, found)
	shown, tail, found := strings.Cut(rest, ends)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(documented, []byte(head+begins+tables()+ends+tail), 0o600))
		return
	}
	require.Equal(t, tables(), shown, "write the tables anew with: go test ./internal/config -run Documented -update")

	all := tables() + "`--help`"
	for _, name := range regexp.MustCompile(`(TEMPORAL|SLUICE|OTEL)_[A-Z_]*[A-Z]|--[a-z][a-z-]+`).FindAllString(head+tail, -1) {
		require.Contains(t, all, "`"+name, "the text names a setting that is not there")
	}
}
