import { Refused, type Open } from './runner.js';

interface Params {
  /** Of the flag service: GET and PUT of url/TARGET. */
  url: string;
  /** What each target's flag is to be. */
  to: string;
}

/** The executor flags.http: it sets the flag of each target in a flag service. */
export const openFlags: Open = (params) => {
  const { url, to } = check(params);
  const at = (target: string): string => `${url.replace(/\/$/, '')}/${encodeURIComponent(target)}`;
  return {
    step: 'SET_FLAG',
    want: to,
    async read(target) {
      const response = await fetch(at(target), { signal: AbortSignal.timeout(5000) });
      if (response.status === 404) return undefined;
      return (await succeeded(response)).text();
    },
    async write(target, value) {
      await succeeded(
        await fetch(at(target.name), {
          method: 'PUT',
          body: String(value),
          headers: { 'Idempotency-Key': target.key },
          signal: AbortSignal.timeout(30_000),
        }),
      );
    },
  };
};

function check(params: unknown): Params {
  const p = (params ?? {}) as Partial<Params>;
  const unknown = Object.keys(p).filter((name) => name !== 'url' && name !== 'to');
  if (unknown.length > 0) throw new Refused('BAD_PARAMS', `there is no parameter ${unknown.join(', ')}; known here: to, url`);
  if (typeof p.to !== 'string') throw new Refused('BAD_PARAMS', 'to: has to be a text');
  if (typeof p.url !== 'string' || !URL.canParse(p.url)) throw new Refused('BAD_PARAMS', 'url: has to be the URL of the flag service');
  return { url: p.url, to: p.to };
}

/** Statuses that pass are tried again, others are not. */
async function succeeded(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = `the flag service answered ${response.status}: ${(await response.text()).slice(0, 200)}`;
  if (response.status >= 500 || [408, 425, 429].includes(response.status)) throw new Error(text);
  throw new Refused(`HTTP_${response.status}`, text);
}
