// SPDX-License-Identifier: Apache-2.0
/**
 * What the members of one search share beside its states: a few words that are only touched by atomic operations, and
 * places where each leaves what it found. Data only; member.ts and team.ts use it.
 */

/** Positions in Shared.control. */
export const WORD = {
  /** the first state of the level that nobody has taken */
  cursor: 0,
  /** where the level ends */
  levelEnd: 1,
  /** how many states there are */
  states: 2,
  /** for how many there is room */
  room: 3,
  /** chunks of edges that are taken, and that there are */
  edgeChunks: 4,
  edgeRoom: 5,
  /** not 0 once every member is to stop where it is */
  stop: 6,
  /** counts up, with the number of members in its low bits; OVER at the end */
  round: 7,
  /** members other than the owner that have not ended their round */
  atWork: 8,
  /** members that wait for room in the middle of a block */
  paused: 9,
  /** 1 once a member cannot go on, 2 once Shared.failure says why */
  failed: 10,
  /** what a round is for: JOB */
  job: 11,
  /** of a job other than a level, how many parts have been taken, and how many there are */
  part: 12,
  parts: 13,
} as const;

/** Of WORD.job: the states of a level; the slots of a table that grows; chunks of edges, of which the roots are looked for. */
export const JOB = { level: 0, move: 1, roots: 2 } as const;

/** @returns a part of the job that nobody has taken; undefined where there is none */
export function takePart(control: Int32Array): number | undefined {
  const part = Atomics.add(control, WORD.part, 1);
  return part < Atomics.load(control, WORD.parts) ? part : undefined;
}

/** low bits of WORD.round */
export const MEMBER_BITS = 8;
export const OVER = -1;

/** Most members of a search. */
export const MEMBERS_MAX = (1 << MEMBER_BITS) - 1;

/** Most chunks of edges. */
export const CHUNKS_MAX = 1 << 18;

/** Words of a member's report: see member.ts. */
export const REPORT = 64;

export interface Shared {
  control: Int32Array;
  /** per member its transitions */
  transitions: Float64Array;
  /** per helper not 0 once it can take part */
  ready: Int32Array;
  /** per member REPORT words */
  reports: Int32Array;
  /** per `sometimes` not 0 once it was met */
  met: Uint8Array;
  /** per line not 0 once it was executed; then what of Encoding.expected did not fit */
  hits: Uint8Array;
  /**
   * Per chunk of edges the array of the pool that it lies in; and from CHUNKS_MAX on its words, ~words while a member fills it
   * (edges.ts, edge-log.ts)
   */
  chunks: Int32Array;
  /** what is wrong, as text: how many units, then these (failure.ts) */
  failure: Uint16Array;
}

/** Most units of a text that says what is wrong. */
export const FAILURE_MAX = 1 << 13;

/** @param members how many there may be */
export function makeShared(members: number, sometimes: number, notes: number): Shared {
  return {
    control: new Int32Array(new SharedArrayBuffer(64)),
    transitions: new Float64Array(new SharedArrayBuffer(members * 8)),
    ready: new Int32Array(new SharedArrayBuffer(members * 4)),
    reports: new Int32Array(new SharedArrayBuffer(members * REPORT * 4)),
    met: new Uint8Array(new SharedArrayBuffer(sometimes)),
    hits: new Uint8Array(new SharedArrayBuffer(notes)),
    chunks: new Int32Array(new SharedArrayBuffer(CHUNKS_MAX * 8)),
    failure: new Uint16Array(new SharedArrayBuffer(2 + FAILURE_MAX * 2)),
  };
}
