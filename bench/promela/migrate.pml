/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.pml - a device-private page: a CPU fault migrates it back while the
 * parent forks, the driver takes and drops references, and the child exits.
 *
 * One device page and one system page per address.  Each present or
 * device-private PTE holds one reference on its page; a migration entry holds
 * none (the migrating thread holds the page instead).
 *
 * Threads
 *   fault   PTE lock; device PTE? try the page lock, take a reference, unlock;
 *           collect  own PTE -> migration entry, taking one more reference
 *           unmap    every mm's device PTE -> migration entry, parent first
 *           freeze   count 2 -> 0: nobody but this thread holds the page
 *           restore  every mm's migration entry -> system PTE (or, where the
 *                    freeze failed, device PTE), parent first
 *           unlock the page; free it, or drop both references; fault again
 *   fork    both PTE locks; copy parent's PTEs, taking references
 *   driver  try_get the device page; write through it; drop it
 *   exit    after the fork: clear an mm's PTEs, dropping references
 *
 * Checked: no get on a page its allocator owns; no page goes back twice or
 *          with a PTE left; at the end every count equals the PTEs that reach
 *          the page; no migration entry outlives the page lock; no driver
 *          write lands on a page already copied away; no thread hangs.
 *
 * -DNADDR=n (addresses, default 1, at most 3)
 * -DNPFAULT=n faulting threads of the parent (1)  -DNCFAULT=n of the child (1)
 * -DNDRV=n driver threads (1)  -DROUNDS=n gets per driver thread (1)
 * -DNEXIT=n mms that exit: 0, 1 (child) or 2 (both, the default)
 * -DBUG=1 restore walks the child first (fork copies a migration entry behind
 *         the walk)
 * -DBUG=2 fork copies a device PTE without taking a reference
 * -DBUG=3 the count is compared with 2, not frozen (a driver reference taken
 *         after the comparison writes to a page already copied)
 *
 * Spin's own bookkeeping is left out: the processes are `active` from the
 * start, so that there is no init process (one state and two transitions less
 * than with one), and what is stored is what the protocol can do.
 */
#ifndef NADDR
#define NADDR 1
#endif
#ifndef NPFAULT
#define NPFAULT 1
#endif
#ifndef NCFAULT
#define NCFAULT 1
#endif
#ifndef NDRV
#define NDRV 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef NEXIT
#define NEXIT 2
#endif
#ifndef BUG
#define BUG 0
#endif

#define NONE 0                  /* PTE values */
#define DEV  1
#define MIG  2
#define SYS  3

#define PARENT 0
#define CHILD  1
#define PTE(m, a) pte[(m) * NADDR + (a)]

#if NADDR == 1
byte pte[2] = { DEV, NONE };
#elif NADDR == 2
byte pte[4] = { DEV, DEV, NONE, NONE };
#else
byte pte[6] = { DEV, DEV, DEV, NONE, NONE, NONE };
#endif
bool ptl[2];                    /* PTE lock of each mm                  */
byte dcount[NADDR] = 1;         /* device page: reference count         */
byte dmap[NADDR] = 1;           /*              mapcount                */
bool dlock[NADDR];              /*              page lock               */
bool dfree[NADDR];              /*              back with the driver    */
byte scount[NADDR];             /* system page: reference count         */
bool sfree[NADDR] = true;       /*              back with the allocator */
bool moved[NADDR];              /* ghost: contents copied away          */
bool forked;
byte finished;

/* Spin ends an atomic sequence before a bare jump, which makes the jump a
 * step of its own; an assignment in front keeps it inside the step. */
#define JUMP(label)	a = a; goto label
#define STAY		a = a

/* A finished thread stays at endout (a valid end state) rather than dying:
 * that too would be a step. */

#define NTHREADS (NPFAULT + NCFAULT + NDRV + 1 + NEXIT)

inline any_addr(v)
{
	if
	:: v = 0
#if NADDR > 1
	:: v = 1
#endif
#if NADDR > 2
	:: v = 2
#endif
	fi
}

/* drop a reference on the device page; the last one frees it */
inline drop_dev(a)
{
	assert(dcount[a] > 0);
	dcount[a]--;
	if
	:: dcount[a] == 0 ->
		assert(!dfree[a]); assert(dmap[a] == 0);
		assert(PTE(PARENT, a) != DEV && PTE(CHILD, a) != DEV);
		dfree[a] = true
	:: else -> a = a
	fi
}

inline drop_sys(a)
{
	assert(scount[a] > 0);
	scount[a]--;
	if
	:: scount[a] == 0 ->
		assert(!sfree[a]);
		assert(PTE(PARENT, a) != SYS && PTE(CHILD, a) != SYS);
		sfree[a] = true
	:: else -> a = a
	fi
}

#define mm (_pid < NPFAULT -> PARENT : CHILD)

active [NPFAULT + NCFAULT] proctype fault()
{
	byte a = 0, m = 0;
	bool good = false;

	atomic { mm == PARENT || forked -> any_addr(a) };

again:	atomic { !ptl[mm] -> ptl[mm] = true };
	atomic {
		if
		:: PTE(mm, a) == DEV -> JUMP(trylock)
		:: PTE(mm, a) == MIG -> JUMP(wait)
		:: else -> JUMP(out)
		fi };
wait:	ptl[mm] = false;
	atomic { PTE(mm, a) != MIG -> JUMP(again) };
out:	atomic { ptl[mm] = false; JUMP(done) };

trylock:atomic {
		if
		:: dlock[a] -> JUMP(busy)
		:: else -> dlock[a] = true; JUMP(get)
		fi };
busy:	ptl[mm] = false;
	atomic { !dlock[a] -> JUMP(again) };
get:	atomic { assert(dcount[a] > 0 && !dfree[a]); dcount[a]++ };
	ptl[mm] = false;

	/* collect: this mm's PTE */
	atomic { !ptl[mm] -> ptl[mm] = true };
	atomic {
		if
		:: PTE(mm, a) == DEV -> JUMP(isolate)
		:: else -> JUMP(lost)
		fi };
lost:	atomic { ptl[mm] = false; JUMP(unlock1) };
isolate:dcount[a]++;
	PTE(mm, a) = MIG;
	dmap[a]--;
	atomic { drop_dev(a) };
	atomic { ptl[mm] = false; m = PARENT };

	/* unmap: the other PTEs, parent first */
unmap:	atomic { !ptl[m] -> ptl[m] = true };
	atomic {
		if
		:: PTE(m, a) == DEV -> PTE(m, a) = MIG; JUMP(unmapdec)
		:: else -> JUMP(unmapped)
		fi };
unmapdec:dmap[a]--;
	atomic { drop_dev(a) };
unmapped:atomic { ptl[m] = false;
		if
		:: m == PARENT -> m = CHILD; goto unmap
		:: else -> m = PARENT
		fi };

	/* freeze: only the fault's and the isolation's reference left? */
	atomic {
		if
		:: dcount[a] == 2 && dmap[a] == 0 -> good = true;
#if BUG != 3
			dcount[a] = 0;
#endif
			JUMP(copy)
#if BUG == 1
		:: else -> m = CHILD; goto restore
#else
		:: else -> JUMP(restore)
#endif
		fi };
copy:	atomic { assert(sfree[a]); assert(scount[a] == 0);
		sfree[a] = false; scount[a] = 1; moved[a] = true;
#if BUG == 1
		m = CHILD
#endif
		};

	/* restore: turn every migration entry back */
restore:atomic { !ptl[m] -> ptl[m] = true };
	atomic {
		if
		:: PTE(m, a) != MIG -> JUMP(rnext)
		:: PTE(m, a) == MIG && good -> JUMP(rsys)
		:: else -> JUMP(rdev)
		fi };
rsys:	scount[a]++;
	atomic { PTE(m, a) = SYS; JUMP(rnext) };
rdev:	dcount[a]++;
	dmap[a]++;
	PTE(m, a) = DEV;
rnext:	atomic { ptl[m] = false;
		if
#if BUG == 1
		:: m == CHILD -> m = PARENT; goto restore
#else
		:: m == PARENT -> m = CHILD; goto restore
#endif
		:: else -> m = PARENT;
			if
			:: good -> JUMP(putsys)
			:: else -> JUMP(unlock2)
			fi
		fi };

	/* done with both pages */
putsys:	atomic { drop_sys(a) };
unlock2:atomic { assert(PTE(PARENT, a) != MIG && PTE(CHILD, a) != MIG);
		dlock[a] = false;
		if
		:: good && BUG != 3 -> good = false; goto give_back
		:: else -> good = false
		fi };
	atomic { drop_dev(a) };
	atomic { drop_dev(a); JUMP(again) };

give_back:
	atomic { assert(dcount[a] == 0); assert(!dfree[a]);
		assert(PTE(PARENT, a) != DEV && PTE(CHILD, a) != DEV);
		dfree[a] = true; JUMP(again) };

unlock1:dlock[a] = false;
	atomic { drop_dev(a); JUMP(again) };

done:	atomic { finished++; a = 0 };
endout:	false
}

#undef mm

active proctype fork()
{
	byte a = 0, v = 0;

next:	atomic { !ptl[PARENT] -> ptl[PARENT] = true };
	atomic { !ptl[CHILD] -> ptl[CHILD] = true };
	atomic { v = PTE(PARENT, a);
		if
		:: v == DEV -> v = 0; goto dev
		:: v == MIG -> v = 0; goto mig
		:: v == SYS -> v = 0; goto sys
		fi };
dev:
#if BUG != 2
	atomic { assert(dcount[a] > 0 && !dfree[a]); dcount[a]++ };
#endif
	dmap[a]++;
	atomic { PTE(CHILD, a) = DEV; JUMP(copied) };
mig:	atomic { PTE(CHILD, a) = MIG; JUMP(copied) };
sys:	atomic { assert(scount[a] > 0 && !sfree[a]); scount[a]++ };
	atomic { PTE(CHILD, a) = SYS; JUMP(copied) };
copied:	ptl[CHILD] = false;
	atomic { ptl[PARENT] = false;
		if
		:: a + 1 < NADDR -> a++; goto next
		:: else -> a = 0
		fi };
	forked = true;
	finished++;
endout:	false
}

active [NDRV] proctype driver()
{
	byte a = 0, n = 0, old = 0;

next:	if
	:: atomic { n < ROUNDS -> n++; any_addr(a); old = dcount[a];
		if
		:: old == 0 -> a = 0; goto next
		:: else -> JUMP(cas)
		fi }
	:: atomic { n == ROUNDS -> finished++; n = 0; goto endout }
	fi;
cas:	atomic {
		if
		:: dcount[a] == old -> assert(!dfree[a]); dcount[a] = old + 1;
			old = 0; goto use
		:: else -> old = dcount[a];
			if
			:: old == 0 -> a = 0; goto next
			:: else -> JUMP(cas)
			fi
		fi };
use:	atomic { assert(dcount[a] > 0 && !dfree[a] && !moved[a]) };
	atomic { drop_dev(a); a = 0; goto next };
endout:	false
}

#define EXITED	if :: a + 1 < NADDR -> a++; goto next :: else -> a = 0; goto done fi

#if NEXIT > 0
#define mm (_pid == NPFAULT + NCFAULT + NDRV + 1 -> CHILD : PARENT)

active [NEXIT] proctype exit_mm()
{
	byte a = 0, v = 0;

	forked;
next:	atomic { !ptl[mm] -> ptl[mm] = true };
	atomic { v = PTE(mm, a); PTE(mm, a) = NONE;
		if
		:: v == DEV -> JUMP(unmapdec)
		:: else -> JUMP(unlock)
		fi };
unmapdec:dmap[a]--;
unlock:	atomic { ptl[mm] = false;
		if
		:: v == DEV -> v = 0; goto dropdev
		:: v == SYS -> v = 0; goto dropsys
		:: else -> v = 0; EXITED
		fi };
dropdev:atomic { drop_dev(a); EXITED };
dropsys:atomic { drop_sys(a); EXITED };
done:	finished++;
endout:	false
}
#undef mm
#endif

/* when all have finished: every count is what reaches the page */
active proctype at_end()
{
	byte i = 0, dev = 0, sys = 0;

	atomic { finished == NTHREADS -> i = 0;
		do
		:: i < NADDR ->
			assert(PTE(PARENT, i) != MIG && PTE(CHILD, i) != MIG);
			dev = (PTE(PARENT, i) == DEV -> 1 : 0) +
			      (PTE(CHILD, i) == DEV -> 1 : 0);
			sys = (PTE(PARENT, i) == SYS -> 1 : 0) +
			      (PTE(CHILD, i) == SYS -> 1 : 0);
			assert(dcount[i] == dev && dmap[i] == dev);
			assert(dfree[i] == (dev == 0));
			assert(scount[i] == sys && sfree[i] == (sys == 0));
			assert(!dlock[i]);
			i++
		:: else -> i = 0; dev = 0; sys = 0; break
		od };
endout:	false
}
