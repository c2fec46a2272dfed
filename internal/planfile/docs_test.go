package planfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/planfile"
)

const planFilePage = "../../docs/plan-file.md"

const fieldsBegin, fieldsEnd = "<!-- The fields: go test ./internal/planfile -run Documented -update -->\n", "<!-- End of the fields -->\n"

// fields are the fields of a plan file as the page shows them.
func fields(t *testing.T) string {
	t.Helper()
	root := generate(t)
	var b strings.Builder
	b.WriteString("\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n")
	var list func(path string, s *jsonschema.Schema)
	list = func(path string, s *jsonschema.Schema) {
		for field := s.Properties.Oldest(); field != nil; field = field.Next() {
			name, f := path+field.Key, field.Value
			kind := kindOf(f)
			byDefault := "-"
			if f.Default != nil {
				byDefault = fmt.Sprintf("`%v`", f.Default)
			}
			for _, required := range s.Required {
				if required == field.Key {
					byDefault = "required"
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, byDefault, f.Description)
			below, inner := f.Ref, name+"."
			if f.Items != nil && f.Items.Ref != "" {
				below, inner = f.Items.Ref, name+"[]."
			}
			if below != "" {
				list(inner, root.Definitions[filepath.Base(below)])
			}
		}
	}
	list("", root)
	return b.String() + "\n"
}

// kindOf says in a few words what a field takes.
func kindOf(s *jsonschema.Schema) string {
	switch {
	case s.Const != nil:
		return fmt.Sprintf("`%v`", s.Const)
	case len(s.Enum) > 0:
		var values []string
		for _, value := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", value))
		}
		return strings.Join(values, " or ")
	case s.Pattern == durationPattern:
		return "duration"
	case len(s.OneOf) > 0:
		return "number or percentage"
	case s.Type == "array":
		return "list"
	case s.Ref != "" || s.Type == "object":
		return "object"
	case s.Maximum != "":
		return fmt.Sprintf("%s up to %s", s.Type, s.Maximum)
	case s.Type == "string":
		return "text"
	}
	return s.Type
}

func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(planFilePage)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(data), fieldsBegin)
	require.True(t, found)
	shown, tail, found := strings.Cut(rest, fieldsEnd)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(planFilePage, []byte(head+fieldsBegin+fields(t)+fieldsEnd+tail), 0o644))
		return
	}
	require.Equal(t, fields(t), shown, "write the table anew with: go test ./internal/planfile -run Documented -update")
}

// planBlock is a plan in a page: a block of YAML that begins as plans do.
var planBlock = regexp.MustCompile("(?s)```yaml\n((?:#[^\n]*\n)?apiVersion: sluice/v1\n.*?)```")

// TestEveryPlanInTheDocumentationIsValid holds the plans of all pages against
// Sluice and against the schema. broken.yaml is the one that has faults.
func TestEveryPlanInTheDocumentationIsValid(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	plans := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range planBlock.FindAllSubmatch(text, -1) {
			plans++
			_, err := planfile.Load(write(t, "plan.yaml", string(block[1]), "tenants.txt", "tenant-001\n"), nil)
			if strings.HasPrefix(string(block[1]), "# broken.yaml\n") {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err, "%s:\n%s", page, block[1])
			require.NoError(t, schema(t).Validate(value(t, block[1])), "%s:\n%s", page, block[1])
		}
	}
	require.GreaterOrEqual(t, plans, 4)
}
