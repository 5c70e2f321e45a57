// SPDX-License-Identifier: Apache-2.0
/* smtpload - event-driven SMTP load source for the bench rig (one thread, epoll, optional STARTTLS).
 * Build: cc -O2 -o smtpload smtpload.c -lssl -lcrypto
 * Prints one JSON line. client_cpu_s/seconds near 1.0 means that the client itself is the limit.
 *   -a IP:PORT     server (loopback)            -s N   concurrent sessions
 *   -m N           messages (or handshakes with -H, connections with -I)
 *   -l BYTES       message body size            -r N   messages per connection (1 default, 0 = no limit)
 *   -f ADDR        sender                       -t FMT recipient; one %d is replaced by id %% domains (-D)
 *   -D N           modulus for the %d in -t     -S     STARTTLS       -R  resume the TLS session
 *   -H             handshake only: EHLO STARTTLS <handshake> EHLO QUIT
 *   -I             idle: open -m sessions up to EHLO reply, print JSON, hold until stdin closes
 *   -o FILE        append "ID\n" for each message the server accepted (250 after the dot)
 *   -x PREFIX      id prefix (header X-Bench-Id: PREFIX-n)
 *   -k             keep going after errors (crash test): reconnects with 20 ms pauses
 *   -T SECS        give up after SECS (default 120)
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/err.h>

enum st { IDLE, CONNECTING, GREET, EHLO, STARTTLS, TLSHS, EHLO2, MAIL, RCPT, DATA, DOT, QUIT };
struct conn {
  int fd;
  enum st st;
  SSL *ssl;
  int want_w;
  unsigned ev;
  int left;
  long id;
  double t0, retry_at;
  char in[4096];
  int inlen;
  char *out;
  size_t outlen, outoff, outcap;
  int held;
};

static struct sockaddr_in sa;
static int sessions = 1, percon = 1, tls, resume, hsonly, idle, keep, domains = 1, ep;
static long total = 1, started, done, ok, fail, nhs, nres;
static size_t size = 5000;
static const char *from = "src@bench.test", *to = "u@d%d.test", *prefix = "b";
static FILE *olog;
static SSL_CTX *ctx;
static SSL_SESSION *sess;
static char *body;
static size_t bodylen;
static double *lat;
static long nlat;
static struct conn *cs;
static long nidle;
static double t_start, idle_last;
static char lasterr[200];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static int newsess(SSL *s, SSL_SESSION *n) {
  (void)s;
  if (sess)
    SSL_SESSION_free(sess);
  sess = SSL_SESSION_dup(n);
  return 0;
}
static void die(const char *m) {
  perror(m);
  exit(2);
}
static void setev(struct conn *c, unsigned e) {
  if (c->ev == e)
    return;
  struct epoll_event ev = {.events = e, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
  c->ev = e;
}
static void addout(struct conn *c, const char *p, size_t n) {
  if (c->outoff == c->outlen)
    c->outoff = c->outlen = 0;
  if (c->outlen + n > c->outcap) {
    c->outcap = (c->outlen + n) * 2;
    c->out = realloc(c->out, c->outcap);
  }
  memcpy(c->out + c->outlen, p, n);
  c->outlen += n;
}
static void say(struct conn *c, const char *s) {
  addout(c, s, strlen(s));
}
static void flushout(struct conn *c);
static void rcptfmt(char *b, size_t n, long id) {
  snprintf(b, n, to, (int)(id % domains));
}

static void closec(struct conn *c) {
  if (c->ssl) {
    if (c->st == QUIT || c->st == IDLE)
      SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    c->ssl = NULL;
  }
  if (c->fd >= 0)
    close(c->fd);
  c->fd = -1;
  c->st = IDLE;
  c->inlen = 0;
  c->outlen = c->outoff = 0;
  c->ev = 0;
}
static void openc(struct conn *c) {
  c->left = percon ? percon : 1 << 30;
  c->t0 = now();
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0)
    die("socket");
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(c->fd, (void *)&sa, sizeof sa) < 0 && errno != EINPROGRESS) {
    close(c->fd);
    c->fd = -1;
    c->retry_at = now() + 0.02;
    c->st = IDLE;
    if (!keep)
      fail++;
    return;
  }
  c->st = CONNECTING;
  struct epoll_event ev = {.events = EPOLLOUT, .data.ptr = c};
  c->ev = EPOLLOUT;
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
}
static int take(struct conn *c) {
  if (started >= total)
    return 0;
  c->id = started++;
  return 1;
}
static void startmsg(struct conn *c) {
  char b[300];
  snprintf(b, sizeof b, "MAIL FROM:<%s>\r\n", from);
  say(c, b);
  c->st = MAIL;
}
static void next(struct conn *c) {
  closec(c);
  if (started < total) {
    if (!hsonly && !idle) {
      take(c);
    } else
      take(c);
    openc(c);
  }
}
static void bad(struct conn *c, const char *why) {
  snprintf(lasterr, sizeof lasterr, "state %d: %.150s", c->st, why);
  int wasmsg = c->st != QUIT;
  if (c->st == CONNECTING && keep) {
    closec(c);
    c->retry_at = now() + 0.02;
    return;
  }
  if (wasmsg) {
    fail++;
    done++;
  }
  closec(c);
  if (started < total) {
    take(c);
    if (keep) {
      c->retry_at = now() + 0.02;
      c->st = IDLE;
    } else
      openc(c);
  } else
    c->retry_at = 0;
}
static void msgdone(struct conn *c) {
  double t = now();
  lat[nlat++] = t - c->t0;
  ok++;
  done++;
  if (olog)
    fprintf(olog, "%s-%ld\n", prefix, c->id);
  if (olog && keep)
    fflush(olog);
  if (--c->left > 0 && take(c)) {
    c->t0 = now();
    startmsg(c);
  } else {
    say(c, "QUIT\r\n");
    c->st = QUIT;
  }
}
static void starttls(struct conn *c) {
  c->ssl = SSL_new(ctx);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_connect_state(c->ssl);
  if (resume && sess) {
    SSL_SESSION *d = SSL_SESSION_dup(sess);
    SSL_set_session(c->ssl, d);
    SSL_SESSION_free(d);
  }
  c->st = TLSHS;
}
static void line(struct conn *c, char *l) {
  int code = atoi(l);
  if (l[3] == '-')
    return; /* continuation */
  if (code >= 400 || code < 200) {
    if (c->st == QUIT) {
      next(c);
      return;
    }
    bad(c, l);
    return;
  }
  char b[600];
  switch (c->st) {
    case GREET:
      say(c, "EHLO client.bench.test\r\n");
      c->st = EHLO;
      break;
    case EHLO:
      if (tls && !c->ssl) {
        say(c, "STARTTLS\r\n");
        c->st = STARTTLS;
        break;
      } /* fallthrough */
    case EHLO2:
      if (idle) {
        nidle++;
        ok++;
        done++;
        lat[nlat++] = now() - c->t0;
        idle_last = now();
        c->held = 1;
        c->st = QUIT;
        return;
      }
      if (hsonly) {
        lat[nlat++] = now() - c->t0;
        ok++;
        done++;
        say(c, "QUIT\r\n");
        c->st = QUIT;
        break;
      }
      startmsg(c);
      break;
    case STARTTLS:
      starttls(c);
      break;
    case MAIL: {
      char r[256];
      rcptfmt(r, sizeof r, c->id);
      snprintf(b, sizeof b, "RCPT TO:<%s>\r\n", r);
      say(c, b);
      c->st = RCPT;
      break;
    }
    case RCPT:
      say(c, "DATA\r\n");
      c->st = DATA;
      break;
    case DATA: {
      char r[256];
      rcptfmt(r, sizeof r, c->id);
      int n = snprintf(b, sizeof b,
                       "From: <%s>\r\nTo: <%s>\r\nSubject: bench\r\nMessage-Id: <%s-%ld@bench.test>\r\nDate: Fri, 20 "
                       "Nov 2026 00:00:00 +0000\r\nX-Bench-Id: %s-%ld\r\n\r\n",
                       from, r, prefix, c->id, prefix, c->id);
      addout(c, b, n);
      addout(c, body, bodylen);
      say(c, ".\r\n");
      c->st = DOT;
      break;
    }
    case DOT:
      msgdone(c);
      break;
    case QUIT:
      if (!c->held)
        next(c);
      break;
    default:
      break;
  }
}
static void dotls(struct conn *c) {
  int r = SSL_do_handshake(c->ssl);
  if (r == 1) {
    nhs++;
    if (SSL_session_reused(c->ssl))
      nres++;
    say(c, "EHLO client.bench.test\r\n");
    c->st = EHLO2;
    flushout(c);
    return;
  }
  int e = SSL_get_error(c->ssl, r);
  if (e == SSL_ERROR_WANT_READ)
    setev(c, EPOLLIN);
  else if (e == SSL_ERROR_WANT_WRITE)
    setev(c, EPOLLOUT);
  else {
    char eb[150];
    ERR_error_string_n(ERR_get_error(), eb, sizeof eb);
    bad(c, eb);
  }
}
static void flushout(struct conn *c) {
  while (c->outoff < c->outlen) {
    ssize_t n;
    if (c->ssl) {
      n = SSL_write(c->ssl, c->out + c->outoff, c->outlen - c->outoff);
      if (n <= 0) {
        int e = SSL_get_error(c->ssl, n);
        if (e == SSL_ERROR_WANT_WRITE) {
          setev(c, EPOLLOUT | EPOLLIN);
          return;
        }
        if (e == SSL_ERROR_WANT_READ) {
          setev(c, EPOLLIN);
          return;
        }
        bad(c, "ssl write");
        return;
      }
    } else {
      n = send(c->fd, c->out + c->outoff, c->outlen - c->outoff, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EAGAIN) {
          setev(c, EPOLLOUT | EPOLLIN);
          return;
        }
        bad(c, strerror(errno));
        return;
      }
    }
    c->outoff += n;
  }
  setev(c, EPOLLIN);
}
static void readin(struct conn *c) {
  for (;;) {
    int room = sizeof c->in - 1 - c->inlen;
    if (room <= 0) {
      c->inlen = 0;
      room = sizeof c->in - 1;
    }
    int n;
    if (c->ssl) {
      n = SSL_read(c->ssl, c->in + c->inlen, room);
      if (n <= 0) {
        int e = SSL_get_error(c->ssl, n);
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
          return;
        if (c->st == QUIT && !c->held)
          next(c);
        else
          bad(c, "tls eof");
        return;
      }
    } else {
      n = recv(c->fd, c->in + c->inlen, room, 0);
      if (n < 0) {
        if (errno == EAGAIN)
          return;
        if (c->st == QUIT && !c->held) {
          next(c);
          return;
        }
        bad(c, strerror(errno));
        return;
      }
      if (n == 0) {
        if (c->st == QUIT && !c->held)
          next(c);
        else
          bad(c, "eof");
        return;
      }
    }
    c->inlen += n;
    c->in[c->inlen] = 0;
    char *p = c->in, *q;
    int fd = c->fd;
    while ((q = memchr(p, '\n', c->in + c->inlen - p))) {
      *q = 0;
      line(c, p);
      p = q + 1;
      if (c->fd != fd || c->st == CONNECTING || c->st == IDLE)
        return;
      if (c->st == TLSHS) {
        c->inlen = 0;
        dotls(c);
        return;
      }
    }
    memmove(c->in, p, c->in + c->inlen - p);
    c->inlen -= p - c->in;
    if (c->outoff < c->outlen) {
      flushout(c);
      if (c->fd != fd)
        return;
    }
  }
}
static int cmp(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return x < y ? -1 : x > y;
}
int main(int ac, char **av) {
  int o;
  double lim = 120;
  signal(SIGPIPE, SIG_IGN);
  sa.sin_family = AF_INET;
  while ((o = getopt(ac, av, "a:s:m:l:r:f:t:D:SRHIo:x:kT:")) != -1)
    switch (o) {
      case 'a': {
        char *c = strchr(optarg, ':');
        *c = 0;
        sa.sin_addr.s_addr = inet_addr(optarg);
        sa.sin_port = htons(atoi(c + 1));
        break;
      }
      case 's':
        sessions = atoi(optarg);
        break;
      case 'm':
        total = atol(optarg);
        break;
      case 'l':
        size = atol(optarg);
        break;
      case 'r':
        percon = atoi(optarg);
        break;
      case 'f':
        from = optarg;
        break;
      case 't':
        to = optarg;
        break;
      case 'D':
        domains = atoi(optarg);
        break;
      case 'S':
        tls = 1;
        break;
      case 'R':
        resume = 1;
        tls = 1;
        break;
      case 'H':
        hsonly = 1;
        tls = 1;
        break;
      case 'I':
        idle = 1;
        break;
      case 'o':
        olog = fopen(optarg, "a");
        break;
      case 'x':
        prefix = optarg;
        break;
      case 'k':
        keep = 1;
        break;
      case 'T':
        lim = atof(optarg);
        break;
      default:
        return 2;
    }
  struct rlimit rl;
  getrlimit(RLIMIT_NOFILE, &rl);
  rl.rlim_cur = rl.rlim_max;
  setrlimit(RLIMIT_NOFILE, &rl);
  if (idle)
    sessions = total;
  if (sessions > total)
    sessions = total;
  if (tls) {
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (resume) {
      SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(ctx, newsess);
    }
  }
  body = malloc(size + 200);
  while (bodylen < size) {
    int n = size - bodylen;
    if (n > 74)
      n = 74;
    if (n < 3)
      n = 3;
    memset(body + bodylen, 'X', n - 2);
    memcpy(body + bodylen + n - 2, "\r\n", 2);
    bodylen += n;
  }
  lat = malloc(sizeof(double) * (total + 10));
  ep = epoll_create1(0);
  cs = calloc(sessions, sizeof *cs);
  for (int i = 0; i < sessions; i++)
    cs[i].fd = -1;
  t_start = now();
  double tlast = t_start;
  for (int i = 0; i < sessions; i++)
    if (take(&cs[i]))
      openc(&cs[i]);
  struct epoll_event ev[256];
  int timedout = 0;
  while (done < total) {
    int n = epoll_wait(ep, ev, 256, 20);
    for (int i = 0; i < n; i++) {
      struct conn *c = ev[i].data.ptr;
      if (c->fd < 0)
        continue;
      if (c->st == CONNECTING) {
        int e = 0;
        socklen_t l = sizeof e;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
        if (e) {
          bad(c, strerror(e));
          continue;
        }
        c->st = GREET;
        setev(c, EPOLLIN);
        continue;
      }
      if (c->st == TLSHS) {
        dotls(c);
        if (c->fd >= 0 && c->st == EHLO2)
          readin(c);
        continue;
      }
      if (ev[i].events & EPOLLOUT) {
        flushout(c);
        if (c->fd < 0)
          continue;
      }
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        readin(c);
    }
    double t = now();
    tlast = t;
    if (keep || n == 0)
      for (int i = 0; i < sessions; i++)
        if (cs[i].fd < 0 && cs[i].st == IDLE && cs[i].retry_at > 0 && t >= cs[i].retry_at) {
          cs[i].retry_at = 0;
          openc(&cs[i]);
        }
    if (t - t_start > lim) {
      timedout = 1;
      break;
    }
  }
  double el = (idle ? idle_last : tlast) - t_start;
  struct rusage ru;
  getrusage(RUSAGE_SELF, &ru);
  qsort(lat, nlat, sizeof(double), cmp);
  if (olog)
    fflush(olog);
  printf(
      "{\"ok\": %ld, \"fail\": %ld, \"seconds\": %.4f, \"rate\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": "
      "%.2f, \"client_cpu_s\": %.3f, \"handshakes\": %ld, \"resumed\": %ld, \"timed_out\": %d, \"last_error\": \"",
      ok, fail, el, el > 0 ? ok / el : 0, nlat ? lat[nlat / 2] * 1e3 : 0, nlat ? lat[(long)(nlat * 0.99)] * 1e3 : 0,
      nlat ? lat[nlat - 1] * 1e3 : 0,
      ru.ru_utime.tv_sec + ru.ru_utime.tv_usec / 1e6 + ru.ru_stime.tv_sec + ru.ru_stime.tv_usec / 1e6, nhs, nres,
      timedout);
  for (char *p = lasterr; *p; p++)
    if (*p >= 32 && *p != '"' && *p != '\\')
      putchar(*p);
  printf("\"}\n");
  fflush(stdout);
  if (idle) {
    char b[8];
    while (read(0, b, 8) > 0)
      ;
  }
  return fail && !keep ? 1 : 0;
}
