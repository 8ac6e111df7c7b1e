/** Installs the real clients that are named, or all of them: `node tests/compat/install-clients.ts [toolchain…]`. */
import { installToolchain, TOOLCHAINS } from './toolchains.ts';

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !TOOLCHAINS.some((chain) => chain.name === name));
const failures = unknown.map((name) => `no toolchain named ${name}`);
for (const chain of TOOLCHAINS) {
  if (wanted.length > 0 && !wanted.includes(chain.name)) continue;
  try {
    installToolchain(chain, console.log);
  } catch (error) {
    // One that cannot be installed must not keep the others away.
    failures.push(error instanceof Error ? error.message : String(error));
  }
}
for (const failure of failures) console.error(failure);
process.exitCode = failures.length === 0 ? 0 : 1;
