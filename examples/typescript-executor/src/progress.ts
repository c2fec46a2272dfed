import type { Checkpoint, FailureInfo, TaskRequest } from './contract.js';
import { Priors } from './priors.js';
import { RangeSet } from './ranges.js';

const listedFailures = 20;

/** How far an execution has come: what its checkpoint says, ready to be changed. */
export class Progress {
  readonly first: number;
  readonly last: number;
  readonly done: RangeSet;
  readonly failed: RangeSet;
  readonly batch: RangeSet;
  readonly priors: Priors;
  readonly failures: FailureInfo[];
  failedAttempts: number;
  step?: string;

  private readonly began = Date.now();
  private readonly before: number; // ms that earlier attempts of this execution took

  constructor(request: TaskRequest, earlier: Checkpoint | undefined) {
    this.first = request.offset;
    this.last = request.offset + request.targets.length - 1;
    const part = (text?: string): RangeSet => RangeSet.parse(text).within(this.first, this.last);
    this.done = part(earlier?.done);
    this.failed = part(earlier?.failed);
    this.batch = part(earlier?.batch);
    this.priors = Priors.parse(earlier?.prior);
    this.failures = [...(earlier?.failures ?? [])];
    this.failedAttempts = earlier?.failedAttempts ?? 0;
    this.step = earlier?.step;
    this.before = milliseconds(earlier?.spent);
  }

  /** The targets that are neither done nor given up, newest first where they are put back. */
  todo(mode: TaskRequest['mode']): number[] {
    const open: number[] = [];
    for (let i = this.first; i <= this.last; i++) if (!this.done.has(i) && !this.failed.has(i)) open.push(i);
    return mode === 'rollback' ? open.reverse() : open;
  }

  begin(step: string, target: number): void {
    this.step = step;
    this.batch.add(target);
  }

  /** The target was not touched after all. */
  leave(target: number): void {
    this.batch.delete(target);
  }

  finish(target: number): void {
    this.done.add(target);
    this.batch.delete(target);
  }

  giveUp(target: number, why: FailureInfo): void {
    this.failed.add(target);
    this.batch.delete(target);
    if (this.failures.length < listedFailures) this.failures.push(why);
  }

  checkpoint(): Checkpoint {
    return {
      format: 1,
      step: this.step,
      first: this.first,
      last: this.last,
      done: `${this.done}`,
      failed: `${this.failed}`,
      batch: `${this.batch}`,
      failures: this.failures,
      prior: this.priors.groups(),
      failedAttempts: this.failedAttempts,
      spent: `${this.before + Date.now() - this.began}ms`,
      createdAt: new Date().toISOString(),
    };
  }
}

const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, 'µs': 1e-3, ns: 1e-6 };

/** Reads a duration as Go writes it: "1m2.5s". */
export function milliseconds(text = '0s'): number {
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|us|µs|ns|h|m|s)/g)) sum += Number(amount) * units[unit!]!;
  return Math.round(sum);
}
