package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/seed-3652815f/sluice/activities"
)

// lockPause is how often a folder that another worker has locked is tried.
const lockPause = 5 * time.Millisecond

// mapFile is the file that HAProxy reads at its start and at each reload.
type mapFile struct{ path string }

// check refuses a file that cannot be written, or that is another map's than the
// one with the entries. It changes nothing that stays.
func (f *mapFile) check(entries map[string]entry) error {
	path, text, err := f.read()
	if err != nil {
		return err
	}
	keys := keysOf(text)
	known, found := 0, 0
	for key, now := range entries {
		if now.count == 0 {
			continue
		}
		known++
		if keys[key] {
			found++
		}
	}
	if len(keys) > 0 && known > 0 && found == 0 {
		return activities.Refused(CodeBadFile, "the map file %s has none of the keys that the running map has, so it is another map's; name the right one in the parameter file, or set runtimeOnly", f.path)
	}
	pending, err := f.prepare(path)
	if err != nil {
		return f.notWritten(err)
	}
	return pending.Cleanup()
}

// write gives keys their values in the file, so that a crash at any moment
// leaves either the old file or the new one. A file that says all that already
// is left alone.
func (f *mapFile) write(ctx context.Context, lines []line) error {
	if len(lines) == 0 {
		return nil
	}
	path, err := filepath.EvalSymlinks(f.path) // a link stays a link
	if err != nil {
		return f.unusable(err)
	}
	// Another worker may change other entries. The folder is locked, because
	// the file itself is replaced.
	lock := flock.New(filepath.Dir(path), flock.SetFlag(os.O_RDONLY))
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return f.notWritten(err)
	}
	defer func() { _ = lock.Unlock() }() // closing it unlocks it, too
	path, text, err := f.read()
	if err != nil {
		return err
	}
	next := edit(text, lines)
	if bytes.Equal(text, next) {
		return nil
	}
	if err := f.replace(path, next); err != nil {
		return f.notWritten(err)
	}
	return nil
}

// read returns the file's path without links, and what it says.
func (f *mapFile) read() (string, []byte, error) {
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return "", nil, f.unusable(err)
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return "", nil, f.unusable(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, f.unusable(err)
	}
	return path, text, nil
}

// replace puts a text in the place of the file, durably.
func (f *mapFile) replace(path string, text []byte) error {
	pending, err := f.prepare(path)
	if err != nil {
		return err
	}
	defer func() { _ = pending.Cleanup() }() // does nothing after the replacement
	if _, err := pending.Write(text); err != nil {
		return err
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync() // or the old name may come back after a power failure
}

// prepare makes the new file beside the old one, with its mode, and with its
// owner and group where this worker may give them.
func (f *mapFile) prepare(path string) (*renameio.PendingFile, error) {
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithExistingPermissions())
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil {
		giveTo(pending.File, info)
	}
	return pending, nil
}

func (f *mapFile) unusable(err error) error {
	return activities.Refused(CodeBadFile, "the map file %s cannot be used: %w; name it as this worker sees it in the parameter file, or set runtimeOnly, with which the change ends with HAProxy's next reload", f.path, withoutPath(err))
}

func (f *mapFile) notWritten(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return activities.Refused(CodeNotWritten, "the map file %s cannot be written: %w; give this worker's user the right to make files in its folder, or set runtimeOnly", f.path, withoutPath(err))
	}
	return activities.Broken(CodeNotWritten, "writing the map file %s: %w", f.path, withoutPath(err))
}

// withoutPath takes the path out of an error of package os; the caller names it.
func withoutPath(err error) error {
	var fault *fs.PathError
	if errors.As(err, &fault) {
		return fault.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return fmt.Errorf("%s: %w", link.Op, link.Err)
	}
	return err
}
