/**
 * One HTTP request with an end to everything: time, size of the answer, redirects. A redirect is an answer like any other and is
 * never followed, so nothing leaves for a host that the configuration does not name.
 */
import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** The most of an answer that is read, in bytes. */
export const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_RETRY_AFTER_MS = 3600_000;

export interface HttpMessage {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** UTF-8, what is not is replaced; undefined if it is longer than `MAX_ANSWER_BYTES`. */
  readonly body: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** What `Retry-After` asks for, at most an hour. */
  readonly retryAfterMs?: number;
}

/** @throws {Error} of the network or of `signal`; its message holds nothing of URL, headers or body. */
export async function exchange(message: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await send(message, signal);
  } catch (cause) {
    if (signal.aborted) throw new Error('no answer in time', { cause });
    throw new Error((cause as NodeJS.ErrnoException).code ?? 'the request failed', { cause });
  }
}

function send({ url, method, headers, body }: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const begin = new URL(url).protocol === 'https:' ? requestHttps : requestHttp;
  const bytes = Buffer.from(body ?? '');
  const length = body === undefined ? {} : { 'content-length': bytes.length };
  const request = begin(url, {
    method: method ?? 'POST',
    agent: false,
    signal,
    headers: { ...headers, ...length, 'user-agent': 'sluice' },
  });
  request.on('error', reject);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    let read = 0;
    const answer = (text: string | undefined) =>
      resolve({
        status: response.statusCode ?? 0,
        body: text,
        headers: response.headers,
        ...retryAfter(response.headers['retry-after']),
      });
    response.on('data', (chunk: Buffer) => {
      read += chunk.length;
      if (read <= MAX_ANSWER_BYTES) chunks.push(chunk);
      else {
        answer(undefined);
        request.destroy();
      }
    });
    response.on('end', () => answer(Buffer.concat(chunks).toString('utf8')));
    response.on('error', reject);
    response.on('aborted', () => reject(new Error('aborted')));
  });
  request.end(bytes);
  return promise;
}

function retryAfter(header: string | undefined): { retryAfterMs?: number } {
  if (header === undefined || !/^\d{1,9}$/.test(header)) return {};
  return { retryAfterMs: Math.min(Number(header) * 1000, MAX_RETRY_AFTER_MS) };
}
