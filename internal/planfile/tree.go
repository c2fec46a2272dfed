package planfile

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what aliases may expand a plan file to.
const maxNodes = 2_000_000

// normalizer turns a parsed tree into one of plain objects, lists and values.
type normalizer struct {
	source *source
	nodes  int
	open   []*yaml.Node // the aliases that are being expanded
}

// normalize returns the tree without aliases, merge keys and duplicates, and
// notes what a plan cannot have.
func (s *source) normalize(root *yaml.Node) *yaml.Node {
	n := &normalizer{source: s}
	return n.node(root, "")
}

func (n *normalizer) node(node *yaml.Node, path string) *yaml.Node {
	n.nodes++
	if n.nodes == maxNodes {
		n.source.report(node, path, fmt.Sprintf("the file expands to more than %d values, which is no plan", maxNodes))
	}
	if n.nodes >= maxNodes {
		return null(node)
	}
	switch node.Kind {
	case yaml.AliasNode:
		if slices.Contains(n.open, node.Alias) {
			n.source.report(node, path, fmt.Sprintf("the alias *%s stands within what it repeats", node.Value))
			return null(node)
		}
		n.open = append(n.open, node.Alias)
		expanded := n.node(node.Alias, path)
		n.open = n.open[:len(n.open)-1]
		return expanded
	case yaml.MappingNode:
		return n.mapping(node, path)
	case yaml.SequenceNode:
		list := &yaml.Node{Kind: yaml.SequenceNode, Line: node.Line, Column: node.Column}
		for i, element := range node.Content {
			list.Content = append(list.Content, n.node(element, fmt.Sprintf("%s[%d]", path, i)))
		}
		return list
	default:
		return n.scalar(node, path)
	}
}

// mapping copies an object. What is merged into it gives way to its own fields.
func (n *normalizer) mapping(node *yaml.Node, path string) *yaml.Node {
	object := &yaml.Node{Kind: yaml.MappingNode, Line: node.Line, Column: node.Column}
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch first := field(object, key.Value); {
		case key.Kind != yaml.ScalarNode:
			n.source.report(key, path, "the name of a field has to be plain text")
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case first != nil:
			n.source.report(key, child(path, key.Value), fmt.Sprintf("is given twice, in line %d before", first.Line))
		default:
			object.Content = append(object.Content, key, n.node(value, child(path, key.Value)))
		}
	}
	for _, value := range merged {
		n.merge(object, n.node(value, path), path)
	}
	return object
}

// merge adds the fields of one object, or of each in a list, that are not
// there yet.
func (n *normalizer) merge(object, from *yaml.Node, path string) {
	switch from.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(from.Content); i += 2 {
			if field(object, from.Content[i].Value) == nil {
				object.Content = append(object.Content, from.Content[i], from.Content[i+1])
			}
		}
	case yaml.SequenceNode:
		for _, element := range from.Content {
			n.merge(object, element, path)
		}
	default:
		n.source.report(from, path, "<< merges an object, or a list of objects, and this is neither")
	}
}

// scalar copies a single value. Numbers are written as JSON has them, and what
// YAML knows beyond JSON, such as dates, is the text that stands there.
func (n *normalizer) scalar(node *yaml.Node, path string) *yaml.Node {
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: node.ShortTag(), Value: node.Value, Line: node.Line, Column: node.Column}
	switch value.Tag {
	case nullTag, stringTag:
	case boolTag:
		var b bool
		_ = node.Decode(&b) // the parser has found a boolean
		value.Value = strconv.FormatBool(b)
	case intTag, floatTag:
		value.Value = n.number(node, path)
	default:
		value.Tag = stringTag
	}
	return value
}

// number returns a number as JSON writes it.
func (n *normalizer) number(node *yaml.Node, path string) string {
	if json.Valid([]byte(node.Value)) {
		return node.Value
	}
	var whole int64
	if node.ShortTag() == intTag && node.Decode(&whole) == nil {
		return strconv.FormatInt(whole, 10)
	}
	var real float64
	if err := node.Decode(&real); err != nil || math.IsInf(real, 0) || math.IsNaN(real) {
		n.source.report(node, path, fmt.Sprintf("is %s, which is no number that a plan can have", node.Value))
		return "0"
	}
	return strconv.FormatFloat(real, 'g', -1, 64)
}

func null(at *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: nullTag, Line: at.Line, Column: at.Column}
}

// field returns the name node of an object's field; nil where it has none.
func field(object *yaml.Node, name string) *yaml.Node {
	for i := 0; i < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i]
		}
	}
	return nil
}

// valueOf returns the value of an object's field; nil where there is none.
func valueOf(object *yaml.Node, name string) *yaml.Node {
	if object == nil || object.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i+1]
		}
	}
	return nil
}

func child(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// toJSON writes a normalized tree as JSON.
func toJSON(node *yaml.Node) []byte { return appendJSON(nil, node) }

func appendJSON(out []byte, node *yaml.Node) []byte {
	switch {
	case node.Kind == yaml.MappingNode:
		out = append(out, '{')
		for i := 0; i < len(node.Content); i += 2 {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendText(out, node.Content[i].Value), ':')
			out = appendJSON(out, node.Content[i+1])
		}
		return append(out, '}')
	case node.Kind == yaml.SequenceNode:
		out = append(out, '[')
		for i, element := range node.Content {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, element)
		}
		return append(out, ']')
	case node.Tag == stringTag:
		return appendText(out, node.Value)
	case node.Tag == nullTag:
		return append(out, "null"...)
	default:
		return append(out, node.Value...)
	}
}

func appendText(out []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	return append(out, quoted...)
}
