package planfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Tags of scalars.
const (
	nullTag   = "!!null"
	stringTag = "!!str"
	boolTag   = "!!bool"
	intTag    = "!!int"
	floatTag  = "!!float"
)

// parse reads the file as what it is: JSON where its name or its whole text
// says so, and YAML otherwise.
func (s *source) parse(path string, data []byte) (*yaml.Node, bool) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // the mark that some editors begin a file with
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		s.report(&yaml.Node{}, "", "the file is empty; a plan begins with apiVersion: sluice/v1")
		return nil, false
	case !utf8.Valid(data):
		s.report(noText(data), "", "the file is no UTF-8 text from here on")
		return nil, false
	case strings.EqualFold(filepath.Ext(path), ".json"), text[0] == '{' && json.Valid(data):
		return s.parseJSON(data)
	}
	return s.parseYAML(data)
}

// noText returns the place of the first byte that is no UTF-8.
func noText(data []byte) *yaml.Node {
	good := 0
	for good < len(data) {
		r, size := utf8.DecodeRune(data[good:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		good += size
	}
	before := data[:good]
	return &yaml.Node{Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1}
}

func (s *source) parseYAML(data []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			s.report(&yaml.Node{}, "", "the file holds only comments; a plan begins with apiVersion: sluice/v1")
			return nil, false
		}
		s.report(syntaxError(err, data))
		return nil, false
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		s.report(&second, "", "a second document begins here; a plan file is one document, so put each plan into a file of its own")
		return nil, false
	case !errors.Is(err, io.EOF):
		s.report(syntaxError(err, data))
		return nil, false
	}
	return first.Content[0], true
}

// yamlLine is where the YAML parser, whose errors have no fields, says in
// which line it stopped.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// indentedByTab is a line that begins with a tab, alone or after spaces.
var indentedByTab = regexp.MustCompile(`^ *\t`)

func syntaxError(err error, data []byte) (at *yaml.Node, path, message string) {
	at = &yaml.Node{}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		at.Line, _ = strconv.Atoi(found[1]) // the first line where it does not say
	}
	message = "this is not YAML: " + yamlLine.ReplaceAllString(err.Error(), "")
	lines := bytes.Split(data, []byte("\n"))
	if i := at.Line - 1; i >= 0 && i < len(lines) && indentedByTab.Match(lines[i]) {
		message += "; the line is indented by a tab, and YAML takes only spaces there"
	}
	return at, "", message
}

// parseJSON reads JSON into the same nodes as YAML, with their positions: YAML
// is no full superset of JSON, and refuses tabs.
func (s *source) parseJSON(data []byte) (*yaml.Node, bool) {
	p := &jsonParser{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &whole); errors.As(err, &syntax) {
		at := p.at(int(syntax.Offset) - 1) // the offset is behind the byte that is wrong
		s.report(&at, "", "this is not JSON: "+err.Error())
		return nil, false
	}
	p.decoder.UseNumber()
	root, err := p.value()
	if err != nil {
		s.report(&yaml.Node{}, "", "this is not JSON: "+err.Error())
		return nil, false
	}
	return root, true
}

// jsonParser builds nodes from JSON.
type jsonParser struct {
	data    []byte
	decoder *json.Decoder

	line, lineStart, seen int // of the last position that was asked for
}

// at returns a node with the position of an offset. Offsets only grow.
func (p *jsonParser) at(offset int) yaml.Node {
	offset = min(max(offset, p.seen), len(p.data))
	for ; p.seen < offset; p.seen++ {
		if p.data[p.seen] == '\n' {
			p.line, p.lineStart = p.line+1, p.seen+1
		}
	}
	return yaml.Node{Line: p.line, Column: offset - p.lineStart + 1}
}

// next returns the next token and a node with its position.
func (p *jsonParser) next() (json.Token, *yaml.Node, error) {
	start := int(p.decoder.InputOffset())
	for start < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[start]) >= 0 {
		start++
	}
	token, err := p.decoder.Token()
	node := p.at(start)
	return token, &node, err
}

// value reads one value with all that is in it.
func (p *jsonParser) value() (*yaml.Node, error) {
	token, node, err := p.next()
	if err != nil {
		return nil, err
	}
	node.Kind = yaml.ScalarNode
	switch v := token.(type) {
	case string:
		node.Tag, node.Value = stringTag, v
	case json.Number:
		node.Tag, node.Value = floatTag, v.String()
	case bool:
		node.Tag, node.Value = boolTag, strconv.FormatBool(v)
	case nil:
		node.Tag = nullTag
	case json.Delim:
		node.Kind = yaml.SequenceNode
		if v == '{' {
			node.Kind = yaml.MappingNode
		}
		return node, p.content(node)
	default:
		return nil, fmt.Errorf("unexpected %v", token)
	}
	return node, nil
}

// content reads the values of an object or a list up to its end. The names of
// an object's fields are values in their turn.
func (p *jsonParser) content(node *yaml.Node) error {
	for p.decoder.More() {
		child, err := p.value()
		if err != nil {
			return err
		}
		node.Content = append(node.Content, child)
	}
	_, err := p.decoder.Token()
	return err
}
