import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskRequest } from './contract.js';
import { Priors } from './priors.js';
import { milliseconds } from './progress.js';
import { RangeSet } from './ranges.js';
import { idempotencyKey } from './runner.js';

test('a set of ranges reads and writes its text', () => {
  for (const text of ['', '0', '0-119,121', '3,5,7-9']) assert.equal(`${RangeSet.parse(text)}`, text);
  assert.equal(`${RangeSet.parse('5,0-3,4')}`, '0-5');
  assert.equal(`${RangeSet.parse('0-9').within(3, 5)}`, '3-5');
  assert.throws(() => RangeSet.parse('5-3'), RangeError);
  assert.throws(() => RangeSet.parse('a'), RangeError);
});

test('a prior value is recorded once, and grouped with its like', () => {
  const priors = Priors.parse([{ value: 'blue', targets: '0-2' }]);
  priors.record(1, 'green');
  priors.record(3, 'blue');
  priors.record(4, undefined);
  assert.deepEqual(priors.groups(), [
    { value: 'blue', targets: '0-3' },
    { absent: true, targets: '4' },
  ]);
});

test('a duration is read as Go writes it', () => {
  assert.equal(milliseconds('1h2m3.5s'), 3_723_500);
  assert.equal(milliseconds('250ms'), 250);
  assert.equal(milliseconds(undefined), 0);
});

test('the idempotency key is the one that workers in Go make', () => {
  const request = { plan: 'p1', generation: 'g1', task: 'switch', mode: 'apply', revision: 2 } as TaskRequest;
  assert.equal(idempotencyKey('default', request, 'SET_FLAG', 'tenant-ä'), '364e9105449b5727bb760642510c1cf3');
});
