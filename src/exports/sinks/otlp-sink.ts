/**
 * OpenTelemetry log records over HTTP, written by the official serializers. The body is the entry; a few attributes make it found.
 *
 * Spec: https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
import type { ProtobufLogsSerializer as Serializer } from '@opentelemetry/otlp-transformer';
import type { ExportSink } from '../../config/config.ts';
import { readBody } from '../../ledger/bounded-body.ts';
import { checkAnswer } from './http-answer.ts';
import type { ExportItem, Sink, SinkLimits } from './sink.ts';

type LogRecord = Parameters<typeof Serializer.serializeRequest>[0][number];
type OtlpConfig = Extract<ExportSink, { kind: 'otlp' }>;

const CONTENT_TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;
const MAX_ANSWER_BYTES = 64 * 1024;
/** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
const SEVERITIES = { info: [9, 'INFO'], warning: [13, 'WARN'] } as const;

export class OtlpSink implements Sink {
  readonly limits: SinkLimits = { maxItems: 1000, maxBytes: 1024 * 1024, lingerMs: 0, settleMs: 0 };
  readonly #config: OtlpConfig;
  readonly #version: string;
  #serialize: Promise<(items: readonly ExportItem[]) => Uint8Array> | undefined;

  constructor(config: OtlpConfig, version: string) {
    this.#config = config;
    this.#version = version;
  }

  async send(items: readonly ExportItem[]): Promise<void> {
    this.#serialize ??= serializer(this.#config.encoding, this.#version);
    const body = (await this.#serialize)(items);
    const { url, encoding, headers, timeoutMs } = this.#config;
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        ...Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
        'content-type': CONTENT_TYPES[encoding],
        'user-agent': `sluice/${this.#version}`,
      },
      body: new Uint8Array(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((cause: Error) => {
      throw failureOf(cause);
    });
    await discard(answer);
    checkAnswer(answer.status);
  }

  async close(): Promise<boolean> {
    return true;
  }
}

/** An answer is read, so that its connection can be used again, but not without end: what it means, its status says. */
async function discard(answer: Response): Promise<void> {
  try {
    await readBody(answer, MAX_ANSWER_BYTES);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw failureOf(cause as Error);
  }
}

function failureOf(cause: Error): Error {
  const { code } = (cause.cause ?? {}) as NodeJS.ErrnoException;
  const why = cause.name === 'TimeoutError' ? 'no answer in time' : (code ?? 'the request failed');
  return new Error(why, { cause });
}

/** Loaded when it is needed: most gateways hand nothing on this way. */
async function serializer(
  encoding: OtlpConfig['encoding'],
  version: string,
): Promise<(items: readonly ExportItem[]) => Uint8Array> {
  const [{ JsonLogsSerializer, ProtobufLogsSerializer }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/otlp-transformer'),
    import('@opentelemetry/resources'),
  ]);
  const resource = resourceFromAttributes({ 'service.name': 'sluice', 'service.version': version });
  const instrumentationScope = { name: 'sluice.ledger', version };
  const { serializeRequest } = encoding === 'json' ? JsonLogsSerializer : ProtobufLogsSerializer;
  return (items) => {
    const hrTimeObserved = hrTime(Date.now());
    const records = items.map((item) => {
      const [severityNumber, severityText] = SEVERITIES[severityOf(item)];
      return {
        ...{ resource, instrumentationScope, severityNumber, severityText, hrTimeObserved },
        hrTime: hrTime(item.entry.at),
        eventName: `sluice.${item.entry.event.kind}`,
        body: item.body as LogRecord['body'],
        attributes: attributesOf(item),
        droppedAttributesCount: 0,
      };
    });
    const bytes = serializeRequest(records);
    if (bytes === undefined) throw new Error('the records cannot be written');
    return bytes;
  };
}

function hrTime(ms: number): LogRecord['hrTime'] {
  return [Math.floor(ms / 1000), (ms % 1000) * 1_000_000];
}

function severityOf({ entry: { event } }: ExportItem): keyof typeof SEVERITIES {
  const isNotable =
    (event.kind === 'statement' && event.decision !== 'allow') || event.kind === 'authentication-failed';
  return isNotable ? 'warning' : 'info';
}

/** https://opentelemetry.io/docs/specs/semconv/registry/attributes/ */
function attributesOf({ entry, context, statement }: ExportItem): LogRecord['attributes'] {
  const { session } = entry.event as { session?: string };
  return {
    'sluice.seq': entry.seq,
    'sluice.id': entry.id,
    'sluice.kind': entry.event.kind,
    ...(statement && { 'db.operation.name': statement.command, 'sluice.decision': statement.decision }),
    ...(session !== undefined && { 'session.id': session }),
    ...(context && {
      'user.id': context.principal,
      'db.namespace': context.database,
      'deployment.environment.name': context.environment,
      'client.address': context.client.replace(/:\d+$/, ''),
    }),
  };
}
