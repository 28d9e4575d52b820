// SPDX-License-Identifier: GPL-2.0-only
// Small workloads that exercise struct page reference counts.
// Prints one JSON object per line (ground truth) on stdout; writes phase
// marks into trace_marker.  Build statically: see run.sh.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <liburing.h>
#if __has_include("test_hmm_uapi.h")
#include "test_hmm_uapi.h"
#define HAVE_HMM 1
#endif
#include "refleak/refleak.h"
#include "wl.h"

#ifndef HMM_DMIRROR_MIGRATE_TO_DEV
#define HMM_DMIRROR_MIGRATE_TO_DEV HMM_DMIRROR_MIGRATE
#define NO_TO_SYS 1
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
static void w_anon(int scale)
{
	for (int r = 0; r < scale; r++) {
		size_t n = 256;
		char *p = map_anon(n * PG, 0);
		mark("anon %d read zero page", r); readall(p, 16 * PG);
		mark("anon %d touch", r); touch(p, n * PG);
		if (!r) truth_range("anon-before-fork", p, 16);
		mark("anon %d fork", r);
		pid_t c = fork();
		if (!c) { touch(p, 64 * PG); _exit(0); }
		child_wait(c);
		mark("anon %d write after child", r); touch(p, 128 * PG);
		c = fork();
		if (!c) { pause(); _exit(0); }
		mark("anon %d cow in parent", r); touch(p, 64 * PG);
		kill(c, 9); child_wait(c);
		if (!r) truth_range("anon-after-cow", p, 16);
		mark("anon %d madvise dontneed", r); madvise(p + 200 * PG, 32 * PG, MADV_DONTNEED);
		mark("anon %d mremap", r);
		char *q = mremap(p, 32 * PG, 32 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, map_anon(HPG, 0));
		if (q != MAP_FAILED) munmap(q, 32 * PG);
		mark("anon %d munmap", r); munmap(p + 32 * PG, (n - 32) * PG);
	}
}
static void w_thp(int scale)
{
	for (int r = 0; r < scale; r++) {
		char *p = map_anon(4 * HPG, 1);
		mark("thp %d touch", r); touch(p, 4 * HPG);
		if (!r) { truth("thp0-head", p); truth("thp0-tail1", p + PG); truth("thp1-head", p + HPG); }
		mark("thp %d fork cow", r);
		pid_t c = fork();
		if (!c) { p[HPG * 3] = 1; _exit(0); }
		child_wait(c);
		mark("thp %d partial munmap", r); munmap(p + 64 * PG, 64 * PG);
		mark("thp %d dontneed part", r); madvise(p + HPG + 128 * PG, 256 * PG, MADV_DONTNEED);
		mark("thp %d mprotect part", r); mprotect(p + 2 * HPG, 16 * PG, PROT_READ);
		mark("thp %d pageout", r); madvise(p + HPG, HPG, MADV_PAGEOUT);
		mark("thp %d munmap", r); munmap(p, 4 * HPG);
	}
}
static void w_pagecache(const char *dir, int scale)
{
	char f[256]; size_t len = 2 << 20;
	for (int r = 0; r < scale; r++) {
		snprintf(f, sizeof f, "%s/pc%d", dir, r);
		int fd = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); if (fd < 0) die("open");
		mark("pagecache %d write", r); wr(fd, len);
		mark("pagecache %d fsync", r); fsync(fd);
		mark("pagecache %d read", r); rd(fd, len);
		mark("pagecache %d fadvise dontneed", r); posix_fadvise(fd, 0, len / 2, POSIX_FADV_DONTNEED);
		mark("pagecache %d re-read", r); rd(fd, len);
		mark("pagecache %d mmap", r);
		char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		readall(p, len); touch(p, 64 * PG);
		if (!r) truth_range("pagecache-mapped", p, 8);
		msync(p, len, MS_SYNC); munmap(p, len);
		mark("pagecache %d truncate", r); if (ftruncate(fd, len / 2)) {}
		fsync(fd);
		mark("pagecache %d drop_caches", r); drop(3);
		rd(fd, len / 4);
		close(fd);
		mark("pagecache %d unlink", r); unlink(f);
	}
}
static void w_gup(const char *blk, int scale)
{
	int fd = open(blk, O_RDONLY | O_DIRECT); if (fd < 0) die("open blk");
	for (int r = 0; r < scale; r++) {
		char *p = map_anon(HPG, 0), *t = map_anon(HPG, 1);
		touch(p, 64 * PG); touch(t, HPG);
		if (!r) { truth_range("gup-anon", p, 16); truth("gup-thp-head", t); }
		mark("gup %d odirect read", r);
		note("pread", pread(fd, p, 64 * PG, 0));
		mark("gup %d odirect read thp", r);
		note("pread thp", pread(fd, t + 32 * PG, 128 * PG, 0));
		mark("gup %d vmsplice hold", r);
		int pp[2]; if (pipe(pp)) die("pipe");
		struct iovec iv = { p, 8 * PG };
		note("vmsplice", vmsplice(pp[1], &iv, 1, 0));
		mark("gup %d munmap while in pipe", r); munmap(p, 4 * PG);
		usleep(20000);
		mark("gup %d drain pipe", r);
		static char buf[8 * PG]; note("drain", read(pp[0], buf, sizeof buf));
		close(pp[0]); close(pp[1]);
		mark("gup %d process_vm_readv", r);
		pid_t c = fork(); if (!c) { pause(); _exit(0); }
		struct iovec l = { buf, 4 * PG }, rm = { p + 16 * PG, 4 * PG };
		note("process_vm_readv", process_vm_readv(c, &l, 1, &rm, 1, 0));
		kill(c, 9); child_wait(c);
		mark("gup %d io_uring register", r);
		struct io_uring ring;
		if (!io_uring_queue_init(8, &ring, 0)) {
			struct iovec fx[2] = { { p + 8 * PG, 16 * PG }, { t, HPG / 2 } };
			note("register_buffers", io_uring_register_buffers(&ring, fx, 2));
			struct io_uring_sqe *s = io_uring_get_sqe(&ring);
			io_uring_prep_read_fixed(s, fd, p + 8 * PG, 4 * PG, 0, 0);
			io_uring_submit(&ring);
			struct io_uring_cqe *cq; if (!io_uring_wait_cqe(&ring, &cq)) { note("read_fixed", cq->res); io_uring_cqe_seen(&ring, cq); }
			mark("gup %d fork while registered", r);
			c = fork(); if (!c) _exit(0); child_wait(c);
			touch(p + 8 * PG, 16 * PG);
			mark("gup %d io_uring unregister", r);
			note("unregister_buffers", io_uring_unregister_buffers(&ring));
			io_uring_queue_exit(&ring);
		} else note("io_uring_queue_init", -1);
		mark("gup %d munmap", r);
		munmap(p, HPG); munmap(t, HPG);
	}
	close(fd);
}
static void w_compact(int mb)
{
	size_t len = (size_t)mb << 20;
	char *p = map_anon(len, 0);
	touch(p, len);
	for (size_t i = 0; i < len; i += 2 * PG) madvise(p + i, PG, MADV_DONTNEED);
	truth_range("compact-before", p + PG, 1);
	mark("compaction start");
	wfile("/proc/sys/vm/compact_memory", "1");
	mark("compaction done");
	munmap(p, len);
}
static void w_migrate(int n)
{
	char *p = map_anon(HPG, 0), *t = map_anon(HPG, 1);
	touch(p, n * PG); touch(t, HPG);
	void *pg[512]; int nodes[512], st[512];
	for (int dst = 1; dst >= 0; dst--) {
		truth_range("migrate-src", p, 8);
		for (int i = 0; i < n; i++) { pg[i] = p + i * PG; nodes[i] = dst; }
		mark("move_pages to node %d", dst);
		note("move_pages", syscall(SYS_move_pages, 0, n, pg, nodes, st, 2));
		note("status0", st[0]);
		mark("move_pages thp to node %d", dst);
		pg[0] = t; nodes[0] = dst;
		note("move_pages thp", syscall(SYS_move_pages, 0, 1, pg, nodes, st, 2));
		truth("thp-after-move", t);
	}
	// a page held in a pipe cannot be migrated
	int pp[2]; if (pipe(pp)) die("pipe");
	struct iovec iv = { p, PG }; note("vmsplice", vmsplice(pp[1], &iv, 1, 0));
	pg[0] = p; nodes[0] = 1;
	mark("move_pages of held page");
	note("move_pages held", syscall(SYS_move_pages, 0, 1, pg, nodes, st, 2)); note("status held", st[0]);
	close(pp[0]); close(pp[1]);
	munmap(p, HPG); munmap(t, HPG);
}
struct hole { int fd; off_t off, len; int trunc; int ret; };
static void *hole_thread(void *a)
{
	struct hole *h = a;
	mark("%s begins", h->trunc ? "ftruncate" : "punch-hole");
	h->ret = h->trunc ? ftruncate(h->fd, h->off)
		: fallocate(h->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, h->off, h->len);
	mark("%s returned %d", h->trunc ? "ftruncate" : "punch-hole", h->ret);
	return 0;
}
static void w_fsdax(const char *dir, const char *other, int refleak)
{
	char f[256]; static char buf[16 * PG];
	snprintf(f, sizeof f, "%s/small", dir);
	int fd = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); if (fd < 0) die("open small");
	mark("fsdax write() 64K"); wr(fd, 65536);
	char *p = map_file(fd, 65536, MAP_SHARED);
	mark("fsdax read-fault 4K pages"); readall(p, 8 * PG);
	mark("fsdax write-fault 4K pages"); touch(p, 65536);
	truth_range("fsdax-4k", p, 16);
	snprintf(f, sizeof f, "%s/big", dir);
	int bfd = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600);
	note("fallocate 8M", fallocate(bfd, 0, 0, 4 * HPG));
	char *b = map_file(bfd, 4 * HPG, MAP_SHARED);
	mark("fsdax touch 2M"); touch(b, 2 * HPG);
	truth("fsdax-2m-first", b); truth("fsdax-2m-second-page", b + PG); truth("fsdax-2m-second-huge", b + HPG);
	int ofd = open(other, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600); if (ofd < 0) die("open other");
	mark("fsdax odirect write from dax buffer"); note("pwrite", pwrite(ofd, p, 65536, 0));
	note("pwrite 2m", pwrite(ofd, b + 16 * PG, 65536, 0));
	mark("fsdax odirect read into dax buffer"); note("pread", pread(ofd, p, 32768, 0));
	close(ofd);
	mark("fsdax private mapping cow");
	char *pr = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	readall(pr, 4 * PG); touch(pr, 2 * PG); truth("fsdax-private-cow-anon", pr); munmap(pr, 65536);
	mark("fsdax fork"); pid_t c = fork(); if (!c) { readall(p, 65536); _exit(0); } child_wait(c);
	for (int tr = 0; tr < 2; tr++) {
		int pp[2]; if (pipe(pp)) die("pipe");
		int pgno = tr ? 9 : 3;
		truth(tr ? "fsdax-held-over-truncate" : "fsdax-held-over-punch", p + pgno * PG);
		struct iovec iv = { p + pgno * PG, PG };
		mark("fsdax vmsplice hold page %d", pgno); note("vmsplice", vmsplice(pp[1], &iv, 1, 0));
		struct hole h = { fd, tr ? 9 * (long)PG : 3 * (long)PG, PG, tr, -1 };
		pthread_t t; pthread_create(&t, 0, hole_thread, &h);
		usleep(300000);
		mark("fsdax drain pipe"); note("drain", read(pp[0], buf, sizeof buf));
		pthread_join(t, 0); note("hole result", h.ret);
		close(pp[0]); close(pp[1]);
	}
	struct io_uring ring;
	if (!io_uring_queue_init(4, &ring, 0)) {
		mark("fsdax io_uring register (longterm, expected refused)");
		struct iovec fx = { p, PG }; note("register_buffers", io_uring_register_buffers(&ring, &fx, 1));
		io_uring_queue_exit(&ring);
	}
	if (refleak) {
		int rfd = open("/dev/refleak", O_RDWR); struct refleak_cmd k = { (uintptr_t)(p + 5 * PG) };
		truth("leak-fsdax-page", p + 5 * PG);
		mark("refleak GET_USER on fsdax page"); note("ioctl", ioctl(rfd, REFLEAK_GET_USER_LEAK, &k));
		printf("{\"leak\":\"get_never_put\",\"pfn\":\"0x%llx\",\"function\":\"refleak_get_user_leak\",\"memory\":\"fsdax\",\"net\":1}\n", (unsigned long long)k.pfn);
		k.addr = (uintptr_t)(p + 6 * PG); truth("control-fsdax-page", p + 6 * PG);
		mark("refleak CONTROL on fsdax page"); note("ioctl", ioctl(rfd, REFLEAK_CONTROL, &k));
		printf("{\"control\":\"get_put_pair\",\"pfn\":\"0x%llx\",\"function\":\"refleak_control\",\"memory\":\"fsdax\",\"net\":0}\n", (unsigned long long)k.pfn);
		close(rfd);
	}
	mark("fsdax munmap"); munmap(p, 65536); munmap(b, 4 * HPG);
	close(fd); close(bfd);
	if (refleak) return;	// a leaked dax page would block the truncate for ever
	mark("fsdax unlink");
	snprintf(f, sizeof f, "%s/small", dir); unlink(f); snprintf(f, sizeof f, "%s/big", dir); unlink(f);
}
static void w_devdax(const char *dev, const char *other)
{
	int fd = open(dev, O_RDWR); if (fd < 0) die("open devdax");
	char *p = map_file(fd, 4 * HPG, MAP_SHARED);
	mark("devdax touch"); touch(p, 2 * HPG);
	truth("devdax-first", p); truth("devdax-second", p + PG); truth("devdax-second-huge", p + HPG);
	int ofd = open(other, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
	mark("devdax odirect write"); note("pwrite", pwrite(ofd, p, 65536, 0));
	close(ofd);
	struct io_uring ring;
	if (!io_uring_queue_init(4, &ring, 0)) {
		mark("devdax io_uring register (longterm)");
		struct iovec fx = { p, 4 * PG }; note("register_buffers", io_uring_register_buffers(&ring, &fx, 1));
		io_uring_unregister_buffers(&ring); io_uring_queue_exit(&ring);
	}
	int pp[2]; if (!pipe(pp)) { struct iovec iv = { p + 7 * PG, PG }; mark("devdax vmsplice"); note("vmsplice", vmsplice(pp[1], &iv, 1, 0)); close(pp[0]); close(pp[1]); }
	mark("devdax fork"); pid_t c = fork(); if (!c) { readall(p, 65536); _exit(0); } child_wait(c);
	mark("devdax munmap"); munmap(p, 4 * HPG); close(fd);
}
#ifdef HAVE_HMM
static int hmm_cmd(int fd, unsigned long op, void *a, long n, const char *what)
{
	static char *mirror; if (!mirror) mirror = map_anon(HPG * 2, 0);
	struct hmm_dmirror_cmd c; memset(&c, 0, sizeof c);
	c.addr = (uintptr_t)a; c.ptr = (uintptr_t)mirror; c.npages = n;
	mark("hmm %s", what);
	int r = ioctl(fd, op, &c);
	printf("{\"note\":\"%s\",\"value\":%d,\"errno\":%d,\"cpages\":%llu,\"faults\":%llu}\n", what, r, r ? errno : 0,
	       (unsigned long long)c.cpages, (unsigned long long)c.faults); fflush(stdout);
	return r;
}
static int hmm_open(int id) { char b[64]; snprintf(b, sizeof b, "/dev/hmm_dmirror%d", id); int fd = open(b, O_RDWR); if (fd < 0) die("open hmm"); return fd; }
static void w_private(int scale, int refleak)
{
	int fd = hmm_open(0), fd1 = hmm_open(1); int n = 64;
	for (int r = 0; r < scale; r++) {
		char *p = map_anon(n * PG, 0);
		touch(p, n * PG); truth_range("sys-before", p, 4);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, n, "migrate to device"); truth_range("device-private", p, 8);
		mark("hmm cpu fault back"); readall(p, n * PG); truth_range("sys-after-fault", p, 4);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, n, "migrate to device again"); truth_range("device-private-2", p, 8);
		hmm_cmd(fd, HMM_DMIRROR_READ, p + 32 * PG, 8, "device read");
		hmm_cmd(fd1, HMM_DMIRROR_READ, p + 40 * PG, 8, "other device reads");
		mark("hmm fork while on device");
		pid_t c = fork(); if (!c) { readall(p, 16 * PG); touch(p + 16 * PG, 8 * PG); _exit(0); } child_wait(c);
		mark("hmm fork child exits without touching"); c = fork(); if (!c) _exit(0); child_wait(c);
		mark("hmm parent touches"); touch(p, 8 * PG);
		mark("hmm munmap while on device"); munmap(p, n * PG);
		// migrate of never-touched memory: device page without a system page
		p = map_anon(n * PG, 0);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 16, "migrate unpopulated to device"); truth_range("device-private-unpopulated", p, 4);
		readall(p, 8 * PG);
		munmap(p, n * PG);
#ifdef HMM_DMIRROR_MIGRATE_TO_SYS
		p = map_anon(n * PG, 0); touch(p, n * PG);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 16, "migrate to device 3");
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_SYS, p, 16, "migrate to system by ioctl");
		hmm_cmd(fd, HMM_DMIRROR_EXCLUSIVE, p, 8, "exclusive"); touch(p, 8 * PG);
		munmap(p, n * PG);
#endif
		// held in a pipe: GUP faults the page back first
		p = map_anon(n * PG, 0); touch(p, n * PG);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 8, "migrate to device 4");
		int pp[2]; if (!pipe(pp)) { struct iovec iv = { p, 4 * PG }; mark("hmm vmsplice of device pages"); note("vmsplice", vmsplice(pp[1], &iv, 1, 0)); 
			hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 4, "migrate of held pages (refused)"); close(pp[0]); close(pp[1]); }
		munmap(p, n * PG);
	}
	if (refleak) {
		int rfd = open("/dev/refleak", O_RDWR); struct refleak_cmd k = { 0 };
		char *p = map_anon(n * PG, 0); touch(p, n * PG);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 16, "migrate to device for leak");
		k.pfn = truth("leak-device-private-page", p + 2 * PG);
		mark("refleak GET_PFN on device-private page"); note("ioctl", ioctl(rfd, REFLEAK_GET_PFN_LEAK, &k));
		printf("{\"leak\":\"get_never_put\",\"pfn\":\"0x%llx\",\"function\":\"refleak_get_pfn_leak\",\"memory\":\"device-private\",\"net\":1,\"refcount_after\":%d}\n", (unsigned long long)k.pfn, k.refcount);
		k.pfn = truth("control-device-private-page", p + 3 * PG);
		mark("refleak CONTROL_PFN on device-private page"); note("ioctl", ioctl(rfd, REFLEAK_CONTROL_PFN, &k));
		printf("{\"control\":\"get_put_pair\",\"pfn\":\"0x%llx\",\"function\":\"refleak_control_pfn\",\"memory\":\"device-private\",\"net\":0,\"refcount_after\":%d}\n", (unsigned long long)k.pfn, k.refcount);
		fflush(stdout);
		mark("hmm munmap after leak"); munmap(p, n * PG); close(rfd);
	}
	close(fd); close(fd1);
}
static void w_coherent(int scale, const char *blk)
{
#ifndef HMM_DMIRROR_MIGRATE_TO_SYS
	die("no coherent type");
#else
	int fd = hmm_open(2); int n = 64;
	for (int r = 0; r < scale; r++) {
		char *p = map_anon(n * PG, 0); touch(p, n * PG);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, n, "migrate to coherent device"); truth_range("device-coherent", p, 8);
		mark("hmm cpu access to coherent pages"); touch(p, n * PG);
		mark("hmm fork on coherent"); pid_t c = fork(); if (!c) { touch(p, 8 * PG); _exit(0); } child_wait(c);
		touch(p, 4 * PG);
		int bfd = open(blk, O_RDONLY | O_DIRECT);
		mark("hmm odirect read into coherent"); note("pread", pread(bfd, p + 16 * PG, 8 * PG, 0)); close(bfd);
		int pp[2]; if (!pipe(pp)) { struct iovec iv = { p + 24 * PG, 4 * PG }; mark("hmm vmsplice coherent"); note("vmsplice", vmsplice(pp[1], &iv, 1, 0)); close(pp[0]); close(pp[1]); }
		struct io_uring ring;
		if (!io_uring_queue_init(4, &ring, 0)) {
			mark("hmm io_uring register (longterm migrates pages to system)");
			struct iovec fx = { p + 32 * PG, 4 * PG }; note("register_buffers", io_uring_register_buffers(&ring, &fx, 1)); truth_range("after-longterm", p + 32 * PG, 4);
			io_uring_queue_exit(&ring);
		}
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_SYS, p + 40 * PG, 8, "migrate coherent to system");
		mark("hmm munmap coherent"); munmap(p, n * PG);
	}
	close(fd);
#endif
}
static void w_hmmthp(int scale)
{
	int fd = hmm_open(0);
	for (int r = 0; r < scale; r++) {
		char *p = map_anon(HPG, 1); touch(p, HPG); truth("sys-thp", p);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 512, "migrate thp to device"); truth("device-thp-head", p); truth("device-thp-tail", p + PG);
		mark("hmm thp cpu fault back"); readall(p, HPG); truth("sys-thp-after", p);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 512, "migrate thp to device 2"); truth("device-thp-head-2", p);
		mark("hmm thp fork on device"); pid_t c = fork(); if (!c) { p[PG * 5] = 1; _exit(0); } child_wait(c);
		mark("hmm thp munmap on device"); munmap(p, HPG);
		p = map_anon(HPG, 1); touch(p, HPG);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 512, "migrate thp to device 3"); truth("device-thp-head-3", p);
		mark("hmm thp partial munmap on device (split)"); munmap(p + 128 * PG, 128 * PG);
		truth("device-thp-after-split", p); truth("device-thp-after-split-tail", p + PG);
		mark("hmm thp fault one page after split"); p[PG * 3] = 9;
		munmap(p, HPG);
		p = map_anon(HPG, 1); touch(p, HPG);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 64, "migrate part of a thp to device"); truth("device-part", p);
		munmap(p, HPG);
		p = map_anon(HPG, 1);
		hmm_cmd(fd, HMM_DMIRROR_MIGRATE_TO_DEV, p, 512, "migrate unpopulated thp range"); truth("device-thp-unpopulated", p);
		readall(p, PG); munmap(p, HPG);
	}
	close(fd);
}
#endif
static void w_p2p(const char *alloc, const char *blk)
{
	int fd = open(alloc, O_RDWR); if (fd < 0) die("open p2pmem allocate");
	for (int r = 0; r < 4; r++) {
		char *p = mmap(0, 16 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); if (p == MAP_FAILED) die("mmap p2pmem");
		mark("p2p %d touch", r); touch(p, 16 * PG); truth_range("p2pdma", p, 16);
		int b = open(blk, O_RDWR | O_DIRECT);
		mark("p2p %d odirect read", r); note("pread", pread(b, p, 8 * PG, 0));
		mark("p2p %d odirect write", r); note("pwrite", pwrite(b, p, 8 * PG, 65536)); close(b);
		mark("p2p %d fork", r); pid_t c = fork(); if (!c) { readall(p, 16 * PG); _exit(0); } child_wait(c);
		mark("p2p %d munmap", r); munmap(p, 16 * PG);
	}
	close(fd);
}
static void leak_json(const char *kind, const char *what, struct refleak_cmd *k, const char *fn, int net, const char *extra)
{
	printf("{\"%s\":\"%s\",\"pfn\":\"0x%llx\",\"function\":\"%s\",\"memory\":\"anon\",\"net\":%d,\"refcount_before\":%d,\"refcount_after\":%d%s}\n",
	       kind, what, (unsigned long long)k->pfn, fn, net, k->refcount_before, k->refcount, extra); fflush(stdout);
}
static void w_leaks(int scale)
{
	int fd = open("/dev/refleak", O_RDWR); if (fd < 0) die("open refleak");
	for (int r = 0; r < scale; r++) {
		char *p = map_anon(16 * PG, 0); touch(p, 16 * PG);
		struct refleak_cmd k;
		truth_range("leak-area", p, 16);
#define DO(op, pg) (memset(&k, 0, sizeof k), k.addr = (uintptr_t)(p + (pg) * PG), mark("refleak " #op " page %d", pg), ioctl(fd, op, &k))
		DO(REFLEAK_GET_USER_LEAK, 0); leak_json("leak", "get_never_put", &k, "refleak_get_user_leak", 1, "");
		DO(REFLEAK_CONTROL, 1); leak_json("control", "get_put_pair", &k, "refleak_control", 0, "");
		DO(REFLEAK_PIN_LEAK, 2); leak_json("leak", "pin_never_unpinned", &k, "refleak_pin_leak", 1024, ",\"pin_bias\":1024");
		DO(REFLEAK_PIN_CONTROL, 3); leak_json("control", "pin_unpin_pair", &k, "refleak_pin_control", 0, "");
		DO(REFLEAK_ALLOC_LEAK, 4); leak_json("leak", "alloc_never_freed", &k, "refleak_alloc_leak", 1, ",\"own_page\":true");
		DO(REFLEAK_UNDERFLOW, 5); leak_json("underflow", "count_below_zero", &k, "refleak_underflow", -2, ",\"own_page\":true,\"note\":\"alloc(1) dec(0) dec(-1) set(1) free(0): two decrements without a get, then repaired with set_page_count(1) and freed\"");
		DO(REFLEAK_OVERPUT_CONTROL, 6); leak_json("control", "alloc_get_put_put", &k, "refleak_overput_control", 0, ",\"own_page\":true,\"note\":\"alloc(1) get(2) put(1) free(0): correct, the last drop is the owner's __free_page\"");
		DO(REFLEAK_OVERPUT, 7); leak_json("overput", "one_put_too_many", &k, "refleak_overput", -1, ",\"own_page\":true,\"note\":\"alloc(1) get(2) put(1) put(0): freed while the owner still believes it holds the alloc reference; owner never uses or frees it again; by counts alone the same as the control alloc_get_put_put, only the call sites differ\"");
		mark("leak munmap"); munmap(p, 16 * PG);
	}
	close(fd);
}
static void w_large(const char *dir, int loops)
{
	char f[256];
	for (int r = 0; r < loops; r++) {
		if (r % 10 == 0) mark("large loop %d", r);
		for (int k = 0; k < 2; k++) {
			pid_t c = fork();
			if (!c) {
				snprintf(f, sizeof f, "%s/large%d", dir, k);
				int fd = open(f, O_RDWR | O_CREAT | O_TRUNC, 0600); if (fd < 0) _exit(1);
				wr(fd, 4 << 20); rd(fd, 4 << 20);
				char *p = mmap(0, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
				readall(p, 4 << 20); munmap(p, 4 << 20);
				char *a = map_anon(1 << 20, 0); touch(a, 1 << 20);
				pid_t g = fork();
				if (!g) { touch(a, 1 << 20); execl("/bin/busybox", "busybox", "true", (char *)0); _exit(0); }
				touch(a, 1 << 19); child_wait(g);
				if (ftruncate(fd, 1 << 20)) {}
				close(fd);
				_exit(0);
			}
		}
		while (wait(0) > 0) ;
	}
}
int main(int ac, char **av)
{
	marker = open("/sys/kernel/tracing/trace_marker", O_WRONLY);
	const char *w = ac > 1 ? av[1] : "";
	const char *a = ac > 2 ? av[2] : "", *b = ac > 3 ? av[3] : "";
	if (!strcmp(w, "anon")) w_anon(atoi(a));
	else if (!strcmp(w, "thp")) w_thp(atoi(a));
	else if (!strcmp(w, "pagecache")) w_pagecache(a, atoi(b));
	else if (!strcmp(w, "gup")) w_gup(a, atoi(b));
	else if (!strcmp(w, "compact")) w_compact(atoi(a));
	else if (!strcmp(w, "migrate")) w_migrate(atoi(a));
	else if (!strcmp(w, "fsdax")) w_fsdax(a, b, 0);
	else if (!strcmp(w, "fsdax-leak")) w_fsdax(a, b, 1);
	else if (!strcmp(w, "devdax")) w_devdax(a, b);
#ifdef HAVE_HMM
	else if (!strcmp(w, "private")) w_private(atoi(a), 0);
	else if (!strcmp(w, "private-leak")) w_private(atoi(a), 1);
	else if (!strcmp(w, "coherent")) w_coherent(atoi(a), b);
	else if (!strcmp(w, "hmmthp")) w_hmmthp(atoi(a));
#endif
	else if (!strcmp(w, "p2p")) w_p2p(a, b);
	else if (!strcmp(w, "leaks")) w_leaks(atoi(a));
	else if (!strcmp(w, "large")) w_large(a, atoi(b));
	else { fprintf(stderr, "unknown workload\n"); return 1; }
	return 0;
}
