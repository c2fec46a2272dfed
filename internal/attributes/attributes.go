// Package attributes knows the search attributes of plans: which of them a
// namespace lacks, and how it comes by them.
package attributes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/seed-3652815f/sluice/internal/plans"
	"github.com/seed-3652815f/sluice/workflows"
)

// timeout bounds how long the namespace may take to see attributes
// that were just registered: its caches are 10 seconds old at most.
const timeout = 30 * time.Second

// Operator is what is needed of the server's operator service.
type Operator interface {
	ListSearchAttributes(ctx context.Context, in *operatorservice.ListSearchAttributesRequest, opts ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error)
	AddSearchAttributes(ctx context.Context, in *operatorservice.AddSearchAttributesRequest, opts ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error)
}

// Visibility is where search attributes are used.
type Visibility interface {
	CountWorkflow(ctx context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
}

// Registry makes a namespace know the search attributes of plans. A run that
// writes one that is not known would be stuck.
type Registry struct {
	Operator           Operator
	Visibility         Visibility
	Namespace, Address string
	PollEvery          time.Duration // how often Ensure asks whether what it added can be used; 0 means 250 ms
}

// Wanted lists the search attributes in the order in which messages name them.
var Wanted = []temporal.SearchAttributeKey{
	workflows.AttributeState, workflows.AttributeReason, workflows.AttributeFailedTask,
	workflows.AttributeReverses, workflows.AttributeLabels, workflows.AttributeProgress,
}

// MissingError says that search attributes are missing and could not be
// registered, and what to do.
type MissingError struct {
	Namespace string
	Missing   []temporal.SearchAttributeKey
	Err       error
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("the namespace %q lacks search attributes that plans write, and this worker could not register them (%v); let somebody who may run:\n\n  %s\n\n"+
		"or set SLUICE_SEARCH_ATTRIBUTES=off to run plans without them", e.Namespace, e.Err, Command(e.Namespace, e.Missing))
}

// Unwrap gives the cause.
func (e *MissingError) Unwrap() error { return e.Err }

// TypeError says that the namespace has an attribute with another type than
// plans write.
type TypeError struct {
	Namespace string
	Key       temporal.SearchAttributeKey
	Has       enumspb.IndexedValueType
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("the namespace %q has the search attribute %s with the type %s, but plans write it as %s; rename or remove that one, or set SLUICE_SEARCH_ATTRIBUTES=off",
		e.Namespace, e.Key.GetName(), e.Has, e.Key.GetValueType())
}

// Command is what registers attributes by hand.
func Command(namespace string, missing []temporal.SearchAttributeKey) string {
	parts := []string{"temporal operator search-attribute create --namespace " + namespace}
	for _, key := range missing {
		parts = append(parts, fmt.Sprintf("--name %s --type %s", key.GetName(), key.GetValueType()))
	}
	return strings.Join(parts, " ")
}

// Ensure registers what is missing, and waits until the namespace sees it.
func (r *Registry) Ensure(ctx context.Context, logger *zap.Logger) error {
	missing, err := r.Missing(ctx)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	request := &operatorservice.AddSearchAttributesRequest{Namespace: r.Namespace, SearchAttributes: map[string]enumspb.IndexedValueType{}}
	for _, key := range missing {
		request.SearchAttributes[key.GetName()] = key.GetValueType()
	}
	if _, err := r.Operator.AddSearchAttributes(ctx, request); err != nil {
		// Another worker that began at the same time may have been quicker.
		if left, listed := r.Missing(ctx); listed != nil || len(left) > 0 {
			return &MissingError{Namespace: r.Namespace, Missing: missing, Err: err}
		}
	} else {
		logger.Info("search attributes registered", zap.Int("count", len(missing)), zap.String("namespace", r.Namespace))
	}
	return r.await(ctx)
}

// Missing lists the wanted attributes that the namespace does not have, and
// refuses one that it has with another type.
func (r *Registry) Missing(ctx context.Context) ([]temporal.SearchAttributeKey, error) {
	listed, err := r.Operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: r.Namespace})
	var namespace *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &namespace):
		return nil, &plans.NamespaceError{Namespace: r.Namespace, Address: r.Address}
	case err != nil && r.usable(ctx) == nil:
		return nil, nil // it may not list them, and they are there
	case err != nil:
		return nil, &MissingError{Namespace: r.Namespace, Missing: Wanted, Err: err}
	}
	var missing []temporal.SearchAttributeKey
	for _, key := range Wanted {
		has, ok := listed.GetCustomAttributes()[key.GetName()]
		switch {
		case !ok:
			missing = append(missing, key)
		case has != key.GetValueType():
			return nil, &TypeError{Namespace: r.Namespace, Key: key, Has: has}
		}
	}
	return missing, nil
}

// usable asks a question that names every attribute; the server refuses it
// until all of them are known.
func (r *Registry) usable(ctx context.Context) error {
	conditions := make([]string, len(Wanted))
	for i, key := range Wanted {
		conditions[i] = key.GetName() + " IS NOT NULL"
	}
	slices.Sort(conditions)
	_, err := r.Visibility.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: r.Namespace, Query: strings.Join(conditions, " OR "),
	})
	return err
}

// await waits until the attributes can be used.
func (r *Registry) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	every := r.PollEvery
	if every == 0 {
		every = 250 * time.Millisecond
	}
	for {
		err := r.usable(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the namespace %q does not see the search attributes that were registered: %w", r.Namespace, err)
		case <-time.After(every):
		}
	}
}
