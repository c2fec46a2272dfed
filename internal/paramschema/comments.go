package paramschema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
)

// comments are the comments of the types that a Go file declares.
type comments struct {
	pkg string            // its import path
	of  map[string]string // by Type and by Type.Field
}

// readComments reads the comments of the file that declares a type.
func readComments(of reflect.Type, source string) (comments, error) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	c := comments{pkg: of.PkgPath(), of: map[string]string{}}
	if source == "" {
		return c, nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return c, fmt.Errorf("reading the source of the parameters: %w", err)
	}
	for _, declaration := range file.Decls {
		if types, ok := declaration.(*ast.GenDecl); ok && types.Tok == token.TYPE {
			c.add(types)
		}
	}
	if _, found := c.of[of.Name()]; !found {
		return c, fmt.Errorf("the source of the parameters does not declare the type %s", of)
	}
	return c, nil
}

func (c comments) add(types *ast.GenDecl) {
	for _, spec := range types.Specs {
		declared := spec.(*ast.TypeSpec)
		doc := declared.Doc
		if doc == nil {
			doc = types.Doc
		}
		c.of[declared.Name.Name] = text(doc)
		fields, ok := declared.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range fields.Fields.List {
			doc := field.Doc
			if doc == nil {
				doc = field.Comment
			}
			for _, name := range field.Names {
				c.of[declared.Name.Name+"."+name.Name] = text(doc)
			}
		}
	}
}

// text joins the lines of a comment and keeps its paragraphs.
func text(doc *ast.CommentGroup) string {
	paragraphs := strings.Split(strings.TrimSpace(doc.Text()), "\n\n")
	for i, paragraph := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(paragraph), " ")
	}
	return strings.Join(paragraphs, "\n\n")
}

// lookup returns the comment of a type, or of its field. Where it begins with
// the field's name in Go, the reader of a plan gets the parameter's.
func (c comments) lookup(of reflect.Type, field string) string {
	if of.PkgPath() != c.pkg {
		return ""
	}
	if field == "" {
		return c.of[of.Name()]
	}
	comment := c.of[of.Name()+"."+field]
	declared, ok := of.FieldByName(field)
	rest, named := strings.CutPrefix(comment, field+" ")
	if !ok || !named {
		return comment
	}
	name, _, _ := strings.Cut(declared.Tag.Get("json"), ",")
	if name == "" {
		return comment
	}
	return name + " " + rest
}
