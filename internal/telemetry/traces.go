package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// The variables that OpenTelemetry has defined, as far as Sluice reads them
// itself; its libraries read the others.
const (
	variableEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	variableTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	variableProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	variableTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// Traces sends spans of plans and tasks by OTLP.
type Traces struct {
	Interceptor interceptor.Interceptor // for client.Options
	provider    *sdktrace.TracerProvider
}

// ProtocolError says that spans cannot be sent by a protocol.
type ProtocolError struct{ Protocol string }

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s is %q, but has to be grpc or http/protobuf", variableProtocol, e.Protocol)
}

// NewTraces makes traces of a service as the environment says; nil where it
// names no endpoint.
func NewTraces(ctx context.Context, service string) (*Traces, error) {
	if cmp.Or(os.Getenv(variableTracesEndpoint), os.Getenv(variableEndpoint)) == "" {
		return nil, nil
	}
	exporter, err := newExporter(ctx, cmp.Or(os.Getenv(variableTracesProtocol), os.Getenv(variableProtocol), "http/protobuf"))
	if err != nil {
		return nil, err
	}
	// What the environment says of the service wins.
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", service)), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describing this program for traces: %w", err)
	}
	t := &Traces{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about), sdktrace.WithIDGenerator(steadyIDs{}))}
	tracer, err := opentelemetry.NewTracer(opentelemetry.TracerOptions{
		Tracer:              t.provider.Tracer("sluice"),
		DisableQueryTracing: true, // sluice watch asks several times a second
		// A plan may have been started by something that traces in another way.
		AllowInvalidParentSpans: true,
		SpanStarter:             startSpan,
	})
	if err != nil {
		return nil, fmt.Errorf("making the tracer: %w", err)
	}
	t.Interceptor = interceptor.NewTracingInterceptor(steadyTracer{tracer})
	return t, nil
}

func newExporter(ctx context.Context, protocol string) (exporter *otlptrace.Exporter, err error) {
	switch protocol {
	case "grpc":
		exporter, err = otlptracegrpc.New(ctx)
	case "http/protobuf":
		exporter, err = otlptracehttp.New(ctx)
	default:
		return nil, &ProtocolError{Protocol: protocol}
	}
	if err != nil {
		return nil, fmt.Errorf("making the exporter of traces: %w", err)
	}
	return exporter, nil
}

// Stop sends what is left, until ctx ends.
func (t *Traces) Stop(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last spans: %w", err)
	}
	return nil
}
