// SPDX-License-Identifier: GPL-2.0-only
#ifndef REFLEAK_H
#define REFLEAK_H
#include <linux/types.h>
#include <linux/ioctl.h>
/* pfn: of the page that counts, the first of a large one */
struct refleak_cmd { __u64 addr; __u64 pfn; __s32 refcount; __s32 refcount_before; };
#define REFLEAK_GET_USER_LEAK	_IOWR('L', 1, struct refleak_cmd)
#define REFLEAK_PIN_LEAK	_IOWR('L', 2, struct refleak_cmd)
#define REFLEAK_OVERPUT		_IOWR('L', 3, struct refleak_cmd)
#define REFLEAK_CONTROL		_IOWR('L', 4, struct refleak_cmd)
#define REFLEAK_PIN_CONTROL	_IOWR('L', 5, struct refleak_cmd)
#define REFLEAK_GET_PFN_LEAK	_IOWR('L', 6, struct refleak_cmd)
#define REFLEAK_CONTROL_PFN	_IOWR('L', 7, struct refleak_cmd)
#define REFLEAK_ALLOC_LEAK	_IOWR('L', 8, struct refleak_cmd)
#define REFLEAK_OVERPUT_CONTROL	_IOWR('L', 9, struct refleak_cmd)
#define REFLEAK_UNDERFLOW	_IOWR('L', 10, struct refleak_cmd)
#define REFLEAK_SOMETIMES	_IOWR('L', 11, struct refleak_cmd)	/* pfn: 1 to forget */
#define REFLEAK_SKIP_UNPIN	_IOWR('L', 12, struct refleak_cmd)	/* 8 pages */
#define REFLEAK_REMEMBER	_IOWR('L', 13, struct refleak_cmd)
#define REFLEAK_LOOKUP		_IOWR('L', 14, struct refleak_cmd)	/* addr: a file descriptor */
#define REFLEAK_ALLOC_LARGE	_IOWR('L', 15, struct refleak_cmd)
#define REFLEAK_BY_WORKER	_IOWR('L', 16, struct refleak_cmd)
#endif
