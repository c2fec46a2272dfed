package main

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

	"github.com/seed-3652815f/sluice/workflows"
)

// attributeTimeout bounds how long the namespace may take to see attributes
// that were just registered: its caches are 10 seconds old at most.
const attributeTimeout = 30 * time.Second

// operator is what is needed of the server's operator service.
type operator interface {
	ListSearchAttributes(ctx context.Context, in *operatorservice.ListSearchAttributesRequest, opts ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error)
	AddSearchAttributes(ctx context.Context, in *operatorservice.AddSearchAttributesRequest, opts ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error)
}

// visibility is where search attributes are used.
type visibility interface {
	CountWorkflow(ctx context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
}

// attributes makes a namespace know the search attributes of plans. A run that
// writes one that is not known would be stuck.
type attributes struct {
	operator           operator
	visibility         visibility
	namespace, address string
	pollEvery          time.Duration // 0 means 250 ms
}

// wanted lists the search attributes in the order in which messages name them.
var wanted = []temporal.SearchAttributeKey{
	workflows.AttributeState, workflows.AttributeReason, workflows.AttributeFailedTask,
	workflows.AttributeReverses, workflows.AttributeLabels, workflows.AttributeProgress,
}

// AttributesError says that search attributes are missing, and what to do.
type AttributesError struct {
	Namespace string
	Missing   []temporal.SearchAttributeKey
	Err       error
}

func (e *AttributesError) Error() string {
	return fmt.Sprintf("the namespace %q lacks search attributes that plans write, and this worker could not register them (%v); let somebody who may run:\n\n  %s\n\n"+
		"or set SLUICE_SEARCH_ATTRIBUTES=off to run plans without them", e.Namespace, e.Err, e.command())
}

// Unwrap gives the cause.
func (e *AttributesError) Unwrap() error { return e.Err }

// command is what registers the missing attributes.
func (e *AttributesError) command() string {
	parts := []string{"temporal operator search-attribute create --namespace " + e.Namespace}
	for _, key := range e.Missing {
		parts = append(parts, fmt.Sprintf("--name %s --type %s", key.GetName(), key.GetValueType()))
	}
	return strings.Join(parts, " ")
}

// ensure registers what is missing, and waits until the namespace sees it.
func (a *attributes) ensure(ctx context.Context, logger *zap.Logger) error {
	missing, err := a.missing(ctx)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	request := &operatorservice.AddSearchAttributesRequest{Namespace: a.namespace, SearchAttributes: map[string]enumspb.IndexedValueType{}}
	for _, key := range missing {
		request.SearchAttributes[key.GetName()] = key.GetValueType()
	}
	if _, err := a.operator.AddSearchAttributes(ctx, request); err != nil {
		// Another worker that began at the same time may have been quicker.
		if left, listed := a.missing(ctx); listed != nil || len(left) > 0 {
			return &AttributesError{Namespace: a.namespace, Missing: missing, Err: err}
		}
	} else {
		logger.Info("search attributes registered", zap.Int("count", len(missing)), zap.String("namespace", a.namespace))
	}
	return a.await(ctx)
}

// missing lists the wanted attributes that the namespace does not have, and
// refuses one that it has with another type.
func (a *attributes) missing(ctx context.Context) ([]temporal.SearchAttributeKey, error) {
	listed, err := a.operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: a.namespace})
	var namespace *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &namespace):
		return nil, fmt.Errorf("the server at %s has no namespace %q; name another with --namespace or TEMPORAL_NAMESPACE: %w", a.address, a.namespace, err)
	case err != nil && a.usable(ctx) == nil:
		return nil, nil // it may not list them, and they are there
	case err != nil:
		return nil, &AttributesError{Namespace: a.namespace, Missing: wanted, Err: err}
	}
	var missing []temporal.SearchAttributeKey
	for _, key := range wanted {
		has, ok := listed.GetCustomAttributes()[key.GetName()]
		switch {
		case !ok:
			missing = append(missing, key)
		case has != key.GetValueType():
			return nil, fmt.Errorf("the namespace %q has the search attribute %s with the type %s, but plans write it as %s; rename or remove that one, or set SLUICE_SEARCH_ATTRIBUTES=off",
				a.namespace, key.GetName(), has, key.GetValueType())
		}
	}
	return missing, nil
}

// usable asks a question that names every attribute; the server refuses it
// until all of them are known.
func (a *attributes) usable(ctx context.Context) error {
	conditions := make([]string, len(wanted))
	for i, key := range wanted {
		conditions[i] = key.GetName() + " IS NOT NULL"
	}
	slices.Sort(conditions)
	_, err := a.visibility.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: a.namespace, Query: strings.Join(conditions, " OR "),
	})
	return err
}

// await waits until the attributes can be used.
func (a *attributes) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attributeTimeout)
	defer cancel()
	every := a.pollEvery
	if every == 0 {
		every = 250 * time.Millisecond
	}
	for {
		err := a.usable(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the namespace %q does not see the search attributes that were registered: %w", a.namespace, err)
		case <-time.After(every):
		}
	}
}
