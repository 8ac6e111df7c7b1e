import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../../src/cli/demo/embedded-postgres.ts';
import {
  bits,
  der,
  integer,
  objectId,
  sequence,
  set,
  tagged,
  time,
  utf8,
} from '../../../src/identity/der.ts';
import {
  type BackendMessage,
  decodeBackendMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartupMessage,
  FrameReader,
  SCRAM_SHA_256_PLUS,
  ScramClient,
  tlsServerEndPoint,
} from '../../../src/wire/postgres/index.ts';

const NULL = der(0x05);
const RSA = { type: 'rsa' } as const;
const EC = { type: 'ec' } as const;
const PSS_HASH = { sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2' } as const;

/** RSASSA-PSS-params with the hash, MGF1 with the same hash, and a salt as long as it. */
function pssAlgorithm(hash?: keyof typeof PSS_HASH): Buffer {
  if (hash === undefined) return sequence(objectId('1.2.840.113549.1.1.10'), sequence());
  const hashAlgorithm = sequence(objectId(PSS_HASH[hash]), NULL);
  const mask = sequence(objectId('1.2.840.113549.1.1.8'), hashAlgorithm);
  const saltBytes = hash === 'sha256' ? 32 : 48;
  return sequence(
    objectId('1.2.840.113549.1.1.10'),
    sequence(tagged(0, hashAlgorithm), tagged(1, mask), tagged(2, integer(Buffer.from([saltBytes])))),
  );
}

const rsa = (last: number) => sequence(objectId(`1.2.840.113549.1.1.${last}`), NULL);
const ecdsa = (arcs: string) => sequence(objectId(`1.2.840.10045.4.${arcs}`));

interface Signature {
  readonly key: { readonly type: 'rsa' | 'ec' | 'ed25519' };
  readonly algorithm: Buffer;
  /** What signs. */
  readonly hash: string | null;
  readonly pss?: boolean;
  /** What the RFC binds with. */
  readonly binds: string | undefined;
}

const SIGNATURES: Record<string, Signature> = {
  'RSA with SHA-1': { key: RSA, algorithm: rsa(5), hash: 'sha1', binds: 'sha256' },
  'RSA with SHA-224': { key: RSA, algorithm: rsa(14), hash: 'sha224', binds: 'sha224' },
  'RSA with SHA-256': { key: RSA, algorithm: rsa(11), hash: 'sha256', binds: 'sha256' },
  'RSA with SHA-384': { key: RSA, algorithm: rsa(12), hash: 'sha384', binds: 'sha384' },
  'RSA with SHA-512': { key: RSA, algorithm: rsa(13), hash: 'sha512', binds: 'sha512' },
  'RSA-PSS with SHA-256': {
    key: RSA,
    algorithm: pssAlgorithm('sha256'),
    hash: 'sha256',
    pss: true,
    binds: 'sha256',
  },
  'RSA-PSS with SHA-384': {
    key: RSA,
    algorithm: pssAlgorithm('sha384'),
    hash: 'sha384',
    pss: true,
    binds: 'sha384',
  },
  'RSA-PSS with its default': {
    key: RSA,
    algorithm: pssAlgorithm(),
    hash: 'sha1',
    pss: true,
    binds: 'sha256',
  },
  'ECDSA with SHA-1': { key: EC, algorithm: ecdsa('1'), hash: 'sha1', binds: 'sha256' },
  'ECDSA with SHA-256': { key: EC, algorithm: ecdsa('3.2'), hash: 'sha256', binds: 'sha256' },
  'ECDSA with SHA-384': { key: EC, algorithm: ecdsa('3.3'), hash: 'sha384', binds: 'sha384' },
  'ECDSA with SHA-512': { key: EC, algorithm: ecdsa('3.4'), hash: 'sha512', binds: 'sha512' },
  Ed25519: {
    key: { type: 'ed25519' },
    algorithm: sequence(objectId('1.3.101.112')),
    hash: null,
    binds: undefined,
  },
};

function keyPair(type: 'rsa' | 'ec' | 'ed25519'): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
}

function selfSigned({ key, algorithm, hash, pss }: Signature): {
  certificate: Buffer;
  privateKey: KeyObject;
} {
  const { publicKey, privateKey } = keyPair(key.type);
  const name = sequence(set(sequence(objectId('2.5.4.3'), utf8('localhost'))));
  const validity = sequence(time(new Date('2020-01-01')), time(new Date('2049-01-01')));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(integer(Buffer.from([1])), algorithm, name, validity, name, spki);
  const signingKey = pss
    ? {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      }
    : privateKey;
  return { certificate: sequence(body, algorithm, bits(sign(hash, body, signingKey))), privateKey };
}

describe('the binding of a certificate', () => {
  test.each(Object.entries(SIGNATURES))('%s', (_, signature) => {
    const { certificate } = selfSigned(signature);
    const { binds } = signature;
    expect(tlsServerEndPoint(certificate)).toEqual(
      binds === undefined
        ? undefined
        : { type: 'tls-server-end-point', data: createHash(binds).update(certificate).digest() },
    );
  });

  test('is undefined for what is no certificate', () => {
    const { certificate } = selfSigned(SIGNATURES['ECDSA with SHA-256']!);
    for (let end = 0; end < certificate.length; end++) {
      expect(tlsServerEndPoint(certificate.subarray(0, end))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (random) => {
        expect(tlsServerEndPoint(Buffer.from(random))).toBeUndefined();
      }),
    );
  });
});

function pem(kind: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`;
}

/** Authenticates with SCRAM-SHA-256-PLUS over TLS and returns what the server said last. */
async function authenticate(
  to: { readonly host: string; readonly port: number; readonly password: string },
  altered = false,
): Promise<BackendMessage> {
  const plain = connectSocket(to.port, to.host);
  plain.write(encodeSslRequest());
  expect(String((await once(plain, 'data'))[0])).toBe('S');
  const socket = connectTls({ socket: plain, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const binding = tlsServerEndPoint(socket.getPeerCertificate().raw)!;
  if (altered) binding.data[0]! ^= 1;
  const parameters = new Map([
    ['user', 'postgres'],
    ['database', 'postgres'],
  ]);
  socket.write(encodeStartupMessage({ minor: 2, parameters }));
  const frames = new FrameReader({ maxFrameBytes: () => 100_000 });
  let client: ScramClient | undefined;
  try {
    for await (const chunk of socket) {
      frames.push(chunk);
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        const message = decodeBackendMessage(frame.bytes);
        switch (message.type) {
          case 'AuthenticationSASL':
            client = new ScramClient({
              password: to.password,
              offered: message.mechanisms,
              channelBinding: binding,
            });
            expect(client.mechanism).toBe(SCRAM_SHA_256_PLUS);
            socket.write(encodeSaslInitialResponse(client.mechanism, Buffer.from(client.first())));
            break;
          case 'AuthenticationSASLContinue':
            socket.write(encodeSaslResponse(Buffer.from(await client!.next(message.data.toString()))));
            break;
          case 'AuthenticationSASLFinal':
            client!.finish(message.data.toString());
            break;
          default:
            return message;
        }
      }
    }
  } finally {
    socket.destroy();
  }
  throw new Error('the server said nothing');
}

describe('PostgreSQL agrees', () => {
  test.each(['RSA with SHA-512', 'RSA-PSS with SHA-384', 'ECDSA with SHA-256'])('on %s', async (name) => {
    const { certificate, privateKey } = selfSigned(SIGNATURES[name]!);
    const server = await startEmbeddedPostgres({
      settings: { ssl: 'on', ssl_cert_file: 'test.crt', ssl_key_file: 'test.key' },
      files: {
        'test.crt': pem('CERTIFICATE', certificate),
        'test.key': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
    });
    try {
      expect(await authenticate(server)).toEqual({ type: 'AuthenticationOk' });
      const refused = await authenticate(server, true);
      expect(refused.type === 'ErrorResponse' && refused.fields.get('M')).toBe(
        'SCRAM channel binding check failed',
      );
    } finally {
      await server.stop();
    }
  });
});
