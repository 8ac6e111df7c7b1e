import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SMTP_LOGIN, SmtpPeer } from '../../../tests/support/smtp-peer.ts';
import type { PrincipalConfig } from '../../config/config.ts';
import { DEFAULT_EMAIL_EVENTS } from '../../config/config-defaults.ts';
import type { EmailConfig } from '../../config/notification-config.ts';
import { Secret } from '../../config/secret.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import type { ApprovalRecord } from '../../store/store.ts';
import { Mailbox } from './mailbox.ts';

const principal = (id: string, changes: Partial<PrincipalConfig> = {}): [string, PrincipalConfig] => [
  id,
  { id, kind: 'Human', groups: ['dba'], mayActFor: [], email: `${id}@example.com`, ...changes },
];
const PRINCIPALS = new Map([
  principal('alice'),
  principal('anna'),
  principal('bob'),
  principal('carol', { groups: ['support'] }),
  principal('dora', { groups: ['dba', 'security'] }),
]);

const HOSTILE = 'OPS-7\r\nBcc: thief@evil.example\r\n\r\n<script>alert(1)</script>\u202egnp.exe';
const REQUEST: ApprovalRequest = {
  ...{ id: 'apr_k3v9x2m4q7', state: 'pending', bindingDigest: '', sessionId: 's', holdMode: 'fail' },
  binding: {
    ...{ principal: 'report-bot', onBehalfOf: ['bob'], database: 'shop' },
    ...{ astDigests: [], parameters: ['4111-secret'], objectsDigests: [] },
  },
  statement: "UPDATE c SET x = '</pre><img src=x onerror=alert(1)>'\n.\r\nQUIT",
  facts: [
    {
      ...{ command: 'UPDATE', actions: ['Update'], relations: [], objects: [], functions: [], opaque: [] },
      ...{ settings: [], bounded: false, writes: true, changesCatalog: false, transaction: 'none' },
    } as ApprovalRequest['facts'][number],
  ],
  ...{ purpose: HOSTILE, policies: [{ id: 'p', effect: 'forbid' }], policyVersion: 'v', votes: [] },
  ...{ rule: { groups: ['dba', 'security'], quorum: 1, expiresMs: 9 }, createdAt: 0, expiresAt: 900_000 },
};

const peers: SmtpPeer[] = [];
const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function peer(options?: ConstructorParameters<typeof SmtpPeer>[0]) {
  const made = new SmtpPeer(options);
  peers.push(made);
  return { made, port: await made.start() };
}

/** A server that does what `talk` does with each connection. */
async function rawServer(talk: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    talk(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function mailbox(port: number, changes: Partial<EmailConfig> = {}, publicUrl?: string): Mailbox {
  const config = {
    ...{ host: '127.0.0.1', port, tls: 'starttls' as const, from: 'sluice@gate.example', to: [] },
    ...{ events: DEFAULT_EMAIL_EVENTS, includeStatement: false, timeoutMs: 20_000, ...changes },
  };
  return new Mailbox(config, PRINCIPALS, publicUrl);
}

async function send(box: Mailbox, request = REQUEST, revision = 0, signal = AbortSignal.timeout(20_000)) {
  const body = box.bodyOf({ request, revision, subjectDigest: '' })!;
  const id = `${request.id}_${revision}`;
  return box.send(
    { target: 'email', id, request: request.id, body, attempts: 1, createdAt: 0 },
    undefined,
    signal,
  );
}

describe('a mail', () => {
  it('goes encrypted to people who may answer, and not to those who asked', async () => {
    const { made, port } = await peer();
    const login = { user: SMTP_LOGIN.user, password: new Secret(SMTP_LOGIN.password) };
    expect(await send(mailbox(port, { ca: made.ca, login, to: ['log@example.com'] }))).toEqual({
      sent: true,
    });
    expect(made.received).toMatchObject([
      {
        ...{ from: 'sluice@gate.example', user: SMTP_LOGIN.user, isEncrypted: true },
        to: ['alice@example.com', 'anna@example.com', 'dora@example.com', 'log@example.com'],
      },
    ]);
  });

  it('holds hostile text as text, and in no header', async () => {
    const { made, port } = await peer();
    const box = mailbox(port, { ca: made.ca, includeStatement: true }, 'https://sluice.example.com');
    await send(box);
    const { mail, raw } = made.received[0]!;
    const names = mail.headers.map(({ key }) => key);
    expect(names).not.toContain('bcc');
    expect(mail.subject).toBe('[Sluice] UPDATE on shop by report-bot (apr_k3v9x2m4q7)');
    const [html, text] = [mail.html ?? '', mail.text ?? ''];
    expect(html).not.toMatch(/<script|<img/i);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}gnp.exe');
    expect(text).toContain('why: OPS-7 Bcc: thief@evil.example <script>');
    expect(text).toContain('\n.\nQUIT\n');
    expect(text).toContain('https://sluice.example.com/approvals/apr_k3v9x2m4q7');
    expect(made.received).toHaveLength(1);
    for (const part of [raw, html, text]) expect(part).not.toContain('4111-secret');
  });

  it('holds no statement unless the configuration says so', async () => {
    const { made, port } = await peer();
    await send(mailbox(port, { ca: made.ca }));
    expect(made.received[0]!.mail.text).not.toContain('onerror');
  });

  it('of a later step joins the conversation; the same one again has the same id', async () => {
    const { made, port } = await peer();
    const box = mailbox(port, { ca: made.ca });
    const vote = { principal: 'anna', verdict: 'deny', reason: 'no', at: 1 } as const;
    await send(box);
    for (let n = 0; n < 2; n += 1) await send(box, { ...REQUEST, state: 'denied', votes: [vote] }, 1);
    const [first, second, again] = made.received.map(({ mail }) => mail);
    expect(first).toMatchObject({ messageId: '<apr_k3v9x2m4q7@gate.example>' });
    expect(second).toMatchObject({
      ...{ messageId: '<apr_k3v9x2m4q7.1@gate.example>', subject: `Re: ${first!.subject}` },
      ...{ inReplyTo: first!.messageId, references: first!.messageId },
    });
    expect(second!.text).toMatch(/^Denied: UPDATE on shop\n[\s\S]*denied by: anna \(no\)/);
    expect(again!.messageId).toBe(second!.messageId);
  });

  it('goes to more people once it is escalated', () => {
    const escalated = { groups: ['support'], at: 1 };
    const record = { request: { ...REQUEST, escalated }, revision: 1, subjectDigest: '' };
    const mail = JSON.parse(mailbox(1).bodyOf(record)!);
    expect(mail.to).toContain('carol@example.com');
    expect(mail.text).toContain('escalated: to support');
  });

  it('holds the statement without values that not every reviewer may see', () => {
    const hidden = { statement: 'UPDATE c SET x = ‹hidden›', labelled: { columns: [], more: false } };
    const record = {
      request: { ...REQUEST, hidden },
      revision: 0,
      subjectDigest: '',
    } as unknown as ApprovalRecord;
    const mail = mailbox(1, { includeStatement: true }).bodyOf(record)!;
    expect(mail).toContain('UPDATE c SET x = ‹hidden›');
    expect(mail).not.toContain('onerror');
  });

  it('says how far the statement reaches', () => {
    const sentence = 'About 300 rows of public.c, all of it.';
    const blastRadius = [{ sentence, cascades: [], triggers: [], locks: [] }];
    const record = { request: { ...REQUEST, blastRadius }, revision: 0, subjectDigest: '' } as ApprovalRecord;
    expect(JSON.parse(mailbox(1).bodyOf(record)!).text).toContain(
      'reach: About 300 rows of public.c, all of it.',
    );
  });

  it('is not made for steps that the configuration does not name, nor for nobody', () => {
    const record = { request: { ...REQUEST, state: 'used' } as const, revision: 2, subjectDigest: '' };
    expect(mailbox(1).bodyOf(record)).toBeUndefined();
    const rule = { ...REQUEST.rule, groups: ['nobody'] };
    expect(mailbox(1).bodyOf({ ...record, request: { ...REQUEST, rule } })).toBeUndefined();
  });
});

describe('a server', () => {
  it('without encryption is told nothing, least of all a password', async () => {
    const login = { user: SMTP_LOGIN.user, password: new Secret(SMTP_LOGIN.password) };
    let heard = '';
    const port = await rawServer((socket) => {
      socket.write('220 in the clear\r\n');
      socket.on('data', (data) => {
        heard += data;
        socket.write(heard.includes('STARTTLS') ? '502 no\r\n' : '250-me\r\n250 AUTH PLAIN LOGIN\r\n');
      });
    });
    expect(await send(mailbox(port, { login }))).toMatchObject({ sent: false });
    expect(heard).toMatch(/^EHLO/);
    expect(heard).not.toMatch(/AUTH|MAIL|apr_/);
  });

  it('whose certificate nobody vouches for is told nothing', async () => {
    const { made, port } = await peer();
    expect(await send(mailbox(port))).toMatchObject({ sent: false });
    expect(made.received).toEqual([]);
  });

  it('may speak TLS from the start', async () => {
    const { made, port } = await peer({ secure: true });
    expect(await send(mailbox(port, { tls: 'tls', ca: made.ca }))).toEqual({ sent: true });
    expect(made.received[0]!.isEncrypted).toBe(true);
  });

  it('is spoken to in the clear where the configuration says so', async () => {
    const { made, port } = await peer({ hideSTARTTLS: true });
    expect(await send(mailbox(port, { tls: 'disable' }))).toEqual({ sent: true });
    expect(made.received[0]!.isEncrypted).toBe(false);
  });

  it('that refuses is asked again later; its words stay out of the log', async () => {
    const { made, port } = await peer();
    made.refuseWith = 451;
    const attempt = await send(mailbox(port, { ca: made.ca }));
    expect(attempt).toEqual({ sent: false, why: 'the mail server answered 451' });
  });

  it('that refuses the password is asked again later, and the log does not learn it', async () => {
    const { made, port } = await peer();
    const login = { user: 'gate', password: new Secret('wrong-password') };
    const attempt = await send(mailbox(port, { ca: made.ca, login }));
    expect(attempt).toEqual({ sent: false, why: 'the mail server answered 535' });
  });

  it('that is down is an attempt that failed', async () => {
    await expect(send(mailbox(9))).rejects.toThrow('ECONNREFUSED');
  });

  it.each([
    ['says nothing', () => {}],
    [
      'drips',
      (socket: Socket) => {
        const timer = setInterval(() => socket.write('220-wait\r\n'), 20);
        socket.on('close', () => clearInterval(timer));
      },
    ],
  ])('that %s is given up when the time is over', async (_name, talk) => {
    const port = await rawServer(talk);
    const attempt = await send(mailbox(port), REQUEST, 0, AbortSignal.timeout(300));
    expect(attempt).toEqual({ sent: false, why: 'no answer in time' });
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });
});
