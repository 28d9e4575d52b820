// SPDX-License-Identifier: Apache-2.0
/**
 * Where a call path enters the kernel: what stands outside of that (the interrupted task, the assembly of the entry) differs from
 * run to run and from machine to machine and says nothing about who takes a reference.
 */

const ENTRY =
  /^(?:__(?:x64|ia32|arm64|s390x?|riscv|se)_(?:compat_)?sys_|(?:asm_)?(?:common|sysvec|exc)_|do_syscall|el[01]t?_|handle_(?:softirqs|irq|edge|fasteoi|mm_fault$)|__do_softirq|do_softirq|irq_exit|kthread$|ret_from_fork|worker_thread$|process_one_work$|smpboot_thread_fn$|run_ksoftirqd$|common_interrupt|__handle_irq|invoke_softirq|asm_call_)/;

/** `names`, innermost first, up to and with the first that enters the kernel or a kernel thread's work. */
export function insideKernel(names: readonly string[]): readonly string[] {
  const entry = names.findIndex((name) => ENTRY.test(name));
  return entry < 0 ? names : names.slice(0, Math.max(1, entry + 1));
}
