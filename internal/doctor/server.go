package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/seed-3652815f/sluice/internal/attributes"
)

// oldest is the first server that takes Updates without being told to.
var oldest = version{1, 25}

// shortest is the least retention that leaves a working day to look at a
// closed plan, and to roll it back.
const shortest = 24 * time.Hour

// connection measures how long the server takes to answer.
func (e *examination) connection(ctx context.Context) Check {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	began := time.Now()
	if _, err := e.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{}); err != nil {
		return unanswered(CheckConnection, "who it is", err)
	}
	how := "in plain text"
	if e.options.ConnectionOptions.TLS != nil && !e.options.ConnectionOptions.TLSDisabled {
		how = "over TLS"
	}
	return fine(CheckConnection, "it answers %s within %s", how, time.Since(began).Round(100*time.Microsecond))
}

// version is the first two numbers of a release.
type version struct{ major, minor int }

// server looks at the server's version.
func (e *examination) server(ctx context.Context) Check {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := e.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return unanswered(CheckServer, "which version it is", err)
	}
	var has version
	if n, _ := fmt.Sscanf(info.GetServerVersion(), "%d.%d", &has.major, &has.minor); n != 2 {
		return fine(CheckServer, "its version is %q, which is no release that could be compared", info.GetServerVersion())
	}
	if has.major < oldest.major || has.major == oldest.major && has.minor < oldest.minor {
		return wrong(CheckServer, fmt.Sprintf("its version is %s, and commands are Updates, which servers take from %d.%d on", info.GetServerVersion(), oldest.major, oldest.minor),
			"upgrade the server")
	}
	return fine(CheckServer, "its version is %s", info.GetServerVersion())
}

// namespace looks whether the namespace is there and takes commands.
func (e *examination) namespace(ctx context.Context) (*workflowservice.DescribeNamespaceResponse, Check) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	name := e.options.Namespace
	described, err := e.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	var missing *serviceerror.NamespaceNotFound
	switch state := described.GetNamespaceInfo().GetState(); {
	case errors.As(err, &missing):
		return nil, wrong(CheckNamespace, fmt.Sprintf("the server has no namespace %q", name),
			"name another with --namespace or TEMPORAL_NAMESPACE, or create it with: temporal operator namespace create --namespace "+name)
	case err != nil:
		return nil, unanswered(CheckNamespace, fmt.Sprintf("whether it has the namespace %q", name), err)
	case state == enumspb.NAMESPACE_STATE_DELETED || state == enumspb.NAMESPACE_STATE_DEPRECATED:
		return nil, wrong(CheckNamespace, fmt.Sprintf("the namespace %q is %s", name, strings.ToLower(state.String())), "name another with --namespace or TEMPORAL_NAMESPACE")
	case !described.GetNamespaceInfo().GetCapabilities().GetSyncUpdate():
		return described, wrong(CheckNamespace, fmt.Sprintf("the namespace %q takes no Updates, which commands are", name),
			"set frontend.enableUpdateWorkflowExecution to true in the server's dynamic configuration")
	}
	return described, fine(CheckNamespace, "the namespace %q is there and takes commands", name)
}

// retention looks how long closed plans are kept.
func retention(namespace *workflowservice.DescribeNamespaceResponse) Check {
	kept := namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if kept < shortest {
		return wrong(CheckRetention, fmt.Sprintf("closed plans are kept for %s only, and cannot be looked at or rolled back after that", days(kept)),
			fmt.Sprintf("keep them longer with: temporal operator namespace update --namespace %s --retention 30d", namespace.GetNamespaceInfo().GetName()))
	}
	return fine(CheckRetention, "closed plans are kept for %s, and can be looked at and rolled back until then", days(kept))
}

func days(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
	return d.String()
}

// attributes looks whether the namespace has the search attributes of plans.
func (e *examination) attributes(ctx context.Context) Check {
	if !e.doctor.SearchAttributes {
		return fine(CheckAttributes, "plans write none, for SLUICE_SEARCH_ATTRIBUTES is off")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	registry := attributes.Registry{Operator: e.client.OperatorService(), Visibility: e.client, Namespace: e.options.Namespace, Address: e.options.HostPort}
	missing, err := registry.Missing(ctx)
	const without = "; or set SLUICE_SEARCH_ATTRIBUTES=off for workers and for this command"
	var other *attributes.TypeError
	var unknown *attributes.MissingError
	switch {
	case errors.As(err, &other):
		return wrong(CheckAttributes, fmt.Sprintf("%s has the type %s, but plans write it as %s", other.Key.GetName(), other.Has, other.Key.GetValueType()),
			"rename or remove that one"+without)
	case errors.As(err, &unknown):
		return unanswered(CheckAttributes, "which there are, and takes no question with those that plans write", unknown.Err)
	case err != nil:
		return unanswered(CheckAttributes, "which there are", err)
	case len(missing) > 0:
		names := make([]string, len(missing))
		for i, key := range missing {
			names[i] = key.GetName()
		}
		return wrong(CheckAttributes, "the namespace lacks "+strings.Join(names, ", "),
			"start a worker, which registers them where it may, or run: "+attributes.Command(e.options.Namespace, missing)+without)
	}
	return fine(CheckAttributes, "all %d that plans write are registered", len(attributes.Wanted))
}
