package haproxy

import "github.com/seed-3652815f/sluice/activities/gateway"

// Error codes of this executor.
const (
	CodeDenied         = gateway.CodeDenied
	CodeUnreachable    = gateway.CodeUnreachable
	CodeBusy           = gateway.CodeBusy
	CodeRefused        = gateway.CodeRefused
	CodeUnknownMap     = gateway.CodeUnknownMap
	CodeUnknownTarget  = gateway.CodeUnknownTarget
	CodeBadTarget      = "BAD_TARGET"      // the target's name cannot stand in a key
	CodeUnknownBackend = "UNKNOWN_BACKEND" // the value is no backend
	CodeDuplicate      = gateway.CodeDuplicate
	CodeNotRestorable  = "VALUE_NOT_RESTORABLE" // the Runtime API could not put back what stands there
	CodeDrift          = gateway.CodeDrift
	CodeNotSwitched    = gateway.CodeNotSwitched
	CodeBadFile        = "MAP_FILE_UNUSABLE"    // the map file is not there, or another one
	CodeNotWritten     = "MAP_FILE_NOT_WRITTEN" // writing the map file has failed
)

const maxMessageBytes = 300 // of what HAProxy says, in an error

// outcomeUnknownError says that changes were sent and that not every answer
// came: each may have been made, or be made later. Read back.
type outcomeUnknownError struct{ cause error }

func (e *outcomeUnknownError) Error() string {
	return "no answer came to a change, which may have been made or not: " + e.cause.Error()
}

func (e *outcomeUnknownError) Unwrap() error { return e.cause }

// refusalError is what HAProxy answered instead of doing what it was asked.
type refusalError struct{ said string }

func (e *refusalError) Error() string {
	return "HAProxy answered: " + gateway.OneLine(e.said, maxMessageBytes)
}
