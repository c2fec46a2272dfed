package config

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Group is a heading under which the help lists settings.
type Group string

// The groups, in the order in which the help lists them.
const (
	GroupConnection    Group = "Connection to Temporal"
	GroupWork          Group = "Work"
	GroupExecutors     Group = "What executors may do"
	GroupObservability Group = "What a worker shows of itself"
)

var groups = []Group{GroupConnection, GroupWork, GroupExecutors, GroupObservability}

// Where a flag keeps what the help and the documentation say of it.
const (
	groupAnnotation   = "sluice-group"
	kindAnnotation    = "sluice-kind"    // what the help calls the value
	envAnnotation     = "sluice-env"     // the environment variable that gives the same
	defaultAnnotation = "sluice-default" // what holds where nothing is given
	textAnnotation    = "sluice-text"    // what the setting is for
	boundAnnotation   = "sluice-bound"   // set where FromEnvironment reads the variable
)

// declare adds settings of one group to a set of flags, each in one line. A
// setting's environment variable follows from its flag: --http-allow is
// SLUICE_HTTP_ALLOW.
type declare struct {
	flags  *pflag.FlagSet
	group  Group
	prefix string // of the environment variables; empty means SLUICE_, read by FromEnvironment
}

// text adds a setting that is a text, and empty where nothing is given;
// otherwise says what holds then.
func (d declare) text(into *string, flag, kind, otherwise, usage string) {
	d.flags.StringVar(into, flag, "", usage)
	d.describe(flag, kind, otherwise)
}

// word adds a setting that is a text with a value where nothing is given.
func (d declare) word(into *string, flag, kind, fallback, usage string) {
	d.flags.StringVar(into, flag, fallback, usage)
	d.describe(flag, kind, fallback)
}

// duration adds a setting that is a span of time.
func (d declare) duration(into *time.Duration, flag string, fallback time.Duration, usage string) {
	d.flags.DurationVar(into, flag, fallback, usage)
	d.describe(flag, "duration", fallback.String())
}

// number adds a setting that is a count from 1 on.
func (d declare) number(into *int, flag string, fallback int, usage string) {
	*into = fallback
	d.value((*count)(into), flag, usage)
}

// yes adds a setting that is off unless its flag is there.
func (d declare) yes(into *bool, flag, usage string) {
	d.flags.BoolVar(into, flag, false, usage)
	d.describe(flag, "", "false")
}

// value adds a setting of a type of its own.
func (d declare) value(into pflag.Value, flag, usage string) {
	d.flags.Var(into, flag, usage)
	d.describe(flag, into.Type(), into.String())
}

// describe notes what the help says of a flag, and adds variable and default
// to its usage for whoever prints that.
func (d declare) describe(flag, kind, otherwise string) {
	f := d.flags.Lookup(flag)
	env := cmp.Or(d.prefix, "SLUICE_") + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	f.Annotations = map[string][]string{
		groupAnnotation: {string(d.group)}, kindAnnotation: {kind}, envAnnotation: {env},
		defaultAnnotation: {otherwise}, textAnnotation: {f.Usage},
	}
	if d.prefix == "" {
		f.Annotations[boundAnnotation] = []string{"true"}
	}
	f.Usage += fmt.Sprintf(" (env %s)", env)
	if f.DefValue == "" {
		f.Usage += fmt.Sprintf(" (default %s)", otherwise)
	}
}

// count is a number from 1 on.
type count int

// String returns the number.
func (c *count) String() string { return strconv.Itoa(int(*c)) }

var errNotCount = errors.New("it is a whole number from 1 on")

// Set reads a number.
func (c *count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errNotCount
	}
	*c = count(n)
	return nil
}

// Type is what the help calls the value.
func (c *count) Type() string { return "number" }
