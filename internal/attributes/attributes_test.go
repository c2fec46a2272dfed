package attributes

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// namespace is a namespace as its operator sees it.
type namespace struct {
	has       map[string]enumspb.IndexedValueType
	listErr   error
	addErr    error
	lateBy    int  // questions until what was added can be used
	byAnother bool // another worker adds what is missing at the same time

	added []string
}

func (n *namespace) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: n.has}, n.listErr
}

func (n *namespace) AddSearchAttributes(_ context.Context, in *operatorservice.AddSearchAttributesRequest, _ ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error) {
	if n.addErr == nil || n.byAnother {
		for name, kind := range in.GetSearchAttributes() {
			n.added = append(n.added, name)
			n.has[name] = kind
		}
	}
	return &operatorservice.AddSearchAttributesResponse{}, n.addErr
}

func (n *namespace) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	if n.lateBy > 0 || len(n.has) < len(Wanted) {
		n.lateBy--
		return nil, serviceerror.NewInvalidArgument("invalid search attribute")
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

func ensure(n *namespace) error {
	r := &Registry{Operator: n, Visibility: n, Namespace: "ns", Address: "here:7233", PollEvery: time.Millisecond}
	return r.Ensure(context.Background(), zap.NewNop())
}

// complete has every attribute that plans write.
func complete() map[string]enumspb.IndexedValueType {
	has := map[string]enumspb.IndexedValueType{"Other": enumspb.INDEXED_VALUE_TYPE_TEXT}
	for _, key := range Wanted {
		has[key.GetName()] = key.GetValueType()
	}
	return has
}

func TestEnsureLeavesANamespaceAloneThatHasAll(t *testing.T) {
	t.Parallel()
	n := &namespace{has: complete()}
	require.NoError(t, ensure(n))
	require.Empty(t, n.added)
}

func TestEnsureAddsOnlyWhatIsMissingAndWaitsForIt(t *testing.T) {
	t.Parallel()
	n := &namespace{has: complete(), lateBy: 3}
	delete(n.has, "SluiceLabels")
	delete(n.has, "SluiceProgress")
	require.NoError(t, ensure(n))
	require.ElementsMatch(t, []string{"SluiceLabels", "SluiceProgress"}, n.added)
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST, n.has["SluiceLabels"])
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_DOUBLE, n.has["SluiceProgress"])
	require.LessOrEqual(t, n.lateBy, 0)
}

func TestEnsureNamesTheCommandWhereItMayNotAdd(t *testing.T) {
	t.Parallel()
	n := &namespace{has: complete(), addErr: serviceerror.NewPermissionDenied("no", "")}
	delete(n.has, "SluicePlanState")
	delete(n.has, "SluiceProgress")
	err := ensure(n)
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "temporal operator search-attribute create --namespace ns --name SluicePlanState --type Keyword --name SluiceProgress --type Double\n")
	require.ErrorContains(t, err, "SLUICE_SEARCH_ATTRIBUTES=off")
}

func TestEnsureTakesWhatAnotherWorkerHasAdded(t *testing.T) {
	t.Parallel()
	n := &namespace{has: complete(), addErr: serviceerror.NewAlreadyExists("there"), byAnother: true}
	delete(n.has, "SluiceReason")
	require.NoError(t, ensure(n))
}

func TestEnsureRefusesAnAttributeOfAnotherType(t *testing.T) {
	t.Parallel()
	n := &namespace{has: complete()}
	n.has["SluiceProgress"] = enumspb.INDEXED_VALUE_TYPE_TEXT
	require.ErrorContains(t, ensure(n), "has the search attribute SluiceProgress with the type Text, but plans write it as Double")
}

func TestEnsureGoesOnWhereItMayNotListWhatIsThere(t *testing.T) {
	t.Parallel()
	denied := serviceerror.NewPermissionDenied("no", "")
	require.NoError(t, ensure(&namespace{has: complete(), listErr: denied}))

	err := ensure(&namespace{has: map[string]enumspb.IndexedValueType{}, listErr: denied})
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.Len(t, missing.Missing, len(Wanted))
}

func TestEnsureNamesANamespaceThatIsNotThere(t *testing.T) {
	t.Parallel()
	err := ensure(&namespace{listErr: serviceerror.NewNamespaceNotFound("ns")})
	require.ErrorContains(t, err, `the server at here:7233 has no namespace "ns"`)
}
