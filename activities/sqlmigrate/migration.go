package sqlmigrate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// migration is one thing to be done, under one name.
type migration struct {
	name     string // in the marker table
	version  int64  // goose's; 0 where it is a script of the plan
	checksum string // of what is done
	up, down []string
	useTx    bool
}

// isVersion reports whether goose's table records the migration.
func (m *migration) isVersion() bool { return m.version > 0 }

// annotated finds goose's annotations in a script.
var annotated = regexp.MustCompile(`(?m)^--\s*\+goose\s`)

// scriptMigration returns what the script of a plan does.
func scriptMigration(p Params) (*migration, error) {
	m := &migration{name: p.Name, checksum: checksum(p.Script), up: []string{p.Script}, useTx: true}
	if annotated.MatchString(p.Script) {
		parsed, err := parseGoose(oneFile(p.Script))
		if err != nil {
			return nil, err
		}
		m.up, m.down, m.useTx = parsed[0].up, parsed[0].down, parsed[0].useTx
	}
	switch {
	case p.RollbackScript == "":
	case annotated.MatchString(p.RollbackScript):
		return nil, errors.New("rollbackScript has annotations of goose; put its SQL under -- +goose Down of the script")
	case len(m.down) > 0:
		return nil, errors.New("it has a -- +goose Down, so that rollbackScript cannot be given beside it")
	case !m.useTx:
		return nil, errors.New("it runs without a transaction; put what undoes it under its -- +goose Down instead of into rollbackScript")
	default:
		m.down = []string{p.RollbackScript}
	}
	if len(m.up) == 0 {
		return nil, errors.New("it has no statements under -- +goose Up")
	}
	return m, nil
}

// checksum tells an edited script from the one that was run. How lines end, and
// blanks before and after, do not count.
func checksum(script string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(strings.ReplaceAll(script, "\r\n", "\n"))))
	return hex.EncodeToString(sum[:])
}

// versions are the migrations of a directory, in ascending order.
type versions []*migration

// upTo returns those that are at most the last version; 0 means all.
func (v versions) upTo(last int64) (versions, error) {
	if last == 0 {
		return v, nil
	}
	i := slices.IndexFunc(v, func(m *migration) bool { return m.version == last })
	if i < 0 {
		return nil, fmt.Errorf("toVersion is %d, but the directory has no such version; it has %d to %d", last, v[0].version, v[len(v)-1].version)
	}
	return v[:i+1], nil
}

// versionName is the name of a version in the marker table.
func versionName(version int64) string { return "goose/" + strconv.FormatInt(version, 10) }
