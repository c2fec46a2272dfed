// Package planfile reads plan files, in YAML or JSON, and says of every fault
// where in the file it stands.
package planfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.temporal.io/sdk/converter"
	"go.yaml.in/yaml/v3"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/payload"
)

// Stdin is the path that means the standard input.
const Stdin = "-"

// MaxEncodedBytes is the most bytes that an encoded plan may take (contract,
// section 2).
const MaxEncodedBytes = 1 << 20

// maxFileBytes bounds what is read at all, so that a wrong path cannot fill
// the memory.
const maxFileBytes = 64 << 20

// Plan is a plan file that was read and found valid.
type Plan struct {
	Document domain.Document
	Input    converter.RawValue // what the workflow is started with
	Size     int                // of the input, in bytes

	file string // where it comes from, for messages
}

// SizeError says that a plan is too large to be sent.
type SizeError struct {
	File        string
	Size, Limit int // in bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("the plan in %s takes %d bytes when it is encoded, but at most %d are allowed; cut it into several plans, or shorten what its targets have in common", e.File, e.Size, e.Limit)
}

// Load reads the plan file of a path, or of stdin where the path is "-". A
// file with faults gives an *InvalidError that lists all of them, and a plan
// that is too large a *SizeError.
func Load(path string, stdin io.Reader) (Plan, error) {
	name, data, err := read(path, stdin)
	if err != nil {
		return Plan{}, err
	}
	src := &source{name: name, files: map[*yaml.Node]string{}}
	doc := src.document(path, data)
	if len(src.faults) > 0 {
		return Plan{}, src.invalid()
	}
	return encode(name, doc)
}

// encode makes the workflow's input of a document.
func encode(name string, doc domain.Document) (Plan, error) {
	input, err := payload.Encode(doc)
	if err != nil {
		return Plan{}, fmt.Errorf("reading %s: %w", name, err)
	}
	size := len(input.Payload().GetData())
	if size > MaxEncodedBytes {
		return Plan{}, &SizeError{File: name, Size: size, Limit: MaxEncodedBytes}
	}
	return Plan{Document: doc, Input: input, Size: size, file: name}, nil
}

// Held returns the plan with spec.hold: it stays CREATED until the command
// start.
func (p Plan) Held() (Plan, error) {
	p.Document.Spec.Hold = true
	return encode(p.file, p.Document)
}

// read returns the name that messages give the file, and what is in it.
func read(path string, stdin io.Reader) (string, []byte, error) {
	name, from := path, stdin
	if path == Stdin {
		name = "stdin"
	} else {
		file, err := os.Open(path)
		if err != nil {
			return "", nil, fmt.Errorf("the plan file cannot be read: %w", err)
		}
		defer file.Close()
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, maxFileBytes+1))
	if err != nil {
		return "", nil, fmt.Errorf("the plan file cannot be read: %w", err)
	}
	if len(data) > maxFileBytes {
		return "", nil, &SizeError{File: name, Size: len(data), Limit: maxFileBytes}
	}
	return name, data, nil
}

// source is a plan file while it is read. Its faults grow as it goes.
type source struct {
	name   string
	files  map[*yaml.Node]string // nodes that come from another file than the plan file
	faults []Fault
}

// document turns the file into a document; where that is not possible it
// leaves faults.
func (s *source) document(path string, data []byte) domain.Document {
	parsed, ok := s.parse(path, data)
	if !ok {
		return domain.Document{}
	}
	root := s.normalize(parsed)
	s.expandTargets(path, root)
	doc, faults := decode(root)
	for _, fault := range faults {
		s.report(locate(root, fault.Path), fault.Path, fault.Message)
	}
	return doc
}

// decode hands the tree on as JSON.
func decode(root *yaml.Node) (domain.Document, []domain.Fault) {
	doc, err := domain.DecodeDocument(toJSON(root))
	var invalid *domain.InvalidPlanError
	switch {
	case err == nil:
		return doc, nil
	case errors.As(err, &invalid):
		return doc, invalid.Faults
	}
	return doc, []domain.Fault{{Message: err.Error()}}
}
