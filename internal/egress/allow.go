// Package egress says which hosts and addresses a worker may reach on behalf of
// a plan, and looks at each address where the connection is made.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// connectTimeout bounds one attempt to connect, within a request's timeout.
const connectTimeout = 30 * time.Second

// denied are the addresses that are not reached unless a network of
// SLUICE_HTTP_ALLOW holds them: link-local ones, and those at which clouds hand
// out credentials to whoever asks.
var denied = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // link-local; AWS, Azure, Google, ECS and others
	netip.MustParsePrefix("fe80::/10"),          // link-local
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
}

// embedding are the IPv6 networks whose last 32 bits are an IPv4 address that
// is reached through them.
var embedding = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"), // NAT64
	netip.MustParsePrefix("::/96"),        // IPv4-compatible
}

// DeniedError says that an address may not be reached. Nothing was sent to it.
type DeniedError struct {
	Address string // host, or address of the connection
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("%s may not be reached; SLUICE_HTTP_ALLOW of the worker says what may", e.Address)
}

// Allow says which hosts may be reached. The zero value allows all but
// link-local and metadata addresses. Make one with Parse.
type Allow struct {
	limited  bool // only hosts and networks
	hosts    []string
	networks []netip.Prefix
}

// Parse reads SLUICE_HTTP_ALLOW: host names, addresses and networks (CIDR)
// separated by commas, without schemes and ports. Blank: all but link-local and
// metadata addresses.
//
// A host name allows that host wherever it resolves to, but to a link-local or
// metadata address only where a network in the list holds it. A network or an
// address allows whatever name resolves to it.
func Parse(text string) (Allow, error) {
	if strings.TrimSpace(text) == "" {
		return Allow{}, nil
	}
	allow := Allow{limited: true}
	var faults []error
	for entry := range strings.SplitSeq(text, ",") {
		if err := allow.add(strings.TrimSpace(entry)); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return Allow{}, fmt.Errorf("reading the list of hosts and networks that may be reached: %w", err)
	}
	return allow, nil
}

func (a *Allow) add(entry string) error {
	if network, err := netip.ParsePrefix(entry); err == nil {
		if plain := network.Addr().Unmap(); plain != network.Addr() {
			return fmt.Errorf("%q is an IPv4 network in its IPv6 form; write it as IPv4", entry)
		}
		a.networks = append(a.networks, network.Masked())
		return nil
	}
	if address, err := netip.ParseAddr(entry); err == nil {
		address = address.Unmap().WithZone("")
		a.networks = append(a.networks, netip.PrefixFrom(address, address.BitLen()))
		return nil
	}
	if !isHostName(entry) {
		return fmt.Errorf("%q is neither a host name, an address nor a network; write host.example.com, 10.1.2.3 or 10.0.0.0/8, without a scheme or a port", entry)
	}
	a.hosts = append(a.hosts, canonicalHost(entry))
	return nil
}

// host reports whether the name in a URL is listed, or whether everything is.
func (a Allow) host(name string) bool {
	return !a.limited || slices.Contains(a.hosts, canonicalHost(name))
}

// network reports whether a listed network holds the address.
func (a Allow) network(address netip.Addr) bool {
	return slices.ContainsFunc(a.networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// address returns a *DeniedError where an address may not be reached under a
// name that is listed or not.
func (a Allow) address(address netip.Addr, listed bool) error {
	address = plain(address)
	isDenied := slices.ContainsFunc(denied, func(n netip.Prefix) bool { return n.Contains(address) })
	if a.network(address) || listed && !isDenied {
		return nil
	}
	return &DeniedError{Address: address.String()}
}

// Dial connects to an address, host:port, if it may be reached. Names are
// looked at before they are resolved, and addresses where the connection is
// made, so that a name cannot stand for another address in between.
func (a Allow) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address to connect to: %w", err)
	}
	listed := a.host(name)
	if !listed && len(a.networks) == 0 {
		return nil, &DeniedError{Address: name}
	}
	dialer := net.Dialer{
		Timeout: connectTimeout,
		Control: func(_, resolved string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return &DeniedError{Address: resolved}
			}
			return a.address(target.Addr(), listed)
		},
	}
	return dialer.DialContext(ctx, network, address)
}

var sixToFour = netip.MustParsePrefix("2002::/16") // whose bytes 2 to 5 are one

// plain returns the address that is reached in the end: IPv4 out of the IPv6
// forms that hold one, and without a zone.
func plain(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.IsLoopback() || address.IsUnspecified() {
		return address
	}
	bytes := address.As16()
	if sixToFour.Contains(address) {
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	}
	for _, network := range embedding {
		if network.Contains(address) {
			return netip.AddrFrom4([4]byte(bytes[12:]))
		}
	}
	return address
}

func canonicalHost(name string) string {
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

func isHostName(name string) bool {
	labels := strings.Split(canonicalHost(name), ".")
	return len(name) <= 253 && !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
	})
}
