package paramschema_test

import (
	_ "embed"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/paramschema"
)

//go:embed paramschema_test.go
var source string

// sample has a parameter of every kind.
type sample struct {
	// Admin is where it goes,
	// whatever that is.
	//
	// Required.
	Admin   string            `json:"admin"`
	Count   int               `json:"count,omitempty" jsonschema:"minimum=1,maximum=9"` // how many; 0 means one
	Wait    domain.Duration   `json:"wait,omitempty"`
	Color   string            `json:"color,omitempty" jsonschema:"enum=blue,enum=green" jsonschema_description:"a color, from the tag"`
	Probe   *probe            `json:"probe,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Ports   []int             `json:"ports,omitempty" jsonschema:"maxItems=3"`
	Ratio   float64           `json:"ratio,omitempty"`
	Flag    bool              `json:"flag,omitempty"`
	Free    json.RawMessage   `json:"free,omitempty"` // anything
	Own     own               `json:"own,omitzero"`   // anything
	Address netip.Addr        `json:"address,omitzero"`
	At      time.Time         `json:"at,omitzero"`
	Raw     time.Duration     `json:"raw,omitempty"`
}

// probe is asked.
type probe struct {
	URL string `json:"url"` // where
}

// own reads what it likes.
type own struct{ n int }

func (o *own) UnmarshalJSON(data []byte) error { o.n = len(data); return nil }

func schema[T any](t *testing.T, source string) *paramschema.Schema {
	t.Helper()
	s, err := paramschema.Of(reflect.TypeFor[T](), source)
	require.NoError(t, err)
	return s
}

func TestFaultsNameEveryParameterThatDoesNotFit(t *testing.T) {
	t.Parallel()
	s := schema[sample](t, "")
	for params, want := range map[string][]string{
		``:                           {"admin: is missing"},
		`null`:                       {"admin: is missing"},
		`{"admin": null}`:            {"admin: is missing"},
		`{"admin": 5}`:               {"admin: is 5, but has to be a text"},
		`{"admin": "a", "Count": 5}`: {`Count: there is no parameter "Count"; did you mean "count"?`},
		`{"admin": "a", "probe": {"uri": "x", "elsewhere": 1}}`: {
			`probe.elsewhere: there is no parameter "elsewhere"; known here: url`, `probe.uri: there is no parameter "uri"; did you mean "url"?`, "probe.url: is missing"},
		`{"admin": "a", "count": 12, "wait": "5 minutes", "color": "red"}`: {
			"color: is \"red\", but has to be one of blue, green", "count: is 12, but has to be at most 9", "wait: is \"5 minutes\", but has to be a text such as 90s, 5m, 1h30m"},
		`{"admin": "a", "count": 1.5, "ratio": "x", "flag": "yes"}`: {
			"count: is 1.5, but has to be a whole number", `flag: is "yes", but has to be true or false`, `ratio: is "x", but has to be a number`},
		`{"admin": "a", "headers": {"x": 1}, "ports": [1, "two"]}`: {"headers.x: is 1, but has to be a text", `ports[1]: is "two", but has to be a whole number`},
		`{"admin": "a", "ports": [1, 2, 3, 4]}`:                    {"ports: is [1,2,3,4], but has to have at most 3 items"},
		`{"admin": "a", "probe": "postgres://me:secret@here"}`:     {"probe: is a text, but has to be an object"},
		`[]`: {"is [], but has to be an object"},
		`{`:  {"the parameters are no JSON: unexpected EOF"},
	} {
		var got []string
		for _, fault := range s.Faults(json.RawMessage(params)) {
			got = append(got, fault.String())
		}
		require.Equal(t, want, got, params)
	}
}

func TestFaultsRefusesNothingThatTheTypeReads(t *testing.T) {
	t.Parallel()
	s := schema[sample](t, "")
	for _, params := range []string{
		`{"admin": "a"}`, `{"admin": "", "probe": null, "ports": null, "free": {"any": [1, null]}, "own": [1]}`,
		`{"admin": "a", "wait": "1h", "own": "x", "address": "10.0.0.1", "at": "2026-01-02T03:04:05Z", "raw": 1000, "ratio": 1}`,
		`{"admin": "a", "wait": "0", "headers": {"x": "y"}, "ports": [], "flag": true, "color": "blue"}`,
	} {
		require.Empty(t, s.Faults(json.RawMessage(params)), params)
		var read sample
		require.NoError(t, json.Unmarshal([]byte(params), &read), params)
	}
	require.Empty(t, schema[struct{}](t, "").Faults(nil))
	require.Empty(t, schema[map[string]any](t, "").Faults(json.RawMessage(`{"any": 1}`)))
}

func TestDescriptionsAreTheCommentsOfTheSource(t *testing.T) {
	t.Parallel()
	var read struct {
		Description string
		Properties  map[string]struct{ Description string }
		Defs        map[string]struct {
			Description string
			Properties  map[string]struct{ Description string }
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(schema[sample](t, source).JSON, &read))
	require.Equal(t, "sample has a parameter of every kind.", read.Description)
	require.Equal(t, "admin is where it goes, whatever that is.\n\nRequired.", read.Properties["admin"].Description)
	require.Equal(t, "how many; 0 means one", read.Properties["count"].Description)
	require.Equal(t, "a color, from the tag", read.Properties["color"].Description)
	require.Equal(t, "probe is asked.", read.Defs["probe"].Description)
	require.Equal(t, "where", read.Defs["probe"].Properties["url"].Description)
}

func TestAnotherSourceAndATypeThatJSONCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	_, err := paramschema.Of(reflect.TypeFor[sample](), "package other")
	require.ErrorContains(t, err, "does not declare the type paramschema_test.sample")
	_, err = paramschema.Of(reflect.TypeFor[sample](), "no go")
	require.ErrorContains(t, err, "reading the source of the parameters")
	_, err = paramschema.Of(reflect.TypeFor[struct {
		C chan int `json:"c"`
	}](), "")
	require.ErrorContains(t, err, "cannot be described by JSON Schema: unsupported type chan int")
}

func TestALongValueIsCut(t *testing.T) {
	t.Parallel()
	faults := schema[sample](t, "").Faults(json.RawMessage(`{"admin": "a", "ratio": "` + strings.Repeat("ä", 200) + `"}`))
	require.Len(t, faults, 1)
	require.Less(t, len(faults[0].Message), 100)
}

func TestRowsListEveryParameterWithThoseWithinIt(t *testing.T) {
	t.Parallel()
	type rule struct {
		Port int `json:"port"`
	}
	type all struct {
		Name  string            `json:"name"`
		Wait  domain.Duration   `json:"wait,omitempty" jsonschema:"default=5s" jsonschema_description:"how long"`
		Probe *probe            `json:"probe,omitempty"`
		Rules []rule            `json:"rules,omitempty"`
		Heads map[string]string `json:"heads,omitempty"`
		Free  map[string]any    `json:"free,omitempty"`
		Color string            `json:"color,omitempty" jsonschema:"enum=blue,enum=green"`
	}
	rows, err := paramschema.Rows(schema[all](t, "").JSON)
	require.NoError(t, err)
	require.Equal(t, []paramschema.Row{
		{Name: "name", Type: "text", Required: true},
		{Name: "wait", Type: "duration", Default: `"5s"`, Description: "how long"},
		{Name: "probe", Type: "object"},
		{Name: "probe.url", Type: "text", Required: true},
		{Name: "rules", Type: "list of object"},
		{Name: "rules[].port", Type: "whole number", Required: true},
		{Name: "heads", Type: "object of text"},
		{Name: "free", Type: "object"},
		{Name: "color", Type: "one of blue, green"},
	}, rows)
	_, err = paramschema.Rows([]byte("{"))
	require.Error(t, err)
}

// node holds itself.
type node struct {
	Name string `json:"name"`
	Next *node  `json:"next,omitempty"`
}

func TestRowsOfParametersThatHoldThemselvesComeToAnEnd(t *testing.T) {
	t.Parallel()
	rows, err := paramschema.Rows(schema[node](t, "").JSON)
	require.NoError(t, err)
	require.Less(t, len(rows), 20)
	faults := schema[node](t, "").Faults(json.RawMessage(`{"name": "a", "next": {"name": "b", "next": {"nam": "c"}}}`))
	require.Equal(t, []domain.Fault{
		{Path: "next.next.nam", Message: `there is no parameter "nam"; did you mean "name"?`}, {Path: "next.next.name", Message: "is missing"},
	}, faults)
}

func TestTypesOfTheSameNameInSeveralPackagesAreKeptApart(t *testing.T) {
	t.Parallel()
	type Retry struct {
		Often string       `json:"often"`
		Inner domain.Retry `json:"inner"`
	}
	require.Empty(t, schema[Retry](t, "").Faults(json.RawMessage(`{"often": "yes", "inner": {"maxRetries": 3}}`)))
}
