package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/sdk/temporal"
)

// report is all that one call has measured.
type report struct {
	At      time.Time `json:"at"`
	Rounds  int       `json:"rounds"`
	Scale   int       `json:"scale"` // percent of the usual amount of work
	Machine machine   `json:"machine"`
	Server  string    `json:"server"` // version of the Temporal server
	SDK     string    `json:"sdk"`    // version of Temporal's Go SDK
	Rows    []row     `json:"rows"`
}

// machine is what the figures depend on most.
type machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	CPUs       int    `json:"cpus"`
	Go         string `json:"go"`
	LoadBefore string `json:"loadBefore,omitempty"` // averages of 1, 5 and 15 minutes, where the system tells
	LoadAfter  string `json:"loadAfter,omitempty"`
}

// row is one figure: of the bare work, of Sluice, and how they compare round
// by round. Bare and Ratio are nil where there is nothing to compare with.
type row struct {
	Group string  `json:"group"`
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Bare  *spread `json:"bare,omitempty"`
	Ours  spread  `json:"sluice"`
	Ratio *spread `json:"ratio,omitempty"`
	Aim   *aim    `json:"aim,omitempty"`
}

// aim is a bound that a row's ratio, or else its own figure, is to keep.
type aim struct {
	AtMost  float64 `json:"atMost,omitempty"`
	AtLeast float64 `json:"atLeast,omitempty"`
	Met     bool    `json:"met"`
}

func atMost(bound float64) *aim  { return &aim{AtMost: bound} }
func atLeast(bound float64) *aim { return &aim{AtLeast: bound} }

// compare makes a row of two series that were measured in the same rounds.
func compare(group, name, unit string, ours, bare []float64, a *aim) row {
	b, ratio := spreadOf(bare), spreadOf(ratios(ours, bare))
	return row{Group: group, Name: name, Unit: unit, Bare: &b, Ours: spreadOf(ours), Ratio: &ratio, Aim: a.of(ratio.Median)}
}

// alone makes a row of a series that stands for itself.
func alone(group, name, unit string, ours []float64, a *aim) row {
	s := spreadOf(ours)
	return row{Group: group, Name: name, Unit: unit, Ours: s, Aim: a.of(s.Median)}
}

// of says whether a value keeps the aim; nil stays nil.
func (a *aim) of(value float64) *aim {
	if a != nil {
		a.Met = (a.AtMost == 0 || value <= a.AtMost) && (a.AtLeast == 0 || value >= a.AtLeast)
	}
	return a
}

func (a *aim) String() string {
	if a == nil {
		return ""
	}
	bound := "at most " + number(a.AtMost)
	if a.AtLeast != 0 {
		bound = "at least " + number(a.AtLeast)
	}
	if a.Met {
		return bound + ": met"
	}
	return bound + ": MISSED"
}

func newReport(o options, server string) *report {
	return &report{
		At: time.Now().UTC().Truncate(time.Second), Rounds: o.rounds, Scale: o.scale, Server: server, SDK: temporal.SDKVersion,
		Machine: machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), LoadBefore: load()},
	}
}

func (r *report) finish() { r.Machine.LoadAfter = load() }

// load returns the system's load averages; empty where it does not tell.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 3 {
		return ""
	}
	return strings.Join(fields[:3], " ")
}

func (r *report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (r *report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d rounds; Temporal server %s, Go SDK %s\n", r.At.Format(time.RFC3339), r.Rounds, r.Server, r.SDK)
	fmt.Fprintf(w, "%s/%s, %d CPUs, %s; load before %s, after %s\n", r.Machine.OS, r.Machine.Arch, r.Machine.CPUs, r.Machine.Go, r.Machine.LoadBefore, r.Machine.LoadAfter)
	if r.Scale < 100 {
		fmt.Fprintf(w, "a try at %d %% of the usual work, no measurement\n", r.Scale)
	}
	fmt.Fprintf(w, "each figure is a median, with the quartiles in brackets\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	group := ""
	for _, row := range r.Rows {
		if row.Group != group {
			group = row.Group
			fmt.Fprintf(table, "\n%s\tbare\tSluice\tratio\taim\n", group)
		}
		fmt.Fprintf(table, "  %s, %s\t%s\t%s\t%s\t%s\n", row.Name, row.Unit, row.Bare, &row.Ours, row.Ratio, row.Aim)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (s *spread) String() string {
	switch {
	case s == nil:
		return ""
	case s.Min == s.Max:
		return number(s.Median)
	}
	return fmt.Sprintf("%s [%s, %s]", number(s.Median), number(s.Q1), number(s.Q3))
}

// number writes a value with about three digits that say something.
func number(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.3f", value)
}
