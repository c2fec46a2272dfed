package haproxy

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-3652815f/sluice/activities"
	"github.com/seed-3652815f/sluice/domain"
	"github.com/seed-3652815f/sluice/internal/executortest"
	"github.com/seed-3652815f/sluice/internal/producttest"
)

func TestSwitchSendsEachTenantsRequestsToTheOtherPool(t *testing.T) {
	t.Parallel()
	names := executortest.Names(40)
	g := startGateway(t, names)
	probe := &Probe{URL: g.URL + "/{{target}}", Headers: map[string]string{producttest.HAProxyHeader: "{{target}}"}}
	for _, socket := range []string{g.Socket, tcpScheme + g.TCP} {
		p := toGreen(g)
		p.Socket, p.Probe = socket, probe
		if socket != g.Socket {
			p.To = "blue"
		}
		work := openWork(t, p)
		require.NoError(t, executortest.Apply(t.Context(), work, executortest.Record(t, work, names[:30])), socket)
		require.Equal(t, p.To, g.PoolOf(names[29]), socket)
		require.Equal(t, "blue", g.PoolOf(names[30]), socket)
	}
}

func TestRouteThatAnswersFromElsewhereIsNotTakenForSwitched(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := startGateway(t, names)
	for url, code := range map[string]string{g.URL: CodeNotSwitched, "http://" + producttest.FreeAddress(t): CodeUnreachable} {
		p := toGreen(g)
		p.Probe = &Probe{URL: url, Headers: map[string]string{producttest.HAProxyHeader: "somebody"}}
		work := openWork(t, p)
		recorded := executortest.Record(t, work, names)
		require.NoError(t, executortest.Step(t, work, StepSwitch, recorded))
		category := domain.CategoryExecutor
		if code == CodeUnreachable {
			category = domain.CategoryTechnical
		}
		for _, err := range executortest.RequireTargets(t, executortest.Step(t, work, StepVerify, recorded), names...) {
			executortest.RequireKind(t, err, category, code, true)
		}
	}
}

func TestMapThatWasChangedBackIsNotTakenForSwitched(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Step(t, work, StepSwitch, recorded))
	set(t, g, names[1], "blue")
	for _, step := range []string{StepPersist, StepVerify} {
		failed := executortest.RequireTargets(t, executortest.Step(t, work, step, recorded), names[1])
		executortest.RequireKind(t, failed[names[1]], domain.CategoryExecutor, CodeNotSwitched, true)
	}
	require.Equal(t, names[0]+" green\n"+names[1]+" blue\n"+names[2]+" green\n", fileOf(t, g))
}

func TestChangeOutlivesAReloadAndAKill(t *testing.T) {
	t.Parallel()
	names := executortest.Names(20)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	require.NoError(t, executortest.Apply(t.Context(), work, executortest.Record(t, work, names)))
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
	g.Reload()
	require.Equal(t, all(names, "green"), g.Entries())
	g.Kill()
	g.Start()
	require.Equal(t, all(names, "green"), g.Entries())
}

func TestRollbackLeavesTheMapAndItsFileByteForByteAsTheyWere(t *testing.T) {
	t.Parallel()
	names := executortest.Names(60)
	var text strings.Builder
	text.WriteString("# who goes where\n\n")
	for i, name := range names[:50] {
		fmt.Fprintf(&text, "%s%s%spool-%d  with;\\ blanks \t\n", strings.Repeat(" ", i%2), name, strings.Repeat("\t", 1+i%3), i%7)
	}
	text.WriteString("#last\r\n" + names[50] + " green\r\n" + mapOf(names[51:59], "blue") + names[59] + " blue")
	g := producttest.StartHAProxy(t, text.String())
	before, file := g.Entries(), fileOf(t, g)
	p := toGreen(g)
	p.AnyValue, p.BatchSize = true, 25
	work := openWork(t, p)
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Apply(t.Context(), work, recorded))
	require.Equal(t, all(names, "green"), g.Entries())
	switched := fileOf(t, g)
	require.Contains(t, switched, " "+names[1]+"\t\tgreen \t\n")

	require.NoError(t, executortest.Apply(t.Context(), work, recorded), "a step may be done again")
	require.Equal(t, switched, fileOf(t, g))

	for range 2 { // a rollback may be done again
		require.NoError(t, executortest.Rollback(t.Context(), work, recorded))
		require.Equal(t, before, g.Entries())
		require.Equal(t, file, fileOf(t, g))
	}
	g.Reload()
	require.Equal(t, before, g.Entries())
}

func TestRollbackRemovesTheEntriesThatWereCreated(t *testing.T) {
	t.Parallel()
	names := executortest.Names(6)
	for name, text := range map[string]string{"beside others": "other blue\n", "in a map without any": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := producttest.StartHAProxy(t, text)
			p := toGreen(g)
			p.Create, p.Key = true, "{{target}}.example.com"
			work := openWork(t, p)
			recorded := executortest.Record(t, work, names)
			for _, target := range recorded {
				require.True(t, target.Prior.Absent)
			}
			require.NoError(t, executortest.Apply(t.Context(), work, recorded))
			require.Equal(t, "green", g.Entries()["tenant-003.example.com"])
			require.Equal(t, "green", g.PoolOf("tenant-003.example.com"))
			g.Reload()
			require.Equal(t, "green", g.Entries()["tenant-003.example.com"])
			require.NoError(t, executortest.Rollback(t.Context(), work, recorded))
			require.NotContains(t, g.Entries(), "tenant-003.example.com")
			require.Equal(t, text, fileOf(t, g))
		})
	}
}

func TestUnknownTenantIsRefusedAndTheOthersAreKnown(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	values, err := work.Prior(t.Context(), []string{names[0], "nobody", names[1]})
	requireRefused(t, err, "nobody", CodeUnknownTarget)
	require.Len(t, values, 3)
	require.JSONEq(t, `"blue"`, string(values[0].Value))
	require.JSONEq(t, `"blue"`, string(values[2].Value))

	absent := activities.Target{Name: "nobody", Prior: domain.Prior{Absent: true}}
	requireRefused(t, executortest.Step(t, work, StepSwitch, []activities.Target{absent}), "nobody", CodeUnknownTarget)
	require.Equal(t, all(names, "blue"), g.Entries())
}

func TestTenantWithTwoEntriesIsRefusedAndTheOthersAreNot(t *testing.T) {
	t.Parallel()
	g := producttest.StartHAProxy(t, "a blue\nb blue\na green\n")
	work := openWork(t, toGreen(g))
	values, err := work.Prior(t.Context(), []string{"a", "b"})
	require.Contains(t, requireRefused(t, err, "a", CodeDuplicate), "2 times")
	require.JSONEq(t, `"blue"`, string(values[1].Value))
	target := []activities.Target{{Name: "a", Prior: domain.Prior{Value: []byte(`"blue"`)}}}
	requireRefused(t, executortest.Step(t, work, StepSwitch, target), "a", CodeDuplicate)
	requireRefused(t, work.Rollback(t.Context(), target), "a", CodeDuplicate)
	require.Equal(t, map[string]string{"a": "blue,green", "b": "blue"}, g.Entries())
}

func TestBackendThatDoesNotExistIsRefusedAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := producttest.StartHAProxy(t, mapOf(names[:2], "blue")+names[2]+" gone\n")
	p := toGreen(g)
	p.To = "red"
	work := openWork(t, p)
	recorded := executortest.Record(t, work, names)
	for _, err := range executortest.RequireTargets(t, executortest.Step(t, work, StepSwitch, recorded), names...) {
		executortest.RequireKind(t, err, domain.CategoryBusiness, CodeUnknownBackend, false)
	}
	require.Equal(t, mapOf(names[:2], "blue")+names[2]+" gone\n", fileOf(t, g))
	require.Equal(t, "blue", g.Entries()[names[0]])

	work = openWork(t, toGreen(g))
	require.NoError(t, executortest.Apply(t.Context(), work, recorded))
	requireRefused(t, work.Rollback(t.Context(), recorded), names[2], CodeUnknownBackend)
	require.Equal(t, map[string]string{names[0]: "blue", names[1]: "blue", names[2]: "green"}, g.Entries())
	require.Contains(t, fileOf(t, g), names[2]+" green\n")
}

func TestTenantThatSomebodyElseChangedIsNotSwitched(t *testing.T) {
	t.Parallel()
	names := executortest.Names(5)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	recorded := executortest.Record(t, work, names)
	set(t, g, names[1], "nobody")
	g.Ask("del map " + g.Map + " " + names[4])
	failed := executortest.RequireTargets(t, executortest.Step(t, work, StepSwitch, recorded), names[1], names[4])
	executortest.RequireKind(t, failed[names[1]], domain.CategoryBusiness, CodeDrift, false)
	require.ErrorContains(t, failed[names[1]], `is "nobody", but "blue" was recorded`)
	executortest.RequireKind(t, failed[names[4]], domain.CategoryBusiness, CodeDrift, false)
	require.ErrorContains(t, failed[names[4]], `is absent, but "blue" was recorded`)
	require.Equal(t, map[string]string{names[0]: "green", names[1]: "nobody", names[2]: "green", names[3]: "green"}, g.Entries())
}

func TestTenantThatSomebodyElseChangedIsNotPutBack(t *testing.T) {
	t.Parallel()
	names := executortest.Names(5)
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Apply(t.Context(), work, recorded))
	set(t, g, names[1], "nobody")
	set(t, g, names[2], "blue") // where it was: nothing is left to do
	g.Ask("del map " + g.Map + " " + names[4])
	failed := executortest.RequireTargets(t, work.Rollback(t.Context(), recorded), names[1], names[4])
	executortest.RequireKind(t, failed[names[1]], domain.CategoryBusiness, CodeDrift, false)
	require.ErrorContains(t, failed[names[1]], `is "nobody", but this task has made it "green", and "blue" was recorded before`)
	require.ErrorContains(t, failed[names[4]], "absent")
	require.Equal(t, map[string]string{names[0]: "blue", names[1]: "nobody", names[2]: "blue", names[3]: "blue"}, g.Entries())
	require.Equal(t, strings.NewReplacer(names[1]+" blue", names[1]+" green", names[4]+" blue", names[4]+" green").Replace(mapOf(names, "blue")), fileOf(t, g))
}

func TestValueOfEarlierParametersIsTheTasksOwn(t *testing.T) {
	t.Parallel()
	names := executortest.Names(4)
	g := startGateway(t, names)
	earlier := toGreen(g)
	work := openWork(t, earlier)
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Apply(t.Context(), work, recorded[:2])) // the others are still blue

	p := toGreen(g)
	p.To = "nobody"
	for _, target := range recorded[:2] { // without the earlier parameters it is somebody else's value
		requireRefused(t, executortest.Step(t, openWork(t, p), StepSwitch, []activities.Target{target}), target.Name, CodeDrift)
	}
	corrected := openWork(t, p, earlier)
	require.NoError(t, executortest.Apply(t.Context(), corrected, recorded[:3]))
	set(t, g, names[1], "green") // as if the retry had not come so far
	require.NoError(t, executortest.Rollback(t.Context(), corrected, recorded))
	require.Equal(t, all(names, "blue"), g.Entries())
	require.Equal(t, mapOf(names, "blue"), fileOf(t, g))
}

func TestTargetThatCannotBeAKeyIsRefused(t *testing.T) {
	t.Parallel()
	names := executortest.Names(1)
	g := startGateway(t, names)
	for _, name := range []string{"a b", "a;set map x", "a\tb", "a\u0001", `a\`, "#0x1", "<<", "a<<b", "a\u00a0b"} {
		p := toGreen(g)
		p.Create = true
		work := openWork(t, p)
		_, err := work.Prior(t.Context(), []string{name, names[0]})
		requireRefused(t, err, name, CodeBadTarget)
		err = executortest.Step(t, work, StepSwitch, []activities.Target{{Name: name, Prior: domain.Prior{Absent: true}}})
		requireRefused(t, err, name, CodeBadTarget)
	}
	require.Equal(t, all(names, "blue"), g.Entries())
}

func TestValueThatCouldNotBePutBackIsRefusedBeforeTheChange(t *testing.T) {
	t.Parallel()
	g := producttest.StartHAProxy(t, "a x<<y\nb x\u0001\nc \xff\nd blue\n")
	_, err := openWork(t, toGreen(g)).Prior(t.Context(), []string{"a", "b", "c", "d"})
	for _, err := range executortest.RequireTargets(t, err, "a", "b", "c") {
		executortest.RequireKind(t, err, domain.CategoryBusiness, CodeNotRestorable, false)
	}
}

func TestMapThatHAProxyDoesNotHaveIsRefusedAndTheOthersAreNamed(t *testing.T) {
	t.Parallel()
	g := startGateway(t, executortest.Names(1))
	p := toGreen(g)
	p.Map = "/etc/haproxy/other.map"
	_, err := openWork(t, p).Prior(t.Context(), executortest.Names(1))
	executortest.RequireKind(t, err, domain.CategoryBusiness, CodeUnknownMap, false)
	require.ErrorContains(t, err, g.Map)
}

func TestTenThousandTenantsAreSwitchedAndPutBack(t *testing.T) {
	t.Parallel()
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%05d", i)
	}
	g := startGateway(t, names)
	work := openWork(t, toGreen(g))
	var recorded []activities.Target
	for i := 0; i < len(names); i += work.PriorBatch {
		recorded = append(recorded, executortest.Record(t, work, names[i:i+work.PriorBatch])...)
	}
	began := time.Now()
	require.NoError(t, executortest.Apply(t.Context(), work, recorded))
	t.Logf("10,000 tenants were switched in %s", time.Since(began))
	require.Equal(t, all(names, "green"), g.Entries())
	require.Equal(t, mapOf(names, "green"), fileOf(t, g))
	require.NoError(t, executortest.Rollback(t.Context(), work, recorded))
	require.Equal(t, all(names, "blue"), g.Entries())
	require.Equal(t, mapOf(names, "blue"), fileOf(t, g))
}

func TestSettlingWaitsAfterAChangeOnly(t *testing.T) {
	t.Parallel()
	names := executortest.Names(2)
	g := startGateway(t, names)
	p := toGreen(g)
	p.Settle = domain.Duration(300 * time.Millisecond)
	work := openWork(t, p)
	recorded := executortest.Record(t, work, names)
	began := time.Now()
	require.NoError(t, executortest.Step(t, work, StepSwitch, recorded))
	require.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
	p.Settle = domain.Duration(MaxSettle)
	require.NoError(t, executortest.Step(t, openWork(t, p), StepSwitch, recorded), "which has nothing to do")
	require.Less(t, time.Since(began), time.Minute)
}

func TestFileStaysAsItIsWhereOnlyTheRunningMapIsChanged(t *testing.T) {
	t.Parallel()
	names := executortest.Names(3)
	g := startGateway(t, names)
	require.NoError(t, os.Remove(g.Map))
	p := toGreen(g)
	p.RuntimeOnly = true
	work := openWork(t, p)
	require.Len(t, work.Steps, 2)
	recorded := executortest.Record(t, work, names)
	require.NoError(t, executortest.Apply(t.Context(), work, recorded))
	require.Equal(t, all(names, "green"), g.Entries())
	require.NoError(t, executortest.Rollback(t.Context(), work, recorded))
	require.Equal(t, all(names, "blue"), g.Entries())
	require.NoFileExists(t, g.Map)
}
