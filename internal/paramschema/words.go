package paramschema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/seed-3652815f/sluice/domain"
)

// have words the value that was given. A text in the place of an object may be
// a secret that belongs into a reference, so it is not repeated.
func have(value any, err *validator.ValidationError) string {
	if k, ok := err.ErrorKind.(*kind.Type); ok && k.Got == "string" {
		for _, want := range k.Want {
			if want == "object" || want == "array" {
				return "a text"
			}
		}
	}
	return short(value)
}

// want words what a value has to do; it follows "has to".
func (s *Schema) want(err *validator.ValidationError) string {
	switch k := err.ErrorKind.(type) {
	case *kind.Type:
		words := make([]string, len(k.Want))
		for i, name := range k.Want {
			words[i] = typeWord(name)
		}
		return "be " + strings.Join(words, " or ")
	case *kind.Enum:
		return "be one of " + list(k.Want)
	case *kind.Const:
		return "be " + short(k.Want)
	case *kind.Minimum:
		return "be at least " + number(k.Want)
	case *kind.Maximum:
		return "be at most " + number(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("have at most %d items", k.Want)
	case *kind.Pattern:
		if here := s.at(err.InstanceLocation); here != nil && len(here.Examples) > 0 {
			return "be a text such as " + list(here.Examples)
		}
		return "match " + k.Want
	}
	return "fit its schema: " + err.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

func typeWord(name string) string {
	switch name {
	case "object":
		return "an object"
	case "array":
		return "a list"
	case "string":
		return "a text"
	case "integer":
		return "a whole number"
	case "number":
		return "a number"
	case "boolean":
		return "true or false"
	}
	return name
}

// unknown words the refusal of a parameter, with the one that was probably meant.
func unknown(name string, known []string) string {
	if near := domain.Nearest(name, known); near != "" {
		return fmt.Sprintf("there is no parameter %q; did you mean %q?", name, near)
	}
	if len(known) == 0 {
		return fmt.Sprintf("there is no parameter %q; there are none here", name)
	}
	return fmt.Sprintf("there is no parameter %q; known here: %s", name, strings.Join(known, ", "))
}

func list(values []any) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = short(value)
		if text, ok := value.(string); ok {
			words[i] = text
		}
	}
	return strings.Join(words, ", ")
}

// short writes a value as JSON, of at most 60 bytes.
func short(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if len(data) > 60 {
		return strings.ToValidUTF8(string(data[:57]), "") + "..."
	}
	return string(data)
}

func number(n *big.Rat) string { return strings.TrimSuffix(n.RatString(), "/1") }
