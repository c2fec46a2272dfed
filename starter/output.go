package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// The forms of output.
const (
	formTable = "table"
	formJSON  = "json"
	formYAML  = "yaml"
	formName  = "name"
)

// output is the flag -o, with the forms that a command knows.
type output struct {
	form  string
	forms []string
}

// addOutput adds the flag -o. The first form is the default.
func addOutput(cmd *cobra.Command, forms ...string) *output {
	o := &output{form: forms[0], forms: forms}
	cmd.Flags().VarP(o, "output", "o", "form of the output: "+strings.Join(forms, ", "))
	complete(cmd, "output", forms)
	return o
}

// String returns the form.
func (o *output) String() string { return o.form }

// Set takes one of the command's forms.
func (o *output) Set(form string) error {
	if !slices.Contains(o.forms, form) {
		return fmt.Errorf("it is one of %s", strings.Join(o.forms, ", "))
	}
	o.form = form
	return nil
}

// Type is what the help calls the value.
func (o *output) Type() string { return "form" }

// writeValue writes a value as JSON or YAML, with the same names in both.
func writeValue(w io.Writer, form string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	if form == formYAML {
		return writeYAML(w, data)
	}
	_, err = fmt.Fprintf(w, "%s\n", data)
	return err
}

// writeYAML turns JSON, which is YAML too, into the form that people write.
func writeYAML(w io.Writer, data []byte) error {
	var node yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&node); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	var plain func(n *yaml.Node)
	plain = func(n *yaml.Node) {
		n.Style = 0
		for _, inner := range n.Content {
			plain(inner)
		}
	}
	plain(&node)
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	defer encoder.Close()
	return encoder.Encode(&node)
}
