package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the reference of docs/commands.md anew")

const (
	commandsPage  = "../docs/commands.md"
	commandsBegin = "<!-- The commands: go test ./starter -run Documented -update -->\n"
	commandsEnd   = "<!-- End of the commands -->\n"
)

// tree is the command line as it is when it runs.
func tree() *cobra.Command {
	root := (&app{streams: streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}}}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// reference is every command with its flags, as the page shows them.
func reference() string {
	var b strings.Builder
	var list func(cmd *cobra.Command)
	list = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() == "help" || sub.Name() == "completion" {
				continue // cobra's own, which the notes name
			}
			if sub.Runnable() {
				describe(&b, sub)
			}
			list(sub)
		}
	}
	list(tree())
	return b.String() + "\n"
}

func describe(b *strings.Builder, cmd *cobra.Command) {
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n### %s\n\n    %s\n\n%s\n", cmd.CommandPath(), cmd.UseLine(), long)
	var rows []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := "`--" + f.Name
		if kind, _ := pflag.UnquoteUsage(f); kind != "" {
			name += " " + kind
		}
		name = strings.ReplaceAll(name, "|", "\\|") + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		byDefault := "-"
		switch {
		case f.Name == "actor":
			byDefault = "the login name"
		case !slices.Contains([]string{"", "false", "[]", "0", "0s"}, f.DefValue):
			byDefault = "`" + strings.Trim(f.DefValue, "[]") + "`"
		}
		_, usage := pflag.UnquoteUsage(f)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", name, byDefault, strings.ReplaceAll(usage, "|", "\\|")))
	})
	if len(rows) > 0 {
		b.WriteString("\n| flag | default | what it is for |\n| --- | --- | --- |\n" + strings.Join(rows, ""))
	}
}

func TestEveryCommandAndFlagIsDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(commandsPage)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(data), commandsBegin)
	require.True(t, found)
	shown, tail, found := strings.Cut(rest, commandsEnd)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(commandsPage, []byte(head+commandsBegin+reference()+commandsEnd+tail), 0o644))
		return
	}
	require.Equal(t, reference(), shown, "write the reference anew with: go test ./starter -run Documented -update")
}

// commandLine is a call of sluice in a page: in a line of its own, after a
// prompt or indented, or within a sentence.
var commandLine = regexp.MustCompile("(?m)^(?: {4,}| *\\$ )(sluice [^\n]+)$|`(sluice [^`]+)`")

// TestEveryCommandLineInTheDocumentationExists looks up the command and the
// flags of each call of sluice in all pages.
func TestEveryCommandLineInTheDocumentationExists(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	seen := 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range commandLine.FindAllSubmatch(text, -1) {
			line := string(match[1]) + string(match[2])
			words := strings.Fields(regexp.MustCompile(`[;|>)].*`).ReplaceAllString(line, ""))[1:]
			if len(words) == 0 || words[0] == strings.ToUpper(words[0]) {
				continue // a command in general
			}
			seen++
			requireCommand(t, page+": "+line, words)
		}
	}
	require.Greater(t, seen, 20)
}

func requireCommand(t *testing.T, where string, words []string) {
	t.Helper()
	root := tree()
	cmd, _, err := root.Find(words)
	require.NoError(t, err, where)
	require.False(t, cmd == root && !strings.HasPrefix(words[0], "-"), "%s: there is no such command", where)
	cmd.InitDefaultHelpFlag()
	for _, word := range words {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch {
		case strings.HasPrefix(word, "--"):
			require.True(t, cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil, "%s: there is no flag %s", where, word)
		case strings.HasPrefix(word, "-") && len(word) == 2:
			require.NotNil(t, cmd.Flags().ShorthandLookup(name), "%s: there is no flag %s", where, word)
		}
	}
}
