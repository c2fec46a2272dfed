// Package payload compresses what Sluice sends to itself and is too large to
// send as it is: plans with very many targets, and what a run carries over to
// the next. Everything else stays plain JSON, for the Temporal CLI, the Web UI
// and workers in other languages read it.
package payload

import (
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// compressFrom is the size in bytes from which a payload is compressed: below
// it the Web UI shows the plan as its user wrote it.
const compressFrom = 64 << 10

// zlib is Temporal's own compression; any SDK has a codec that reads it.
var zlib = converter.NewZlibCodec(converter.ZlibCodecOptions{AlwaysEncode: true})

// Encode returns the value as JSON, compressed where it is large, in a form
// that a data converter hands on as it is.
func Encode(value any) (converter.RawValue, error) {
	plain, err := converter.GetDefaultDataConverter().ToPayload(value)
	if err != nil {
		return converter.RawValue{}, fmt.Errorf("encoding a payload: %w", err)
	}
	if len(plain.GetData()) < compressFrom {
		return converter.NewRawValue(plain), nil
	}
	packed, err := zlib.Encode([]*commonpb.Payload{plain})
	if err != nil {
		return converter.RawValue{}, fmt.Errorf("compressing a payload: %w", err)
	}
	return converter.NewRawValue(packed[0]), nil
}

// NewDataConverter returns the converter that workers and clients of Sluice
// use: it reads compressed payloads, and compresses none by itself.
func NewDataConverter() converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), readOnly{})
}

// readOnly is a codec that only decodes.
type readOnly struct{}

func (readOnly) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return payloads, nil
}

func (readOnly) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return zlib.Decode(payloads)
}
