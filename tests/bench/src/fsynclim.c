// SPDX-License-Identifier: Apache-2.0
/* fsynclim DIR WRITERS SECONDS [BYTES] - queue-file style commits/s: create, write, fsync, rename, unlink (like one
 * queued+delivered message). Each writer is a process. Prints JSON. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/wait.h>
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
int main(int ac, char **av) {
  int w = atoi(av[2]);
  double s = atof(av[3]);
  int n = ac > 4 ? atoi(av[4]) : 5000;
  char *buf = malloc(n);
  memset(buf, 'x', n);
  long *c = mmap(NULL, 8 * w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  double t0 = now();
  for (int i = 0; i < w; i++)
    if (!fork()) {
      char a[300], b[300];
      long k = 0;
      while (now() - t0 < s) {
        snprintf(a, 300, "%s/t%d.%ld", av[1], i, k);
        snprintf(b, 300, "%s/q%d.%ld", av[1], i, k);
        int f = open(a, O_CREAT | O_EXCL | O_RDWR, 0600);
        if (write(f, buf, n) != n)
          _exit(1);
        if (fsync(f))
          _exit(1);
        close(f);
        rename(a, b);
        unlink(b);
        c[i] = ++k;
      }
      _exit(0);
    }
  while (wait(NULL) > 0)
    ;
  double e = now() - t0;
  long t = 0;
  for (int i = 0; i < w; i++)
    t += c[i];
  printf("{\"workload\": \"fsync\", \"writers\": %d, \"bytes\": %d, \"n\": %ld, \"seconds\": %.3f, \"rate\": %.1f}\n",
         w, n, t, e, t / e);
}
