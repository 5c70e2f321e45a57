// SPDX-License-Identifier: Apache-2.0
// Linked into programs of the sanitized tree only. A worker's environment is made by master and its output goes
// nowhere, so its sanitizer takes its options from here: a finding ends the process by signal 6, which master logs and
// every system test looks for, and the report stands in /var/tmp/postern-sanitizer.PID. A failed assertion of the
// C++ library and a panic are findings too. (A test that needs a crash sends SIGKILL, which leaves no report.)
#define POSTERN_SANITIZER_OPTIONS "abort_on_error=1:halt_on_error=1:handle_abort=1:log_path=/var/tmp/postern-sanitizer"

// Leaks are the unit tests' business: a worker leaves by _exit or a signal.
extern "C" const char* __asan_default_options() { return POSTERN_SANITIZER_OPTIONS ":detect_leaks=0"; }
extern "C" const char* __ubsan_default_options() { return POSTERN_SANITIZER_OPTIONS ":print_stacktrace=1"; }
