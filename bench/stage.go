package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// stage lets internal/producttest start products for a measurement as it does
// for a test. What it does not override is not called.
type stage struct {
	testing.TB
	ctx      context.Context
	log      func(format string, args ...any)
	cleanups []func()
	failed   bool
}

// stageError is what went wrong with a product.
type stageError struct{ error }

// onStage calls f with a stage, and ends what was started on it.
func (l *lab) onStage(ctx context.Context, f func(*stage) error) (err error) {
	s := &stage{ctx: ctx, log: l.say}
	defer func() {
		if p := recover(); p != nil {
			fault, ok := p.(stageError)
			if !ok {
				panic(p)
			}
			err = errors.Join(err, fault.error)
		}
		s.failed = err != nil
		for _, cleanup := range slices.Backward(s.cleanups) {
			cleanup()
		}
	}()
	return f(s)
}

func (s *stage) Helper()                           {}
func (s *stage) Name() string                      { return "bench" }
func (s *stage) Context() context.Context          { return s.ctx }
func (s *stage) Failed() bool                      { return s.failed }
func (s *stage) Cleanup(f func())                  { s.cleanups = append(s.cleanups, f) }
func (s *stage) Logf(format string, args ...any)   { s.log(format, args...) }
func (s *stage) Fatalf(format string, args ...any) { panic(stageError{fmt.Errorf(format, args...)}) }

// TempDir returns a folder that is removed with the stage.
func (s *stage) TempDir() string {
	folder, err := os.MkdirTemp("", "sluice-bench")
	if err != nil {
		s.Fatalf("making a folder: %v", err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(folder) }) // what is left there harms nobody
	return folder
}
