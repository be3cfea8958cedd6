//go:build tools

// Package influxdb pins the InfluxDB server that the tests build and run.
package influxdb

import (
	_ "github.com/influxdata/influxdb/v2/cmd/influxd"
	_ "github.com/influxdata/pkg-config"
)
