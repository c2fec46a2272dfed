// Package logging makes the loggers of the mains: zap for the worker, with the
// Temporal SDK's messages in the same form, and silence for the command line.
package logging

import (
	"fmt"
	"io"
	"log/slog"

	sdklog "go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// New returns a logger that writes to out: lines for people where out is a
// terminal, and JSON otherwise. The level is debug, info, warn or error.
func New(out io.Writer, terminal bool, level string) (*zap.Logger, error) {
	least, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("the log level is %q, but has to be debug, info, warn or error: %w", level, err)
	}
	config := zap.NewProductionEncoderConfig()
	config.TimeKey = "time"
	config.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(config)
	if terminal {
		config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(config)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), least)
	return zap.New(core, zap.AddStacktrace(zapcore.DPanicLevel)), nil
}

// ForSDK returns a logger for the Temporal SDK that writes to the same place.
func ForSDK(logger *zap.Logger) sdklog.Logger {
	// A stack in the SDK says nothing of why an activity has failed.
	return sdklog.NewStructuredLogger(slog.New(zapslog.NewHandler(logger.Core(), zapslog.WithName("temporal"), zapslog.AddStacktraceAt(slog.LevelError+1))))
}

// Silent returns a logger that drops everything: the command line says in
// sentences of its own what the SDK would log.
func Silent() sdklog.Logger {
	return sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
}
