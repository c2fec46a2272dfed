package egress

import (
	"net"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnsetListAllowsAllButLinkLocalAndMetadataAddresses(t *testing.T) {
	t.Parallel()
	allow, err := Parse(" ")
	require.NoError(t, err)
	for _, address := range []string{"127.0.0.1", "::1", "10.1.2.3", "8.8.8.8", "2001:db8::1", "fd00:ec3::1", "::ffff:10.0.0.1"} {
		require.NoError(t, allow.address(netip.MustParseAddr(address), allow.host("any")), address)
	}
	for _, address := range []string{
		"169.254.169.254", "169.254.0.1", "169.254.170.2", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254",
		"100.100.100.200", "168.63.129.16", "192.0.0.192",
		"::ffff:169.254.169.254", "::ffff:100.100.100.200", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe", "2002:a9fe:a9fe::1",
	} {
		var refused *DeniedError
		require.ErrorAs(t, allow.address(netip.MustParseAddr(address), allow.host("any")), &refused, address)
	}
}

func TestListAllowsOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		list, name, address string
		allowed             bool
	}{
		"listed host":                           {"a.example.com", "a.example.com", "8.8.8.8", true},
		"case and last dot do not matter":       {"A.example.com.", "a.EXAMPLE.com", "8.8.8.8", true},
		"another host":                          {"a.example.com", "b.example.com", "8.8.8.8", false},
		"host below":                            {"example.com", "a.example.com", "8.8.8.8", false},
		"listed host at a metadata address":     {"a.example.com", "a.example.com", "169.254.169.254", false},
		"the same, mapped":                      {"a.example.com", "a.example.com", "::ffff:169.254.169.254", false},
		"the same, allowed by a network":        {"a.example.com,169.254.169.254/32", "a.example.com", "169.254.169.254", true},
		"any name within a network":             {"10.0.0.0/8", "b.example.com", "10.2.3.4", true},
		"within a network, mapped":              {"10.0.0.0/8", "b.example.com", "::ffff:10.2.3.4", true},
		"outside a network":                     {"10.0.0.0/8", "b.example.com", "11.2.3.4", false},
		"a single address":                      {" 10.0.0.7 , ::1 ", "x", "10.0.0.7", true},
		"beside a single address":               {"10.0.0.7", "x", "10.0.0.8", false},
		"an IPv6 network":                       {"2001:db8::/32", "x", "2001:db8:1::1", true},
		"metadata address in a listed network":  {"100.64.0.0/10", "x", "100.100.100.200", true},
		"link-local is not in a list of others": {"10.0.0.0/8", "x", "169.254.1.1", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			allow, err := Parse(c.list)
			require.NoError(t, err)
			err = allow.address(netip.MustParseAddr(c.address), allow.host(c.name))
			if c.allowed {
				require.NoError(t, err)
				return
			}
			var refused *DeniedError
			require.ErrorAs(t, err, &refused)
		})
	}
}

func TestBadListIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"http://a.example.com", "a.example.com:80", "10.0.0.0/33", "a b", "a,,b", "*.example.com", "::ffff:10.0.0.0/104", ","} {
		_, err := Parse(list)
		require.Error(t, err, list)
	}
	_, err := Parse("ok.example.com, http://one, two:80")
	require.ErrorContains(t, err, "http://one")
	require.ErrorContains(t, err, "two:80")
}

func TestConnectionIsCheckedWhereItIsMade(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	cases := map[string]struct {
		list, host string
		allowed    bool
	}{
		"unset":                         {"", "127.0.0.1", true},
		"a name that is listed":         {"localhost", "localhost", true},
		"a name that is not listed":     {"a.example.com", "localhost", false},
		"a name within the network":     {"127.0.0.0/8,::1", "localhost", true},
		"a name outside of the network": {"10.0.0.0/8", "localhost", false},
		"an address within the network": {"127.0.0.0/8", "127.0.0.1", true},
		"a mapped address":              {"127.0.0.0/8", "::ffff:127.0.0.1", true},
		"an address that is not listed": {"localhost", "127.0.0.1", false},
		"mapped metadata address":       {"", "::ffff:169.254.169.254", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			allow, err := Parse(c.list)
			require.NoError(t, err)
			connection, err := allow.Dial(t.Context(), "tcp", net.JoinHostPort(c.host, port))
			if c.allowed {
				require.NoError(t, err)
				require.NoError(t, connection.Close())
				return
			}
			var refused *DeniedError
			require.ErrorAs(t, err, &refused)
		})
	}
}
