// SPDX-License-Identifier: Apache-2.0
// Named points at which a test build dies as if by kill -9 (POSTERN_CRASH_AT=cleanup.after_rename).
// Compiled to nothing unless POSTERN_CRASH_POINTS is defined (make CRASH_POINTS=0 for a package).
#pragma once

namespace postern {

#ifdef POSTERN_CRASH_POINTS
void crash_point(const char* name);
#else
inline void crash_point(const char*) {}
#endif

}  // namespace postern
