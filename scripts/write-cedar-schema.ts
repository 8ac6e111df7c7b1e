/** Writes `schemas/sluice.cedarschema` from the code that defines it. Run after a change to src/policy/schema.ts. */
import { writeFileSync } from 'node:fs';
import { cedarSchema } from '../src/policy/schema.ts';

writeFileSync(new URL('../schemas/sluice.cedarschema', import.meta.url), cedarSchema());
