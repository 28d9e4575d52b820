// SPDX-License-Identifier: GPL-2.0-only
// What the workloads share: marks in the trace, lines of ground truth, memory and files. For one source file a program.
#ifndef WL_H
#define WL_H
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PG 4096UL
#define HPG (2UL << 20)

static int marker = -1;
static inline void mark(const char *fmt, ...)
{
	char b[256]; va_list ap; va_start(ap, fmt);
	int n = vsnprintf(b, sizeof b, fmt, ap); va_end(ap);
	if (marker >= 0 && write(marker, b, n) < 0) {}
	printf("{\"phase\":\"%s\"}\n", b); fflush(stdout);
}
static inline void note(const char *k, long v) { printf("{\"note\":\"%s\",\"value\":%ld,\"errno\":%d}\n", k, v, v < 0 ? errno : 0); fflush(stdout); }
static inline uint64_t pagemap(void *p)
{
	uint64_t e = 0; int fd = open("/proc/self/pagemap", O_RDONLY);
	if (fd < 0) return 0;
	if (pread(fd, &e, 8, (uintptr_t)p / PG * 8) != 8) e = 0;
	close(fd); return e;
}
// present page -> pfn; device-private swap entry -> offset (= pfn)
static inline uint64_t pfn_of(void *p)
{
	uint64_t e = pagemap(p), f = e & ((1ULL << 55) - 1);
	if (e >> 63) return f;
	if ((e >> 62) & 1) return f >> 5;
	return 0;
}
static inline uint64_t truth(const char *tag, void *p)
{
	uint64_t e = pagemap(p), pfn = pfn_of(p);
	printf("{\"tag\":\"%s\",\"pfn\":\"0x%llx\",\"present\":%d,\"swapentry\":%d}\n", tag,
	       (unsigned long long)pfn, (int)(e >> 63), (int)(e >> 62 & 1));
	fflush(stdout); return pfn;
}
static inline void truth_range(const char *tag, char *p, int n)
{
	printf("{\"tag\":\"%s\",\"pfns\":[", tag);
	for (int i = 0; i < n; i++) printf("%s\"0x%llx\"", i ? "," : "", (unsigned long long)pfn_of(p + i * PG));
	printf("]}\n"); fflush(stdout);
}
static inline void die(const char *s) { printf("{\"error\":\"%s\",\"errno\":%d}\n", s, errno); fflush(stdout); exit(2); }
static inline char *map_anon(size_t len, int thp)
{
	char *raw = mmap(0, len + HPG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw == MAP_FAILED) die("mmap anon");
	char *p = (char *)(((uintptr_t)raw + HPG - 1) & ~(HPG - 1));
	if (p > raw) munmap(raw, p - raw);
	munmap(p + len, raw + HPG - p);
	madvise(p, len, thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}
static inline void touch(volatile char *p, size_t len) { for (size_t i = 0; i < len; i += PG) p[i] = (char)(i / PG + 1); }
static volatile int sink;
static inline void readall(volatile char *p, size_t len) { for (size_t i = 0; i < len; i += PG) sink += p[i]; }
static inline void child_wait(pid_t c) { int st; waitpid(c, &st, 0); }

static inline void wr(int fd, size_t len)
{
	static char b[65536]; memset(b, 0x5a, sizeof b);
	while (len) { ssize_t k = write(fd, b, len < sizeof b ? len : sizeof b); if (k <= 0) die("write"); len -= k; }
}
static inline void rd(int fd, size_t len)
{
	static char b[65536]; lseek(fd, 0, 0);
	while (len) { ssize_t k = read(fd, b, sizeof b); if (k <= 0) break; len -= k < (ssize_t)len ? k : (ssize_t)len; }
}
static inline void drop(int n) { int fd = open("/proc/sys/vm/drop_caches", O_WRONLY); if (fd >= 0) { dprintf(fd, "%d\n", n); close(fd); } }
static inline void wfile(const char *f, const char *s) { int fd = open(f, O_WRONLY); if (fd >= 0) { if (write(fd, s, strlen(s)) < 0) note(f, -1); close(fd); } }
static inline char *map_file(int fd, size_t len, int flags)
{
	char *raw = mmap(0, len + HPG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *a = (char *)(((uintptr_t)raw + HPG - 1) & ~(HPG - 1));
	char *p = mmap(a, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (p == MAP_FAILED) die("mmap file");
	return p;
}
#endif
