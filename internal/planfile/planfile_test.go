package planfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/internal/planfile"
)

// write puts files into a directory of the test's own and returns the path of
// the first.
func write(t *testing.T, namesAndTexts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(namesAndTexts); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, namesAndTexts[i]), []byte(namesAndTexts[i+1]), 0o600))
	}
	return filepath.Join(dir, namesAndTexts[0])
}

// faultsOf loads a file that has faults and returns them as line:column: path: message.
func faultsOf(t *testing.T, path string) []string {
	t.Helper()
	_, err := planfile.Load(path, nil)
	var invalid *planfile.InvalidError
	require.ErrorAs(t, err, &invalid)
	var faults []string
	for _, f := range invalid.Faults {
		faults = append(faults, fmt.Sprintf("%s:%d:%d: %s", filepath.Base(f.File), f.Line, f.Column, f.Fault))
	}
	return faults
}

const valid = `apiVersion: sluice/v1
kind: Plan
metadata:
  name: green
spec:
  targets: [a, b]
  tasks:
    - {name: switch, executor: http, timeout: 90s, params: {n: 0x10, yes: yes, day: 2026-01-02}}
`

func TestLoadReadsAValidPlan(t *testing.T) {
	t.Parallel()
	plan, err := planfile.Load(write(t, "plan.yaml", valid), nil)
	require.NoError(t, err)
	require.Equal(t, "green", plan.Document.Metadata.Name)
	require.Equal(t, []string{"a", "b"}, plan.Document.Spec.Targets)
	require.JSONEq(t, `{"n": 16, "yes": "yes", "day": "2026-01-02"}`, string(plan.Document.Spec.Tasks[0].Params))
	require.Positive(t, plan.Size)
	require.Contains(t, string(plan.Input.Payload().GetData()), `"name":"green"`)
}

func TestLoadReadsStdin(t *testing.T) {
	t.Parallel()
	plan, err := planfile.Load(planfile.Stdin, strings.NewReader(valid))
	require.NoError(t, err)
	require.Equal(t, "green", plan.Document.Metadata.Name)

	_, err = planfile.Load(planfile.Stdin, strings.NewReader("kind: Plan\n"))
	require.ErrorContains(t, err, "stdin:1:1: ")
}

func TestLoadReadsJSONWithTabs(t *testing.T) {
	t.Parallel()
	text := "{\n\t\"apiVersion\": \"sluice/v1\", \"kind\": \"Plan\",\n\t\"metadata\": {\"name\": \"green\"},\n" +
		"\t\"spec\": {\"targets\": [\"\\ud83d\\ude00\"], \"tasks\": [{\"name\": \"a\", \"executor\": \"http\"}]}\n}\n"
	for _, name := range []string{"plan.json", "plan"} {
		plan, err := planfile.Load(write(t, name, text), nil)
		require.NoError(t, err, name)
		require.Equal(t, []string{"😀"}, plan.Document.Spec.Targets)
	}
}

func TestLoadFollowsAnchorsAndMergeKeys(t *testing.T) {
	t.Parallel()
	plan, err := planfile.Load(write(t, "plan.yaml", `apiVersion: sluice/v1
kind: Plan
metadata: {name: green}
spec:
  targets: &all [a, b]
  tasks:
    - &first {name: one, executor: http, timeout: 5s}
    - {<<: *first, name: two, targets: *all}
    - {<<: [*first, {parallelTargets: 2}], name: three}
`), nil)
	require.NoError(t, err)
	require.Equal(t, "two", plan.Document.Spec.Tasks[1].Name)
	require.Equal(t, "http", plan.Document.Spec.Tasks[1].Executor)
	require.Equal(t, []string{"a", "b"}, plan.Document.Spec.Tasks[1].Targets)
	require.Equal(t, 2, plan.Document.Spec.Tasks[2].ParallelTargets)
}

func TestLoadExpandsTheFileOfTargets(t *testing.T) {
	t.Parallel()
	plan, err := planfile.Load(write(t,
		"plan.yaml", strings.Replace(valid, "targets: [a, b]", "targetsFrom: {file: tenants.txt}", 1),
		"tenants.txt", "\ufeff# the first two\r\ntenant-1\r\n\n  tenant-2  \n#tenant-3\ntenant-4"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"tenant-1", "tenant-2", "tenant-4"}, plan.Document.Spec.Targets)
	require.Nil(t, plan.Document.Spec.TargetsFrom)
}

func TestLoadReportsFaultsOfTargetsWhereTheyStand(t *testing.T) {
	t.Parallel()
	path := write(t,
		"plan.yaml", strings.Replace(strings.Replace(valid, "targets: [a, b]", "targetsFrom: {file: tenants.txt}", 1), "name: green", "name: GREEN", 1),
		"tenants.txt", "tenant-1\n# again\n  tenant-1\n")
	require.Equal(t, []string{
		`plan.yaml:4:3: metadata.name: is "GREEN"; only lower-case letters, digits, '-', '.' and '_' are allowed`,
		`tenants.txt:3:3: spec.targets[1]: is "tenant-1", which spec.targets[0] has as well; each target is given once`,
	}, faultsOf(t, path))
}

func TestLoadReportsEveryFaultAtOnceInOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, manyFaultsExpected, faultsOf(t, write(t, "plan.yaml", manyFaults)))
}

func TestLoadReportsTheFault(t *testing.T) {
	t.Parallel()
	spec := func(text string) string { return strings.Replace(valid, "targets: [a, b]", text, 1) }
	for name, test := range map[string]struct{ file, text, want string }{
		"an empty file":            {"p.yaml", " \n", "p.yaml:1:1: the file is empty; a plan begins with apiVersion: sluice/v1"},
		"only comments":            {"p.yaml", "# nothing\n", "p.yaml:1:1: the file holds only comments; a plan begins with apiVersion: sluice/v1"},
		"two documents":            {"p.yaml", valid + "---\n" + valid, "p.yaml:9:1: a second document begins here; a plan file is one document, so put each plan into a file of its own"},
		"no YAML":                  {"p.yaml", "a: b\nc: d: e\n", "p.yaml:2:1: this is not YAML: mapping values are not allowed in this context"},
		"no JSON":                  {"p.json", "{\n  \"kind\": }", "p.json:2:11: this is not JSON: invalid character '}' looking for beginning of value"},
		"JSON that ends early":     {"p.json", "{\n  \"kind\": \"Plan\"", "p.json:2:16: this is not JSON: unexpected end of JSON input"},
		"more after the JSON":      {"p.json", "{}\n{}", "p.json:2:1: this is not JSON: invalid character '{' after top-level value"},
		"a list":                   {"p.yaml", "- a\n", `p.yaml:1:1: is ["a"], but has to be an object`},
		"a field given twice":      {"p.yaml", valid + "  hold: true\n  hold: true\n", "p.yaml:10:3: spec.hold: is given twice, in line 9 before"},
		"infinity":                 {"p.yaml", valid + "  maxParallel: .inf\n", "p.yaml:9:16: spec.maxParallel: is .inf, which is no number that a plan can have"},
		"an alias within itself":   {"p.yaml", spec("targets: &x [a, *x]"), "p.yaml:6:19: spec.targets[1][1]: the alias *x stands within what it repeats"},
		"a name that is a list":    {"p.yaml", valid + "? [a]\n: b\n", "p.yaml:9:3: the name of a field has to be plain text"},
		"merging a text":           {"p.yaml", valid + "  <<: text\n", "p.yaml:9:7: spec: << merges an object, or a list of objects, and this is neither"},
		"targets given both ways":  {"p.yaml", spec("targets: [a]\n  targetsFrom: {file: x}"), "p.yaml:7:3: spec.targetsFrom: is given beside spec.targets; give one of them"},
		"targetsFrom a text":       {"p.yaml", spec("targetsFrom: x"), "p.yaml:6:3: spec.targetsFrom: has to name a file of targets, one a line, as in {file: tenants.txt}"},
		"targetsFrom with a typo":  {"p.yaml", spec("targetsFrom: {file: p.yaml, fil: x}"), `p.yaml:6:31: spec.targetsFrom.fil: there is no field "fil"; known here: file`},
		"a missing nested field":   {"p.yaml", strings.Replace(valid, "name: switch, ", "", 1), "p.yaml:8:7: spec.tasks[0].name: is missing; give a name of lower-case letters, digits, '-', '.' and '_'"},
		"a label with dots":        {"p.yaml", strings.Replace(valid, "name: green", "name: green\n  labels: {a.b: 1}", 1), "p.yaml:5:12: metadata.labels.a.b: is 1, but has to be a text"},
		"a wrong type beside none": {"p.yaml", spec("targets: all"), `p.yaml:6:3: spec.targets: is "all", but has to be a list`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, faultsOf(t, write(t, test.file, test.text)), test.want)
		})
	}
}

func TestLoadSaysWhichFileOfTargetsItCannotRead(t *testing.T) {
	t.Parallel()
	with := func(file string) string {
		return strings.Replace(valid, "targets: [a, b]", "targetsFrom: {file: "+file+"}", 1)
	}
	faults := faultsOf(t, write(t, "plan.yaml", with("missing.txt")))
	require.Len(t, faults, 1)
	require.Contains(t, faults[0], "plan.yaml:6:17: spec.targetsFrom.file: the file of targets cannot be read: ")

	require.Equal(t, []string{"plan.yaml:6:17: spec.targetsFrom.file: empty.txt holds no target; write one a line"},
		faultsOf(t, write(t, "plan.yaml", with("empty.txt"), "empty.txt", "# none\n")))
}

func TestLoadRefusesAPlanThatIsTooLarge(t *testing.T) {
	t.Parallel()
	var targets strings.Builder
	state := uint64(1)
	for range 90_000 { // names that do not compress well
		state = state*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&targets, "%016x%016x\n", state, state*0x9E3779B97F4A7C15)
	}
	_, err := planfile.Load(write(t, "plan.yaml", strings.Replace(valid, "targets: [a, b]", "targetsFrom: {file: t.txt}", 1), "t.txt", targets.String()), nil)
	var size *planfile.SizeError
	require.ErrorAs(t, err, &size)
	require.Greater(t, size.Size, planfile.MaxEncodedBytes)
	require.ErrorContains(t, err, "at most 1048576 are allowed")
}

func TestLoadTakesAHundredThousandTargets(t *testing.T) {
	t.Parallel()
	var targets strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&targets, "tenant-%06d\n", i)
	}
	plan, err := planfile.Load(write(t, "plan.yaml", strings.Replace(valid, "targets: [a, b]", "targetsFrom: {file: t.txt}", 1), "t.txt", targets.String()), nil)
	require.NoError(t, err)
	require.Len(t, plan.Document.Spec.Targets, 100_000)
	require.Less(t, plan.Size, planfile.MaxEncodedBytes)
}

func TestLoadSaysThatAFileIsMissing(t *testing.T) {
	t.Parallel()
	_, err := planfile.Load(filepath.Join(t.TempDir(), "plan.yaml"), nil)
	require.True(t, errors.Is(err, os.ErrNotExist))
	require.ErrorContains(t, err, "the plan file cannot be read")
}

func TestLoadNamesWhatKeepsAFileFromBeingText(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"plan.yaml:3:4: the file is no UTF-8 text from here on"}, faultsOf(t, write(t, "plan.yaml", "kind: Plan\na: b\nä: \xff\n")))
	require.Equal(t, []string{"plan.yaml:2:1: this is not YAML: found character that cannot start any token; the line is indented by a tab, and YAML takes only spaces there"},
		faultsOf(t, write(t, "plan.yaml", "spec:\n\thold: true\n")))
}
