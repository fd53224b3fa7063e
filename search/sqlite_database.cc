#include "search/sqlite_database.h"

#include <system_error>
#include <utility>

#include <sqlite3.h>

#include "core/error.h"

namespace vlm {
namespace {

constexpr int kBusyTimeoutMs = 60000;

[[noreturn]] void fail(int code, const char* message, const std::string& where) {
  const int primary = code & 0xFF;
  const std::string tail = where + ": " + message;
  switch (primary) {
    case SQLITE_NOTADB:
      throw Error(ErrorCode::kCorruptFile, "not an SQLite database: " + tail);
    case SQLITE_CORRUPT:
      throw Error(ErrorCode::kCorruptFile, "damaged database: " + tail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::kIo, "database in use by another process: " + tail);
    default:
      throw Error(ErrorCode::kIo, "database error: " + tail);
  }
}

}  // namespace

void SqliteStatement::Finalizer::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

SqliteStatement::SqliteStatement(sqlite3* database, std::string_view sql, std::string where)
    : database_(database), where_(std::move(where)) {
  sqlite3_stmt* statement = nullptr;
  require(
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr));
  statement_.reset(statement);
}

void SqliteStatement::require(int code) const {
  if (code != SQLITE_OK) fail(code, sqlite3_errmsg(database_), where_);
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
  require(sqlite3_bind_int64(statement_.get(), index, value));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, double value) {
  require(sqlite3_bind_double(statement_.get(), index, value));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view value) {
  require(sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(), SQLITE_TRANSIENT,
                              SQLITE_UTF8));
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) fail(code, sqlite3_errmsg(database_), where_);
  return code == SQLITE_ROW;
}

void SqliteStatement::run() {
  while (step()) {
  }
  require(sqlite3_reset(statement_.get()));
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double SqliteStatement::real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string SqliteStatement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_.get(), column);
  if (bytes == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {bytes, bytes + size};
}

void SqliteDatabase::Closer::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

SqliteDatabase::SqliteDatabase(const std::filesystem::path& file, Missing missing)
    : where_(file.string()) {
  std::error_code ignored;
  if (missing == Missing::kRefuse && !std::filesystem::exists(file, ignored)) {
    throw Error(ErrorCode::kNotFound, "no such study store: " + where_ + ": file is missing");
  }
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE |
                    (missing == Missing::kCreate ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(where_.c_str(), &opened, flags, nullptr);
  database_.reset(opened);  // a failed opening makes a connection too
  if (code != SQLITE_OK) fail(code, sqlite3_errmsg(opened), where_);
  sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  // The file is untrusted: no triggers or views of it run, no writing to its internals.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  execute("PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;");
}

SqliteStatement SqliteDatabase::prepare(std::string_view sql) {
  return {database_.get(), sql, where_};
}

void SqliteDatabase::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, sqlite3_errmsg(database_.get()), where_);
}

bool SqliteDatabase::has_table(std::string_view name) {
  return prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
      .bind(1, name)
      .step();
}

std::int64_t SqliteDatabase::last_insert_id() const noexcept {
  return sqlite3_last_insert_rowid(database_.get());
}

std::int64_t SqliteDatabase::changes() const noexcept {
  return sqlite3_changes64(database_.get());
}

SqliteTransaction::SqliteTransaction(SqliteDatabase& database, Kind kind) : database_(database) {
  database_.execute(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN");
}

SqliteTransaction::~SqliteTransaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const Error&) {
    open_ = false;  // SQLite has rolled back by itself after a severe error
  }
}

void SqliteTransaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace vlm
