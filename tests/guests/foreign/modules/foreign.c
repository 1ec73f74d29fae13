/*
 * What neither lkdtm nor test_lockup does to a kernel. `do` says what; it is done while the module is loaded, by the task
 * that loads it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>

static char *what = "";
module_param_named(do, what, charp, 0);

static unsigned int seconds = 45;
module_param(seconds, uint, 0);

static unsigned int leave_mib;
module_param(leave_mib, uint, 0);

/* The CPU waits for an interrupt, and there will be none. */
static void wait_for_ever(void)
{
	local_irq_disable();
#if defined(CONFIG_X86)
	for (;;)
		asm volatile("hlt");
#elif defined(CONFIG_ARM64)
	{
		/* PSCI CPU_OFF: a masked interrupt would end a wfi. */
		register unsigned long x0 asm("x0") = 0x84000002;

		asm volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
	}
	for (;;)
		asm volatile("wfi");
#endif
}

/* No handler for the fault, none for the fault of having no handler: the machine resets itself. */
static void triple_fault(void)
{
#if defined(CONFIG_X86)
	struct { unsigned short limit; unsigned long base; } __packed none = { 0, 0 };

	local_irq_disable();
	asm volatile("lidt %0; int3" : : "m"(none));
#endif
}

/* Allocates and frees, 16 MiB at most, orders 0 to 3. */
static void churn(void)
{
	const unsigned long end = jiffies + seconds * HZ;
	struct page *page, *next;
	LIST_HEAD(pages);
	unsigned int order = 0;

	while (time_before(jiffies, end)) {
		unsigned int count;

		for (count = 0; count < 1024; count++) {
			page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
			if (!page)
				break;
			set_page_private(page, order);
			list_add(&page->lru, &pages);
			order = (order + 1) % 3;
		}
		list_for_each_entry_safe(page, next, &pages, lru) {
			list_del(&page->lru);
			order = page_private(page);
			set_page_private(page, 0);
			__free_pages(page, order);
		}
		cond_resched();
	}
}

/* Takes memory and keeps it, as a file system's thread that may neither start the OOM killer nor fail. */
static void nofs(void)
{
	LIST_HEAD(pages);
	struct page *page;

	for (;;) {
		page = alloc_page(GFP_NOFS);
		if (page)
			list_add(&page->lru, &pages);
	}
}

/* Takes all memory but this much and keeps it, and goes: the guest lives on with what is left. */
static void hoard(void)
{
	while (global_zone_page_state(NR_FREE_PAGES) > leave_mib << (20 - PAGE_SHIFT))
		if (!alloc_page(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY))
			break;
}

/* Two tasks take two mutexes in opposite order. */
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static int other_order(void *unused)
{
	mutex_lock(&second);
	msleep(500);
	mutex_lock(&first);
	return 0;
}

static void abba(void)
{
	mutex_lock(&first);
	kthread_run(other_order, NULL, "abba");
	msleep(200);
	mutex_lock(&second);
}

/* A kernel thread that computes, as long as others let it: busy, and no harm done. */
static void compute(void)
{
	const unsigned long end = jiffies + seconds * HZ;

	while (time_before(jiffies, end)) {
		unsigned int i;

		for (i = 0; i < 100000; i++)
			cpu_relax();
		cond_resched();
	}
}

static int __init foreign_init(void)
{
	if (!strcmp(what, "wait"))
		wait_for_ever();
	else if (!strcmp(what, "triple-fault"))
		triple_fault();
	else if (!strcmp(what, "churn"))
		churn();
	else if (!strcmp(what, "nofs"))
		nofs();
	else if (!strcmp(what, "hoard"))
		hoard();
	else if (!strcmp(what, "abba"))
		abba();
	else if (!strcmp(what, "compute"))
		compute();
	else
		return -EINVAL;
	return -EAGAIN;
}
module_init(foreign_init);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Guests that the lab must judge right");
