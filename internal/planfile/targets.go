package planfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// expandTargets puts the lines of the file that spec.targetsFrom names in its
// place, as spec.targets.
func (s *source) expandTargets(path string, root *yaml.Node) {
	spec := valueOf(root, "spec")
	from := valueOf(spec, "targetsFrom")
	if from == nil || from.Tag == nullTag {
		return
	}
	at, name := field(spec, "targetsFrom"), valueOf(from, "file")
	for i := 0; from.Kind == yaml.MappingNode && i < len(from.Content); i += 2 {
		if other := from.Content[i]; other.Value != "file" {
			s.report(other, child("spec.targetsFrom", other.Value), fmt.Sprintf("there is no field %q; known here: file", other.Value))
		}
	}
	if name == nil || name.Tag != stringTag || name.Value == "" {
		s.report(at, "spec.targetsFrom", "has to name a file of targets, one a line, as in {file: tenants.txt}")
		s.replaceTargetsFrom(spec, nil)
		return
	}
	if given := valueOf(spec, "targets"); given != nil && given.Tag != nullTag {
		s.report(at, "spec.targetsFrom", "is given beside spec.targets; give one of them")
		s.replaceTargetsFrom(spec, given)
		return
	}
	targets, err := s.readTargets(filepath.Dir(path), name.Value)
	switch {
	case err != nil:
		s.report(field(from, "file"), "spec.targetsFrom.file", fmt.Sprintf("the file of targets cannot be read: %v", err))
	case len(targets.Content) == 0:
		s.report(field(from, "file"), "spec.targetsFrom.file", fmt.Sprintf("%s holds no target; write one a line", name.Value))
	}
	s.replaceTargetsFrom(spec, targets)
}

// replaceTargetsFrom takes targetsFrom out of the spec and puts targets in.
// Without any, a placeholder keeps the tasks from being blamed for it.
func (s *source) replaceTargetsFrom(spec, targets *yaml.Node) {
	if targets == nil || len(targets.Content) == 0 {
		targets = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: stringTag, Value: "placeholder"}}}
	}
	kept := []*yaml.Node{}
	for i := 0; i < len(spec.Content); i += 2 {
		switch key := spec.Content[i]; key.Value {
		case "targets":
		case "targetsFrom":
			name := *key
			name.Value = "targets"
			kept = append(kept, &name, targets)
		default:
			kept = append(kept, key, spec.Content[i+1])
		}
	}
	spec.Content = kept
}

// readTargets reads a file of targets, one a line. Blank lines, and those that
// begin with #, are passed over; space around a target is none of it.
func (s *source) readTargets(dir, name string) (*yaml.Node, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		number++
		target := strings.TrimSpace(line)
		if target == "" || strings.HasPrefix(target, "#") {
			continue
		}
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: stringTag, Value: target, Line: number, Column: strings.Index(line, target) + 1}
		s.files[node] = path
		list.Content = append(list.Content, node)
	}
	return list, nil
}
