/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daxtruncate.pml - get_user_pages_fast against unmap and truncate on fs-dax,
 * under either convention for the count of an idle device page.
 *
 * -DBASE=1  one-based: a page nobody uses has count 1; a mapping adds nothing
 *           (fs-dax before v6.15)
 * -DBASE=0  zero-based: a page nobody uses has count 0; a mapping holds one
 *           reference (from v6.15)
 * -DIDLE=n  the count truncate takes for "idle" (default BASE; give the other
 *           value to see what mixing the conventions does)
 *
 * Threads
 *   gup       read PTE; take reference (unless 0); read PTE again; DMA; put
 *   fault     invalidate lock shared; PTE lock; get block; set PTE; unlock
 *   unmap     PTE lock; clear PTE; unlock; drop the mapping's reference
 *   truncate  invalidate lock exclusive; clear PTEs; look for a busy page;
 *             queue on its wait queue; look at the count again; while busy:
 *             unlock, sleep, lock; once idle clear and look from the start;
 *             with no page busy give the blocks back to the file system
 *   exit      when all but truncate are done, unmap what is still mapped
 *             (-DEXIT=0 leaves it out: the mapping then outlives the run)
 *
 * Checked:  no block is given back while a gup reference that passed its
 *           recheck, or a PTE, still reaches it; a zero-based count never
 *           drops below 0; truncate is never left asleep (end state).
 *
 * -DNPAGES=n (default 1, at most 4)  -DNGUP=n (2)  -DNFAULT=n (1)
 * -DNUNMAP=n (1)   -DROUNDS=n  passes of each gup/fault/unmap thread (2)
 * -DTROUNDS=n passes of truncate (1)
 * -DBUG=1  gup does not read the PTE a second time (shows with BASE=1; with
 *          BASE=0 the refusal of a count of 0 already hides it)
 * -DBUG=2  the last put does not wake the sleeper
 * -DBUG=3  truncate does not look at the count again once it has queued
 *
 * -DBASE=0 -DEXIT=0 ends with truncate asleep: the page is faulted in again
 * while truncate sleeps without the invalidate lock, so that the last DMA
 * reference leaves the count at 1, not 0, and nobody wakes the sleeper.
 * -DBASE=1 -DEXIT=0 does not: a mapping adds nothing to a one-based count.
 *
 * Spin's own bookkeeping is left out: the processes are `active` from the
 * start, so that there is no init process (one state and two transitions less
 * than with one), and what is stored is what the protocol can do.
 */
#ifndef EXIT
#define EXIT 1
#endif
#ifndef BASE
#define BASE 0
#endif
#ifndef IDLE
#define IDLE BASE
#endif
#ifndef NPAGES
#define NPAGES 1
#endif
#ifndef NGUP
#define NGUP 2
#endif
#ifndef NFAULT
#define NFAULT 1
#endif
#ifndef NUNMAP
#define NUNMAP 1
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef TROUNDS
#define TROUNDS 1
#endif
#ifndef BUG
#define BUG 0
#endif

byte count[NPAGES] = BASE;      /* struct page reference count           */
bool pte[NPAGES];               /* the page is mapped                    */
bool block[NPAGES];             /* the page's block belongs to the file  */
bool queued[NPAGES];            /* truncate waits on the page            */
bool woken;
byte readers;                   /* invalidate lock, shared               */
bool writer;                    /* invalidate lock, exclusive            */
bool ptlock;
byte pins[NPAGES];              /* ghost: gup references past the recheck */
byte finished;                  /* threads done, for the exit thread     */

inline any_page(v)
{
	if
	:: v = 0
#if NPAGES > 1
	:: v = 1
#endif
#if NPAGES > 2
	:: v = 2
#endif
#if NPAGES > 3
	:: v = 3
#endif
	fi
}

#define DROP(p)	assert(count[p] > BASE); count[p]--

/* Spin ends an atomic sequence before a bare jump, which makes the jump a
 * step of its own; an assignment in front keeps it inside the step. */
#define JUMP(label)	p = p; goto label
#define STAY		p = p

/* A finished thread stays at endout (a valid end state) rather than dying:
 * that too would be a step. */

#if BUG == 2
#define WAKE(p)	STAY
#else
#define WAKE(p)	if :: queued[p] -> woken = true :: else -> STAY fi
#endif

active [NGUP] proctype gup()
{
	byte p = 0, n = 0;
	bool pinned = false;

next:	if
	:: atomic { n < ROUNDS -> n++; any_page(p);
		if
		:: pte[p] -> JUMP(take)
		:: else -> p = 0; goto next
		fi }
	:: atomic { n == ROUNDS -> finished++; n = 0; goto endout }
	fi;
take:	atomic {
		if
#if BASE == 0
		:: count[p] == 0 -> p = 0; goto next
#endif
		:: else -> count[p]++; JUMP(recheck)
		fi };
recheck:
#if BUG != 1
	atomic {
		if
		:: pte[p] -> pins[p]++; pinned = true; goto dma
		:: else -> JUMP(drop)
		fi };
#else
	atomic { pins[p]++; pinned = true; goto dma };
#endif
dma:	atomic { assert(block[p]); JUMP(drop) };
drop:	atomic {
		if
		:: pinned -> pins[p]--; pinned = false
		:: else -> STAY
		fi;
		DROP(p);
		if
		:: count[p] == BASE -> JUMP(wake)
		:: else -> p = 0; goto next
		fi };
wake:	atomic { WAKE(p); p = 0; goto next };
endout:	false
}

active [NFAULT] proctype fault()
{
	byte p = 0, n = 0;

next:	if
	:: atomic { n < ROUNDS && !writer -> readers++; n++; any_page(p) }
	:: atomic { n == ROUNDS -> finished++; n = 0; goto endout }
	fi;
	atomic { !ptlock -> ptlock = true };
	atomic {
		if
		:: pte[p] -> JUMP(unlock)
		:: else -> STAY
		fi };
	block[p] = true;
#if BASE == 0
	count[p]++;
#endif
	pte[p] = true;
unlock:	ptlock = false;
	atomic { readers--; p = 0; goto next };
endout:	false
}

active [NUNMAP] proctype unmap()
{
	byte p = 0, n = 0;
	bool was = false;

next:	if
	:: atomic { n < ROUNDS && !ptlock -> ptlock = true; n++; any_page(p) }
	:: atomic { n == ROUNDS -> finished++; n = 0; goto endout }
	fi;
	atomic { was = pte[p]; pte[p] = false };
	atomic { ptlock = false;
		if
		:: was && BASE == 0 -> was = false; goto drop
		:: else -> was = false; p = 0; goto next
		fi };
drop:	atomic { DROP(p);
		if
		:: count[p] == BASE -> JUMP(wake)
		:: else -> p = 0; goto next
		fi };
wake:	atomic { WAKE(p); p = 0; goto next };
endout:	false
}

#define ZAPPED	if :: p + 1 < NPAGES -> p++; goto zap :: else -> p = 0; goto scan fi

active proctype truncate()
{
	byte p = 0, n = 0;
	bool was = false;

next:	atomic { !writer && readers == 0 -> writer = true };

	/* clear every PTE, dropping what the mappings hold */
zap:	atomic { !ptlock -> ptlock = true };
	atomic { was = pte[p]; pte[p] = false };
	atomic { ptlock = false;
		if
		:: was && BASE == 0 -> was = false; goto drop
		:: else -> was = false; ZAPPED
		fi };
drop:	atomic { DROP(p); ZAPPED };

	/* is a page busy?  (the kernel's scan takes the mapcount off first; under
	 * the lock and after the zap that is 0, so the plain count will do) */
scan:	atomic {
		if
		:: count[p] != IDLE -> JUMP(queue)
		:: else ->
			if
			:: p + 1 < NPAGES -> p++; goto scan
			:: else -> p = 0; goto give_back
			fi
		fi };

	/* wait for this one */
queue:	atomic { queued[p] = true; woken = false;
#if BUG == 3
		goto busy
#endif
		};
	atomic {
		if
		:: count[p] == IDLE -> queued[p] = false; p = 0; goto zap
		:: else -> JUMP(busy)
		fi };
busy:	writer = false;
	atomic { woken -> woken = false; queued[p] = false };
#if BUG == 3
	atomic { !writer && readers == 0 -> writer = true; p = 0; goto zap };
#else
	atomic { !writer && readers == 0 -> writer = true; JUMP(queue) };
#endif

	/* idle: the blocks go back to the file system */
give_back:
	atomic { assert(pins[p] == 0); assert(!pte[p]); block[p] = false;
		if
		:: p + 1 < NPAGES -> p++; goto give_back
		:: else -> p = 0
		fi };
	atomic { writer = false; n++;
		if
		:: n < TROUNDS -> JUMP(next)
		:: else -> n = 0
		fi };
endout:	false
}

#if EXIT
#define NOTHERS (NGUP + NFAULT + NUNMAP)
#define EXITED	if :: p + 1 < NPAGES -> p++; goto next :: else -> p = 0; goto endout fi

active proctype exit_mm()
{
	byte p = 0;
	bool was = false;

	finished == NOTHERS;
next:	atomic { !ptlock -> ptlock = true };
	atomic { was = pte[p]; pte[p] = false };
	atomic { ptlock = false;
		if
		:: was && BASE == 0 -> was = false; goto drop
		:: else -> was = false; EXITED
		fi };
drop:	atomic { DROP(p);
		if
		:: count[p] == BASE -> JUMP(wake)
		:: else -> EXITED
		fi };
wake:	atomic { WAKE(p); EXITED };
endout:	false
}
#endif
