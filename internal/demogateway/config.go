// Package demogateway writes the configuration of a Caddy that stands for a
// gateway in front of two pools of servers. The demo and the tests run it.
package demogateway

import "encoding/json"

// MapID is the @id of the map handler that says which pool serves a tenant.
const MapID = "tenants"

// Header is the request header that names the tenant.
const Header = "X-Tenant"

// The two pools. Each answers its name, as body and as header X-Pool.
const (
	Blue  = "blue"
	Green = "green"
)

// Config returns the configuration of a gateway at gatewayAddr that sends the
// requests of a tenant to the pool of its mapping, in Caddy's JSON. All tenants
// are mapped to the pool blue, and so is who has no mapping. The pools, at
// blueAddr and greenAddr, are servers of the same Caddy; a tenant that is
// mapped to another pool is answered 503. Addresses are host:port; adminAddr is
// where Caddy listens for changes.
func Config(adminAddr, gatewayAddr, blueAddr, greenAddr string, tenants []string) []byte {
	config := object{
		"admin": object{"listen": adminAddr},
		"apps": object{"http": object{"servers": object{
			"gateway": server(gatewayAddr, gatewayRoutes(tenants, blueAddr, greenAddr)),
			Blue:      server(blueAddr, poolRoutes(Blue)),
			Green:     server(greenAddr, poolRoutes(Green)),
		}}},
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic("demogateway: maps, lists and texts always encode: " + err.Error())
	}
	return append(text, '\n')
}

type (
	object = map[string]any
	list   = []any
)

func server(address string, routes list) object {
	return object{
		"listen":          list{address},
		"automatic_https": object{"disable": true},
		"routes":          routes,
	}
}

func gatewayRoutes(tenants []string, blueAddr, greenAddr string) list {
	return list{
		object{"handle": list{tenantMap(tenants)}},
		poolRoute(Blue, blueAddr),
		poolRoute(Green, greenAddr),
		object{"handle": list{object{
			"handler":     "static_response",
			"status_code": 503,
			"body":        "There is no pool {pool}.\n",
		}}},
	}
}

// tenantMap is the handler that Sluice changes.
func tenantMap(tenants []string) object {
	mappings := make(list, len(tenants))
	for i, tenant := range tenants {
		mappings[i] = object{"input": tenant, "outputs": list{Blue}}
	}
	return object{
		"@id":          MapID,
		"handler":      "map",
		"source":       "{http.request.header." + Header + "}",
		"destinations": list{"{pool}"},
		"defaults":     list{Blue},
		"mappings":     mappings,
	}
}

// poolRoute sends requests to a pool's server.
func poolRoute(pool, address string) object {
	return object{
		"match":    list{object{"vars": object{"{pool}": list{pool}}}},
		"handle":   list{object{"handler": "reverse_proxy", "upstreams": list{object{"dial": address}}}},
		"terminal": true,
	}
}

// poolRoutes is the pool itself: it answers its name.
func poolRoutes(pool string) list {
	return list{object{"handle": list{object{
		"handler": "static_response",
		"headers": object{"X-Pool": list{pool}},
		"body":    pool + "\n",
	}}}}
}
