#pragma once

// The tables of a study store: Optuna's thirteen (schema version 12, alembic revision v3.2.0.a, as
// optuna 5.0.0 creates them) and ours, with the prefix vlm_.

#include "search/sqlite_database.h"

namespace vlm {

// Whether the file has no table yet: it is new, or its maker was killed before there was one.
bool has_no_tables(SqliteDatabase& database);

// Makes the tables that are missing: all of them in an empty file, ours alone in one that Optuna
// made. REQUIRES: inside a transaction. Throws as require_study_schema() for other content.
void create_study_schema(SqliteDatabase& database);

// Throws Error{kUnsupported} unless the versions of both sets of tables are the ones we know.
void require_study_schema(SqliteDatabase& database);

}  // namespace vlm
