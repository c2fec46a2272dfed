package activities

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
)

// route is a value with several fields.
type route struct {
	Pool   string   `json:"pool"`
	Weight int      `json:"weight"`
	Tags   []string `json:"tags,omitempty"`
}

// routes is a product that holds a route for each target.
type routes map[string]route

func (r routes) setting(want route, ours ...route) Setting[route] {
	return Setting[route]{
		Step: "SWITCH", Want: want, Ours: ours,
		Read: func(_ context.Context, target string) (route, bool, error) {
			if target == "down" {
				return route{}, false, errLater
			}
			value, ok := r[target]
			return value, ok, nil
		},
		Write:  func(_ context.Context, target Target, value route) error { r[target.Name] = value; return nil },
		Remove: func(_ context.Context, target Target) error { delete(r, target.Name); return nil },
	}
}

var (
	blue   = route{Pool: "blue", Weight: 1, Tags: []string{"<old>"}}
	green  = route{Pool: "green", Weight: 1}
	yellow = route{Pool: "yellow"}
)

func recordedRoute(r *route) domain.Prior {
	if r == nil {
		return domain.Prior{Absent: true}
	}
	data, _ := json.Marshal(r)
	return domain.Prior{Value: data}
}

func TestASettingIsChangedFromWhatWasRecordedOrIsItsOwnOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stands, prior *route
		ours          []route
		want          *route
		code          string
	}{
		"what was recorded":            {&blue, &blue, nil, &green, ""},
		"nothing, as was recorded":     {nil, nil, nil, &green, ""},
		"what is wanted":               {&green, &blue, nil, &green, ""},
		"what the task has set before": {&yellow, &blue, []route{yellow}, &green, ""},
		"somebody else's":              {&yellow, &blue, nil, &yellow, CodeDrift},
		"somebody else's, new":         {&yellow, nil, nil, &yellow, CodeDrift},
		"gone":                         {nil, &blue, nil, nil, CodeDrift},
	} {
		r := routes{}
		if c.stands != nil {
			r["a"] = *c.stands
		}
		err := r.setting(green, c.ours...).Work().Steps[0].Do(t.Context(), []Target{{Name: "a", Prior: recordedRoute(c.prior)}})
		requireSetting(t, name, r, err, c.want, c.code)
	}
}

func TestASettingIsPutBackFromItsOwnOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stands *route
		prior  domain.Prior
		ours   []route
		want   *route
		code   string
	}{
		"its own":                          {&green, recordedRoute(&blue), nil, &blue, ""},
		"its own, where nothing stood":     {&green, recordedRoute(nil), nil, nil, ""},
		"put back already":                 {&blue, recordedRoute(&blue), nil, &blue, ""},
		"removed already":                  {nil, recordedRoute(nil), nil, nil, ""},
		"what the task has set before":     {&yellow, recordedRoute(&blue), []route{yellow}, &blue, ""},
		"somebody else's":                  {&yellow, recordedRoute(&blue), nil, &yellow, CodeDrift},
		"gone":                             {nil, recordedRoute(&blue), nil, nil, CodeDrift},
		"its own, but nothing is recorded": {&green, domain.Prior{}, nil, &green, "BAD_PRIOR"},
	} {
		r := routes{}
		if c.stands != nil {
			r["a"] = *c.stands
		}
		err := r.setting(green, c.ours...).Work().Rollback(t.Context(), []Target{{Name: "a", Prior: c.prior}})
		requireSetting(t, name, r, err, c.want, c.code)
	}
}

func requireSetting(t *testing.T, name string, r routes, err error, want *route, code string) {
	t.Helper()
	value, ok := r["a"]
	require.Equal(t, want != nil, ok, name)
	if want != nil {
		require.Equal(t, *want, value, name)
	}
	if code == "" {
		require.NoError(t, err, name)
		return
	}
	var failed TargetErrors
	require.ErrorAs(t, err, &failed, name)
	var kind *Error
	require.ErrorAs(t, failed["a"], &kind, name)
	require.Equal(t, code, kind.Code, name)
	require.False(t, kind.Retryable, name)
}

func TestASettingRecordsWhatStandsThereAndThatNothingDoes(t *testing.T) {
	t.Parallel()
	r := routes{"a": blue}
	s := r.setting(green)
	priors, err := s.Work().Prior(t.Context(), []string{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, []domain.Prior{recordedRoute(&blue), {Absent: true}}, priors)

	s.Remove = nil
	_, err = s.Work().Prior(t.Context(), []string{"a", "b", "down"})
	var failed TargetErrors
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed, 2)
	var kind *Error
	require.ErrorAs(t, failed["b"], &kind)
	require.Equal(t, CodeUnknownTarget, kind.Code)
	require.ErrorIs(t, failed["down"], errLater)
}

func TestEachTriesEveryTargetAndNamesThoseThatFailed(t *testing.T) {
	t.Parallel()
	var tried []string
	do := Each(func(_ context.Context, target Target) error {
		tried = append(tried, target.Name)
		if target.Name == "b" {
			return errNever
		}
		return nil
	})
	err := do(t.Context(), []Target{{Name: "a"}, {Name: "b"}, {Name: "c"}})
	require.Equal(t, []string{"a", "b", "c"}, tried)
	var failed TargetErrors
	require.True(t, errors.As(err, &failed))
	require.Equal(t, TargetErrors{"b": errNever}, failed)
	require.NoError(t, do(t.Context(), nil))
}
