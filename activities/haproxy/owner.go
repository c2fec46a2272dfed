package haproxy

import (
	"io/fs"
	"os"
	"syscall"
)

// giveTo gives a file the owner and group of another one, as far as this
// process may: HAProxy reads it before it gives up its rights.
func giveTo(file *os.File, like fs.FileInfo) {
	stat, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	if file.Chown(int(stat.Uid), int(stat.Gid)) != nil {
		_ = file.Chown(-1, int(stat.Gid)) // a user may give files to groups of theirs
	}
}
