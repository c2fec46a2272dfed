// Package docs holds the documentation, and what of it the commands print.
package docs

import _ "embed"

// PlanSchema is the JSON Schema of plan files. It is generated from the types
// of package domain: go test ./internal/planfile -run Schema -update.
//
//go:embed plan.schema.json
var PlanSchema []byte
