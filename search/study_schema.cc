#include "search/study_schema.h"

#include <string>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::int64_t kOptunaSchema = 12;
constexpr const char* kOptunaRevision = "v3.2.0.a";
constexpr std::int64_t kOwnSchema = 1;

constexpr const char* kOptunaTables = R"sql(
CREATE TABLE studies (
  study_id INTEGER NOT NULL,
  study_name VARCHAR(512) NOT NULL,
  PRIMARY KEY (study_id)
);
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (
  version_info_id INTEGER NOT NULL,
  schema_version INTEGER,
  library_version VARCHAR(256),
  PRIMARY KEY (version_info_id),
  CHECK (version_info_id=1)
);
CREATE TABLE study_directions (
  study_direction_id INTEGER NOT NULL,
  direction VARCHAR(8) NOT NULL,
  study_id INTEGER NOT NULL,
  objective INTEGER NOT NULL,
  PRIMARY KEY (study_direction_id),
  UNIQUE (study_id, objective),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
  study_user_attribute_id INTEGER NOT NULL,
  study_id INTEGER,
  "key" VARCHAR(512),
  value_json TEXT,
  PRIMARY KEY (study_user_attribute_id),
  UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_system_attributes (
  study_system_attribute_id INTEGER NOT NULL,
  study_id INTEGER,
  "key" VARCHAR(512),
  value_json TEXT,
  PRIMARY KEY (study_system_attribute_id),
  UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE trials (
  trial_id INTEGER NOT NULL,
  number INTEGER,
  study_id INTEGER,
  state VARCHAR(8) NOT NULL,
  datetime_start DATETIME,
  datetime_complete DATETIME,
  PRIMARY KEY (trial_id),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (
  trial_user_attribute_id INTEGER NOT NULL,
  trial_id INTEGER,
  "key" VARCHAR(512),
  value_json TEXT,
  PRIMARY KEY (trial_user_attribute_id),
  UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_system_attributes (
  trial_system_attribute_id INTEGER NOT NULL,
  trial_id INTEGER,
  "key" VARCHAR(512),
  value_json TEXT,
  PRIMARY KEY (trial_system_attribute_id),
  UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
  param_id INTEGER NOT NULL,
  trial_id INTEGER,
  param_name VARCHAR(512),
  param_value FLOAT,
  distribution_json TEXT,
  PRIMARY KEY (param_id),
  UNIQUE (trial_id, param_name),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_values (
  trial_value_id INTEGER NOT NULL,
  trial_id INTEGER NOT NULL,
  objective INTEGER NOT NULL,
  value FLOAT,
  value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_value_id),
  UNIQUE (trial_id, objective),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
  trial_intermediate_value_id INTEGER NOT NULL,
  trial_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  intermediate_value FLOAT,
  intermediate_value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_intermediate_value_id),
  UNIQUE (trial_id, step),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_heartbeats (
  trial_heartbeat_id INTEGER NOT NULL,
  trial_id INTEGER NOT NULL,
  heartbeat DATETIME NOT NULL,
  PRIMARY KEY (trial_heartbeat_id),
  UNIQUE (trial_id),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO version_info VALUES (1, 12, '5.0.0');
INSERT INTO alembic_version VALUES ('v3.2.0.a');
)sql";

// Sizes: a row of vlm_items per trial and benchmark item; the state of the optimiser per
// generation.
constexpr const char* kOwnTables = R"sql(
CREATE TABLE vlm_version (
  schema_version INTEGER NOT NULL
);
CREATE TABLE vlm_identity (
  study_id INTEGER NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (study_id, key),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE vlm_generations (
  study_id INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  created DATETIME NOT NULL,
  optimizer_state TEXT NOT NULL,
  PRIMARY KEY (study_id, generation),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE vlm_items (
  trial_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  benchmark TEXT NOT NULL,
  item_id TEXT NOT NULL,
  score FLOAT,
  prediction TEXT NOT NULL,
  PRIMARY KEY (trial_id, position),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE vlm_seconds (
  trial_id INTEGER NOT NULL,
  phase TEXT NOT NULL,
  seconds FLOAT NOT NULL,
  PRIMARY KEY (trial_id, phase),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE vlm_documents (
  study_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (study_id, name),
  FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE INDEX vlm_waiting_trials ON trials (study_id, trial_id) WHERE state = 'WAITING';
INSERT INTO vlm_version VALUES (1);
)sql";

[[noreturn]] void refuse(const SqliteDatabase& database, const std::string& what,
                         const std::string& seen, const std::string& known) {
  throw Error(ErrorCode::kUnsupported,
              what + ": " + database.where() + ": " + seen + " (we know " + known + ")");
}

void require_optuna_version(SqliteDatabase& database) {
  for (const char* table : {"version_info", "alembic_version", "studies", "trials"}) {
    if (!database.has_table(table)) {
      refuse(database, "not a study store", std::string("no table ") + table, "Optuna's schema");
    }
  }
  SqliteStatement schema = database.prepare("SELECT schema_version FROM version_info");
  const std::int64_t version = schema.step() ? schema.integer(0) : 0;
  if (version != kOptunaSchema) {
    refuse(database, "unknown version of Optuna's schema", std::to_string(version),
           std::to_string(kOptunaSchema));
  }
  SqliteStatement alembic = database.prepare("SELECT version_num FROM alembic_version");
  const std::string revision = alembic.step() ? alembic.text(0) : "none";
  if (revision != kOptunaRevision) {
    refuse(database, "unknown revision of Optuna's schema", revision, kOptunaRevision);
  }
}

void require_own_version(SqliteDatabase& database) {
  SqliteStatement own = database.prepare("SELECT schema_version FROM vlm_version");
  const std::int64_t version = own.step() ? own.integer(0) : 0;
  if (version != kOwnSchema) {
    refuse(database, "unknown version of the vlm tables", std::to_string(version),
           std::to_string(kOwnSchema));
  }
}

}  // namespace

bool has_no_tables(SqliteDatabase& database) {
  return !database.prepare("SELECT 1 FROM sqlite_master").step();
}

void create_study_schema(SqliteDatabase& database) {
  if (has_no_tables(database)) database.execute(kOptunaTables);
  require_optuna_version(database);
  if (!database.has_table("vlm_version")) database.execute(kOwnTables);
  require_own_version(database);
}

void require_study_schema(SqliteDatabase& database) {
  require_optuna_version(database);
  if (!database.has_table("vlm_version")) {
    refuse(database, "not one of our study stores", "no table vlm_version", "Optuna's and ours");
  }
  require_own_version(database);
}

}  // namespace vlm
