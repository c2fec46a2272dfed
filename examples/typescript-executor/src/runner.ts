// The loop that every executor of this worker shares: checkpoints, prior values,
// stopping at safe points, failures. It does in TypeScript what Sluice's package
// activities does in Go, one target at a time.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import {
  ActivityCancelledError,
  ActivityNotFoundError,
  ActivityPausedError,
  ActivityResetError,
  type Client,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { Checkpoint, ExecutionFailure, FailureInfo, TaskRequest, TaskResult } from './contract.js';
import { Progress } from './progress.js';
import type { Value } from './priors.js';
import { Priors } from './priors.js';

/** An error that trying again does not mend: bad parameters, an unknown target. */
export class Refused extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

export interface Target {
  name: string;
  /** The same for every attempt at this target. */
  key: string;
  /** Grows with each attempt. */
  fence: number;
}

/** What an executor does during one attempt. */
export interface Work {
  step: string;
  /** What every target is to have. */
  want: Value;
  /** What stands at a target; undefined: nothing. It changes nothing. */
  read(target: string): Promise<Value>;
  write(target: Target, value: Value): Promise<void>;
  /** Takes away what write has made where nothing stood. Left out: such targets are refused. */
  remove?(target: Target): Promise<void>;
}

/** Makes the work of an attempt of its parameters, or throws Refused('BAD_PARAMS', …). */
export type Open = (params: unknown) => Work;

/** Makes the activity of an executor. */
export function serve(open: Open, client: Client): (request: TaskRequest) => Promise<TaskResult> {
  return (request) => new Attempt(request, open, client).run();
}

/** Why an attempt ends before its targets do; all but the first are codes that Sluice takes for a lost attempt. */
type Stop = 'CANCELED' | 'WORKER_STOPPING' | 'CONNECTION_LOST' | 'ACTIVITY_HELD';

class Attempt {
  private readonly context = Context.current();
  private readonly info = this.context.info;
  private readonly progress: Progress;
  private saving: Promise<unknown> = Promise.resolve(); // one save at a time, so that none overtakes a newer one
  private stop?: Stop;

  constructor(
    private readonly request: TaskRequest,
    private readonly open: Open,
    private readonly client: Client,
  ) {
    const earlier = (this.info.heartbeatDetails as Checkpoint | undefined) ?? request.checkpoint;
    if (earlier && earlier.format !== 1) {
      throw ApplicationFailure.nonRetryable(`the checkpoint has format ${earlier.format}, but this executor reads format 1`, 'BAD_REQUEST');
    }
    this.progress = new Progress(request, earlier);
  }

  async run(): Promise<TaskResult> {
    const pulse = setInterval(() => void this.save().catch(() => undefined), Math.min(250, (this.info.heartbeatTimeoutMs ?? 10_000) / 8));
    try {
      await this.workOff(this.opened());
    } finally {
      clearInterval(pulse);
      await this.saving;
    }
    const checkpoint = this.progress.checkpoint();
    if (this.progress.todo(this.request.mode).length === 0) {
      return { done: this.progress.done.size, failed: this.progress.failed.size, checkpoint };
    }
    if (this.stop === 'CANCELED') {
      await this.untilTheSDKKnows(checkpoint);
      throw new CancelledFailure('stopped at a safe point', [checkpoint]);
    }
    const reason = `${this.stop}: another attempt goes on from the checkpoint`;
    throw this.failure(this.describe('TECHNICAL', this.stop!, reason), false, '100ms');
  }

  private opened(): Work {
    try {
      return this.open(this.request.params);
    } catch (err) {
      const code = err instanceof Refused ? err.code : 'BAD_PARAMS';
      throw this.failure(this.describe('BUSINESS', code, message(err)), true);
    }
  }

  private async workOff(work: Work): Promise<void> {
    for (const i of this.progress.todo(this.request.mode)) {
      if (this.stopping()) return;
      try {
        await this.workOn(work, i);
      } catch (err) {
        await this.failAt(i, err);
      }
    }
  }

  /** Brings one target to where it is to be. */
  private async workOn(work: Work, i: number): Promise<void> {
    const name = this.name(i);
    const apply = this.request.mode === 'apply';
    if (apply && !this.progress.priors.has(i)) {
      const current = await work.read(name);
      if (current === undefined && !work.remove) throw new Refused('UNKNOWN_TARGET', 'nothing stands there that could be changed');
      this.progress.priors.record(i, current);
    }
    // Before the first effect what stood there is saved: after a crash a read
    // would find our own change.
    this.progress.begin(apply ? work.step : 'ROLLBACK', i);
    await this.save().catch(() => (this.stop ??= 'CONNECTION_LOST'));
    if (this.stopping()) return this.progress.leave(i);
    await (apply ? this.apply(work, i) : this.putBack(work, i));
    this.progress.finish(i);
  }

  private async apply(work: Work, i: number): Promise<void> {
    const current = await work.read(this.name(i));
    if (same(current, work.want)) return;
    if (!same(current, this.progress.priors.get(i)) && !this.isOurs(current)) throw drift(current);
    await work.write(this.target(i, work.step), work.want);
  }

  /** Puts back what was recorded, from the task's own value only. */
  private async putBack(work: Work, i: number): Promise<void> {
    const prior = Priors.parse(this.request.prior);
    if (!prior.has(i)) throw new Refused('NO_PRIOR', 'nothing was recorded that could be put back');
    const current = await work.read(this.name(i));
    if (same(current, prior.get(i))) return;
    if (!same(current, work.want) && !this.isOurs(current)) throw drift(current);
    const target = this.target(i, 'ROLLBACK');
    if (prior.get(i) === undefined) await work.remove!(target);
    else await work.write(target, prior.get(i));
  }

  /** Whether a value is one that the task has set with earlier parameters. */
  private isOurs(current: Value): boolean {
    return (this.request.earlierParams ?? []).some((params) => same(current, this.open(params).want));
  }

  private async failAt(i: number, err: unknown): Promise<void> {
    const refused = err instanceof Refused;
    const info = this.describe(refused ? 'BUSINESS' : 'TECHNICAL', refused ? err.code : 'UNAVAILABLE', message(err), this.name(i));
    this.progress.failedAttempts++;
    if (!refused && this.progress.failedAttempts <= this.request.maxRetries) throw await this.saved(info, false);
    this.progress.giveUp(i, info);
    if (this.progress.failed.size > this.request.failuresAllowed) throw await this.saved(info, true);
  }

  private async saved(info: FailureInfo, final: boolean): Promise<ApplicationFailure> {
    await this.save().catch(() => undefined); // the next attempt sees nothing else
    return this.failure(info, final);
  }

  /** Words a failure for Temporal, with the checkpoint, which is all that the plan sees of it. */
  private failure(failure: FailureInfo, nonRetryable: boolean, nextRetryDelay?: '100ms'): ApplicationFailure {
    const detail: ExecutionFailure = { failure, checkpoint: this.progress.checkpoint() };
    return ApplicationFailure.create({ message: failure.reason, type: failure.errorCode, nonRetryable, details: [detail], nextRetryDelay });
  }

  private describe(category: FailureInfo['category'], errorCode: string, reason: string, target?: string): FailureInfo {
    return { category, errorCode, reason: reason.slice(0, 400), target, attempt: this.info.attempt, timestamp: new Date().toISOString() };
  }

  /**
   * Makes the checkpoint durable before it returns. The SDK's own heartbeats are
   * held back for a while, and what is held back is lost with the worker.
   */
  private save(): Promise<void> {
    const next = this.saving.then(() => this.saveOnce());
    this.saving = next.catch(() => undefined);
    return next;
  }

  private async saveOnce(): Promise<void> {
    try {
      await this.client.activity.heartbeat(this.info.taskToken, this.progress.checkpoint());
    } catch (err) {
      if (err instanceof ActivityCancelledError) this.stop ??= 'CANCELED'; // the save was taken
      else if (err instanceof ActivityNotFoundError) this.stop ??= 'CONNECTION_LOST'; // another attempt has begun
      else if (err instanceof ActivityPausedError || err instanceof ActivityResetError) this.stop ??= 'ACTIVITY_HELD';
      else throw err;
    }
  }

  /** Whether no further target may begin. */
  private stopping(): boolean {
    if (!this.stop && this.context.cancellationSignal.aborted) this.stop = 'WORKER_STOPPING';
    return this.stop !== undefined;
  }

  /** The SDK reports an end as canceled only where a heartbeat of its own was answered so. */
  private async untilTheSDKKnows(checkpoint: Checkpoint): Promise<void> {
    this.context.heartbeat(checkpoint);
    await Promise.race([this.context.cancelled.catch(() => undefined), sleep(5000)]);
  }

  private name(i: number): string {
    return this.request.targets[i - this.request.offset]!;
  }

  private target(i: number, step: string): Target {
    return { name: this.name(i), key: idempotencyKey(this.info.namespace, this.request, step, this.name(i)), fence: this.request.fencingBase + this.info.attempt };
  }
}

/** The same for every attempt of a step at a target, whichever worker makes it. */
export function idempotencyKey(namespace: string, r: TaskRequest, step: string, target: string): string {
  const hash = createHash('sha256');
  for (const part of [namespace, r.plan, r.generation, r.task, step, target, r.mode, `${r.revision}`]) {
    hash.update(`${Buffer.byteLength(part)}:${part}`);
  }
  return hash.digest('hex').slice(0, 32);
}

function drift(current: Value): Refused {
  return new Refused('DRIFT', `${JSON.stringify(current) ?? 'nothing'} stands there, which somebody else has set; it is left as it is`);
}

function same(a: Value, b: Value): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function message(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
