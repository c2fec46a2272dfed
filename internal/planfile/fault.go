package planfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed-3652815f/sluice/domain"
)

// Fault is one thing that is wrong with a plan file, and where it stands.
type Fault struct {
	File         string // the plan file, or the file of its targets
	Line, Column int    // from 1
	domain.Fault
}

// String returns file:line:column: path: message.
func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Fault)
}

// InvalidError lists everything that is wrong with a plan file, in the order
// in which it stands there.
type InvalidError struct {
	File   string
	Faults []Fault
}

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// report notes a fault at a node.
func (s *source) report(at *yaml.Node, path, message string) {
	file := s.name
	if other, ok := s.files[at]; ok {
		file = other
	}
	s.faults = append(s.faults, Fault{
		File: file, Line: max(at.Line, 1), Column: max(at.Column, 1), Fault: domain.Fault{Path: path, Message: message},
	})
}

// invalid returns the faults: those of the plan file first, by position.
func (s *source) invalid() *InvalidError {
	slices.SortStableFunc(s.faults, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(s.rank(a), s.rank(b)), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		)
	})
	return &InvalidError{File: s.name, Faults: s.faults}
}

func (s *source) rank(f Fault) int {
	if f.File == s.name {
		return 0
	}
	return 1
}

// locate returns the node that a path such as spec.tasks[2].retry.maxRetries
// points to, or the nearest one above it that exists. A field is found at its
// name, an element of a list where it begins.
func locate(root *yaml.Node, path string) *yaml.Node {
	at, value, rest := root, root, path
	for rest != "" && value != nil {
		var step *yaml.Node
		step, value, rest = descend(value, rest)
		if step != nil {
			at = step
		}
	}
	return at
}

// descend goes one step along a path. Names of fields may hold dots, as labels
// do, so the longest one that fits is taken.
func descend(from *yaml.Node, path string) (at, value *yaml.Node, rest string) {
	switch from.Kind {
	case yaml.MappingNode:
		path = strings.TrimPrefix(path, ".")
		longest := -1
		for i := 0; i < len(from.Content); i += 2 {
			name := from.Content[i].Value
			after, found := strings.CutPrefix(path, name)
			if found && len(name) > longest && (after == "" || after[0] == '.' || after[0] == '[') {
				at, value, rest, longest = from.Content[i], from.Content[i+1], after, len(name)
			}
		}
	case yaml.SequenceNode:
		number, after, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
		if i, err := strconv.Atoi(number); err == nil && i < len(from.Content) {
			at, value, rest = from.Content[i], from.Content[i], after
		}
	}
	return at, value, rest
}
