package config

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// dialTimeout bounds how long a server may take to answer for the first time.
const dialTimeout = 8 * time.Second

// UnreachableError says that no Temporal server answered.
type UnreachableError struct {
	Address string
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no Temporal server answers at %s (%v); start one there, or name another with --address or TEMPORAL_ADDRESS", e.Address, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Dial connects to the server, or returns an *UnreachableError within 8
// seconds.
func Dial(ctx context.Context, options client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	options.ConnectionOptions.GetSystemInfoTimeout = dialTimeout
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, &UnreachableError{Address: options.HostPort, Err: Cause(err)}
	}
	return c, nil
}

// Cause returns the innermost error that still says something to a reader:
// the SDK wraps what the network said several times over.
func Cause(err error) error {
	var unavailable *serviceerror.Unavailable
	if errors.As(err, &unavailable) {
		return unavailable
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
