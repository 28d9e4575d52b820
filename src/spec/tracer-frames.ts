// SPDX-License-Identifier: Apache-2.0
/** Stacks of page_ref events begin inside the tracer (mm/debug_page_ref.c and what TRACE_EVENT generates); this tells where Linux begins. */

const TRACER = /^(?:trace_event_|__traceiter_|__(?:page|folio)_ref_|perf_trace_|__bpf_trace_|__trace_|trace_call_bpf)/;

/** `frames` without the leading frames of the tracer. */
export function withoutTracer(frames: readonly string[]): string[] {
  const first = frames.findIndex((frame) => !TRACER.test(frame));
  return first < 0 ? [] : frames.slice(first);
}
