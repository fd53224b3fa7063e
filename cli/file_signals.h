#pragma once

// Signals that the system sends about files: they would end the program without a word.

namespace vlm {

// From now on a file that grows beyond the process's limit (ulimit -f) is an error of writing, and
// a mapped file that was cut off while it was read ends the program with a line that names it and
// exit code 1.
// Call once, from main.
void catch_file_signals() noexcept;

}  // namespace vlm
