/** The part of the comparison that takes its time (`npm run compat`): scripts that change the catalog, in the forms left. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { CATALOG_SCRIPTS } from './cases/statement-kinds.ts';
import { requireSameScript } from './comparison.ts';
import { FORMS } from './conversation.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.stop());

describe.each(FORMS.filter((form) => form !== 'simple'))('statements, %s', (form) => {
  test.each([...CATALOG_SCRIPTS])('%s', (name) => requireSameScript(stage, form, name));
});
