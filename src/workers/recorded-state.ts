/**
 * What the ledger was told last of the configuration and the policies: the next entry says what changed since. Kept in a file of the data
 * directory; each entry names the version before, so a file that was exchanged shows.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ShownConfig } from '../config/config-changes.ts';
import type { SecretPrints } from '../config/secret-prints.ts';
import { writePrivateFile } from '../identity/private-file.ts';
import type { PolicyTextOf } from '../policy/policy-changes.ts';

export interface Recorded {
  readonly config?: ShownConfig;
  readonly policies?: readonly PolicyTextOf[];
  /** Of the configuration's secrets. */
  readonly secrets?: SecretPrints;
}

const FILE_NAME = 'recorded.json';

export class RecordedState {
  readonly #file: string;
  #recorded: Recorded;

  /** What cannot be read counts as nothing: then everything is recorded as new. */
  constructor(dataDir: string) {
    this.#file = join(dataDir, FILE_NAME);
    this.#recorded = read(this.#file);
  }

  get(): Recorded {
    return this.#recorded;
  }

  /** Call when the ledger has it for sure. Throws what the file system throws. */
  note(recorded: Recorded): void {
    this.#recorded = { ...this.#recorded, ...recorded };
    writePrivateFile(this.#file, JSON.stringify(this.#recorded));
  }
}

function read(file: string): Recorded {
  try {
    const { config, policies, secrets } = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
    return {
      ...(isTexts(secrets) && { secrets }),
      ...(typeof config === 'object' && config !== null && { config }),
      ...(Array.isArray(policies) && { policies: policies.filter(isPolicyText) }),
    };
  } catch {
    return {};
  }
}

function isTexts(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((one) => typeof one === 'string')
  );
}

function isPolicyText(value: unknown): value is PolicyTextOf {
  const { id, file, text } = (value ?? {}) as Partial<Record<keyof PolicyTextOf, unknown>>;
  return [id, file, text].every((one) => typeof one === 'string');
}
