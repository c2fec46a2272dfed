package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestATryOnARealServerHasEveryFigure runs the benchmark with as little work as
// can be. It proves that the benchmark works, and measures nothing.
func TestATryOnARealServerHasEveryFigure(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	args := []string{"--scale", "2", "--rounds", "1", "-o", "json", "--temporal", filepath.Join("..", ".tools", "bin", "temporal")}
	require.NoError(t, run(t.Context(), args, &stdout, io.Discard))
	var r report
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &r), "stdout holds the report and nothing else")
	require.Equal(t, 2, r.Scale)
	require.NotEmpty(t, r.Server)
	groups := map[string]int{}
	for _, row := range r.Rows {
		groups[row.Group]++
		require.Positive(t, row.Ours.N, "%s: %s", row.Group, row.Name)
		require.Positive(t, row.Ours.Median, "%s: %s", row.Group, row.Name)
	}
	require.Len(t, groups, len(experiments)+1, "tasks have two groups: %v", groups)
}

func TestACallThatCannotBeMeantIsRefusedWithWhatThereIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"an argument":           {[]string{"tasks"}, `"tasks" is one too many`},
		"another output":        {[]string{"-o", "yaml"}, `table or json, not "yaml"`},
		"no rounds":             {[]string{"--rounds", "0"}, "give at least 1"},
		"more than all":         {[]string{"--scale", "200"}, "from 1 to 100 percent"},
		"another measurement":   {[]string{"--only", "speed"}, "there are tasks, many, targets"},
		"a CLI that is missing": {[]string{"--temporal", "nowhere"}, "run make products"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, run(t.Context(), c.args, io.Discard, io.Discard), c.says)
		})
	}
}
