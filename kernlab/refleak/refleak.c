// SPDX-License-Identifier: GPL-2.0-only
/* Deliberate page reference mistakes with known ground truth. Test use only. */
#include <linux/module.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/memremap.h>
#include <linux/pagemap.h>
#include <linux/file.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <linux/uaccess.h>
#include "refleak.h"

/* part of who calls it: no stack shows it */
static __always_inline long refleak_get(struct refleak_cmd *c, unsigned int flags, struct page **p)
{
	long n = get_user_pages_fast(c->addr & PAGE_MASK, 1, flags, p);

	if (n != 1)
		return n < 0 ? n : -EFAULT;
	c->pfn = page_to_pfn(compound_head(*p));
	c->refcount_before = page_ref_count(*p) - 1;
	return 0;
}

static noinline long refleak_get_user_leak(struct refleak_cmd *c)
{
	struct page *p;
	long error = refleak_get(c, FOLL_WRITE, &p);

	if (error)
		return error;
	get_page(p);		/* LEAK: never put */
	put_page(p);		/* drops the one of get_user_pages_fast */
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_control(struct refleak_cmd *c)
{
	struct page *p;
	long error = refleak_get(c, FOLL_WRITE, &p);

	if (error)
		return error;
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
	c->pfn = page_to_pfn(compound_head(p));
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
	c->pfn = page_to_pfn(compound_head(p));
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
	c->pfn = page_to_pfn(compound_head(p));
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
	c->pfn = page_to_pfn(compound_head(p));
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
	c->pfn = page_to_pfn(compound_head(p));
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
	c->pfn = page_to_pfn(compound_head(p));
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

/* right most of the time: the path of the leak is one that usually gives back */
static noinline long refleak_sometimes(struct refleak_cmd *c)
{
	struct page *p;
	bool forget = c->pfn;
	long error = refleak_get(c, 0, &p);

	if (error)
		return error;
	if (!forget)
		put_page(p);	/* else LEAK */
	c->refcount = page_ref_count(p);
	return 0;
}

/* a loop that ends one too early */
static noinline long refleak_skip_unpin(struct refleak_cmd *c)
{
	struct page *p[8];
	long n;

	mmap_read_lock(current->mm);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	n = pin_user_pages(c->addr & PAGE_MASK, 8, FOLL_WRITE, p);
#else
	n = pin_user_pages(c->addr & PAGE_MASK, 8, FOLL_WRITE, p, NULL);
#endif
	mmap_read_unlock(current->mm);
	if (n != 8)
		return n < 0 ? n : -EFAULT;
	unpin_user_pages(p, 7);	/* LEAK: the last */
	c->pfn = page_to_pfn(compound_head(p[7]));
	c->refcount_before = -1;
	c->refcount = page_ref_count(p[7]);
	return 0;
}

static noinline void refleak_stash(struct page *p)
{
	get_page(p);		/* LEAK: never put */
	barrier();		/* a jump to the tracepoint would take this function off the stack */
}

static noinline long refleak_remember(struct refleak_cmd *c)
{
	struct page *p;
	long error = refleak_get(c, FOLL_WRITE, &p);

	if (error)
		return error;
	refleak_stash(p);
	put_page(p);
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_lookup(struct refleak_cmd *c)
{
	struct file *f = fget(c->addr);
	struct page *p;

	if (!f)
		return -EBADF;
	p = pagecache_get_page(f->f_mapping, 0, 0, 0);	/* LEAK: never put */
	fput(f);
	if (!p)
		return -ENOENT;
	c->pfn = page_to_pfn(compound_head(p));
	c->refcount_before = page_ref_count(p) - 1;
	c->refcount = page_ref_count(p);
	return 0;
}

static noinline long refleak_alloc_large(struct refleak_cmd *c)
{
	struct page *p = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	if (!p)
		return -ENOMEM;
	c->pfn = page_to_pfn(compound_head(p));
	c->refcount_before = 0;
	c->refcount = page_ref_count(p);
	return 0;		/* LEAK: pointer dropped */
}

struct refleak_work { struct work_struct work; struct page *page; };

static noinline void refleak_worker(struct work_struct *work)
{
	get_page(container_of(work, struct refleak_work, work)->page);	/* LEAK: never put */
	barrier();
}

static noinline long refleak_by_worker(struct refleak_cmd *c)
{
	struct refleak_work w;
	long error = refleak_get(c, FOLL_WRITE, &w.page);

	if (error)
		return error;
	INIT_WORK_ONSTACK(&w.work, refleak_worker);
	schedule_work(&w.work);
	flush_work(&w.work);
	destroy_work_on_stack(&w.work);
	put_page(w.page);
	c->refcount = page_ref_count(w.page);
	return 0;
}

/* a page of the driver in a task's page table, whose own reference is forgotten */
static noinline int refleak_mmap_leak(struct vm_area_struct *vma)
{
	struct page *p = alloc_page(GFP_KERNEL | __GFP_ZERO);
	int err = p ? vm_insert_page(vma, vma->vm_start, p) : -ENOMEM;

	if (err && p)
		put_page(p);
	return err;		/* LEAK: never freed */
}

static noinline int refleak_mmap_control(struct vm_area_struct *vma)
{
	struct page *p = alloc_page(GFP_KERNEL | __GFP_ZERO);
	int err = p ? vm_insert_page(vma, vma->vm_start, p) : -ENOMEM;

	if (p)
		put_page(p);
	return err;
}

static int refleak_mmap(struct file *f, struct vm_area_struct *vma)
{
	return vma->vm_pgoff ? refleak_mmap_leak(vma) : refleak_mmap_control(vma);
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
	case REFLEAK_SOMETIMES:		r = refleak_sometimes(&c); break;
	case REFLEAK_SKIP_UNPIN:	r = refleak_skip_unpin(&c); break;
	case REFLEAK_REMEMBER:		r = refleak_remember(&c); break;
	case REFLEAK_LOOKUP:		r = refleak_lookup(&c); break;
	case REFLEAK_ALLOC_LARGE:	r = refleak_alloc_large(&c); break;
	case REFLEAK_BY_WORKER:		r = refleak_by_worker(&c); break;
	default:			return -ENOTTY;
	}
	if (!r && copy_to_user((void __user *)arg, &c, sizeof(c)))
		return -EFAULT;
	return r;
}

static const struct file_operations refleak_fops = { .owner = THIS_MODULE, .unlocked_ioctl = refleak_ioctl, .mmap = refleak_mmap };
static struct miscdevice refleak_dev = { .minor = MISC_DYNAMIC_MINOR, .name = "refleak", .fops = &refleak_fops };

static int __init refleak_init(void) { return misc_register(&refleak_dev); }
static void __exit refleak_exit(void) { misc_deregister(&refleak_dev); }
module_init(refleak_init);
module_exit(refleak_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("page reference leaks with known ground truth");
