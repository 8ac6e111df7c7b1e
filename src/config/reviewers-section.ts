/** `approvals.reviewers`: who answers requests and is no person. */
import { isAbsolute } from 'node:path';
import type { ReviewerConfig } from './config.ts';
import { DEFAULT_REVIEW_TIMEOUT_MS } from './config-defaults.ts';
import type { ConfigReading } from './config-reading.ts';
import type { ConfigPath } from './config-source.ts';
import { readDuration } from './limits-section.ts';
import type { RawConfig, RawReviewer } from './raw-config.ts';
import { readSigningKey } from './signing-key.ts';
import { readUrl } from './web-address.ts';

const BOUNDS = [100, 10 * 60_000] as const;

export function readReviewers(
  reading: ConfigReading,
  raw: RawConfig,
  reviewers: readonly RawReviewer[],
): ReviewerConfig[] {
  const names = new Set<string>();
  return reviewers.flatMap((entry, index) => {
    const path = ['approvals', 'reviewers', index];
    const { principal } = entry;
    if (raw.principals?.[principal]?.kind !== 'service') {
      reading.error(
        [...path, 'principal'],
        `there is no service called ${principal}`,
        'Add it to principals with kind: service and the groups in which it has a voice.',
      );
    }
    if (names.has(principal)) {
      reading.error(
        path,
        `two reviewers answer as ${principal}`,
        'Give each of them a principal of its own.',
      );
    }
    names.add(principal);
    return readReviewer(reading, path, entry) ?? [];
  });
}

function readReviewer(
  reading: ConfigReading,
  path: ConfigPath,
  entry: RawReviewer,
): ReviewerConfig | undefined {
  const { principal, url, secret, command, includeStatement = false } = entry;
  const timeoutPath = [...path, 'timeout'];
  const timeoutMs = readDuration(reading, timeoutPath, entry.timeout, DEFAULT_REVIEW_TIMEOUT_MS, BOUNDS);
  const common = { principal, timeoutMs, includeStatement };
  if (url !== undefined && secret !== undefined && command === undefined) {
    const address = readUrl(reading, [...path, 'url'], url, entry.insecure ?? false);
    const key = readSigningKey(reading, [...path, 'secret'], secret);
    return { ...common, url: address?.href ?? '', ...(key === undefined ? {} : { secret: key }) };
  }
  if (command !== undefined && url === undefined && secret === undefined) {
    if (isAbsolute(command[0] ?? '')) return { ...common, command };
    return reading.error(
      [...path, 'command', 0],
      'the program has no absolute path',
      'Write all of its path: nothing is searched for.',
    );
  }
  return reading.error(path, 'a reviewer has either url and secret, or command', 'Write one of them.');
}
