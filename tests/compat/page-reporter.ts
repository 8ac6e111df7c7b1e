/** A reporter of vitest that writes `docs/compatibility.md` after a whole run of `npm run compat`, and leaves it alone after a part. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { compatibilityPage, type Outcome, type Outcomes } from './compatibility-page.ts';

const PAGE = join(import.meta.dirname, '../../docs/compatibility.md');

export class CompatibilityReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const page = compatibilityPage(outcomesOf(modules));
    if (page.includes('| missing |')) {
      console.log('\ndocs/compatibility.md is left as it is: not every client ran.');
      return;
    }
    writeFileSync(PAGE, page);
    console.log('\ndocs/compatibility.md is written.');
  }
}

function outcomesOf(modules: readonly TestModule[]): Outcomes {
  const tests = modules.flatMap((module) =>
    [...module.children.allTests()].map((test) => ({
      file: basename(module.moduleId),
      name: test.fullName.replaceAll(' > ', ' '),
      state: test.result().state,
    })),
  );
  return (file, name): Outcome => {
    const matching = tests.filter((test) => test.file === file && name.test(test.name));
    if (matching.some(({ state }) => state === 'failed')) return 'failed';
    const ran = matching.length > 0 && matching.every(({ state }) => state === 'passed');
    return ran ? 'passed' : 'missing';
  };
}
