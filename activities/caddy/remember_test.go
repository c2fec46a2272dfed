package caddy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAHandlerThatIsRememberedIsWhatAReadWouldGive(t *testing.T) {
	t.Parallel()
	kinds := []string{
		`{"input":"t%d","outputs":["blue"]}`, `{ "outputs": ["blue"], "input": "t%d" }`,
		`{"input":"t%d","outputs":["bl\u0075e"],"note":"<"}`, `{"input_regexp":"^r%d$","outputs":["red"]}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		var mappings []string
		for i := range 5 {
			mappings = append(mappings, fmt.Sprintf(rapid.SampledFrom(kinds).Draw(t, "kind"), i))
		}
		object := `{"handler":"map","destinations":["{pool}"],"mappings":[` + strings.Join(mappings, ",") + `]}`
		var m memory
		h, err := m.parse([]byte(object+"\n"), "")
		require.NoError(t, err)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			change(t, h)
			text, err := h.encode()
			require.NoError(t, err)
			m.keep(h)

			remembered, err := m.parse(append(text, '\n'), "")
			require.NoError(t, err)
			read, err := parseHandler(text, "")
			require.NoError(t, err)
			requireAlike(t, read, remembered)
			h = remembered
		}
	})
}

// change changes, adds and removes mappings, each target once, as a batch has
// it.
func change(t *rapid.T, h *handler) {
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 7), 0, 3, rapid.ID[int]).Draw(t, "targets") {
		target := fmt.Sprintf("t%d", i)
		if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
			h.unset(target)
			continue
		}
		require.NoError(t, h.set(target, json.RawMessage(rapid.SampledFrom([]string{`"green"`, `"blue"`}).Draw(t, "to"))))
	}
}

func requireAlike(t *rapid.T, want, have *handler) {
	for i := range 8 {
		target := fmt.Sprintf("t%d", i)
		wanted, err := want.find(target)
		require.NoError(t, err)
		found, err := have.find(target)
		require.NoError(t, err)
		require.Equal(t, string(wanted), string(found), target)
	}
	one, err := want.encode()
	require.NoError(t, err)
	other, err := have.encode()
	require.NoError(t, err)
	require.Equal(t, string(one), string(other))
}

func TestAHandlerIsNotRememberedUnderAnotherText(t *testing.T) {
	t.Parallel()
	const object = `{"handler":"map","destinations":["{pool}"],"mappings":[{"input":"a","outputs":["blue"]}]}`
	var m memory
	h, err := m.parse([]byte(object), "")
	require.NoError(t, err)
	m.keep(h)
	again, err := m.parse([]byte(object), "")
	require.NoError(t, err)
	require.Same(t, h, again)

	second, err := m.parse([]byte(object), "")
	require.NoError(t, err)
	require.NotSame(t, h, second, "whoever has taken it out has it alone")

	m.keep(h)
	changed, err := m.parse([]byte(strings.Replace(object, "blue", "red", 1)), "")
	require.NoError(t, err)
	current, err := changed.find("a")
	require.NoError(t, err)
	require.Equal(t, `"red"`, string(current), "somebody else has changed it meanwhile")
}
