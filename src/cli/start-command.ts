/** `sluice start`: serves until told to stop. SIGHUP reloads policies, SIGTERM and SIGINT drain, a second one ends at once. */
import { constants } from 'node:os';
import { type Command, Option } from 'commander';
import { type Logger, pino } from 'pino';
import { formatProblem } from '../config/config-source.ts';
import { asSluiceError } from '../errors/sluice-error.ts';
import { askGateway } from './api-client.ts';
import { type CliContext, configOf, type GlobalOptions } from './cli-context.ts';

interface StartOptions extends GlobalOptions {
  readonly logLevel: string;
}

const STDERR = 2;
/** A reader of the log that is stuck loses lines, and never stalls the gateway or fills its memory. */
const MAX_UNWRITTEN_LOG_BYTES = 1024 * 1024;

export function addStartCommand(program: Command, context: CliContext): void {
  const level = new Option('--log-level <level>', 'what to log, as JSON lines on stderr')
    .choices(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .env('SLUICE_LOG_LEVEL');
  program
    .command('start')
    .description('start the gateway and serve until SIGTERM')
    .addOption(level)
    .addHelpText(
      'after',
      `
Prints one JSON line, {"event":"ready","listeners":{…}}, when it serves.

Signals:
  SIGHUP           reload the policy files and certificates; a bad file keeps the old ones, and says so
  SIGTERM, SIGINT  let sessions finish (limits.drainTimeout), then exit; a second one exits at once`,
    )
    .action((_options, command: Command) => start(context, command.optsWithGlobals()));
  program
    .command('reload')
    .description('have the running gateway read its policy files and certificates again')
    .action(async (_options, command: Command) => {
      const { listen } = configOf(context, command.optsWithGlobals());
      const status = await askGateway({ socketPath: listen.adminSocket }, 'POST', '/admin/policies/reload');
      context.terminal.note(
        `Policies reloaded: version ${(status as { policyVersion: string }).policyVersion}.`,
      );
    });
}

async function start(context: CliContext, options: StartOptions): Promise<void> {
  const log = pino(
    { level: options.logLevel, base: { pid: process.pid } },
    pino.destination({ fd: STDERR, sync: false, maxLength: MAX_UNWRITTEN_LOG_BYTES }),
  );
  const signals = new Signals(log);
  const config = configOf(context, options, 'read');
  for (const warning of config.warnings) log.warn(formatProblem(warning));
  const { startGateway } = await import('../main.ts');
  const gateway = await startGateway(config, {
    ...{ log, version: context.version },
    readConfig: () => configOf(context, options, 'read'),
  });
  log.info({ listeners: gateway.listeners, version: context.version }, 'serving');
  context.terminal.out(JSON.stringify({ event: 'ready', listeners: gateway.listeners }));
  signals.onReload(() => gateway.reloadPolicies({ door: 'signal' }));
  const signal = await signals.stop;
  log.info({ signal }, 'draining');
  await gateway.drain();
  log.info('stopped');
  log.flush();
}

/** Listens from the first moment: a signal that comes while the gateway starts is not lost, nor deadly. */
class Signals {
  /** Resolves with the first signal to stop. */
  readonly stop: Promise<string>;
  readonly #log: Logger;
  #reload: (() => Promise<void>) | undefined;

  constructor(log: Logger) {
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.stop = promise;
    let stopping = false;
    const onStop = (signal: 'SIGTERM' | 'SIGINT'): void => {
      if (stopping) process.exit(128 + constants.signals[signal]);
      stopping = true;
      resolve(signal);
    };
    process.on('SIGTERM', onStop).on('SIGINT', onStop);
    process.on('SIGHUP', () => void this.#onHangUp());
  }

  onReload(reload: () => Promise<void>): void {
    this.#reload = reload;
  }

  async #onHangUp(): Promise<void> {
    try {
      await this.#reload?.();
      this.#log.info('policies reloaded');
    } catch (thrown) {
      const { code, message, detail, hint } = asSluiceError(thrown);
      this.#log.error({ code, detail, hint }, `the old policies stay in force: ${message}`);
    }
  }
}
