/** The receiver that a configuration describes. Nothing is connected to yet. */
import type { ExportConfig } from '../../config/config.ts';
import { FileSink } from './file-sink.ts';
import { KafkaSink } from './kafka-sink.ts';
import { OtlpSink } from './otlp-sink.ts';
import type { Sink } from './sink.ts';
import { StorageSink } from './storage-sink.ts';
import { SyslogSink } from './syslog-sink.ts';
import { WebhookSink } from './webhook-sink.ts';

/** @param version of Sluice */
export function createSink({ name, sink }: ExportConfig, version: string): Sink {
  switch (sink.kind) {
    case 'file':
      return new FileSink(sink);
    case 'syslog':
      return new SyslogSink(sink);
    case 'webhook':
      return new WebhookSink(name, sink);
    case 'otlp':
      return new OtlpSink(sink, version);
    case 'kafka':
      return new KafkaSink(sink);
    case 'storage':
      return new StorageSink(sink);
  }
}
