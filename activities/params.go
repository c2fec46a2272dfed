package activities

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
)

// ParamError says what is wrong with one parameter. A Validate method returns
// one for each fault, joined by errors.Join; make one with BadParam.
type ParamError struct {
	Param string // as in the plan file: batchSize, probe.url, ports[2]
	Err   error
}

func (e *ParamError) Error() string { return e.Param + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ParamError) Unwrap() error { return e.Err }

// BadParam is the fault of one parameter. The format goes on after the
// parameter's name: BadParam("batchSize", "is %d, but has to be from 1 to 9", n).
// It takes %w.
func BadParam(param, format string, args ...any) error {
	return &ParamError{Param: param, Err: fmt.Errorf(format, args...)}
}

// decodeParams reads parameters strictly. The error is of every fault: what
// their schema does not allow, and what Validate finds in the rest.
func decodeParams[P any](schema *paramschema.Schema, raw json.RawMessage) (P, error) {
	var params P
	wrong, rest := schema.Check(raw)
	err := json.Unmarshal(rest, &params)
	if len(wrong) > 0 {
		return params, errors.Join(faultErrors(wrong, params, err)...)
	}
	if err != nil {
		return params, fmt.Errorf("reading the parameters: %w", err)
	}
	return params, validate(params)
}

// faultErrors returns faults as errors, with what Validate finds beside them
// where the rest could be read.
func faultErrors(wrong []domain.Fault, rest any, unread error) []error {
	var faults []error
	for _, fault := range wrong {
		faults = append(faults, faultError(fault))
	}
	if unread != nil {
		return faults
	}
	// Validate may rely on what is missing, and panic: then the first faults say
	// enough.
	_, err := guard(func() (struct{}, error) { return struct{}{}, validate(rest) })
	for _, fault := range paramFaults("", err) {
		// What has no place, or the place of one that is wrong, may be a
		// consequence of that.
		follows := fault.Path == "" || slices.ContainsFunc(wrong, func(w domain.Fault) bool { return isWithin(fault.Path, w.Path) })
		if !follows {
			faults = append(faults, faultError(fault))
		}
	}
	return faults
}

// isWithin reports whether a parameter is another one or a part of it.
func isWithin(path, around string) bool {
	rest, ok := strings.CutPrefix(path, around)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// validate lets parameters judge themselves, where they can.
func validate(params any) error {
	if v, ok := params.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

func faultError(fault domain.Fault) error {
	if fault.Path == "" {
		return errors.New(fault.Message)
	}
	return &ParamError{Param: fault.Path, Err: errors.New(fault.Message)}
}

// paramFaults returns what an error of decodeParams says, fault by fault, with
// paths below the one of the parameters.
func paramFaults(path string, err error) []domain.Fault {
	var param *ParamError
	joined, several := err.(interface{ Unwrap() []error }) // only what errors.Join has made, not what wraps it
	switch {
	case err == nil:
		return nil
	case several && isJoin(err, joined.Unwrap()):
		var faults []domain.Fault
		for _, single := range joined.Unwrap() {
			faults = append(faults, paramFaults(path, single)...)
		}
		return faults
	case errors.As(err, &param):
		return []domain.Fault{{Path: below(path, param.Param), Message: param.Err.Error()}}
	}
	return []domain.Fault{{Path: path, Message: domain.FailureInfo{Reason: err.Error()}.Bounded().Reason}}
}

func below(path, param string) string {
	if path == "" {
		return param
	}
	return path + "." + param
}

// isJoin tells errors.Join, which says nothing of its own, from fmt.Errorf with
// several errors.
func isJoin(err error, parts []error) bool {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.Error()
	}
	return err.Error() == strings.Join(texts, "\n")
}
