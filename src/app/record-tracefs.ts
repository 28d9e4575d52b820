// SPDX-License-Identifier: Apache-2.0
/**
 * Where tracefs is, and an instance of our own in it: a ring buffer with its own events, filters and options, so that whatever
 * the user traces goes on undisturbed (Documentation/trace/ftrace.rst, "Instances").
 *
 * Not here: which events are recorded (record-events.ts) and what is done with them (record-pump.ts).
 */
import type { InputError } from '../base/diagnostic.js';
import { cannot, codeOf, type Host, tryList, tryText } from './record-host.js';
import type { Undo } from './record-undo.js';

const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const PREFIX = 'refzero-';

/** @returns the folder of tracefs, mounted if need be and permitted. @throws InputError that says what to do */
export function findTracefs(host: Host, undo: Undo): string {
  if (host.platform !== 'linux') {
    const hint = 'record on the Linux machine that is to be looked at; refzero trace reads the file anywhere';
    throw cannot('RZ3100', `recording needs Linux's tracefs, and this is ${host.platform}`, hint);
  }
  return mounted(host) ?? mountTracefs(host, undo);
}

/** @throws InputError where it is there and nobody lets us use it */
function mounted(host: Host): string | undefined {
  for (const place of PLACES) {
    try {
      if (!host.list(place).includes('events')) continue;
      // a kernel that is locked down lets its folders be listed
      host.readBytes(`${place}/tracing_on`);
      return place;
    } catch (error) {
      if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') throw notPermitted(host, place, error);
    }
  }
  return undefined;
}

function mountTracefs(host: Host, undo: Undo): string {
  const [place] = PLACES;
  if (!/^nodev\s+tracefs$/m.test(tryText(host, '/proc/filesystems'))) {
    const hint = 'it needs CONFIG_FTRACE and CONFIG_EVENT_TRACING; see docs/recording.md';
    throw cannot('RZ3102', 'this kernel has no tracefs: it was built without tracing', hint);
  }
  const failure = host.mount('tracefs', place);
  if (failure !== undefined) {
    const hint = `as root: mount -t tracefs nodev ${place}; in a container, give it that folder of the host`;
    throw cannot('RZ3101', `tracefs is not mounted, and mounting it failed: ${failure}`, hint);
  }
  undo.add(`tracefs is still mounted at ${place}`, () => {
    const against = host.umount(place);
    if (against !== undefined) throw new Error(against);
  });
  return mounted(host) ?? place;
}

/** Root, or, where we are root already, lockdown: that answers EPERM, and file permissions EACCES. */
function notPermitted(host: Host, what: string, error: unknown): InputError {
  const lockdown = /\[(\w+)\]/.exec(tryText(host, '/sys/kernel/security/lockdown'))?.[1];
  if (lockdown === 'confidentiality') {
    const hint = 'boot with lockdown=integrity or lockdown=none; with Secure Boot a distribution may set it';
    return cannot('RZ3101', `the kernel is locked down (confidentiality): nobody may use ${what}`, hint);
  }
  const hint =
    'tracing is for root: sudo refzero record -- COMMAND; to run COMMAND as yourself: -- sudo -u "$USER" COMMAND';
  const more = '. For root too where the kernel is locked down (cat /sys/kernel/security/lockdown), and in containers';
  return cannot('RZ3101', `not permitted to use ${what}`, codeOf(error) === 'EPERM' ? hint + more : hint);
}

/** One instance: `read` and `write` take paths below it. */
export class Instance {
  constructor(
    readonly host: Host,
    /** of tracefs */
    readonly root: string,
    readonly path: string,
  ) {}

  read(file: string): string {
    return tryText(this.host, `${this.path}/${file}`);
  }

  has(file: string): boolean {
    return this.host.exists(`${this.path}/${file}`);
  }

  list(folder: string): string[] {
    return tryList(this.host, `${this.path}/${folder}`);
  }

  /** @throws InputError with the file and the kernel's answer */
  write(file: string, text: string): void {
    try {
      this.host.write(`${this.path}/${file}`, text);
    } catch (error) {
      const path = `${this.path}/${file}`;
      throw refused(this.host, path, `write ${JSON.stringify(text)} to ${path}`, error);
    }
  }

  /** Its CPUs, in order; a hole in the numbers is a CPU that cannot be. */
  cpus(): number[] {
    const numbers = this.list('per_cpu').map((name) => Number(/^cpu(\d{1,5})$/.exec(name)?.[1] ?? Number.NaN));
    return numbers.filter((cpu) => !Number.isNaN(cpu)).sort((a, b) => a - b);
  }
}

/** @param what was tried: `write "1" to PATH` */
function refused(host: Host, path: string, what: string, error: unknown): InputError {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') return notPermitted(host, path, error);
  const hints: Record<string, string> = {
    ENOENT: 'this kernel does not have it',
    EBUSY: 'somebody else uses it at the moment: is another tracer running?',
    ENOMEM: 'there is not enough memory: give a smaller --buffer',
    EINVAL: 'this kernel does not take that value',
  };
  return cannot('RZ3107', `cannot ${what}: ${(error as Error).message}`, hints[code]);
}

/**
 * Takes away the instances and probes of recorders that were killed.
 * @param said told what was taken away, and what could not be
 */
export function removeLeftovers(host: Host, root: string, said: (text: string) => void): void {
  const taken = new Map<string, number>();
  const sweep = (name: string, pid: string | undefined, remove: () => void) => {
    if (pid === undefined || host.alive(Number(pid))) return;
    try {
      remove();
      taken.set(pid, (taken.get(pid) ?? 0) + 1);
    } catch (error) {
      said(`${name} is left from a recorder that was killed, and cannot be taken away: ${(error as Error).message}`);
    }
  };
  for (const name of tryList(host, `${root}/instances`)) {
    const pid = new RegExp(`^${PREFIX}(?:held-)?(\\d+)$`).exec(name)?.[1];
    sweep(`${root}/instances/${name}`, pid, () => host.rmdir(`${root}/instances/${name}`));
  }
  // after the instances, which use them
  for (const [, probe] of tryText(host, `${root}/kprobe_events`).matchAll(/^p:(\S+)/gm)) {
    const pid = /^refzero_(?:held_)?(\d+)\//.exec(probe)?.[1];
    sweep(`the probe ${probe}`, pid, () => host.write(`${root}/kprobe_events`, `-:${probe}\n`));
  }
  for (const [pid, things] of taken) {
    said(`took away what recorder ${pid} left when it was killed: ${things} of its instances and probes`);
  }
}

/**
 * Makes `instances/refzero-PID`, not yet tracing.
 * @param purpose goes into its name, where one is not enough
 */
export function makeInstance(host: Host, root: string, undo: Undo, purpose = ''): Instance {
  const folder = `${root}/instances`;
  if (!host.exists(folder)) {
    throw cannot('RZ3102', `${root} has no instances`, 'Linux 3.10 or later has; is something else mounted there?');
  }
  const path = `${folder}/${PREFIX}${purpose}${host.pid}`;
  try {
    host.mkdir(path);
  } catch (error) {
    throw refused(host, path, `make ${path}`, error);
  }
  undo.add(`${path} is still there (as root: rmdir ${path})`, () => host.rmdir(path));
  const instance = new Instance(host, root, path);
  instance.write('tracing_on', '0');
  return instance;
}
