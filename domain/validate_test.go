package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// planJSON returns a valid plan with further fields: of the document's parts
// metadata and spec, and of its one task.
func planJSON(metadata, spec, task string) string {
	return `{"apiVersion":"sluice/v1","kind":"Plan","metadata":{"name":"p"` + metadata + `},` +
		`"spec":{"targets":["a","b"]` + spec + `,"tasks":[{"name":"t","executor":"e"` + task + `}]}}`
}

// tasksJSON returns a plan with these tasks.
func tasksJSON(tasks string) string {
	return `{"apiVersion":"sluice/v1","kind":"Plan","metadata":{"name":"p"},"spec":{"targets":["a"],"tasks":[` + tasks + `]}}`
}

func faultsOf(t fataler, document string) []Fault {
	t.Helper()
	_, err := DecodeDocument([]byte(document))
	if err == nil {
		return nil
	}
	var invalid *InvalidPlanError
	if !errors.As(err, &invalid) || len(invalid.Faults) == 0 {
		t.Fatalf("want an *InvalidPlanError with faults, got %v", err)
	}
	return invalid.Faults
}

func TestEachKindOfFaultIsReportedAtItsPlace(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	manyLabels, manyTasks := make([]string, 11), make([]string, MaxTasks+1)
	for i := range manyLabels {
		manyLabels[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	for i := range manyTasks {
		manyTasks[i] = fmt.Sprintf(`{"name":"t%d","executor":"e"}`, i)
	}
	for _, c := range []struct{ name, document, path, fragment string }{
		// The document as a whole.
		{"empty input", ``, "", "there is no plan"},
		{"blank input", " \n\t ", "", "there is no plan"},
		{"no JSON", `apiVersion: sluice/v1`, "", "not JSON"},
		{"cut off", `{"kind":`, "", "not JSON"},
		{"a second document", planJSON("", "", "") + `{}`, "", "more than one document"},
		{"something behind the document", planJSON("", "", "") + ` x`, "", "more than one document"},
		{"null", `null`, "apiVersion", "sluice/v1"},
		{"a list", `[]`, "", "has to be an object"},
		{"a text", `"plan"`, "", "has to be an object"},
		{"another version", `{"apiVersion":"sluice/v2"}`, "apiVersion", `is "sluice/v2"`},
		{"another kind", `{"kind":"Job"}`, "kind", `is "Job", but has to be "Plan"`},
		{"a field given twice", planJSON("", `,"hold":true,"hold":false`, ""), "spec.hold", "given twice"},
		{"a list given twice", planJSON("", `,"tasks":[]`, ""), "spec.tasks", "given twice"},
		{"a nested field given twice", planJSON("", "", `,"params":{"a":[{"b":1,"b":2}]}`), "spec.tasks[0].params.a[0].b", "given twice"},

		// Names and labels.
		{"no name", `{"metadata":{}}`, "metadata.name", "is missing"},
		{"a name with capitals", `{"metadata":{"name":"Plan"}}`, "metadata.name", "only lower-case"},
		{"a name with a space", `{"metadata":{"name":"a b"}}`, "metadata.name", "only lower-case"},
		{"a name with a slash", `{"metadata":{"name":"a/b"}}`, "metadata.name", "only lower-case"},
		{"a name that is too long", `{"metadata":{"name":"` + long + `"}}`, "metadata.name", "has 300 bytes, but at most 200"},
		{"too many labels", planJSON(`,"labels":{`+strings.Join(manyLabels, ",")+`}`, "", ""), "metadata.labels", "has 11 labels"},
		{"a label key with =", planJSON(`,"labels":{"a=b":"c"}`, "", ""), "metadata.labels.a=b", "no '='"},
		{"a label key that is too long", planJSON(`,"labels":{"`+long[:64]+`":"c"}`, "", ""), "metadata.labels." + long[:64], "1 to 63"},
		{"a label value that is too long", planJSON(`,"labels":{"a":"`+long[:64]+`"}`, "", ""), "metadata.labels.a", "at most 63"},
		{"a label with a line break", planJSON(`,"labels":{"a":"b\n"}`, "", ""), "metadata.labels.a", "printable"},
		{"a label without a key", planJSON(`,"labels":{"":"b"}`, "", ""), "metadata.labels.", "1 to 63"},

		// The plan.
		{"maxParallel below", planJSON("", `,"maxParallel":-1`, ""), "spec.maxParallel", "from 1 to 500"},
		{"maxParallel above", planJSON("", `,"maxParallel":501`, ""), "spec.maxParallel", "is 501"},
		{"an unknown policy", planJSON("", `,"onFailure":"explode"`, ""), "spec.onFailure", `is "explode"`},
		{"a long description", planJSON("", `,"description":"`+strings.Repeat("x", 4097)+`"`, ""), "spec.description", "has 4097 bytes"},
		{"targetsFrom", planJSON("", `,"targetsFrom":{"file":"f"}`, ""), "spec.targetsFrom", "command line only"},
		{"no tasks", tasksJSON(""), "spec.tasks", "is empty"},
		{"too many tasks", tasksJSON(strings.Join(manyTasks, ",")), "spec.tasks", "has 2001 tasks"},

		// Targets.
		{"an empty target", planJSON("", "", `,"targets":["a",""]`), "spec.tasks[0].targets[1]", "is empty"},
		{"a target that is too long", planJSON("", "", `,"targets":["`+long+`"]`), "spec.tasks[0].targets[0]", "has 300 bytes"},
		{"a target twice", planJSON("", "", `,"targets":["a","b","a"]`), "spec.tasks[0].targets[2]", "spec.tasks[0].targets[0] has as well"},
		{"a target with a line break", planJSON("", "", `,"targets":["a\nb"]`), "spec.tasks[0].targets[0]", "printable"},
		{"a target with an escape", planJSON("", "", `,"targets":["\u001b[31m"]`), "spec.tasks[0].targets[0]", "printable"},
		{"a target with an invisible rune", planJSON("", "", `,"targets":["a\u202eb"]`), "spec.tasks[0].targets[0]", "printable"},
		{"no targets at all", `{"spec":{"tasks":[{"name":"t","executor":"e"}]}}`, "spec.tasks[0].targets", "at least one target"},
		{"a bad target of the plan", `{"spec":{"targets":["a","a"]}}`, "spec.targets[1]", "spec.targets[0] has as well"},

		// Tasks.
		{"a task without a name", tasksJSON(`{"executor":"e"}`), "spec.tasks[0].name", "is missing"},
		{"a bad task name", tasksJSON(`{"name":"T","executor":"e"}`), "spec.tasks[0].name", "only lower-case"},
		{"a task that is null", tasksJSON(`null`), "spec.tasks[0].name", "is missing"},
		{"two tasks of one name", tasksJSON(`{"name":"t","executor":"e"},{"name":"t","executor":"e"}`), "spec.tasks[1].name", "spec.tasks[0] has as well"},
		{"no executor", tasksJSON(`{"name":"t"}`), "spec.tasks[0].executor", "is missing"},
		{"an executor that is too long", tasksJSON(`{"name":"t","executor":"` + long + `"}`), "spec.tasks[0].executor", "at most 200"},
		{"a control character in an executor", tasksJSON(`{"name":"t","executor":"e\u0000"}`), "spec.tasks[0].executor", "printable"},
		{"params that are no object", planJSON("", "", `,"params":[1]`), "spec.tasks[0].params", "an object of parameters"},
		{"an unknown dependency", planJSON("", "", `,"dependsOn":["other"]`), "spec.tasks[0].dependsOn[0]", "no task has that name"},
		{"a dependency twice", tasksJSON(`{"name":"s","executor":"e"},{"name":"t","executor":"e","dependsOn":["s","s"]}`), "spec.tasks[1].dependsOn[1]", "listed before"},
		{"a task that depends on itself", planJSON("", "", `,"dependsOn":["t"]`), "spec.tasks[0].dependsOn", "t → t"},
		{"a cycle of three", tasksJSON(`{"name":"a","executor":"e","dependsOn":["b"]},{"name":"b","executor":"e","dependsOn":["c"]},{"name":"c","executor":"e","dependsOn":["a"]}`),
			"spec.tasks[2].dependsOn", "a → b → c → a"},
		{"a cycle behind a way in", tasksJSON(`{"name":"a","executor":"e","dependsOn":["b"]},{"name":"b","executor":"e","dependsOn":["c"]},{"name":"c","executor":"e","dependsOn":["b"]}`),
			"spec.tasks[2].dependsOn", "b → c → b"},
		{"maxRetries below", planJSON("", "", `,"retry":{"maxRetries":-1}`), "spec.tasks[0].retry.maxRetries", "from 0 to 1000"},
		{"maxRetries above", planJSON("", "", `,"retry":{"maxRetries":1001}`), "spec.tasks[0].retry.maxRetries", "is 1001"},
		{"an interval that is too short", planJSON("", "", `,"retry":{"initialInterval":"1us"}`), "spec.tasks[0].retry.initialInterval", "is 1µs"},
		{"an interval that is too long", planJSON("", "", `,"retry":{"maxInterval":"25h"}`), "spec.tasks[0].retry.maxInterval", "is 25h0m0s"},
		{"a negative interval", planJSON("", "", `,"retry":{"initialInterval":"-1s"}`), "spec.tasks[0].retry.initialInterval", "is -1s"},
		{"a backoff below", planJSON("", "", `,"retry":{"backoffCoefficient":0.5}`), "spec.tasks[0].retry.backoffCoefficient", "is 0.5"},
		{"a backoff above", planJSON("", "", `,"retry":{"backoffCoefficient":101}`), "spec.tasks[0].retry.backoffCoefficient", "from 1 to 100"},
		{"a timeout that is too short", planJSON("", "", `,"timeout":"1ms"`), "spec.tasks[0].timeout", "from 1s to 720h0m0s"},
		{"a timeout that is too long", planJSON("", "", `,"timeout":"721h"`), "spec.tasks[0].timeout", "is 721h0m0s"},
		{"a heartbeat time-out that is too short", planJSON("", "", `,"heartbeatTimeout":"900ms"`), "spec.tasks[0].heartbeatTimeout", "from 1s"},
		{"parallelTargets below", planJSON("", "", `,"parallelTargets":-2`), "spec.tasks[0].parallelTargets", "from 1 to 1000"},
		{"parallelTargets above", planJSON("", "", `,"parallelTargets":1001`), "spec.tasks[0].parallelTargets", "is 1001"},
		{"a task queue that is too long", planJSON("", "", `,"taskQueue":"`+long+`"`), "spec.tasks[0].taskQueue", "at most 200"},

		// Forms of their own.
		{"a duration without a unit", planJSON("", "", `,"timeout":"90"`), "spec.tasks[0].timeout", "write it as 90s"},
		{"a duration that is a number", planJSON("", "", `,"timeout":90`), "spec.tasks[0].timeout", "not 90"},
		{"an empty duration", planJSON("", "", `,"retry":{"maxInterval":""}`), "spec.tasks[0].retry.maxInterval", "no duration"},
		{"a threshold above 100 %", planJSON("", "", `,"failureThreshold":"101%"`), "spec.tasks[0].failureThreshold", "percentage"},
		{"a negative threshold", planJSON("", "", `,"failureThreshold":-1`), "spec.tasks[0].failureThreshold", "percentage"},
		{"a threshold that is a word", planJSON("", "", `,"failureThreshold":"some"`), "spec.tasks[0].failureThreshold", `"some"`},
		{"a threshold with a fraction", planJSON("", "", `,"failureThreshold":1.5`), "spec.tasks[0].failureThreshold", "1.5"},

		// Wrong types.
		{"a text for a number", planJSON("", `,"maxParallel":"2"`, ""), "spec.maxParallel", `is "2", but has to be a whole number`},
		{"a fraction for a whole number", planJSON("", `,"maxParallel":1.5`, ""), "spec.maxParallel", "a whole number"},
		{"a number that is too large", planJSON("", `,"maxParallel":99999999999999999999`, ""), "spec.maxParallel", "a whole number"},
		{"a float that is too large", planJSON("", "", `,"retry":{"backoffCoefficient":1e999}`), "spec.tasks[0].retry.backoffCoefficient", "a number"},
		{"a text for a float", planJSON("", "", `,"retry":{"backoffCoefficient":"2"}`), "spec.tasks[0].retry.backoffCoefficient", "a number"},
		{"a text for a truth value", planJSON("", `,"hold":"yes"`, ""), "spec.hold", "true or false"},
		{"a number for a text", planJSON("", `,"description":7`, ""), "spec.description", "is 7, but has to be a text"},
		{"a text for a list", planJSON("", "", `,"targets":"a"`), "spec.tasks[0].targets", "a list"},
		{"a number in a list of texts", planJSON("", "", `,"targets":["a",7]`), "spec.tasks[0].targets[1]", "a text"},
		{"a list for an object", planJSON("", "", `,"retry":[]`), "spec.tasks[0].retry", "an object"},
		{"a number for a task", tasksJSON(`{"name":"t","executor":"e"},7`), "spec.tasks[1]", "is 7, but has to be an object"},
		{"a number for a label", planJSON(`,"labels":{"a":1}`, "", ""), "metadata.labels.a", "a text"},
		{"a list of labels", planJSON(`,"labels":["a"]`, "", ""), "metadata.labels", "an object"},
		{"a text for maxRetries", planJSON("", "", `,"retry":{"maxRetries":"3"}`), "spec.tasks[0].retry.maxRetries", "a whole number"},
		{"a long value is cut", planJSON("", `,"maxParallel":"`+long+`"`, ""), "spec.maxParallel", "…, but has to be"},

		// Unknown fields.
		{"an unknown field of the document", `{"status":{}}`, "status", `there is no field "status"; known here: apiVersion, kind, metadata, spec`},
		{"a misspelt field", planJSON("", `,"maxParalel":2`, ""), "spec.maxParalel", `did you mean "maxParallel"?`},
		{"a field in other letters", planJSON("", `,"onfailure":"fail"`, ""), "spec.onfailure", `did you mean "onFailure"?`},
		{"a misspelt field of a task", planJSON("", "", `,"dependOn":[]`), "spec.tasks[0].dependOn", `did you mean "dependsOn"?`},
		{"a misspelt field of retry", planJSON("", "", `,"retry":{"maxRetrys":1}`), "spec.tasks[0].retry.maxRetrys", `did you mean "maxRetries"?`},
		{"an unknown field of metadata", planJSON(`,"namespace":"x"`, "", ""), "metadata.namespace", "known here: labels, name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			faults := faultsOf(t, c.document)
			for _, f := range faults {
				if f.Path == c.path && strings.Contains(f.Message, c.fragment) {
					return
				}
			}
			t.Fatalf("no fault at %q says %q; there are: %v", c.path, c.fragment, faults)
		})
	}
}

func TestAFaultInAGoodPlanIsTheOnlyOneReported(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		planJSON("", `,"maxParallel":"2"`, ""),
		planJSON("", "", `,"targets":"a"`),
		planJSON("", "", `,"timeout":90`),
		planJSON("", "", `,"retry":7`),
		planJSON(`,"labels":7`, "", ""),
		planJSON("", "", `,"dependsOn":["t"]`),
		planJSON("", "", `,"targets":["a",7]`),
		tasksJSON(`{"name":"t","executor":"e"},7`),
		`{"apiVersion":"sluice/v1","kind":"Plan","metadata":{"name":"p"},"spec":7}`,
		`{"apiVersion":"sluice/v1","kind":"Plan","metadata":{"name":"p"},"spec":{"targets":"a","tasks":[{"name":"t","executor":"e"},{"name":"u","executor":"e"}]}}`,
		`7`,
	} {
		require.Len(t, faultsOf(t, document), 1, document)
	}
}

func TestADocumentWithTwentyFaultsReportsAllOfThemAtOnce(t *testing.T) {
	t.Parallel()
	want := map[string]string{ // path → fragment
		"apiVersion":                              "sluice/v1",
		"kind":                                    "has to be",
		"metadata.name":                           "only lower-case",
		"metadata.labels.a=b":                     "no '='",
		"metadata.owner":                          "there is no field",
		"spec.maxParallel":                        "a whole number",
		"spec.onFailure":                          "has to be pause, fail or rollback",
		"spec.hold":                               "given twice",
		"spec.targets[1]":                         "has as well",
		"spec.targets[2]":                         "is empty",
		"spec.targets[3]":                         "printable",
		"spec.tasks[0].executor":                  "is missing",
		"spec.tasks[0].params":                    "an object",
		"spec.tasks[0].timeout":                   "no duration",
		"spec.tasks[0].retry.maxRetries":          "from 0 to 1000",
		"spec.tasks[0].retry.backoffCoefficient":  "from 1 to 100",
		"spec.tasks[0].dependsOn[0]":              "no task has that name",
		"spec.tasks[1].name":                      "has as well",
		"spec.tasks[1].failureThreshold":          "percentage",
		"spec.tasks[1].pauseBefor":                `did you mean "pauseBefore"?`,
		"spec.tasks[2].dependsOn":                 "c → c",
		"spec.tasks[2].heartbeatTimeout":          "from 1s",
		"spec.tasks[2].targets":                   "a list",
		"spec.tasks[3]":                           "an object",
		"spec.tasks[4].parallelTargets":           "from 1 to 1000",
		"spec.tasks[4].retry.initialInterval":     "from 1ms",
		"spec.tasks[4].retry.backoffCoefficients": `did you mean "backoffCoefficient"?`,
	}
	faults := faultsOf(t, `{
		"apiVersion": "v1", "kind": "plan",
		"metadata": {"name": "Green", "owner": "me", "labels": {"a=b": "c"}},
		"spec": {
			"maxParallel": "two", "onFailure": "explode", "hold": true, "hold": true,
			"targets": ["a", "a", "", "b\t"],
			"tasks": [
				{"name": "t", "params": 7, "timeout": "soon", "retry": {"maxRetries": -1, "backoffCoefficient": 0.1}, "dependsOn": ["nobody"]},
				{"name": "t", "executor": "e", "failureThreshold": "lots", "pauseBefor": true},
				{"name": "c", "executor": "e", "dependsOn": ["c"], "heartbeatTimeout": "1ms", "targets": "a"},
				"a task",
				{"name": "d", "executor": "e", "parallelTargets": 5000, "retry": {"initialInterval": "1ns", "backoffCoefficients": 2}}
			]
		}
	}`)
	got := map[string]string{}
	for _, f := range faults {
		got[f.Path] = f.Message
	}
	for path, fragment := range want {
		require.Contains(t, got[path], fragment, path)
	}
	require.Len(t, faults, len(want), "and no others: %v", faults)
	require.GreaterOrEqual(t, len(want), 20)

	text := (&InvalidPlanError{Faults: faults}).Error()
	for _, f := range faults {
		require.Contains(t, text, f.String())
	}
	require.Contains(t, text, fmt.Sprintf("in %d places", len(faults)))
}

func TestAGoodDocumentIsRead(t *testing.T) {
	t.Parallel()
	doc, err := DecodeDocument([]byte(`{
		"apiVersion": "sluice/v1", "kind": "Plan",
		"metadata": {"name": "green-cutover_1.0", "labels": {"team": "edge"}},
		"spec": {
			"hold": false, "description": "Move every tenant.", "maxParallel": 2, "onFailure": "fail",
			"targets": ["tenant-001", "mandant äöü 2"],
			"tasks": [
				{"name": "check", "executor": "http"},
				{"name": "switch", "executor": "gateway.caddy", "params": {"admin": "http://127.0.0.1:2019", "n": 12345678901234567890},
				 "targets": ["tenant-001"], "dependsOn": ["check"],
				 "retry": {"maxRetries": 0, "initialInterval": "2s", "backoffCoefficient": 1.5, "maxInterval": "1s"},
				 "timeout": "90s", "heartbeatTimeout": "5s", "failureThreshold": "10%", "parallelTargets": 4, "pauseBefore": true, "taskQueue": "mine"}
			]
		}
	}`))
	require.NoError(t, err)
	check, swtch := doc.Spec.Tasks[0], doc.Spec.Tasks[1]
	require.Equal(t, doc.Spec.Targets, doc.Spec.TargetsOf(check))
	require.Equal(t, []string{"tenant-001"}, doc.Spec.TargetsOf(swtch))
	require.JSONEq(t, `{"admin": "http://127.0.0.1:2019", "n": 12345678901234567890}`, string(swtch.Params))
	require.Contains(t, string(swtch.Params), "12345678901234567890", "numbers of executors keep their digits")
	require.Equal(t, "5s", Duration(swtch.HeartbeatTimeoutOrDefault()).String())
	require.Equal(t, "1m30s", Duration(swtch.TimeoutOrDefault()).String())
	require.Equal(t, 0, swtch.Retry.MaxRetriesOrDefault())
	require.Equal(t, "2s", swtch.Retry.LongestInterval().String(), "not shorter than the first interval")
	require.Equal(t, 4, swtch.Parallel())
	require.Equal(t, 2, doc.Spec.Parallel())
	require.Equal(t, OnFailureFail, doc.Spec.FailurePolicy())
}

func TestWhatADocumentLeavesOutHasTheDefaultsOfTheContract(t *testing.T) {
	t.Parallel()
	left, err := DecodeDocument([]byte(planJSON("", "", "")))
	require.NoError(t, err)
	null, err := DecodeDocument([]byte(planJSON(`,"labels":null`,
		`,"hold":null,"description":null,"maxParallel":null,"onFailure":null,"targetsFrom":null`,
		`,"params":null,"targets":null,"dependsOn":null,"retry":null,"timeout":null,"heartbeatTimeout":null,"failureThreshold":null,"parallelTargets":null,"pauseBefore":null,"taskQueue":null`)))
	require.NoError(t, err, "null is the same as a field left out")
	for _, doc := range []Document{left, null} {
		task := doc.Spec.Tasks[0]
		require.False(t, doc.Spec.Hold)
		require.Equal(t, 1, doc.Spec.Parallel())
		require.Equal(t, OnFailurePause, doc.Spec.FailurePolicy())
		require.Equal(t, 3, task.Retry.MaxRetriesOrDefault())
		require.Equal(t, "1s", task.Retry.Interval().String())
		require.InDelta(t, 2.0, task.Retry.Backoff(), 0)
		require.Equal(t, "1m0s", task.Retry.LongestInterval().String())
		require.Equal(t, "1h0m0s", task.TimeoutOrDefault().String())
		require.Equal(t, "10s", task.HeartbeatTimeoutOrDefault().String())
		require.Equal(t, 0, task.FailureThreshold.Of(1000))
		require.Equal(t, 1, task.Parallel())
		require.False(t, task.PauseBefore)
	}
}

func TestAThresholdIsACountOrAPercentageRoundedDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text        string
		total, want int
		written     string
	}{
		{`0`, 100, 0, `0`},
		{`5`, 100, 5, `5`},
		{`"5"`, 100, 5, `5`},
		{`"10%"`, 100, 10, `"10%"`},
		{`"10%"`, 19, 1, `"10%"`},
		{`"10%"`, 9, 0, `"10%"`},
		{`"0%"`, 100, 0, `0`},
		{`"100%"`, 7, 7, `"100%"`},
		{`null`, 7, 0, `0`},
	} {
		var threshold Threshold
		require.NoError(t, json.Unmarshal([]byte(c.text), &threshold), c.text)
		require.Equal(t, c.want, threshold.Of(c.total), c.text)
		require.Equal(t, c.written, encode(t, threshold))
	}
}

func TestADependencyThatTwoTasksShareIsNoCycle(t *testing.T) {
	t.Parallel()
	require.Empty(t, faultsOf(t, tasksJSON(`{"name":"a","executor":"e"},{"name":"b","executor":"e","dependsOn":["a"]},`+
		`{"name":"c","executor":"e","dependsOn":["a"]},{"name":"d","executor":"e","dependsOn":["b","c","a"]}`)))
}

func FuzzDecodeDocument(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", "{}", `{"spec":{"tasks":[null]}}`, planJSON("", "", ""), planJSON("", "", "") + "{}",
		planJSON(`,"labels":{"team":"edge"}`, `,"hold":true,"maxParallel":3,"onFailure":"fail"`, `,"timeout":"90s","failureThreshold":"10%","retry":{"maxRetries":0,"backoffCoefficient":1.5}`),
		planJSON("", `,"maxParallel":1e3`, `,"params":{"a":{"b":[1,"<x>",null]}}`),
		tasksJSON(`{"name":"a","executor":"e","dependsOn":["b"]},{"name":"b","executor":"e","dependsOn":["a"]}`),
		planJSON("", `,"spec":{"x":1},"HOLD":true`, `,"timeout":null`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := DecodeDocument(data)
		if err != nil {
			var invalid *InvalidPlanError
			if !errors.As(err, &invalid) || len(invalid.Faults) == 0 || err.Error() == "" {
				t.Fatalf("a refusal lists no faults: %v", err)
			}
			return
		}
		text := encode(t, doc)
		again, err := DecodeDocument([]byte(text))
		if err != nil {
			t.Fatalf("what was accepted is refused as it is written: %v\n%s", err, text)
		}
		if second := encode(t, again); second != text {
			t.Fatalf("what was accepted does not come back:\n%s\n%s", text, second)
		}
		restore(t, NewPlan("p", "g", doc, noon).Record())
	})
}
