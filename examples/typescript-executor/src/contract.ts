// What Sluice and an executor say to each other, as docs/schemas describes it.
// Targets are named by their index in the task's list throughout.

export interface TaskRequest {
  plan: string;
  task: string;
  executor: string;
  mode: 'apply' | 'rollback';
  params?: unknown;
  /** What a retry has replaced, oldest first: values that these set are the task's own, too. */
  earlierParams?: unknown[];
  /** Of this slice of the task. */
  targets: string[];
  /** The index of the first of them. */
  offset: number;
  /** How far the task has come; left out where nothing was done yet. */
  checkpoint?: Checkpoint;
  /** In mode rollback: what to put back. */
  prior?: PriorGroup[];
  generation: string;
  revision: number;
  /** The fencing token is fencingBase + attempt. */
  fencingBase: number;
  maxRetries: number;
  failuresAllowed: number;
  parallelTargets: number;
  priorBytes: number;
}

export interface Checkpoint {
  format: 1;
  step?: string;
  first: number;
  last: number;
  /** Sets of indices as in "0-119,121". */
  done?: string;
  failed?: string;
  /** Under way: their outcome is unknown until they are done. */
  batch?: string;
  failures?: FailureInfo[];
  prior?: PriorGroup[];
  failedAttempts?: number;
  /** How long this execution's attempts took, as in "1.5s". */
  spent?: string;
  createdAt: string;
}

/** A value, or that there was none, and the targets at which it stood. */
export interface PriorGroup {
  value?: unknown;
  absent?: boolean;
  targets: string;
}

export interface FailureInfo {
  category: 'BUSINESS' | 'TECHNICAL' | 'EXECUTOR';
  errorCode: string;
  reason: string;
  target?: string;
  attempt?: number;
  timestamp: string;
}

/** The one detail of the error with which an execution ends. */
export interface ExecutionFailure {
  failure: FailureInfo;
  checkpoint: Checkpoint;
}

export interface TaskResult {
  done: number;
  failed: number;
  checkpoint: Checkpoint;
}
