/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refcount.pml - page reference count against the page allocator.
 *
 * Every shared-memory operation is one step; thread-local work rides along
 * with the shared operation before it (one atomic{} = one step).  The same
 * grain is meant for the TypeScript version, so that the two state spaces
 * can be compared number for number.
 *
 * Threads loop for ever over: allocate a page / try_get any page / get a
 * further reference / put.
 *
 *   alloc    zone lock; take lowest free page; unlock; set count 0 -> 1
 *   try_get  read count; compare-and-swap count -> count+1 unless it is 0
 *   put      decrement-and-test; on 0: zone lock; give page back; unlock
 *
 * Checked:  a successful get never lands on a page the allocator owns;
 *           no page is given back twice; no holder sees a count of 0.
 *
 * -DNPAGES=n   pages               (default 2, at most 4)
 * -DNTHREADS=n threads             (default 2)
 * -DHOLDS=n    references a thread may hold on its page (default 1)
 * -DBUG=1      try_get increments without looking at 0
 * -DBUG=2      put decrements and tests in two steps
 *
 * Spin's own bookkeeping is left out: the processes are `active` from the
 * start, so that there is no init process (one state and two transitions less
 * than with one), and what is stored is what the protocol can do.
 */
#ifndef NPAGES
#define NPAGES 2
#endif
#ifndef NTHREADS
#define NTHREADS 2
#endif
#ifndef HOLDS
#define HOLDS 1
#endif
#ifndef BUG
#define BUG 0
#endif

#define NONE 7

/* Spin ends an atomic sequence before a bare jump, which makes the jump a
 * step of its own; an assignment in front keeps it inside the step. */
#define JUMP(label)	old = old; goto label
#define STAY		old = old

byte count[NPAGES];             /* struct page reference count          */
bool inbuddy[NPAGES] = true;    /* page lies on the allocator's list    */
bool zlock;                     /* zone lock                            */

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

inline lowest_free(v)
{
	if
	:: inbuddy[0] -> v = 0
#if NPAGES > 1
	:: !inbuddy[0] && inbuddy[1] -> v = 1
#endif
#if NPAGES > 2
	:: !inbuddy[0] && !inbuddy[1] && inbuddy[2] -> v = 2
#endif
#if NPAGES > 3
	:: !inbuddy[0] && !inbuddy[1] && !inbuddy[2] && inbuddy[3] -> v = 3
#endif
	:: else -> v = NONE
	fi
}

active [NTHREADS] proctype worker()
{
	byte p = 0;             /* the page this thread works on        */
	byte held = 0;          /* references it holds on that page     */
	byte old = 0;           /* value the compare-and-swap expects   */

idle:	if
	:: atomic { !zlock -> zlock = true; goto rmqueue }
	:: atomic { true -> any_page(p); old = count[p];
		if
		:: BUG != 1 && old == 0 -> p = 0; goto idle
		:: else -> JUMP(cas)
		fi }
	fi;

	/* ---- alloc -------------------------------------------------- */
rmqueue:atomic { lowest_free(p);
		if
		:: p != NONE -> inbuddy[p] = false
		:: else -> STAY
		fi };
	atomic { zlock = false;
		if
		:: p == NONE -> p = 0; goto idle
		:: else -> STAY
		fi };
	atomic { assert(count[p] == 0); count[p] = 1; held = 1;
		goto holding };

	/* ---- try_get ------------------------------------------------ */
cas:	atomic {
		if
		:: count[p] == old -> count[p] = old + 1; old = 0; held = 1;
			assert(!inbuddy[p]); JUMP(holding)
		:: else -> old = count[p];
			if
			:: BUG != 1 && old == 0 -> p = 0; goto idle
			:: else -> JUMP(cas)
			fi
		fi };

	/* ---- a holder: one more reference, or drop one ---------------- */
holding:if
	:: atomic { held < HOLDS -> assert(count[p] > 0 && !inbuddy[p]);
		count[p]++; held++; goto holding }
	:: atomic { true -> assert(count[p] > 0 && !inbuddy[p]);
		count[p]--; held--;
#if BUG != 2
		if
		:: count[p] == 0 -> JUMP(give_back)
		:: held > 0 -> JUMP(holding)
		:: else -> p = 0; goto idle
		fi
#endif
		}
	fi;
#if BUG == 2
	atomic {
		if
		:: count[p] == 0 -> JUMP(give_back)
		:: held > 0 -> JUMP(holding)
		:: else -> p = 0; goto idle
		fi };
#endif

	/* ---- last reference gone ------------------------------------- */
give_back:
	atomic { !zlock -> zlock = true };
	atomic { assert(!inbuddy[p]); assert(count[p] == 0);
		inbuddy[p] = true };
	atomic { zlock = false; p = 0; goto idle }
}
