package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/plans"
)

// catalog has an executor that says everything of itself, and one that says
// nothing.
func catalog() domain.Catalog {
	yes, no := true, false
	return domain.Catalog{TaskQueue: "sluice", Executors: []domain.ExecutorInfo{
		{Name: "bare", Params: []byte(`{"type": "object", "properties": {}}`)},
		{
			Name: "gateway.one", Summary: "move targets", Steps: []string{"MOVE", "VERIFY"}, RecordsPrior: &yes, Reversible: &no, BatchSize: 100,
			Params: []byte(`{"type": "object", "required": ["to"], "properties": {
				"to": {"type": "string", "description": "where each target goes, which is told here at some length so that the text does not fit into a line"},
				"often": {"type": "integer", "default": 3}}}`),
		},
	}}
}

func TestExecutorsListsWhatTheWorkersServe(t *testing.T) {
	t.Parallel()
	f := &fake{catalog: catalog()}
	require.Equal(t, result{out: "" +
		"NAME         STEPS         AT ONCE  RECORDS  UNDO     SUMMARY\n" +
		"bare         -             unknown  unknown  unknown  -\n" +
		"gateway.one  MOVE, VERIFY  100      yes      no       move targets\n"}, sluice(f, "executors"))
	require.Equal(t, result{out: "bare\ngateway.one\n"}, sluice(f, "executors -o name"))
	require.Contains(t, sluice(f, "executors -o yaml").out, "taskQueue: sluice\nexecutors:\n  - name: bare\n")
	require.Contains(t, sluice(f, "executors -o json").out, `"required": [`)
}

func TestExecutorsShowsOneWithItsParameters(t *testing.T) {
	t.Parallel()
	f := &fake{catalog: catalog()}
	require.Equal(t, result{out: `gateway.one: move targets

Steps                      MOVE, VERIFY
Targets at once            100
Records what stood before  yes
Can be rolled back         no

Parameters
  to  (text, required)
      where each target goes, which is told here at some length so that the text does not
      fit into a line
  often  (whole number, default 3)
`}, sluice(f, "executors gateway.one"))
	require.True(t, strings.HasSuffix(sluice(f, "executors bare").out, "\nIt has no parameters.\n"))
	require.Contains(t, sluice(f, "executors gateway.one -o json").out, `"name": "gateway.one"`)
	require.Equal(t, "bare\n", sluice(f, "executors bare -o name").out)
}

func TestExecutorsSaysWhatThereIsWhereANameIsNot(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{catalog: catalog()}, "executors gateway.on")
	require.Equal(t, result{code: exitUsage, err: `sluice: the workers of the task queue "sluice" serve no executor "gateway.on"; did you mean "gateway.one"?; they serve bare, gateway.one.` + "\n"}, r)
}

func TestExecutorsSaysThatNoWorkerAnswers(t *testing.T) {
	t.Parallel()
	r := sluice(&fake{catalogErr: &plans.NoCatalogError{TaskQueue: "edge", Why: "none is there; start one"}}, "executors")
	require.Equal(t, result{code: exitInternal, err: `sluice: no worker of the task queue "edge" says which executors it serves: none is there; start one.` + "\n"}, r)
}
