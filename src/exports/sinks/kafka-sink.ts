/** Messages of a Kafka topic: the entry as JSON, its session as the key, so that a session's entries stay in order. All replicas confirm. */
import type { Producer } from '@platformatic/kafka';
import type { ExportSink } from '../../config/config.ts';
import type { ExportItem, Sink, SinkLimits } from './sink.ts';

type KafkaConfig = Extract<ExportSink, { kind: 'kafka' }>;

const ALL_REPLICAS = -1;

export class KafkaSink implements Sink {
  readonly limits: SinkLimits = { maxItems: 1000, maxBytes: 512 * 1024, lingerMs: 0, settleMs: 0 };
  readonly #config: KafkaConfig;
  #producer: Producer<string, string, string, string> | undefined;

  constructor(config: KafkaConfig) {
    this.#config = config;
  }

  async send(items: readonly ExportItem[]): Promise<void> {
    const { topic, timeoutMs } = this.#config;
    try {
      this.#producer ??= await connect(this.#config);
      const sent = this.#producer.send({
        acks: ALL_REPLICAS,
        messages: items.map(({ entry, json }) => ({
          topic,
          key: sessionOf(entry.event) ?? entry.id,
          value: json,
          timestamp: BigInt(entry.at),
          headers: new Map([['sluice-kind', entry.event.kind]]),
        })),
      });
      await within(sent, timeoutMs);
    } catch (cause) {
      await this.close();
      throw new Error(reasonOf(cause as Error), { cause });
    }
  }

  async close(): Promise<boolean> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.close().catch(() => {});
    return true;
  }
}

/** Loaded when it is needed: most gateways hand nothing on this way. */
async function connect({ brokers, tls, sasl, timeoutMs }: KafkaConfig) {
  const { Producer: KafkaProducer, stringSerializers } = await import('@platformatic/kafka');
  return new KafkaProducer<string, string, string, string>({
    clientId: 'sluice',
    bootstrapBrokers: [...brokers],
    serializers: stringSerializers,
    autocreateTopics: false,
    connectTimeout: timeoutMs,
    timeout: timeoutMs,
    // Trying again is the runner's affair, which also says so.
    retries: 1,
    ...(tls && {
      tls: {
        ...(tls.ca && { ca: tls.ca }),
        ...(tls.keyPair && { cert: tls.keyPair.cert, key: tls.keyPair.key.reveal() }),
      },
    }),
    ...(sasl && {
      sasl: { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password?.reveal() ?? '' },
    }),
  });
}

async function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The library gathers what went wrong; the innermost message says it. */
function reasonOf(error: Error): string {
  const inner = (error as AggregateError).errors?.[0] ?? error.cause;
  return inner instanceof Error ? reasonOf(inner) : error.message;
}

function sessionOf(event: object): string | undefined {
  const { session } = event as { session?: unknown };
  return typeof session === 'string' ? session : undefined;
}
