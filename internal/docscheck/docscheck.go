// Package docscheck keeps the pages of executors true: their tables of
// parameters and error codes are written from the source.
package docscheck

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the executor's page anew")

// Executor fails the test unless a page in docs/executors shows the fields of
// the type Params, and the constants Code… with their comments, as the package
// of the test declares them in params.go and errors.go. Run the test with
// -update to write them. Where further names are given, params.go declares
// these types too, and they have tables of their own.
func Executor(t testing.TB, page string, types ...string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "executors", page)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading the executor's page: %v", err)
	}
	text := string(data)
	for _, name := range append([]string{"Params"}, types...) {
		text = replace(t, text, name, params(t, name))
	}
	text = replace(t, text, "Codes", codes(t))
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatalf("writing the executor's page: %v", err)
		}
		return
	}
	if text != string(data) {
		t.Errorf("%s does not show what the source says; write its tables anew by running this test with -update", path)
	}
}

// replace puts a table between the marks of its name.
func replace(t testing.TB, text, name, table string) string {
	t.Helper()
	begins, ends := fmt.Sprintf("<!-- %s, from the source -->\n", name), fmt.Sprintf("<!-- End of %s -->\n", name)
	head, rest, found := strings.Cut(text, begins)
	_, tail, ended := strings.Cut(rest, ends)
	if !found || !ended {
		t.Fatalf("the page has no place for %s, which begins with %q and ends with %q", name, begins, ends)
	}
	return head + begins + "\n" + table + "\n" + ends + tail
}

// params is the table of a struct's fields.
func params(t testing.TB, name string) string {
	t.Helper()
	var table strings.Builder
	table.WriteString("| parameter | type | what it is for |\n| --- | --- | --- |\n")
	declared := false
	ast.Inspect(source(t, "params.go"), func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		if fields, ok := spec.Type.(*ast.StructType); ok {
			declared = true
			for _, field := range fields.Fields.List {
				name := jsonName(t, field)
				about := strings.Replace(cell(field.Doc.Text()), field.Names[0].Name+" ", name+" ", 1)
				fmt.Fprintf(&table, "| `%s` | %s | %s |\n", name, kind(field.Type), about)
			}
		}
		return false
	})
	if !declared {
		t.Fatalf("params.go declares no struct %s", name)
	}
	return table.String()
}

// codes is the table of the constants that are error codes.
func codes(t testing.TB) string {
	t.Helper()
	var table strings.Builder
	table.WriteString("| code | when |\n| --- | --- |\n")
	ast.Inspect(source(t, "errors.go"), func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) != 1 {
			return true
		}
		value, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("errors.go declares %s in a way that this test does not read", spec.Names[0].Name)
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", strings.Trim(value.Value, `"`), cell(spec.Comment.Text()))
		return false
	})
	return table.String()
}

func source(t testing.TB, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatalf("reading the source: %v", err)
	}
	return parsed
}

func jsonName(t testing.TB, field *ast.Field) string {
	t.Helper()
	if field.Tag == nil {
		t.Fatalf("a field in params.go has no tag for its name in JSON")
	}
	tag, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		t.Fatalf("reading a tag in params.go: %v", err)
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	return name
}

// kind words a type for people who write YAML.
func kind(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return kind(e.X)
	case *ast.ArrayType:
		return "list of " + kind(e.Elt)
	case *ast.MapType:
		return "map of " + kind(e.Value)
	case *ast.SelectorExpr:
		return strings.ToLower(e.Sel.Name)
	case *ast.Ident:
		words := map[string]string{"string": "text", "int": "number", "int64": "number", "bool": "true or false"}
		if word, ok := words[e.Name]; ok {
			return word
		}
		return strings.ToLower(e.Name)
	}
	return ""
}

// cell makes a comment one line of a table.
func cell(comment string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(comment), " "), "|", "\\|")
}
