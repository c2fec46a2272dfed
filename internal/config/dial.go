package config

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	dialTimeout  = 8 * time.Second // for a server to answer for the first time
	probeTimeout = 3 * time.Second // for finding out why it did not
)

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

// DeniedError says that the server answers, and takes no call from this
// client.
type DeniedError struct {
	Address string
	HasKey  bool // an API key was sent
	Err     error
}

func (e *DeniedError) Error() string {
	if e.HasKey {
		return fmt.Sprintf("the server at %s refuses the API key (%v); give another in TEMPORAL_API_KEY, or ask who runs the server for the permission", e.Address, e.Err)
	}
	return fmt.Sprintf("the server at %s takes no calls without credentials (%v); give an API key in TEMPORAL_API_KEY, or a client certificate", e.Address, e.Err)
}

// Unwrap gives the cause.
func (e *DeniedError) Unwrap() error { return e.Err }

// Dial connects to the server. Within 8 seconds it returns an
// *UnreachableError, a *TLSError or a *DeniedError where it cannot, and a
// little later where it takes time to find out which.
func Dial(ctx context.Context, options client.Options) (client.Client, error) {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	options.ConnectionOptions.GetSystemInfoTimeout = dialTimeout
	c, err := client.DialContext(dialing, options)
	if err != nil {
		return nil, whyNot(ctx, options, err)
	}
	return c, nil
}

// whyNot words why a server was not reached. gRPC flattens what TLS and the
// network said into a text, so they are asked once more.
func whyNot(ctx context.Context, options client.Options, err error) error {
	cause := Cause(err)
	var denied *serviceerror.PermissionDenied
	if errors.As(err, &denied) || status.Code(cause) == codes.Unauthenticated {
		return &DeniedError{Address: options.HostPort, HasKey: options.Credentials != nil, Err: said(cause)}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if found := probe(ctx, options); found != nil {
		return found
	}
	return &UnreachableError{Address: options.HostPort, Err: cause}
}

// said returns what a server said, without gRPC's wrapping.
func said(err error) error {
	if s, ok := status.FromError(err); ok {
		return errors.New(s.Message())
	}
	return err
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
