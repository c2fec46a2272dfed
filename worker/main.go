// Command sluice-worker runs plans and their tasks. `sluice-worker --help`
// lists its settings.
package main

import "github.com/seed-3652815f/sluice/internal/program"

func main() { program.Program{Name: "sluice-worker", Executors: executors}.Main() }
