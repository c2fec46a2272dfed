package secret

import (
	"fmt"
	"io"
	"os"
)

// MaxBytes is the most bytes that a secret in a file may have.
const MaxBytes = 64 << 10

// DeniedError says that a secret may not be referenced. Nothing was read.
type DeniedError struct{ Ref string }

func (e *DeniedError) Error() string {
	return fmt.Sprintf("the secret %s may not be used; SLUICE_SECRET_ALLOW of the worker says which ones may", e.Ref)
}

// readBounded reads the file at real, which people know as path.
func readBounded(path, real string) (string, error) {
	file, err := os.Open(real)
	if err != nil {
		return "", fmt.Errorf("reading the secret file:%s: %w", path, err)
	}
	defer func() { _ = file.Close() }() // all that is wanted was read
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("the secret file:%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, MaxBytes+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading the secret file:%s: %w", path, err)
	case len(data) > MaxBytes:
		return "", fmt.Errorf("the secret file:%s has more than %d bytes", path, MaxBytes)
	}
	return string(data), nil
}
