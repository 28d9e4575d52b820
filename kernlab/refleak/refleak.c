// SPDX-License-Identifier: GPL-2.0-only
/* Deliberate page reference mistakes with known ground truth. Test use only. */
#include <linux/module.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/memremap.h>
#include <linux/uaccess.h>
#include "refleak.h"

static noinline long refleak_get_user_leak(struct refleak_cmd *c)
{
	struct page *p;
	long n = get_user_pages_fast(c->addr & PAGE_MASK, 1, FOLL_WRITE, &p);

	if (n != 1)
		return n < 0 ? n : -EFAULT;
	c->pfn = page_to_pfn(p);
	c->refcount_before = page_ref_count(p) - 1;
	get_page(p);		/* LEAK: never put */
	put_page(p);		/* drops the one of get_user_pages_fast */
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_control(struct refleak_cmd *c)
{
	struct page *p;
	long n = get_user_pages_fast(c->addr & PAGE_MASK, 1, FOLL_WRITE, &p);

	if (n != 1)
		return n < 0 ? n : -EFAULT;
	c->pfn = page_to_pfn(p);
	c->refcount_before = page_ref_count(p) - 1;
	get_page(p);
	put_page(p);
	put_page(p);
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_pin_leak(struct refleak_cmd *c)
{
	struct page *p;
	long n = pin_user_pages_fast(c->addr & PAGE_MASK, 1, FOLL_WRITE | FOLL_LONGTERM, &p);

	if (n != 1)
		return n < 0 ? n : -EFAULT;
	c->pfn = page_to_pfn(p);
	c->refcount_before = -1;
	c->refcount = page_ref_count(p);
	return 0;		/* LEAK: never unpinned */
}

static noinline long refleak_pin_control(struct refleak_cmd *c)
{
	struct page *p;
	long n = pin_user_pages_fast(c->addr & PAGE_MASK, 1, FOLL_WRITE | FOLL_LONGTERM, &p);

	if (n != 1)
		return n < 0 ? n : -EFAULT;
	c->pfn = page_to_pfn(p);
	c->refcount_before = -1;
	unpin_user_page(p);
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_overput(struct refleak_cmd *c)
{
	struct page *p = alloc_page(GFP_HIGHUSER);

	if (!p)
		return -ENOMEM;
	c->pfn = page_to_pfn(p);
	c->refcount_before = page_ref_count(p);
	get_page(p);		/* 2 */
	put_page(p);		/* 1: the pair of the get */
	put_page(p);		/* 0: ONE TOO MANY, frees the owner's page */
	c->refcount = 0;	/* the page is gone: never looked at again */
	return 0;
}

static noinline long refleak_underflow(struct refleak_cmd *c)
{
	struct page *p = alloc_page(GFP_HIGHUSER);

	if (!p)
		return -ENOMEM;
	c->pfn = page_to_pfn(p);
	c->refcount_before = page_ref_count(p);
	page_ref_dec(p);	/* 0, without freeing */
	page_ref_dec(p);	/* -1: UNDERFLOW */
	c->refcount = page_ref_count(p);
	set_page_count(p, 1);	/* repair, so that the kernel survives */
	__free_page(p);
	return 0;
}

static noinline long refleak_overput_control(struct refleak_cmd *c)
{
	struct page *p = alloc_page(GFP_HIGHUSER);

	if (!p)
		return -ENOMEM;
	c->pfn = page_to_pfn(p);
	c->refcount_before = page_ref_count(p);
	get_page(p);
	put_page(p);
	__free_page(p);		/* the owner's own reference */
	c->refcount = 0;
	return 0;
}

static noinline long refleak_alloc_leak(struct refleak_cmd *c)
{
	struct page *p = alloc_page(GFP_HIGHUSER);

	if (!p)
		return -ENOMEM;
	c->pfn = page_to_pfn(p);
	c->refcount_before = 0;
	c->refcount = page_ref_count(p);
	return 0;		/* LEAK: pointer dropped */
}

static noinline long refleak_get_pfn_leak(struct refleak_cmd *c)
{
	struct page *p = pfn_to_page(c->pfn);

	c->refcount_before = page_ref_count(p);
	get_page(p);		/* LEAK: never put */
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_control_pfn(struct refleak_cmd *c)
{
	struct page *p = pfn_to_page(c->pfn);

	c->refcount_before = page_ref_count(p);
	get_page(p);
	put_page(p);
	c->refcount = page_ref_count(p);
	return 0;
}

static long refleak_ioctl(struct file *f, unsigned int op, unsigned long arg)
{
	struct refleak_cmd c;
	long r;

	if (copy_from_user(&c, (void __user *)arg, sizeof(c)))
		return -EFAULT;
	switch (op) {
	case REFLEAK_GET_USER_LEAK:	r = refleak_get_user_leak(&c); break;
	case REFLEAK_PIN_LEAK:		r = refleak_pin_leak(&c); break;
	case REFLEAK_OVERPUT:		r = refleak_overput(&c); break;
	case REFLEAK_CONTROL:		r = refleak_control(&c); break;
	case REFLEAK_PIN_CONTROL:	r = refleak_pin_control(&c); break;
	case REFLEAK_GET_PFN_LEAK:	r = refleak_get_pfn_leak(&c); break;
	case REFLEAK_CONTROL_PFN:	r = refleak_control_pfn(&c); break;
	case REFLEAK_ALLOC_LEAK:	r = refleak_alloc_leak(&c); break;
	case REFLEAK_OVERPUT_CONTROL:	r = refleak_overput_control(&c); break;
	case REFLEAK_UNDERFLOW:		r = refleak_underflow(&c); break;
	default:			return -ENOTTY;
	}
	if (!r && copy_to_user((void __user *)arg, &c, sizeof(c)))
		return -EFAULT;
	return r;
}

static const struct file_operations refleak_fops = { .owner = THIS_MODULE, .unlocked_ioctl = refleak_ioctl };
static struct miscdevice refleak_dev = { .minor = MISC_DYNAMIC_MINOR, .name = "refleak", .fops = &refleak_fops };

static int __init refleak_init(void) { return misc_register(&refleak_dev); }
static void __exit refleak_exit(void) { misc_deregister(&refleak_dev); }
module_init(refleak_init);
module_exit(refleak_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("page reference leaks with known ground truth");
