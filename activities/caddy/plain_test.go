package caddy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAListOfPlainMappingsIsReadAsMappingByMapping(t *testing.T) {
	t.Parallel()
	// Inputs come twice, and texts have more than ASCII.
	plain := rapid.StringMatching(`\{"input":"[abä -]{0,2}","outputs":\["(blue|grün)?"\]\}`)
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(plain, 1, 6).Draw(t, "mappings")
		requireSame(t, "["+strings.Join(list, ",")+"]", true)
	})
}

func TestAListWithAnyOtherMappingIsNotTakenForAPlainOne(t *testing.T) {
	t.Parallel()
	const plain = `{"input":"a","outputs":["blue"]}`
	for name, other := range map[string]string{
		"an escape in the input":      `{"input":"a\u0062","outputs":["blue"]}`,
		"an escaped quote":            `{"input":"a\"","outputs":["blue"]}`,
		"an escape in the output":     `{"input":"b","outputs":["bl\u0075e"]}`,
		"bytes that are no UTF-8":     "{\"input\":\"\xff\",\"outputs\":[\"blue\"]}",
		"an output that is no text":   `{"input":"b","outputs":[7]}`,
		"an output null":              `{"input":"b","outputs":[null]}`,
		"a regular expression":        `{"input_regexp":"^a","outputs":["blue"]}`,
		"blanks":                      `{"input": "b","outputs":["blue"]}`,
		"another order":               `{"outputs":["blue"],"input":"b"}`,
		"something behind the output": `{"input":"b","outputs":["blue"],"note":1}`,
		"one within another":          `{"input":"b","outputs":["x"],"note":{"input":"c","outputs":["y"]}}`,
	} {
		for _, list := range []string{other, plain + "," + other, other + "," + plain} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				requireSame(t, "["+list+"]", false)
			})
		}
	}
	requireSame(t, "[]", false)
	requireSame(t, "", false)
	two := handler{width: 2}
	require.False(t, two.parsePlain(json.RawMessage(`[{"input":"a","outputs":["x","y"]}]`)))
}

// requireSame requires that a list of mappings is read in the quick way, or
// not, and then as in the other one.
func requireSame(t require.TestingT, list string, quick bool) {
	one, other := handler{width: 1}, handler{width: 1}
	require.Equal(t, quick, one.parsePlain(json.RawMessage(list)), list)
	require.NoError(t, other.parseEach(json.RawMessage(list)))
	if !quick {
		require.Equal(t, handler{width: 1}, one, "nothing was read")
		return
	}
	require.Equal(t, other, one)
}
