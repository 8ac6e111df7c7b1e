/** Records which configuration is in force: at the start what changed since the last one, and at each reload what came into force. */
import type { Config } from '../config/config.ts';
import {
  type ConfigChange,
  changedSecret,
  configChanges,
  configVersion,
  type FlatConfig,
  flattenConfig,
  type ShownConfig,
  showConfig,
} from '../config/config-changes.ts';
import { comparePrints } from '../config/secret-prints.ts';
import type { SluiceError } from '../errors/sluice-error.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChangeAuthor } from '../model/ledger-entry.ts';
import type { RecordedState } from './recorded-state.ts';

const MAX_ERROR_LENGTH = 10_000;
/** What a reload renews; everything else waits for the next start. */
const RENEWED = ['listen.postgres.tls.'];

export class ConfigRecord {
  readonly #ledger: Ledger;
  readonly #state: RecordedState;
  /** What is in force. */
  #flat: FlatConfig;
  #pending: readonly string[] = [];

  private constructor(ledger: Ledger, state: RecordedState, flat: FlatConfig) {
    this.#ledger = ledger;
    this.#state = state;
    this.#flat = flat;
  }

  /** Records the configuration that a gateway starts with. @throws {SluiceError} ledger_* */
  static async open(ledger: Ledger, state: RecordedState, config: Config): Promise<ConfigRecord> {
    const record = new ConfigRecord(ledger, state, flattenConfig(config));
    const { prints, changed } = await comparePrints(state.get().secrets ?? {}, record.#flat);
    const others = configChanges(state.get().config ?? {}, record.#flat);
    const known = new Set(others.map(({ path }) => path));
    const secrets = changed.filter((path) => !known.has(path)).map(changedSecret);
    await record.#append([...others, ...secrets], { door: 'start' });
    state.note({ secrets: prints });
    return record;
  }

  /** Records what another reading of the file brought, if anything. @throws {SluiceError} ledger_* */
  async reloaded(config: Config, author: ChangeAuthor): Promise<void> {
    const read = flattenConfig(config);
    const differing = configChanges(this.#flat, read);
    const changes = differing.filter(({ path }) => isRenewed(path));
    const pending = differing.filter(({ path }) => !isRenewed(path)).map(({ path }) => path);
    if (changes.length === 0 && pending.join() === this.#pending.join()) return;
    const kept = [...this.#flat].filter(([path]) => !isRenewed(path));
    this.#flat = new Map([...kept, ...[...read].filter(([path]) => isRenewed(path))]);
    this.#pending = pending;
    await this.#append(changes, author, pending);
  }

  /** Records that the file was read again in vain. @throws {SluiceError} ledger_* */
  async rejected(error: SluiceError, author: ChangeAuthor): Promise<void> {
    const text = [error.message, error.detail].filter((part) => part !== undefined).join(': ');
    const ledger = this.#ledger;
    await ledger.durable(
      ledger.append({ kind: 'config-rejected', error: text.slice(0, MAX_ERROR_LENGTH), ...author }),
    );
  }

  async #append(
    changes: readonly ConfigChange[],
    author: ChangeAuthor,
    pending: readonly string[] = [],
  ): Promise<void> {
    const before = this.#state.get().config;
    const config: ShownConfig = showConfig(this.#flat);
    const seq = this.#ledger.append({
      kind: 'config-loaded',
      version: configVersion(config),
      ...(before === undefined ? {} : { previous: configVersion(before) }),
      ...author,
      changes,
      ...(pending.length === 0 ? {} : { pending }),
    });
    await this.#ledger.durable(seq);
    if (changes.length > 0) this.#state.note({ config });
  }
}

function isRenewed(path: string): boolean {
  return RENEWED.some((prefix) => path.startsWith(prefix));
}
