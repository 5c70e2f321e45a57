// SPDX-License-Identifier: Apache-2.0
/* smtpsink - event-driven SMTP sink for the bench rig (one thread, epoll, optional STARTTLS).
 * Build: cc -O2 -o smtpsink smtpsink.c -lssl -lcrypto
 *   -a IP:PORT  first listen address    -n N   listen on N consecutive IPs (127.x.y.z only)
 *   -w MS       delay before each batch of replies (a round trip); 0 = none
 *   -c CERT -k KEY  offer STARTTLS      -o FILE  append X-Bench-Id of each message acknowledged
 *   -C FILE     shared counters: 6 x int64 = messages, connections, open now, max open, bytes, tls handshakes
 * Runs until SIGTERM/SIGINT. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
struct conn {
  int lst, fd, state, hdr, tlspend, quit, acks;
  SSL *ssl;
  unsigned gen;
  char in[32768];
  int inlen;
  char out[8192];
  int outlen;
  char id[64];
  char ids[64][64];
};
struct tmr {
  double at;
  struct conn *c;
  unsigned gen;
  int n;
  char *txt;
  int then_tls, then_close;
};
static int ep, delay_ms, tlson;
static SSL_CTX *ctx;
static FILE *olog;
static volatile long *cnt;
static volatile int stop;
static unsigned gens;
static struct tmr *q;
static long qh, qt, qcap;
static struct conn *freel[65536];
static int nfree;
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static void onsig(int s) {
  (void)s;
  stop = 1;
}
static void closec(struct conn *c) {
  if (c->fd < 0)
    return;
  if (c->ssl) {
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    c->ssl = NULL;
  }
  close(c->fd);
  c->fd = -1;
  c->gen = 0;
  cnt[2]--;
  if (nfree < 65536)
    freel[nfree++] = c;
}
static void rawsend(struct conn *c, const char *p, int n) {
  if (c->ssl) {
    if (SSL_write(c->ssl, p, n) <= 0)
      closec(c);
  } else if (send(c->fd, p, n, MSG_NOSIGNAL) != n)
    closec(c);
}
static void startssl(struct conn *c) {
  c->ssl = SSL_new(ctx);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_accept_state(c->ssl);
  c->tlspend = 1;
  c->inlen = 0;
  c->state = 0;
}
static void emit(struct conn *c) {
  if (!c->outlen)
    return;
  if (delay_ms) {
    if (qt - qh >= qcap) {
      long nc = qcap ? qcap * 2 : 4096;
      struct tmr *nq = malloc(nc * sizeof *nq);
      for (long i = qh; i < qt; i++)
        nq[i % nc] = q[i % qcap];
      free(q);
      q = nq;
      qcap = nc;
    }
    struct tmr *t = &q[qt++ % qcap];
    t->at = now() + delay_ms / 1e3;
    t->c = c;
    t->gen = c->gen;
    t->n = c->outlen;
    t->txt = malloc(c->outlen);
    memcpy(t->txt, c->out, c->outlen);
    t->then_tls = c->tlspend == 2;
    t->then_close = c->quit;
    c->outlen = 0;
    return;
  }
  rawsend(c, c->out, c->outlen);
  c->outlen = 0;
  if (c->fd >= 0) {
    if (c->tlspend == 2)
      startssl(c);
    else if (c->quit)
      closec(c);
  }
}
static void say(struct conn *c, const char *s) {
  int n = strlen(s);
  if (c->outlen + n < (int)sizeof c->out) {
    memcpy(c->out + c->outlen, s, n);
    c->outlen += n;
  }
}
static void cmdline(struct conn *c, char *l) {
  if (!strncasecmp(l, "EHLO", 4)) {
    say(c, "250-sink.bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n");
    if (tlson && !c->ssl)
      say(c, "250-STARTTLS\r\n");
    say(c, "250 SIZE 0\r\n");
  } else if (!strncasecmp(l, "HELO", 4))
    say(c, "250 sink.bench.test\r\n");
  else if (!strncasecmp(l, "STARTTLS", 8) && tlson) {
    say(c, "220 ready\r\n");
    c->tlspend = 2;
  } else if (!strncasecmp(l, "DATA", 4)) {
    say(c, "354 go\r\n");
    c->state = 1;
    c->hdr = 1;
    c->id[0] = 0;
  } else if (!strncasecmp(l, "QUIT", 4)) {
    say(c, "221 bye\r\n");
    c->quit = 1;
  } else
    say(c, "250 ok\r\n");
}
static void process(struct conn *c) {
  char *p = c->in, *e = c->in + c->inlen, *nl;
  while (c->tlspend != 2 && !c->quit && (nl = memchr(p, '\n', e - p))) {
    int n = nl - p;
    if (n && p[n - 1] == '\r')
      n--;
    if (c->state == 1) {
      if (n == 1 && p[0] == '.') {
        say(c, "250 queued\r\n");
        c->state = 0;
        cnt[0]++;
        if (olog) {
          fputs(c->id, olog);
          fputc('\n', olog);
          fflush(olog);
        }
      } else if (c->hdr) {
        if (n == 0)
          c->hdr = 0;
        else if (n > 12 && !strncasecmp(p, "X-Bench-Id: ", 12)) {
          int k = n - 12;
          if (k > 63)
            k = 63;
          memcpy(c->id, p + 12, k);
          c->id[k] = 0;
        }
      }
    } else {
      *nl = 0;
      cmdline(c, p);
    }
    p = nl + 1;
  }
  int k = e - p;
  if (k == sizeof c->in) {
    k = 0;
  }
  memmove(c->in, p, k);
  c->inlen = k;
  emit(c);
}
static void readable(struct conn *c) {
  if (c->ssl && c->tlspend == 1) {
    int r = SSL_do_handshake(c->ssl);
    if (r == 1) {
      c->tlspend = 0;
      cnt[5]++;
    } else {
      int e = SSL_get_error(c->ssl, r);
      if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
        closec(c);
      return;
    }
  }
  for (;;) {
    int n, room = sizeof c->in - c->inlen;
    if (c->ssl) {
      n = SSL_read(c->ssl, c->in + c->inlen, room);
      if (n <= 0) {
        int e = SSL_get_error(c->ssl, n);
        if (e != SSL_ERROR_WANT_READ)
          closec(c);
        return;
      }
    } else {
      n = recv(c->fd, c->in + c->inlen, room, 0);
      if (n < 0) {
        if (errno != EAGAIN)
          closec(c);
        return;
      }
      if (n == 0) {
        closec(c);
        return;
      }
    }
    cnt[4] += n;
    c->inlen += n;
    process(c);
    if (c->fd < 0 || c->tlspend)
      return;
  }
}
int main(int ac, char **av) {
  int o, n = 1, port = 0;
  const char *cert = NULL, *key = NULL, *cf = NULL;
  in_addr_t base = 0;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, onsig);
  signal(SIGINT, onsig);
  while ((o = getopt(ac, av, "a:n:w:c:k:o:C:")) != -1)
    switch (o) {
      case 'a': {
        char *c = strchr(optarg, ':');
        *c = 0;
        base = ntohl(inet_addr(optarg));
        port = atoi(c + 1);
        break;
      }
      case 'n':
        n = atoi(optarg);
        break;
      case 'w':
        delay_ms = atoi(optarg);
        break;
      case 'c':
        cert = optarg;
        break;
      case 'k':
        key = optarg;
        break;
      case 'o':
        olog = fopen(optarg, "a");
        break;
      case 'C':
        cf = optarg;
        break;
      default:
        return 2;
    }
  if ((base >> 24) != 127) {
    fprintf(stderr, "loopback only\n");
    return 2;
  }
  struct rlimit rl;
  getrlimit(RLIMIT_NOFILE, &rl);
  rl.rlim_cur = rl.rlim_max;
  setrlimit(RLIMIT_NOFILE, &rl);
  static long own[8];
  cnt = own;
  if (cf) {
    int f = open(cf, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (ftruncate(f, 64))
      return 2;
    cnt = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
  }
  if (cert) {
    tlson = 1;
    ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
      fprintf(stderr, "cert\n");
      return 2;
    }
  }
  ep = epoll_create1(0);
  for (int i = 0; i < n; i++) {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(base + i);
    if (bind(s, (void *)&a, sizeof a) < 0 || listen(s, 1024) < 0) {
      perror("bind");
      return 2;
    }
    struct conn *c = calloc(1, sizeof *c);
    c->lst = 1;
    c->fd = s;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
  }
  struct epoll_event ev[256];
  while (!stop) {
    int to = 1000;
    if (qt > qh) {
      double d = q[qh % qcap].at - now();
      to = d < 0 ? 0 : (int)(d * 1000) + 1;
    }
    int k = epoll_wait(ep, ev, 256, to);
    double t = delay_ms ? now() : 0;
    while (qt > qh && q[qh % qcap].at <= t) {
      struct tmr *m = &q[qh++ % qcap];
      struct conn *c = m->c;
      if (c->gen == m->gen && c->fd >= 0) {
        rawsend(c, m->txt, m->n);
        if (c->fd >= 0) {
          if (m->then_tls)
            startssl(c);
          else if (m->then_close)
            closec(c);
        }
      }
      free(m->txt);
    }
    for (int i = 0; i < k; i++) {
      struct conn *c = ev[i].data.ptr;
      if (c->lst) {
        int f;
        while ((f = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          int one = 1;
          setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          struct conn *d = nfree ? freel[--nfree] : malloc(sizeof *d);
          memset(d, 0, offsetof(struct conn, in));
          d->inlen = d->outlen = 0;
          d->fd = f;
          d->gen = ++gens;
          cnt[1]++;
          if (++cnt[2] > cnt[3])
            cnt[3] = cnt[2];
          struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = d};
          epoll_ctl(ep, EPOLL_CTL_ADD, f, &e);
          say(d, "220 sink.bench.test ESMTP\r\n");
          emit(d);
        }
      } else if (c->fd >= 0)
        readable(c);
    }
  }
  if (olog)
    fflush(olog);
  return 0;
}
