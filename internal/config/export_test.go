package config

import "go.temporal.io/sdk/contrib/envconfig"

// SetEnvironment puts an environment in the place of the process's own.
func (c *Connection) SetEnvironment(env envconfig.EnvLookup) { c.env = env }
