package config

// Variable is an environment variable that has no flag.
type Variable struct{ Name, Text string }

// EnvironmentOnly lists the variables that Sluice goes by and that have no
// flag: certificates and keys as text, for process lists would show them, and
// what OpenTelemetry has defined.
var EnvironmentOnly = []Variable{
	{"TEMPORAL_CLIENT_AUTHORITY", "value of the :authority header, for proxies that go by it; over TLS it is the server's name instead"},
	{"TEMPORAL_GRPC_META_*", "a header that is sent with each call; TEMPORAL_GRPC_META_MY_KEY is my-key"},
	{"TEMPORAL_TLS_SERVER_CA_CERT_DATA", "the server's certificate authority as PEM text, in the place of a file"},
	{"TEMPORAL_TLS_CLIENT_CERT_DATA", "the client's certificate as PEM text, in the place of a file"},
	{"TEMPORAL_TLS_CLIENT_KEY_DATA", "the client's private key as PEM text, in the place of a file"},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", "URL to which the worker sends traces, such as http://localhost:4318; none are sent without it"},
	{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf, which is the default, or grpc"},
	{"OTEL_*", "what else OpenTelemetry has defined for traces: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and others"},
}
