import type { PriorGroup } from './contract.js';
import { RangeSet } from './ranges.js';

/** What stood at a target before its first change; undefined: nothing did. */
export type Value = unknown;

/** What stood at targets. A value that is recorded is never changed. */
export class Priors {
  private readonly byTarget = new Map<number, Value>();

  static parse(groups: PriorGroup[] = []): Priors {
    const priors = new Priors();
    for (const group of groups) {
      for (const target of RangeSet.parse(group.targets).numbersInOrder()) {
        priors.record(target, group.absent ? undefined : group.value);
      }
    }
    return priors;
  }

  has(target: number): boolean {
    return this.byTarget.has(target);
  }

  get(target: number): Value {
    return this.byTarget.get(target);
  }

  /** A later read would take our own change for the old value, so the first one counts. */
  record(target: number, value: Value): void {
    if (!this.has(target)) this.byTarget.set(target, value);
  }

  /** Grouped by value, since thousands of targets mostly stand at a handful. */
  groups(): PriorGroup[] {
    const groups = new Map<string, { value: Value; targets: RangeSet }>();
    for (const [target, value] of this.byTarget) {
      const key = JSON.stringify(value) ?? '';
      const group = groups.get(key) ?? { value, targets: new RangeSet() };
      group.targets.add(target);
      groups.set(key, group);
    }
    return [...groups.values()].map(({ value, targets }) =>
      value === undefined ? { absent: true, targets: `${targets}` } : { value, targets: `${targets}` },
    );
  }
}
