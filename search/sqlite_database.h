#pragma once

// A thin owner of an SQLite connection: statements, typed columns, transactions, errors as Error.
// It knows nothing of any schema.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace vlm {

// One prepared statement. Parameters are numbered from 1, columns from 0. Must not outlive its
// database.
class SqliteStatement {
 public:
  SqliteStatement& bind(int index, std::int64_t value);
  SqliteStatement& bind(int index, double value);  // NaN becomes NULL
  SqliteStatement& bind(int index, std::string_view value);

  // Steps to the next row; false after the last. Throws Error{kIo, kCorruptFile}.
  bool step();
  // Executes a statement that returns no rows and makes it ready for new values.
  void run();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  SqliteStatement(sqlite3* database, std::string_view sql, std::string where);
  void require(int code) const;

  sqlite3* database_;
  std::string where_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

class SqliteDatabase {
 public:
  enum class Missing : std::uint8_t { kRefuse, kCreate };

  // Opens a file for reading and writing; for reading only if it is write-protected. Changes are
  // flushed to the disk at each commit. Waits up to 60 s for other connections.
  // Throws Error{kNotFound, kIo}, Error{kCorruptFile} for what is no SQLite file.
  SqliteDatabase(const std::filesystem::path& file, Missing missing);

  [[nodiscard]] SqliteStatement prepare(std::string_view sql);
  // Executes statements separated by semicolons.
  void execute(const std::string& sql);
  // True if there is a table of that name.
  bool has_table(std::string_view name);
  [[nodiscard]] std::int64_t last_insert_id() const noexcept;
  // Rows changed by the last statement.
  [[nodiscard]] std::int64_t changes() const noexcept;
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  struct Closer {
    void operator()(sqlite3* database) const noexcept;
  };
  std::string where_;
  std::unique_ptr<sqlite3, Closer> database_;
};

// Several statements as one. kWrite: only one process at a time is inside (BEGIN IMMEDIATE). kRead:
// all statements see the same moment. Rolls back in the destructor unless commit() was called.
class SqliteTransaction {
 public:
  enum class Kind : std::uint8_t { kRead, kWrite };

  SqliteTransaction(SqliteDatabase& database, Kind kind);
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  SqliteTransaction(SqliteTransaction&&) = delete;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;

  void commit();

 private:
  SqliteDatabase& database_;
  bool open_ = true;
};

}  // namespace vlm
