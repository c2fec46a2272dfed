/** A set of whole numbers whose text form is "0-119,121". */
export class RangeSet {
  private readonly numbers = new Set<number>();

  static parse(text = ''): RangeSet {
    const set = new RangeSet();
    for (const part of text === '' ? [] : text.split(',')) {
      const [first, last = first] = part.split('-').map(Number);
      if (!Number.isInteger(first) || !Number.isInteger(last) || last! < first!) {
        throw new RangeError(`"${part}" is no range of whole numbers as in 0-119`);
      }
      for (let n = first!; n <= last!; n++) set.add(n);
    }
    return set;
  }

  get size(): number {
    return this.numbers.size;
  }

  add(n: number): void {
    this.numbers.add(n);
  }

  delete(n: number): void {
    this.numbers.delete(n);
  }

  has(n: number): boolean {
    return this.numbers.has(n);
  }

  /** The part from first to last, both included. */
  within(first: number, last: number): RangeSet {
    const part = new RangeSet();
    for (const n of this.numbers) if (n >= first && n <= last) part.add(n);
    return part;
  }

  numbersInOrder(): number[] {
    return [...this.numbers].sort((a, b) => a - b);
  }

  toString(): string {
    const ranges: [number, number][] = [];
    for (const n of this.numbersInOrder()) {
      const open = ranges.at(-1);
      if (open && open[1] === n - 1) open[1] = n;
      else ranges.push([n, n]);
    }
    return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
  }
}
