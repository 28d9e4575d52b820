// SPDX-License-Identifier: GPL-2.0-only
/**
 * Error numbers that are returned here.
 *
 * Upstream: include/uapi/asm-generic/errno-base.h, errno.h, include/linux/errno.h (7.3).
 * Modelled: the values. Left out: the rest.
 */
export const ENOMEM = 12;
export const EAGAIN = 11;
export const EFAULT = 14;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EOPNOTSUPP = 95;
export const ERESTARTSYS = 512;
