/** A receiver of signed webhooks (Standard Webhooks): verifies each request with the secret alone, as a receiver of anyone's would. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SignedReceiver {
  readonly url: string;
  /** Bodies whose signature holds, parsed, in the order they came. */
  readonly received: readonly unknown[];
  /** Requests whose signature does not hold. */
  readonly forged: number;
  close(): Promise<void>;
}

/**
 * @param secret `whsec_` and the key in base64
 * @param refuse how many requests are answered with 503 first
 */
export async function startSignedReceiver(secret: string, refuse = 0): Promise<SignedReceiver> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const received: unknown[] = [];
  let [forged, left] = [0, refuse];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers;
    const expected = Buffer.from(
      `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`,
    );
    const given = Buffer.from(String(signature));
    const isSigned = given.length === expected.length && timingSafeEqual(given, expected);
    if (!isSigned) forged++;
    const isRefused = isSigned && left-- > 0;
    if (isSigned && !isRefused) received.push(JSON.parse(body));
    response.writeHead(isSigned ? (isRefused ? 503 : 204) : 401).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/findings`,
    received,
    get forged() {
      return forged;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
