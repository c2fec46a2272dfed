package placeholder

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// URL returns the address with the target's name in it: path-escaped in the
// path, query-escaped in the query. In the host it stands only where it is a
// valid host name (letters, digits and inner hyphens, in labels of at most 63
// bytes joined by dots), and in the scheme never. It refuses a target that
// would make a path segment "." or "..", which servers take for another path.
func URL(address, target string) (*url.URL, error) {
	scheme, authority, path, query := split(address)
	if strings.Contains(scheme, Target) {
		return nil, fmt.Errorf("%s cannot stand in the scheme of a URL", Target)
	}
	if strings.Contains(authority, Target) && !IsHostName(target) {
		return nil, fmt.Errorf("target %q cannot stand in the host of a URL, because it is no host name", target)
	}
	path = Text(path, url.PathEscape(target))
	if slices.ContainsFunc(strings.Split(path, "/"), isDots) {
		return nil, fmt.Errorf("target %q makes a path with a segment \".\" or \"..\"", target)
	}
	full := scheme + Text(authority, target) + path + Text(query, url.QueryEscape(target))
	if strings.Contains(full, "{{") {
		return nil, fmt.Errorf("the URL has a placeholder other than %s", Target)
	}
	return parse(full)
}

// CheckURL returns what is wrong with the address whatever the target is, nil
// where nothing is.
func CheckURL(address string) error {
	_, err := URL(address, sample)
	return err
}

// parse reads an absolute http or https URL. Its errors do not hold the URL,
// whose query may be secret.
func parse(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	var fault *url.Error
	if errors.As(err, &fault) {
		err = fault.Err
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the URL cannot be read: %w", err)
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return nil, errors.New("the URL has to begin with http:// or https://")
	case parsed.Hostname() == "":
		return nil, errors.New("the URL names no host")
	case parsed.User != nil:
		return nil, errors.New("the URL has a user name; give credentials in the header Authorization")
	}
	return parsed, nil
}

// split cuts an address into its scheme with "://", its authority, its path,
// and its query with "?". A fragment is left out; it is never sent.
func split(address string) (scheme, authority, path, query string) {
	address, _, _ = strings.Cut(address, "#")
	if i := strings.Index(address, "?"); i >= 0 {
		address, query = address[:i], address[i:]
	}
	if i := strings.Index(address, "://"); i >= 0 {
		scheme, address = address[:i+3], address[i+3:]
	}
	if i := strings.Index(address, "/"); i >= 0 {
		return scheme, address[:i], address[i:], query
	}
	return scheme, address, "", query
}

// isDots reports whether servers take the path segment for the same or the
// upper folder.
func isDots(segment string) bool {
	plain, err := url.PathUnescape(segment)
	return err == nil && (plain == "." || plain == "..")
}

// IsHostName reports whether the name is letters, digits and inner hyphens, in
// labels of at most 63 bytes that are joined by dots.
func IsHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "."), func(label string) bool {
		return label == "" || len(label) > 63 ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, isNoHostRune)
	})
}

func isNoHostRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}
