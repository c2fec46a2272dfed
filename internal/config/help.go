package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Setting is one setting as the help and the documentation show it.
type Setting struct {
	Group   Group
	Flag    string // with its dashes and the kind of its value: --stop-timeout duration
	Env     string // the environment variable that gives the same
	Default string // what holds where nothing is given
	Text    string // what it is for
}

// Settings lists what was declared in a set of flags, group by group and in
// the order of the flags' names, without those that are hidden.
func Settings(flags *pflag.FlagSet) []Setting {
	var list []Setting
	for _, group := range groups {
		flags.VisitAll(func(f *pflag.Flag) {
			if first(f, groupAnnotation) != string(group) || f.Hidden {
				return
			}
			list = append(list, Setting{
				Group: group, Flag: strings.TrimSpace("--" + f.Name + " " + first(f, kindAnnotation)),
				Env: first(f, envAnnotation), Default: first(f, defaultAnnotation), Text: first(f, textAnnotation),
			})
		})
	}
	return list
}

// Hide leaves the settings of a group out of the help.
func Hide(flags *pflag.FlagSet, group Group) {
	flags.VisitAll(func(f *pflag.Flag) {
		f.Hidden = f.Hidden || first(f, groupAnnotation) == string(group)
	})
}

func first(f *pflag.Flag, annotation string) string {
	if values := f.Annotations[annotation]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// The columns of the help.
const (
	helpIndent = 36
	helpWidth  = 100
)

// Usage lists the settings of a set of flags for the help: each with what it
// is for, its environment variable and its default, under its group.
func Usage(flags *pflag.FlagSet) string {
	var b strings.Builder
	var group Group
	for _, s := range Settings(flags) {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		writeEntry(&b, s.Flag, fmt.Sprintf("%s (%s; default %s)", s.Text, s.Env, s.Default))
	}
	b.WriteString("\nOnly in the environment:\n")
	for _, v := range EnvironmentOnly {
		writeEntry(&b, v.Name, v.Text)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// writeEntry writes one entry of the help in two columns.
func writeEntry(b *strings.Builder, name, text string) {
	line := fmt.Sprintf("  %-*s", helpIndent-2, name)
	if len(line) > helpIndent {
		fmt.Fprintln(b, line)
		line = strings.Repeat(" ", helpIndent)
	}
	begun := false // the line has a word of the text
	for _, word := range strings.Fields(text) {
		if begun && len(line)+1+len(word) > helpWidth {
			fmt.Fprintln(b, line)
			line, begun = strings.Repeat(" ", helpIndent), false
		}
		if begun {
			line += " "
		}
		line, begun = line+word, true
	}
	fmt.Fprintln(b, line)
}
