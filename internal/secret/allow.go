// Package secret resolves references to secrets on the worker, and keeps their
// values out of everything that leaves it. A plan holds the reference only.
package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultPrefix begins the names of the environment variables that may be
// referenced where SLUICE_SECRET_ALLOW is not set.
const DefaultPrefix = "SLUICE_SECRET_"

// Allow says which secrets plans may reference. Whoever may write a plan may
// use each of them, so that it lists no more than plans need. The zero value
// allows the environment variables that begin with DefaultPrefix, and no file.
// Make one with ParseAllow.
type Allow struct {
	limited  bool // only what follows
	names    []string
	prefixes []string
	files    []string // symbolic links resolved where they could be
	folders  []string // likewise
}

// ParseAllow reads SLUICE_SECRET_ALLOW: env:NAME, env:PREFIX_*, file:/PATH and
// file:/FOLDER/ (with all that lies below it), separated by commas. Blank: the
// zero value.
func ParseAllow(text string) (Allow, error) {
	if strings.TrimSpace(text) == "" {
		return Allow{}, nil
	}
	allow := Allow{limited: true}
	var faults []error
	for entry := range strings.SplitSeq(text, ",") {
		if err := allow.add(strings.TrimSpace(entry)); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return Allow{}, fmt.Errorf("reading the list of secrets that plans may reference: %w", err)
	}
	return allow, nil
}

func (a *Allow) add(entry string) error {
	kind, rest, _ := strings.Cut(entry, ":")
	name, isPrefix := strings.CutSuffix(rest, "*")
	switch {
	case kind == "env" && isName(name) && isPrefix:
		a.prefixes = append(a.prefixes, name)
	case kind == "env" && isName(name):
		a.names = append(a.names, name)
	case kind == "file" && filepath.IsAbs(rest) && strings.HasSuffix(rest, "/") && filepath.Clean(rest) != "/":
		a.folders = append(a.folders, resolved(filepath.Clean(rest)))
	case kind == "file" && filepath.IsAbs(rest) && !strings.HasSuffix(rest, "/"):
		a.files = append(a.files, resolved(filepath.Clean(rest)))
	default:
		return fmt.Errorf("%q is neither env:NAME, env:PREFIX_*, file:/PATH nor file:/FOLDER/", entry)
	}
	return nil
}

// env reports whether an environment variable may be referenced.
func (a Allow) env(name string) bool {
	if !a.limited {
		return strings.HasPrefix(name, DefaultPrefix)
	}
	return slices.Contains(a.names, name) ||
		slices.ContainsFunc(a.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// file reports whether a file may be referenced, by the path without symbolic
// links.
func (a Allow) file(path string) bool {
	return slices.Contains(a.files, path) || slices.ContainsFunc(a.folders, func(folder string) bool {
		return strings.HasPrefix(path, folder+"/")
	})
}

// resolved returns the path without symbolic links; as it is where there is
// nothing yet.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// isName reports whether the text is the name of an environment variable, as
// shells take it.
func isName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}

// CheckRef returns what is wrong with the form of a reference: env:NAME or
// file:PATH, with an absolute path.
func CheckRef(ref string) error {
	kind, rest, _ := strings.Cut(ref, ":")
	switch {
	case kind == "env" && isName(rest):
		return nil
	case kind == "file" && filepath.IsAbs(rest) && filepath.Clean(rest) == rest:
		return nil
	}
	return errors.New("a reference to a secret is env:NAME, or file:PATH with an absolute path that has no . or .. in it")
}

// Resolve reads the secret that a reference names, at each call anew. A line
// break at its end is not part of it. Errors never hold a value.
func (a Allow) Resolve(ref string) (string, error) {
	if err := CheckRef(ref); err != nil {
		return "", err
	}
	kind, rest, _ := strings.Cut(ref, ":")
	read := a.readFile
	if kind == "env" {
		read = a.readEnv
	}
	value, err := read(rest)
	if err != nil {
		return "", err
	}
	if value = strings.TrimRight(value, "\r\n"); value == "" {
		return "", fmt.Errorf("the secret %s is empty; set it on the worker", ref)
	}
	return value, nil
}

func (a Allow) readEnv(name string) (string, error) {
	if !a.env(name) {
		return "", &DeniedError{Ref: "env:" + name}
	}
	value, found := os.LookupEnv(name)
	if !found {
		return "", fmt.Errorf("the secret env:%s does not exist; set the environment variable on the worker", name)
	}
	return value, nil
}

// readFile reads a file. Secrets that Kubernetes mounts are symbolic links
// within their folder; what counts is where a link leads to.
func (a Allow) readFile(path string) (string, error) {
	denied := &DeniedError{Ref: "file:" + path}
	if len(a.files)+len(a.folders) == 0 {
		return "", denied
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil && a.file(path) {
		return "", fmt.Errorf("reading the secret file:%s: %w", path, err)
	}
	if err != nil || !a.file(real) {
		return "", denied // whether there is a file is nobody's business
	}
	return readBounded(path, real)
}
