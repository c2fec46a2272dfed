// Package domain holds what Sluice knows about plans and tasks without any
// product around it: their states and the two transition matrices, the plan
// document and its validation, checkpoints, failures and progress.
//
// It imports the standard library only. Everything that changes a state is a
// method here; workflow code only decides when to call it.
package domain
