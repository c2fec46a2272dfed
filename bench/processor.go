package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processorTime returns what this process and those that it has started have
// used so far. Unlike the time on the clock it says the same on a busy machine.
func processorTime() (time.Duration, error) {
	own, err := ownTime()
	if err != nil {
		return 0, err
	}
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return 0, fmt.Errorf("looking for the processes that were started: %w", err)
	}
	for _, list := range children {
		pids, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, pid := range strings.Fields(string(pids)) {
			own += ticks(pid)
		}
	}
	return own, nil
}

// ownTime returns the processor time that this process has used so far.
func ownTime() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("asking for the processor time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}

// clockTick is the unit in which Linux counts the time of other processes.
const clockTick = 10 * time.Millisecond

// ticks returns the processor time of another process; 0 where the system does
// not tell.
func ticks(pid string) time.Duration {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	// The name, in parentheses, may hold blanks; the two times are the 12th and
	// 13th field behind it.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var total time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		total += time.Duration(n) * clockTick
	}
	return total
}
