package sqlmigrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/seed-3652815f/sluice/domain"
)

// standing is what stood at a target before the task, as it is recorded.
type standing struct {
	// Checksum is that of the script which was applied under the name already.
	Checksum string `json:"checksum,omitempty"`
	// Version is the highest one that was applied.
	Version int64 `json:"version,omitempty"`
	// Missing are lower ones of the directory that were not.
	Missing []int64 `json:"missing,omitempty"`
}

// had reports whether a version was applied before the task.
func (s standing) had(version int64) bool {
	return version <= s.Version && !slices.Contains(s.Missing, version)
}

// surveyed is what a survey finds at one target.
type surveyed struct {
	exists    bool   // the schema does
	checksum  string // of the script that is applied; empty: none is
	applied   []int64
	checksums map[string]string // of the versions that have markers, by name
}

// survey reads what stands in several schemas of one database, without locks:
// what is not done there may be under way.
func (r *runner) survey(ctx context.Context, conn *pgx.Conn, places []place) ([]surveyed, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	all := make([]surveyed, len(places))
	var marked, versioned []int
	rows, err := conn.Query(ctx, `SELECT s.i - 1, n.oid IS NOT NULL, m.oid IS NOT NULL, v.oid IS NOT NULL
		FROM unnest($1::text[]) WITH ORDINALITY AS s(name, i)
		LEFT JOIN pg_namespace n ON n.nspname = s.name
		LEFT JOIN pg_class m ON m.relnamespace = n.oid AND m.relname = $2
		LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = $3`,
		schemas(places), markerTable, r.params.VersionTable)
	if err != nil {
		return nil, sqlError("looking for the schemas", err)
	}
	var i int
	var exists, hasMarkers, hasVersions bool
	_, err = pgx.ForEachRow(rows, []any{&i, &exists, &hasMarkers, &hasVersions}, func() error {
		all[i].exists = exists
		if hasMarkers {
			marked = append(marked, i)
		}
		if hasVersions && places[i].versions != "" {
			versioned = append(versioned, i)
		}
		return nil
	})
	if err != nil {
		return nil, sqlError("looking for the schemas", err)
	}
	return all, errors.Join(r.readMarkers(ctx, conn, places, marked, all), readVersions(ctx, conn, places, versioned, all))
}

func schemas(places []place) []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.schema
	}
	return names
}

// readMarkers reads the markers of what is applied in several schemas.
func (r *runner) readMarkers(ctx context.Context, conn *pgx.Conn, places []place, which []int, all []surveyed) error {
	query := union(which, func(i int) string {
		return fmt.Sprintf("SELECT %d, name, checksum FROM %s WHERE name = ANY($1) AND state = '%s'", i, places[i].markers, stateApplied)
	})
	if query == "" {
		return nil
	}
	rows, err := conn.Query(ctx, query, r.names())
	if err != nil {
		return sqlError("reading the markers", err)
	}
	var i int
	var name, checksum string
	_, err = pgx.ForEachRow(rows, []any{&i, &name, &checksum}, func() error {
		if all[i].checksums == nil {
			all[i].checksums = map[string]string{}
		}
		all[i].checksums[name] = checksum
		if name == r.params.Name {
			all[i].checksum = checksum
		}
		return nil
	})
	if err != nil {
		return sqlError("reading the markers", err)
	}
	return nil
}

// readVersions reads which versions goose has recorded as applied in several
// schemas.
func readVersions(ctx context.Context, conn *pgx.Conn, places []place, which []int, all []surveyed) error {
	query := union(which, func(i int) string {
		return fmt.Sprintf(`SELECT %d, version_id FROM (SELECT DISTINCT ON (version_id) version_id, is_applied
			FROM %s ORDER BY version_id, id DESC) AS latest WHERE is_applied AND version_id > 0`, i, places[i].versions)
	})
	if query == "" {
		return nil
	}
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return sqlError("reading the versions that goose has recorded", err)
	}
	var i int
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&i, &version}, func() error {
		all[i].applied = append(all[i].applied, version)
		return nil
	})
	if err != nil {
		return sqlError("reading the versions that goose has recorded", err)
	}
	return nil
}

func union(which []int, query func(i int) string) string {
	parts := make([]string, len(which))
	for k, i := range which {
		parts[k] = query(i)
	}
	return strings.Join(parts, " UNION ALL ")
}

// prior returns what is recorded of a target.
func (r *runner) prior(s surveyed) (domain.Prior, error) {
	if len(r.versions) == 0 {
		if s.checksum == "" {
			return domain.Prior{Absent: true}, nil
		}
		return encode(standing{Checksum: s.checksum})
	}
	if len(s.applied) == 0 {
		return domain.Prior{Absent: true}, nil
	}
	stood := standing{Version: slices.Max(s.applied)}
	for _, m := range r.all {
		if m.version < stood.Version && !slices.Contains(s.applied, m.version) {
			stood.Missing = append(stood.Missing, m.version)
		}
	}
	return encode(stood)
}

func encode(s standing) (domain.Prior, error) {
	value, err := json.Marshal(s)
	if err != nil {
		return domain.Prior{}, fmt.Errorf("writing what stands at the target: %w", err)
	}
	return domain.Prior{Value: value}, nil
}

// decodePrior reads what was recorded; recorded is false where nothing was.
func decodePrior(prior domain.Prior) (stood standing, recorded bool, err error) {
	if prior.Absent {
		return standing{}, true, nil
	}
	if len(prior.Value) == 0 || string(prior.Value) == "null" {
		return standing{}, false, nil
	}
	if err := json.Unmarshal(prior.Value, &stood); err != nil {
		return standing{}, false, fmt.Errorf("reading what was recorded at the target: %w", err)
	}
	return stood, true, nil
}
