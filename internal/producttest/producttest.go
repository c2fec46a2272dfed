// Package producttest starts the real products that tests run against. A
// product that is missing fails the test; it is never skipped.
package producttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Caddy returns the path of the caddy binary: what SLUICE_CADDY names, or else
// .tools/bin/caddy in the folder of the test or one above it.
func Caddy(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("SLUICE_CADDY"); path != "" {
		if !isFile(path) {
			t.Fatalf("SLUICE_CADDY names %q, which is no file; run make tools and unset it, or name a caddy binary.", path)
		}
		return path
	}
	return tool(t, "caddy")
}

// tool finds a binary that make tools has installed.
func tool(t testing.TB, name string) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatalf("finding the folder of the test: %v", err)
	}
	for {
		if path := filepath.Join(folder, ".tools", "bin", name); isFile(path) {
			return path
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			t.Fatalf("There is no .tools/bin/%s; run make tools, which installs it.", name)
		}
		folder = parent
	}
}

// packaged finds a program of one of Debian's packages: what the environment
// variable names, or else where the package puts it.
func packaged(t testing.TB, name, env, place string) string {
	t.Helper()
	path := os.Getenv(env)
	switch {
	case path == "" && isFile(place):
		return place
	case path == "":
		t.Fatalf("There is no %s; install it with apt-get install --no-install-recommends %s, or name another one in %s.", place, name, env)
	case !isFile(path):
		t.Fatalf("%s names %q, which is no file; unset it, or name a %s binary.", env, path, name)
	}
	return path
}

// shortTempDir returns a folder that ends with the test, and whose path leaves
// room for the 107 bytes that a unix socket's may have; t.TempDir is named after
// the test.
func shortTempDir(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "sluice")
	if err != nil {
		t.Fatalf("making a folder for the test: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) }) // what is left there harms nobody
	return folder
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Ports are taken from below those that the kernel gives to connections, so
// that none of these takes a port between FreePort and its use.
const firstPort, lastPort = 12000, 31999

var taken sync.Map // ports that this process has given out

// FreePort returns a TCP port on 127.0.0.1 on which nothing listens, and which
// it returns to no other test of this process.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if _, used := taken.LoadOrStore(port, true); used {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("giving port %d free: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("there is no free port from %d to %d on 127.0.0.1", firstPort, lastPort)
}

// FreeAddress returns 127.0.0.1 with a FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}
