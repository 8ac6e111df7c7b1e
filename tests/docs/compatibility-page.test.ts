/** docs/compatibility.md lists the clients, features and servers of the code, and nothing in it failed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compatibilityPage } from '../compat/compatibility-page.ts';
import { REAL_CLIENTS, transcriptFile, versionOf } from '../compat/real-clients.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/compatibility.md'), 'utf8');

describe('docs/compatibility.md', () => {
  it('is what a run that passes writes', () => {
    expect(page, 'stale: run npm run compat').toBe(compatibilityPage(() => 'passed'));
  });

  it('says so when something failed or did not run', () => {
    const failed = compatibilityPage((file) => (file === 'psql.test.ts' ? 'failed' : 'missing'));
    expect(failed).toMatch(/^\| psql \|.*\| failed \|/m);
    expect(failed).toMatch(/^\| pgx \|.*\| missing \| missing \|$/m);
  });

  it.each(REAL_CLIENTS)('$name has a pinned version and a transcript of some size', (client) => {
    expect(versionOf(client)).toMatch(/^\d+\.\d+/);
    expect(readFileSync(transcriptFile(client), 'utf8').split('\n').length).toBeGreaterThan(20);
  });
});
