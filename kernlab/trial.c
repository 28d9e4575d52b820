// SPDX-License-Identifier: GPL-2.0-only
// Workloads for trying what judges recordings: leaks of other kinds than those of wl.c, and healthy load on every CPU.
// Prints ground truth as wl does. `trial leaks|…` in main().
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <liburing.h>
#include "refleak/refleak.h"
#include "wl.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static int leaker(void)
{
	int fd = open("/dev/refleak", O_RDWR); if (fd < 0) die("open refleak");
	return fd;
}
// kind: what to call it; where: kind of memory; pfn of what counts (the first page of a large one)
static void leak(const char *kind, const char *where, uint64_t pfn, const char *function, int net)
{
	printf("{\"leak\":\"%s\",\"pfn\":\"0x%llx\",\"function\":\"%s\",\"memory\":\"%s\",\"net\":%d}\n",
	       kind, (unsigned long long)pfn, function, where, net); fflush(stdout);
}
static struct refleak_cmd on(int fd, unsigned long op, uint64_t addr, uint64_t pfn, const char *what)
{
	struct refleak_cmd k = { .addr = addr, .pfn = pfn };
	mark("refleak %s", what);
	if (ioctl(fd, op, &k)) printf("{\"error\":\"%s\",\"errno\":%d}\n", what, errno);
	return k;
}

// one leak of each further kind
static void t_leaks(const char *dir)
{
	int fd = leaker(); struct refleak_cmd k;
	char *p = map_anon(64 * PG, 0); touch(p, 64 * PG);
	k = on(fd, REFLEAK_SKIP_UNPIN, (uintptr_t)p, 0, "SKIP_UNPIN");
	leak("pin_never_unpinned", "anon", k.pfn, "refleak_skip_unpin", 1024);
	k = on(fd, REFLEAK_REMEMBER, (uintptr_t)(p + 16 * PG), 0, "REMEMBER");
	leak("get_never_put", "anon", k.pfn, "refleak_stash", 1);
	k = on(fd, REFLEAK_BY_WORKER, (uintptr_t)(p + 17 * PG), 0, "BY_WORKER");
	leak("get_never_put", "anon", k.pfn, "refleak_worker", 1);
	k = on(fd, REFLEAK_ALLOC_LARGE, 0, 0, "ALLOC_LARGE");
	leak("alloc_never_freed", "kernel", k.pfn, "refleak_alloc_large", 1);
	// what is shared with a child, and copied by it
	pid_t c = fork(); if (!c) { touch(p + 20 * PG, 4 * PG); _exit(0); }
	k = on(fd, REFLEAK_GET_USER_LEAK, (uintptr_t)(p + 21 * PG), 0, "GET_USER of a page that a child shares");
	child_wait(c); touch(p + 20 * PG, 4 * PG);
	leak("get_never_put", "anon", k.pfn, "refleak_get_user_leak", 1);
	// a page of the driver's own that a task maps
	for (int forget = 0; forget < 2; forget++) {
		mark("refleak mmap, %s", forget ? "forgotten" : "given back");
		char *m = mmap(0, PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, forget * PG);
		if (m == MAP_FAILED) die("mmap refleak");
		touch(m, PG);
		if (forget) leak("alloc_never_freed", "driver", pfn_of(m), "refleak_mmap_leak", 1);
		munmap(m, PG);
	}
	// a file's page, which is removed
	char f[256]; snprintf(f, sizeof f, "%s/lookup", dir);
	int file = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); wr(file, 65536); fsync(file);
	k = on(fd, REFLEAK_LOOKUP, file, 0, "LOOKUP");
	leak("get_never_put", "file", k.pfn, "refleak_lookup", 1);
	close(file); unlink(f);
	file = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); wr(file, 65536); fsync(file);
	char *m = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0); readall(m, 65536); touch(m + 4 * PG, PG);
	k = on(fd, REFLEAK_GET_USER_LEAK, (uintptr_t)(m + 4 * PG), 0, "GET_USER of a file's page");
	leak("get_never_put", "file", k.pfn, "refleak_get_user_leak", 1);
	munmap(m, 65536); close(file); unlink(f);
	// huge pages: by the first, and by one within
	for (int at = 0; at < 4; at++) {
		char *t = map_anon(HPG, 1); touch(t, HPG);
		uint64_t head = pfn_of(t);
		uintptr_t a = (uintptr_t)(t + (at & 1 ? 37 * PG : 0));
		if (at < 2) { on(fd, REFLEAK_GET_USER_LEAK, a, 0, "GET_USER of a huge page"); leak("get_never_put", "thp", head, "refleak_get_user_leak", 1); }
		else { on(fd, REFLEAK_PIN_LEAK, a, 0, "PIN of a huge page"); leak("pin_never_unpinned", "thp", head, "refleak_pin_leak", 1); }
		munmap(t, HPG);
	}
	// swapped out meanwhile, as far as it can be
	k = on(fd, REFLEAK_GET_USER_LEAK, (uintptr_t)(p + 30 * PG), 0, "GET_USER, then page out");
	leak("get_never_put", "anon", k.pfn, "refleak_get_user_leak", 1);
	madvise(p + 24 * PG, 16 * PG, MADV_PAGEOUT); readall(p + 24 * PG, 16 * PG);
	mark("leaks munmap"); munmap(p, 64 * PG); close(fd);
}
// one page in `every` of what is otherwise given back
static void t_many(int calls, int every)
{
	int fd = leaker(); char *p = map_anon((size_t)calls * PG, 0); touch(p, (size_t)calls * PG);
	mark("many begins");
	for (int i = 0; i < calls; i++) {
		struct refleak_cmd k = { .addr = (uintptr_t)(p + i * PG), .pfn = i % every == every - 1 };
		int forget = k.pfn;
		if (ioctl(fd, REFLEAK_SOMETIMES, &k)) die("sometimes");
		if (forget) leak("get_never_put", "anon", k.pfn, "refleak_sometimes", 1);
	}
	mark("many ends"); munmap(p, (size_t)calls * PG); close(fd);
}
// held, not leaked: a pipe and a ring of a process that lives on; and what a task that is gone put into its pipe
static void t_held(void)
{
	for (int how = 0; how < 2; how++) {
		int pp[2]; if (pipe(pp)) die("pipe");
		pid_t c = fork();
		if (!c) {
			setsid(); fclose(stdout);
			char *p = map_anon(16 * PG, 0); touch(p, 16 * PG);
			if (how) {
				struct io_uring ring; struct iovec fx = { p, 16 * PG };
				if (!io_uring_queue_init(8, &ring, 0) && io_uring_register_buffers(&ring, &fx, 1)) _exit(1);
			} else { struct iovec iv = { p, 4 * PG }; if (vmsplice(pp[1], &iv, 1, 0) < 0) _exit(1); }
			munmap(p, 8 * PG);
			pause(); _exit(0);
		}
		if (how) continue;
		c = fork();
		if (!c) {
			char *p = map_anon(16 * PG, 0); touch(p, 16 * PG);
			struct iovec iv = { p, 4 * PG }; if (vmsplice(pp[1], &iv, 1, 0) < 0) _exit(1);
			_exit(0);
		}
		child_wait(c);
	}
	usleep(300000); mark("held: two processes live on");
}
// leaks before anybody records, and goes on when it gets a line on `fifo`
static void t_early(const char *fifo)
{
	int fd = leaker(); char *p = map_anon(16 * PG, 0); touch(p, 16 * PG);
	char *t = map_anon(HPG, 1); touch(t, HPG);
	struct refleak_cmd k = on(fd, REFLEAK_GET_USER_LEAK, (uintptr_t)(p + 3 * PG), 0, "GET_USER before");
	leak("get_never_put", "anon", k.pfn, "before the recording", 1);
	k = on(fd, REFLEAK_PIN_LEAK, (uintptr_t)(p + 4 * PG), 0, "PIN before");
	leak("pin_never_unpinned", "anon", k.pfn, "before the recording", 1024);
	char b; int f = open(fifo, O_RDONLY); if (read(f, &b, 1) < 0) die("fifo");
	touch(p, 16 * PG); munmap(p, 16 * PG); munmap(t, HPG);
}
static void t_go(const char *fifo) { int f = open(fifo, O_WRONLY); if (write(f, "x", 1) < 0) die("fifo"); close(f); sleep(1); mark("early went on"); }
// fs-dax: a pin, a huge page, and one of many in a file that is used all the time
static void t_fsdax(const char *dir)
{
	int fd = leaker(); char f[256];
	snprintf(f, sizeof f, "%s/pinned", dir);
	int file = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); wr(file, 65536);
	char *p = map_file(file, 65536, MAP_SHARED); touch(p, 65536);
	struct refleak_cmd k = on(fd, REFLEAK_SKIP_UNPIN, (uintptr_t)p, 0, "SKIP_UNPIN of fsdax");
	leak("pin_never_unpinned", "fsdax", k.pfn, "refleak_skip_unpin", 1024);
	for (int i = 0; i < 64; i++) { k = on(fd, REFLEAK_SOMETIMES, (uintptr_t)(p + (8 + i % 8) * PG), i == 40, "SOMETIMES of fsdax"); if (i == 40) leak("get_never_put", "fsdax", k.pfn, "refleak_sometimes", 1); }
	munmap(p, 65536); close(file);
	snprintf(f, sizeof f, "%s/huge", dir);
	file = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); note("fallocate", fallocate(file, 0, 0, 2 * HPG));
	p = map_file(file, 2 * HPG, MAP_SHARED); touch(p, 2 * HPG);
	k = on(fd, REFLEAK_GET_USER_LEAK, (uintptr_t)(p + 5 * PG), 0, "GET_USER of a huge page of fsdax");
	leak("get_never_put", "fsdax-huge", k.pfn, "refleak_get_user_leak", 1);
	munmap(p, 2 * HPG); close(file); close(fd);
}
// --- load, each until `until`
static time_t until;
static int busy(void) { return time(0) < until; }
static void l_cow(void)
{
	while (busy()) {
		char *p = map_anon(128 * PG, 0); touch(p, 128 * PG);
		pid_t c = fork(); if (!c) { touch(p, 64 * PG); pid_t g = fork(); if (!g) { touch(p + 32 * PG, 32 * PG); _exit(0); } child_wait(g); _exit(0); }
		touch(p, 32 * PG); child_wait(c);
		char *q = mremap(p, 32 * PG, 32 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, map_anon(HPG, 0));
		if (q != MAP_FAILED) munmap(q, HPG);
		madvise(p + 64 * PG, 32 * PG, MADV_FREE); touch(p + 70 * PG, 8 * PG); munmap(p + 32 * PG, 96 * PG);
	}
}
static void l_thp(void)
{
	while (busy()) {
		char *p = map_anon(2 * HPG, 1); touch(p, 2 * HPG);
		pid_t c = fork(); if (!c) { p[HPG + 9 * PG] = 1; munmap(p, HPG / 2); _exit(0); }
		munmap(p + 64 * PG, 64 * PG); child_wait(c);
		madvise(p + HPG, HPG / 4, MADV_DONTNEED); madvise(p + HPG / 2, HPG / 2, MADV_PAGEOUT); readall(p + HPG / 2, HPG / 2);
		madvise(p, 2 * HPG, MADV_COLLAPSE);
		munmap(p, 2 * HPG);
	}
}
static void l_file(const char *dir, int id)
{
	char f[256]; snprintf(f, sizeof f, "%s/load%d", dir, id);
	while (busy()) {
		int fd = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); if (fd < 0) _exit(1);
		wr(fd, 1 << 20); rd(fd, 1 << 20);
		char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		readall(p, 1 << 20); touch(p, 1 << 18); msync(p, 1 << 18, MS_SYNC); posix_fadvise(fd, 1 << 18, 1 << 19, POSIX_FADV_DONTNEED);
		int pp[2], sv[2]; char b[65536];
		if (!pipe(pp) && !socketpair(AF_UNIX, SOCK_STREAM, 0, sv)) {
			off_t o = 0; splice(fd, &o, pp[1], 0, 32768, 0);
			int t[2]; if (!pipe(t)) { if (tee(pp[0], t[1], 8192, 0) > 0 && read(t[0], b, 8192) < 0) {} close(t[0]); close(t[1]); }
			if (splice(pp[0], 0, sv[0], 0, 16384, 0) > 0 && read(sv[1], b, 16384) < 0) {}
			o = 0; if (sendfile(sv[0], fd, &o, 16384) > 0 && read(sv[1], b, sizeof b) < 0) {}
			close(pp[0]); close(pp[1]); close(sv[0]); close(sv[1]);
		}
		if (ftruncate(fd, 1 << 18)) {}
		mlock(p, 1 << 16); munlock(p, 1 << 16);
		munmap(p, 1 << 20); close(fd); unlink(f);
	}
}
static void l_direct(const char *dir, int id)
{
	char f[256]; snprintf(f, sizeof f, "%s/direct%d", dir, id);
	int fd = open(f, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600); if (fd < 0) _exit(1);
	while (busy()) {
		char *p = map_anon(HPG, 0), *t = map_anon(HPG, 1); touch(p, 64 * PG); touch(t, HPG);
		if (pwrite(fd, p, 32 * PG, 0) < 0 || pwrite(fd, t + 3 * PG, 64 * PG, 32 * PG) < 0) _exit(1);
		pid_t c = fork(); if (!c) { touch(p, 16 * PG); _exit(0); }
		if (pread(fd, p + 8 * PG, 32 * PG, 0) < 0 || pread(fd, t + 100 * PG, 64 * PG, 0) < 0) _exit(1);
		child_wait(c);
		munmap(p, HPG); munmap(t, HPG);
	}
	close(fd); unlink(f);
}
static void l_uring(const char *dir, int id)
{
	char f[256]; snprintf(f, sizeof f, "%s/uring%d", dir, id);
	int fd = open(f, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600); if (fd < 0) _exit(1);
	while (busy()) {
		struct io_uring ring; if (io_uring_queue_init(16, &ring, 0)) _exit(1);
		char *p = map_anon(HPG, 0), *t = map_anon(HPG, 1); touch(p, 32 * PG); touch(t, HPG);
		struct iovec fx[2] = { { p, 32 * PG }, { t, HPG } };
		if (io_uring_register_buffers(&ring, fx, 2)) _exit(1);
		for (int i = 0; i < 24; i++) {
			struct io_uring_sqe *s = io_uring_get_sqe(&ring);
			char *at = i & 1 ? t + (i * 7) * PG : p + i * PG;
			if (i % 3) io_uring_prep_write_fixed(s, fd, at, 4 * PG, i * PG, i & 1); else io_uring_prep_read_fixed(s, fd, at, 4 * PG, i * PG, i & 1);
			if (i % 5 == 4) s->flags |= IOSQE_ASYNC;
			io_uring_submit(&ring);
			struct io_uring_cqe *q; if (!io_uring_wait_cqe(&ring, &q)) io_uring_cqe_seen(&ring, q);
		}
		munmap(p, 16 * PG);
		pid_t c = fork(); if (!c) { touch(p + 16 * PG, 16 * PG); _exit(0); } child_wait(c);
		if (time(0) & 1) io_uring_unregister_buffers(&ring);
		io_uring_queue_exit(&ring); munmap(p + 16 * PG, HPG - 16 * PG); munmap(t, HPG);
	}
	close(fd); unlink(f);
}
static void *toucher(void *p) { while (busy()) { touch(p, 128 * PG); sched_yield(); } return 0; }
static void l_move(void)
{
	char *p = map_anon(HPG, 0), *t = map_anon(HPG, 1); touch(p, 128 * PG); touch(t, HPG);
	pthread_t h; pthread_create(&h, 0, toucher, p);
	for (int to = 1; busy(); to = !to) {
		void *pg[129]; int nodes[129], st[129];
		for (int i = 0; i < 129; i++) { pg[i] = i < 128 ? p + i * PG : t; nodes[i] = to; }
		syscall(SYS_move_pages, 0, 129, pg, nodes, st, 2);
		unsigned long from = 1UL << !to, dest = 1UL << to;
		syscall(SYS_migrate_pages, 0, 8, &from, &dest);
	}
	pthread_join(h, 0); munmap(p, HPG); munmap(t, HPG);
}
static void l_compact(void) { while (busy()) { char *p = map_anon(4 * HPG, 0); touch(p, 4 * HPG); for (int i = 0; i < 2048; i += 2) madvise(p + i * PG, PG, MADV_DONTNEED); wfile("/proc/sys/vm/compact_memory", "1"); munmap(p, 4 * HPG); } }
static void l_swap(void)
{
	while (busy()) {
		char *p = map_anon(HPG, 0); touch(p, HPG); madvise(p, HPG, MADV_PAGEOUT);
		pid_t c = fork(); if (!c) { readall(p, HPG / 2); touch(p + HPG / 4, HPG / 4); _exit(0); }
		touch(p + HPG / 8, HPG / 8); child_wait(c); readall(p, HPG); madvise(p, HPG / 2, MADV_PAGEOUT); munmap(p, HPG);
	}
}
static void l_shm(void)
{
	while (busy()) {
		int fd = memfd_create("load", 0); if (ftruncate(fd, HPG)) _exit(1);
		char *p = mmap(0, HPG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); touch(p, HPG); madvise(p, HPG, MADV_PAGEOUT);
		pid_t c = fork(); if (!c) { readall(p, HPG); _exit(0); } child_wait(c);
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HPG / 2); touch(p, HPG / 4);
		munmap(p, HPG); close(fd);
	}
}
static void l_ksm(void)
{
	wfile("/sys/kernel/mm/ksm/sleep_millisecs", "1"); wfile("/sys/kernel/mm/ksm/pages_to_scan", "2000"); wfile("/sys/kernel/mm/ksm/run", "1");
	while (busy()) {
		char *p = map_anon(64 * PG, 0); for (int i = 0; i < 64; i++) memset(p + i * PG, i / 8, PG);
		madvise(p, 64 * PG, MADV_MERGEABLE); usleep(300000);
		pid_t c = fork(); if (!c) { touch(p, 16 * PG); _exit(0); } child_wait(c);
		touch(p, 32 * PG); munmap(p, 64 * PG);
	}
	wfile("/sys/kernel/mm/ksm/run", "2");
}
static void l_hugetlb(void)
{
	wfile("/proc/sys/vm/nr_hugepages", "4");
	while (busy()) {
		char *p = mmap(0, 2 * HPG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (p == MAP_FAILED) { usleep(10000); continue; }
		touch(p, 2 * HPG);
		int pp[2]; if (!pipe(pp)) { struct iovec iv = { p + 8 * PG, 4 * PG }; vmsplice(pp[1], &iv, 1, 0); }
		munmap(p, 2 * HPG); close(pp[0]); close(pp[1]);
	}
	wfile("/proc/sys/vm/nr_hugepages", "0");
}
static void l_exec(void) { while (busy()) { pid_t c = fork(); if (!c) { execl("/bin/busybox", "busybox", "true", (char *)0); _exit(1); } child_wait(c); } }
static void l_offline(void)
{
	while (busy()) {
		char *p = map_anon(8 * PG, 0); touch(p, 8 * PG);
		madvise(p + PG, PG, 101 /* MADV_SOFT_OFFLINE */); readall(p, 8 * PG); munmap(p, 8 * PG); usleep(100000);
	}
}
static void l_splice(void)
{
	while (busy()) {
		char *p = map_anon(16 * PG, 0), b[16384]; touch(p, 16 * PG);
		int pp[2]; if (pipe(pp)) _exit(1);
		struct iovec iv = { p, 4 * PG }; vmsplice(pp[1], &iv, 1, SPLICE_F_GIFT);
		int null = open("/dev/null", O_WRONLY); splice(pp[0], 0, null, 0, 2 * PG, SPLICE_F_MOVE); if (read(pp[0], b, PG) < 0) {}
		struct iovec l = { b, 4 * PG }, r = { p + 4 * PG, 4 * PG }; pid_t c = fork(); if (!c) { pause(); _exit(0); }
		process_vm_readv(c, &l, 1, &r, 1, 0); process_vm_writev(c, &l, 1, &r, 1, 0); kill(c, 9); child_wait(c);
		close(null); close(pp[0]); close(pp[1]); munmap(p, 16 * PG);
	}
}
// a file on fs-dax: faults, direct I/O from and into its mapping, a pipe, a child, a hole, and its end while a read is under way
static void l_dax(const char *dir, int id)
{
	char f[256], g[256]; snprintf(f, sizeof f, "/mnt/dax/load%d", id); snprintf(g, sizeof g, "%s/dax%d", dir, id);
	int out = open(g, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600); if (out < 0) _exit(1);
	if (pwrite(out, map_anon(HPG, 0), HPG, 0) < 0) _exit(1);
	while (busy()) {
		int fd = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); if (fd < 0 || fallocate(fd, 0, 0, 2 * HPG)) _exit(1);
		char *p = map_file(fd, 2 * HPG, MAP_SHARED), b[65536]; touch(p, HPG); p[HPG + PG] = 1;
		if (pwrite(out, p, 32 * PG, 0) < 0 || pread(out, p + HPG, 64 * PG, 64 * PG) < 0) {}
		int pp[2]; if (!pipe(pp)) { struct iovec iv = { p + 3 * PG, 4 * PG }; if (vmsplice(pp[1], &iv, 1, 0) > 0 && read(pp[0], b, 2 * PG) < 0) {} close(pp[0]); close(pp[1]); }
		pid_t c = fork(); if (!c) { for (int i = 0; i < 50; i++) if (pwrite(out, p + i * PG, 16 * PG, i * PG) < 0) _exit(0); _exit(0); }
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 32 * PG, 64 * PG); touch(p + 40 * PG, 8 * PG);
		if (ftruncate(fd, HPG)) {}
		kill(c, SIGKILL); child_wait(c); munmap(p, 2 * HPG); close(fd); unlink(f);
	}
	close(out); unlink(g);
}
static void load(const char *what, const char *dir, int id);
// other loads, killed in the middle
static void l_kill(const char *dir, int id)
{
	static const char *const OF[] = { "cow", "thp", "file", "direct", "uring", "swap", "shm", "splice" };
	srand(id);
	for (int turn = 0; busy(); turn++) {
		const char *what = OF[turn % (sizeof OF / sizeof *OF)];
		pid_t c = fork(); if (!c) { load(what, dir, 100 + id); _exit(0); }
		usleep(1000 + rand() % 60000); kill(c, SIGKILL); child_wait(c);
	}
}
static const char *const LOADS[] = { "cow", "thp", "file", "direct", "uring", "move", "compact", "swap", "shm", "ksm", "hugetlb", "exec", "offline", "splice", "kill", "dax" };
static void load(const char *what, const char *dir, int id)
{
	if (!strcmp(what, "cow")) l_cow(); else if (!strcmp(what, "thp")) l_thp(); else if (!strcmp(what, "file")) l_file(dir, id);
	else if (!strcmp(what, "direct")) l_direct(dir, id); else if (!strcmp(what, "uring")) l_uring(dir, id);
	else if (!strcmp(what, "move")) l_move(); else if (!strcmp(what, "compact")) l_compact(); else if (!strcmp(what, "swap")) l_swap();
	else if (!strcmp(what, "shm")) l_shm(); else if (!strcmp(what, "ksm")) l_ksm(); else if (!strcmp(what, "hugetlb")) l_hugetlb();
	else if (!strcmp(what, "exec")) l_exec(); else if (!strcmp(what, "offline")) l_offline(); else if (!strcmp(what, "splice")) l_splice();
	else if (!strcmp(what, "kill")) l_kill(dir, id); else if (!strcmp(what, "dax")) l_dax(dir, id);
	else die("unknown load");
}
// `list`: names with commas, or `all`; `leaks`: so many tasks among them leak one page each
static void t_load(const char *list, const char *dir, int seconds, int leaks)
{
	until = time(0) + seconds;
	int swap = strstr(list, "swap") || strstr(list, "all");
	char f[256]; snprintf(f, sizeof f, "%s/swapfile", dir);
	if (swap) { int fd = open(f, O_RDWR | O_CREAT, 0600); wr(fd, 32 << 20); fsync(fd); close(fd); char c[300]; snprintf(c, sizeof c, "mkswap %s >/dev/null", f); if (system(c)) {} note("swapon", swapon(f, 0)); }
	mark("load begins");
	int id = 0;
	for (unsigned i = 0; i < sizeof LOADS / sizeof *LOADS; i++) {
		if (strcmp(list, "all") && !strstr(list, LOADS[i])) continue;
		for (int twice = 0; twice < (strcmp(list, "all") ? 2 : 1); twice++, id++) { pid_t c = fork(); if (!c) { load(LOADS[i], dir, id); _exit(0); } }
	}
	int fd = leaks ? leaker() : -1;
	for (int i = 0; i < leaks; i++) {
		pid_t c = fork();
		if (!c) {
			usleep(200000 * (i + 1));
			char *p = map_anon(16 * PG, 0); touch(p, 16 * PG);
			struct refleak_cmd k = { .addr = (uintptr_t)(p + i * PG), .pfn = 1 };
			static const unsigned long ops[] = { REFLEAK_GET_USER_LEAK, REFLEAK_PIN_LEAK, REFLEAK_SOMETIMES };
			static const char *const names[] = { "refleak_get_user_leak", "refleak_pin_leak", "refleak_sometimes" };
			if (ioctl(fd, ops[i % 3], &k)) die("leak");
			leak(i % 3 == 1 ? "pin_never_unpinned" : "get_never_put", "anon", k.pfn, names[i % 3], i % 3 == 1 ? 1024 : 1);
			_exit(0);
		}
	}
	while (wait(0) > 0) ;
	if (swap) { note("swapoff", swapoff(f)); unlink(f); }
	mark("load ends");
}
int main(int ac, char **av)
{
	marker = open("/sys/kernel/tracing/trace_marker", O_WRONLY);
	const char *w = ac > 1 ? av[1] : "", *a = ac > 2 ? av[2] : "", *b = ac > 3 ? av[3] : "";
	if (!strcmp(w, "leaks")) t_leaks(a);
	else if (!strcmp(w, "many")) t_many(atoi(a), atoi(b));
	else if (!strcmp(w, "held")) t_held();
	else if (!strcmp(w, "early")) t_early(a);
	else if (!strcmp(w, "go")) t_go(a);
	else if (!strcmp(w, "fsdax")) t_fsdax(a);
	else if (!strcmp(w, "load")) t_load(a, b, ac > 4 ? atoi(av[4]) : 3, ac > 5 ? atoi(av[5]) : 0);
	else { fprintf(stderr, "unknown workload\n"); return 1; }
	return 0;
}
