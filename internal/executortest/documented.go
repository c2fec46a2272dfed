package executortest

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.yaml.in/yaml/v3"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
)

var update = flag.Bool("update", false, "write the tables of parameters in docs/executors anew")

const (
	module = "github.com/seed-3652815f/sluice"
	begins = "<!-- The parameters: go test ./activities/NAME -run Documented -update -->\n"
	ends   = "<!-- End of the parameters -->\n"
)

// RequireDocumented holds an executor's page in docs/executors against it: its
// parameters with their descriptions, its steps, the error codes that the
// package in the test's folder declares as constants named Code…, and others
// that are given; and it checks the tasks in the page's YAML.
func RequireDocumented(t *testing.T, e activities.Executor, page string, otherCodes ...string) {
	t.Helper()
	path := filepath.Join(root(t), "docs", "executors", page)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(data), begins)
	require.True(t, found, "%s has no line %q", path, begins)
	shown, tail, found := strings.Cut(rest, ends)
	require.True(t, found, "%s has no line %q", path, ends)
	info := e.Info()
	table := parameterTable(t, info.Params)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(head+begins+table+ends+tail), 0o600))
		shown = table
	}
	require.Equal(t, table, shown, "write the table anew with: go test ./activities/NAME -run Documented -update")

	text := head + tail
	require.Contains(t, text, "`"+e.Name+"`")
	for _, step := range info.Steps {
		require.Contains(t, text, "`"+step+"`")
	}
	var codes []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z0-9_…]+)` \\|").FindAllStringSubmatch(text, -1) {
		codes = append(codes, row[1])
	}
	require.ElementsMatch(t, append(declaredCodes(t), otherCodes...), codes, "the error codes in %s", path)
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
		RequireTaken(t, []byte(block[1]), e)
	}
}

// RequireTaken checks the tasks of a piece of YAML, a plan file or a list of
// tasks, by the executors that they name.
func RequireTaken(t *testing.T, text []byte, executors ...activities.Executor) {
	t.Helper()
	type task struct {
		Name, Executor string
		Params         map[string]any
	}
	var plan struct {
		Spec struct{ Tasks []task }
	}
	if yaml.Unmarshal(text, &plan) != nil || len(plan.Spec.Tasks) == 0 {
		require.NoError(t, yaml.Unmarshal(text, &plan.Spec.Tasks), "%s", text)
	}
	require.NotEmpty(t, plan.Spec.Tasks, "%s", text)
	var checks []domain.TaskCheck
	for i, task := range plan.Spec.Tasks {
		params, err := json.Marshal(task.Params)
		require.NoError(t, err)
		checks = append(checks, domain.TaskCheck{Index: i, Task: task.Name, Executor: task.Executor, Params: params})
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	activities.RegisterCatalog(env, executors...)
	value, err := env.ExecuteActivity(domain.CheckActivity, checks)
	require.NoError(t, err)
	var faults []domain.Fault
	require.NoError(t, value.Get(&faults))
	require.Empty(t, faults, "%s", text)
}

// schema is what the table shows of a JSON Schema.
type schema struct {
	Type        string
	Description string
	Properties  map[string]schema
	Required    []string
	Pattern     string
	Items       *schema
	Ref         string            `json:"$ref"`
	Defs        map[string]schema `json:"$defs"`
}

// parameterTable shows the parameters in the order of the alphabet, those that
// are needed first.
func parameterTable(t *testing.T, params json.RawMessage) string {
	t.Helper()
	var whole schema
	require.NoError(t, json.Unmarshal(params, &whole))
	var b strings.Builder
	b.WriteString("| parameter | type | |\n| --- | --- | --- |\n")
	rows(&b, whole, "", whole.Defs)
	return b.String()
}

func rows(b *strings.Builder, of schema, prefix string, defs map[string]schema) {
	names := make([]string, 0, len(of.Properties))
	for name := range of.Properties {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if needed := slices.Contains(of.Required, x); needed != slices.Contains(of.Required, y) {
			if needed {
				return -1
			}
			return 1
		}
		return strings.Compare(x, y)
	})
	for _, name := range names {
		p := of.Properties[name]
		description := p.Description
		if def, ok := defs[filepath.Base(p.Ref)]; ok && p.Ref != "" {
			p = def
		}
		text := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(description, name+" "), "is "), "are ")
		text = strings.Join(strings.Fields(text), " ")
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", prefix+name, kind(p), strings.ReplaceAll(text, "|", `\|`))
		rows(b, p, prefix+name+".", defs)
	}
}

func kind(p schema) string {
	switch {
	case p.Type == "array" && p.Items != nil:
		return "list of " + kind(*p.Items)
	case p.Type == "object" && len(p.Properties) == 0:
		return "table of texts"
	case p.Pattern == paramschema.DurationPattern:
		return "duration"
	case p.Type == "string":
		return "text"
	}
	return map[string]string{"integer": "whole number", "number": "number", "boolean": "true or false", "object": "object"}[p.Type]
}

// declaredCodes returns the values of the constants Code… of the package in the
// test's folder.
func declaredCodes(t *testing.T) []string {
	t.Helper()
	var codes []string
	for name, value := range constants(t, ".") {
		if strings.HasPrefix(name, "Code") {
			codes = append(codes, value)
		}
	}
	require.NotEmpty(t, codes)
	return codes
}

// constants returns the text constants of a package. One that is another
// package's of ours has that one's value.
func constants(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				for i, value := range spec.(*ast.ValueSpec).Values {
					if text, ok := constant(t, file, value); ok {
						found[spec.(*ast.ValueSpec).Names[i].Name] = text
					}
				}
			}
		}
	}
	return found
}

func constant(t *testing.T, file *ast.File, value ast.Expr) (string, bool) {
	t.Helper()
	switch value := value.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(value.Value)
		return text, err == nil && value.Kind == token.STRING
	case *ast.SelectorExpr:
		for _, use := range file.Imports {
			path, err := strconv.Unquote(use.Path.Value)
			require.NoError(t, err)
			if own, ours := strings.CutPrefix(path, module); ours && filepath.Base(path) == value.X.(*ast.Ident).Name {
				text, ok := constants(t, filepath.Join(root(t), own))[value.Sel.Name]
				return text, ok
			}
		}
	}
	return "", false
}

// root returns the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		require.NotEqual(t, "/", folder)
		folder = filepath.Dir(folder)
	}
}
